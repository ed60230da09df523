"""Schedules and rules on a real node: what functions and queues are given, and what a restart leaves."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.neighbours.pushes.conftest import RECORDER, Queue, Recorder, wait_until

ROLE = "arn:aws:iam::000000000000:role/r"
OFF = {"Mode": "OFF"}
GONE = "arn:aws:lambda:us-east-1:000000000000:function:gone"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path_factory.mktemp("schedules") / "data", **isolation)
    with process:
        yield process


@pytest.fixture(scope="module")
def node(process: NodeProcess) -> Node:
    return process.wait_ready()


@pytest.fixture(scope="module")
def scheduler(node: Node) -> Any:
    return node.client("scheduler")


@pytest.fixture
def deploy(node: Node) -> Iterator[Deploy]:
    deploy, clean_up = deployer(node.client("lambda"))
    yield deploy
    clean_up()


@pytest.fixture
def function(node: Node, deploy: Deploy) -> Recorder:
    return Recorder(node, deploy(None, {"handler.py": RECORDER}, Timeout=20))


def soon(seconds: float = 1.0) -> str:
    """An expression of a time within that many seconds and one."""
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def create(scheduler: Any, target: dict[str, Any], expression: str = "", **members: Any) -> str:
    """A schedule that happens soon, once; its name."""
    name = f"s-{uuid4().hex[:8]}"
    members = {"FlexibleTimeWindow": OFF, "ScheduleExpression": expression or soon()} | members
    scheduler.create_schedule(Name=name, Target={"RoleArn": ROLE, **target}, **members)
    return name


def test_a_function_is_invoked_at_its_time(scheduler: Any, function: Recorder) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    given = '{"at":"<aws.scheduler.scheduled-time>","try":"<aws.scheduler.attempt-number>","seen":"<aws.other>"}'
    name = create(
        scheduler,
        {"Arn": function.arn, "Input": given},
        f"at({at:%Y-%m-%dT%H:%M:%S})",
        ActionAfterCompletion="DELETE",
    )
    assert function.seen() == []
    assert function.wait_seen() == [{"at": f"{at:%Y-%m-%dT%H:%M:%S}Z", "try": "1", "seen": "<aws.other>"}]
    with pytest.raises(ClientError, match=f"Schedule {name} does not exist."):
        scheduler.get_schedule(Name=name)


def test_without_an_input_there_is_an_event(scheduler: Any, function: Recorder) -> None:
    name = create(scheduler, {"Arn": function.arn}, "rate(1 hour)")
    [event] = function.wait_seen()
    assert len(event.pop("id")) == 36
    assert abs(datetime.fromisoformat(event.pop("time")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": [f"arn:aws:scheduler:us-east-1:000000000000:schedule/default/{name}"],
        "detail": "{}",
    }
    # A change of anything but its time does not make it happen again.
    shown = scheduler.get_schedule(Name=name)
    members = ("FlexibleTimeWindow", "ScheduleExpression", "Target")
    scheduler.update_schedule(Name=name, Description="changed", **{member: shown[member] for member in members})
    assert scheduler.get_schedule(Name=name)["Description"] == "changed"
    scheduler.delete_schedule(Name=name)
    assert len(function.seen()) == 1


def test_lambda_is_a_universal_target_too(scheduler: Any, function: Recorder, queue: Queue) -> None:
    invoke = {"FunctionName": function.name, "InvocationType": "Event", "Payload": '{"universal":true}'}
    create(scheduler, {"Arn": "arn:aws:scheduler:::aws-sdk:lambda:invoke", "Input": json.dumps(invoke)})
    send = {"QueueUrl": queue.url, "MessageBody": "<aws.scheduler.schedule-arn>"}
    name = create(scheduler, {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": json.dumps(send)})
    assert function.wait_seen() == [{"universal": True}]
    assert queue.receive()["Body"].endswith(f":schedule/default/{name}")


@pytest.fixture
def queue(node: Node) -> Queue:
    return Queue(node)


def test_queues_topics_and_what_is_gone(node: Node, scheduler: Any, queue: Queue) -> None:
    topic = node.client("sns").create_topic(Name="t")["TopicArn"]
    node.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"}
    )
    create(scheduler, {"Arn": queue.arn, "Input": "straight"})
    create(scheduler, {"Arn": topic, "Input": "by the topic"})
    name = create(scheduler, {"Arn": GONE, "Input": '"lost"', "DeadLetterConfig": {"Arn": queue.arn}})
    messages = {message["Body"]: message for message in (queue.receive() for _ in range(3))}
    assert messages.keys() == {"straight", "by the topic", '"lost"'}
    attributes = {
        attribute: value["StringValue"] for attribute, value in messages['"lost"']["MessageAttributes"].items()
    }
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"
    assert attributes["SCHEDULE_ARN"].endswith(f":schedule/default/{name}")
    assert attributes["TARGET_ARN"] == GONE
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ScheduleExpression": "rate(0 minutes)"}, "Invalid Schedule Expression rate(0 minutes)."),
    ({"ScheduleExpression": "cron(0 10 * * * *)"}, "Invalid Schedule Expression cron(0 10 * * * *)."),
    ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "Invalid ScheduleExpressionTimezone Mars/Olympus."),
    (
        {"StartDate": datetime(2020, 1, 1, tzinfo=UTC)},
        "The StartDate you specify cannot be earlier than 5 minutes ago.",
    ),
    ({"EndDate": datetime(2020, 1, 1, tzinfo=UTC)}, "EndDate"),
    ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
    ({"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}}, "MaximumWindowInMinutes"),
    ({"KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "KmsKeyArn"),
    ({"Target": {"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c", "RoleArn": ROLE}}, "does not invoke targets"),
    ({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:fly", "RoleArn": ROLE, "Input": "{}"}}, "does not invoke"),
    ({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": ROLE, "Input": "x"}}, "JSON object"),
    ({"Target": {"Arn": GONE, "RoleArn": ROLE, "SqsParameters": {"MessageGroupId": "g"}}}, "SqsParameters"),
    ({"Target": {"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo", "RoleArn": ROLE}}, "MessageGroupId"),
    ({"Target": {"Arn": GONE, "RoleArn": ROLE, "RetryPolicy": {"MaximumRetryAttempts": 186}}}, "185"),
]


@pytest.mark.parametrize(("members", "complaint"), REFUSED)
def test_what_cannot_be_is_refused(scheduler: Any, members: dict[str, Any], complaint: str) -> None:
    schedule = {
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": OFF,
        "Target": {"Arn": GONE, "RoleArn": ROLE},
    }
    with pytest.raises(ClientError) as refusal:
        scheduler.create_schedule(Name="refused", **(schedule | members))
    error = refusal.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert complaint in error["Message"]


def test_groups_hold_schedules_and_take_them_along(scheduler: Any) -> None:
    group = f"g-{uuid4().hex[:8]}"
    with pytest.raises(ClientError, match=f"Schedule group {group} does not exist."):
        create(scheduler, {"Arn": GONE}, "rate(1 day)", GroupName=group)
    arn = scheduler.create_schedule_group(Name=group, Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
    with pytest.raises(ClientError) as refusal:
        scheduler.create_schedule_group(Name=group)
    assert refusal.value.response["Error"]["Code"] == "ConflictException"
    names = sorted(create(scheduler, {"Arn": GONE}, "rate(1 day)", GroupName=group, State="DISABLED") for _ in range(5))
    pages = scheduler.get_paginator("list_schedules").paginate(
        GroupName=group, State="DISABLED", NamePrefix="s-", PaginationConfig={"PageSize": 2}
    )
    assert [schedule["Name"] for page in pages for schedule in page["Schedules"]] == names
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    scheduler.delete_schedule_group(Name=group)
    with pytest.raises(ClientError):
        scheduler.get_schedule(GroupName=group, Name=names[0])
    listed = scheduler.list_schedule_groups()["ScheduleGroups"]
    assert [found["Name"] for found in listed if found["Name"] in ("default", group)] == ["default"]


def test_the_same_schedule_again_is_a_conflict_unless_its_token_is_the_same(scheduler: Any) -> None:
    schedule = {
        "Name": f"s-{uuid4().hex[:8]}",
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": OFF,
        "State": "DISABLED",
        "Target": {"Arn": GONE, "RoleArn": ROLE},
    }
    scheduler.create_schedule(**schedule, ClientToken="one")
    scheduler.create_schedule(**schedule, ClientToken="one")
    with pytest.raises(ClientError) as refusal:
        scheduler.create_schedule(**schedule, ClientToken="two")
    assert refusal.value.response["Error"]["Code"] == "ConflictException"


def make_due(data: Path, kind: str) -> None:
    """Of a node that is down: as if its time came now."""
    with sqlite3.connect(data / "stoker.db") as database:
        values = {"now": time.time(), "kind": kind}
        changed = database.execute("UPDATE schedules SET nominal_s = :now, due_s = :now WHERE kind = :kind", values)
        assert changed.rowcount == 1
    database.close()


def test_rules_and_schedules_go_on_after_the_node_was_killed(
    start_node: Callable[..., tuple[NodeProcess, Node]], tmp_path: Path
) -> None:
    process, node = start_node(data=tmp_path / "data")
    deploy, _ = deployer(node.client("lambda"))
    function = Recorder(node, deploy(None, {"handler.py": RECORDER}, Timeout=20))
    events = node.client("events")
    rule = events.put_rule(Name="nightly", ScheduleExpression="cron(0 0 * * ? *)", Description="d")["RuleArn"]
    targets = [{"Id": "f", "Arn": function.arn}, {"Id": "g", "Arn": GONE}]
    events.put_targets(Rule="nightly", Targets=targets)
    events.put_rule(Name="gone", ScheduleExpression="rate(1 minute)")
    events.delete_rule(Name="gone")
    with pytest.raises(ClientError, match="Parameter ScheduleExpression is not valid"):
        events.put_rule(Name="bad", ScheduleExpression="cron(0 0 32 * ? *)")
    function.let_in("events.amazonaws.com", rule)
    create(node.client("scheduler"), {"Arn": function.arn, "Input": '"once"'}, soon(2))
    process.kill()
    make_due(tmp_path / "data", "rule")
    time.sleep(2)  # until the other one is past

    process, node = start_node(data=tmp_path / "data")
    function = Recorder(node, function.name)
    seen = function.wait_seen(2)
    event = next(event for event in seen if event != "once")
    assert "once" in seen
    assert event.pop("id")
    assert event.pop("time")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": [rule],
        "detail": {},
    }
    wait_until(lambda: f"{rule}: {GONE} was given nothing" in process.log.read_text(), "what is lost is not told")
    events = node.client("events")
    assert [found["Name"] for found in events.list_rules()["Rules"]] == ["nightly"]
    assert events.describe_rule(Name="nightly")["Description"] == "d"
    assert events.list_targets_by_rule(Rule="nightly")["Targets"] == targets
    events.disable_rule(Name="nightly")
    process.kill()

    process, node = start_node(data=tmp_path / "data")
    assert node.client("events").describe_rule(Name="nightly")["State"] == "DISABLED"
    assert len(Recorder(node, function.name).seen()) == 2
