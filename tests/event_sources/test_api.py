"""Event source mappings, whole answers. Section numbers are those of the reference on event sources."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.functions.conftest import node, start_node
from tests.functions.node import ACCOUNT, ARN, REGION, Node

__all__ = ["node", "start_node"]

SQS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
FIFO = f"{SQS}.fifo"
KINESIS = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
DYNAMODB = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t/stream/2025-01-01T00:00:00.000"
MSK = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/0"
MQ = f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:b:b-1"
DOCUMENTDB = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:docs"
ACCESS = [{"Type": "BASIC_AUTH", "URI": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:s"}]
SELF_MANAGED = {
    "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["b1:9092", "b2:9092"]}},
    "SourceAccessConfigurations": ACCESS,
    "Topics": ["t"],
    "StartingPosition": "LATEST",
}
UNKNOWN = ("ResourceNotFoundException", "The resource you requested does not exist.")
INVALID = "InvalidParameterValueException"


async def create(node: Node, **members: Any) -> dict[str, Any]:
    """A disabled mapping of the function f, made if need be."""
    if node.registry.find(node.target("f").key) is None:
        await node.create()
    return await node.call("CreateEventSourceMapping", **({"FunctionName": "f", "Enabled": False} | members))


async def refusal(node: Node, **members: Any) -> tuple[str, str | None]:
    if node.registry.find(node.target("f").key) is None:
        await node.create()
    return await node.refusal("CreateEventSourceMapping", **({"FunctionName": "f", "Enabled": False} | members))


async def settled(node: Node, uuid: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            shown = await node.call("GetEventSourceMapping", UUID=uuid)
            if shown["State"] in ("Enabled", "Disabled"):
                return shown
            await asyncio.sleep(0.005)


def common(shown: dict[str, Any]) -> dict[str, Any]:
    """What is in every answer and different each time."""
    uuid = shown["UUID"]
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{uuid}"
    return {"UUID": uuid, "EventSourceMappingArn": arn, "LastModified": shown["LastModified"]}


STREAM_DEFAULTS = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionArn": f"{ARN}f",
    "FunctionResponseTypes": [],
    "LastProcessingResult": "No records processed",
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "StartingPosition": "TRIM_HORIZON",
    "State": "Creating",
    "StateTransitionReason": "User action",
    "TumblingWindowInSeconds": 0,
}


async def test_a_mapping_of_a_queue(node: Node) -> None:
    """Section 1.2; disabled at once by 1.3."""
    for arn in (SQS, FIFO):
        created = await create(node, EventSourceArn=arn)
        assert created == common(created) | {
            "BatchSize": 10,
            "EventSourceArn": arn,
            "FunctionArn": f"{ARN}f",
            "FunctionResponseTypes": [],
            "MaximumBatchingWindowInSeconds": 0,
            "State": "Disabled",
            "StateTransitionReason": "USER_INITIATED",
        }
        assert await node.call("GetEventSourceMapping", UUID=created["UUID"]) == created


@pytest.mark.parametrize("arn", [KINESIS, DYNAMODB])
async def test_a_mapping_of_a_stream(arn: str, node: Node) -> None:
    """Section 1.2."""
    created = await create(node, EventSourceArn=arn, StartingPosition="TRIM_HORIZON")
    assert created == common(created) | STREAM_DEFAULTS | {"EventSourceArn": arn}
    assert await settled(node, created["UUID"]) == created | {"State": "Disabled"}


async def test_a_mapping_of_a_kafka_cluster_of_ones_own(node: Node) -> None:
    """Section 1.2."""
    created = await create(node, **SELF_MANAGED)
    assert created == common(created) | SELF_MANAGED | {
        "BatchSize": 100,
        "FunctionArn": f"{ARN}f",
        "LastProcessingResult": "No records processed",
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": created["UUID"]},
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }


async def test_mappings_of_the_other_sources(node: Node) -> None:
    msk = await create(node, EventSourceArn=MSK, Topics=["t"], StartingPosition="LATEST")
    assert msk["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": msk["UUID"]}
    mq = await create(node, EventSourceArn=MQ, Queues=["q"], SourceAccessConfigurations=ACCESS)
    assert (mq["BatchSize"], mq["Queues"], "MaximumBatchingWindowInSeconds" in mq) == (100, ["q"], False)
    config = {"DatabaseName": "d", "CollectionName": "c"}
    documents = await create(
        node, EventSourceArn=DOCUMENTDB, StartingPosition="LATEST", DocumentDBEventSourceConfig=config
    )
    assert documents["DocumentDBEventSourceConfig"] == config | {"FullDocument": "Default"}


async def test_every_member_that_is_given_is_shown(node: Node) -> None:
    given: dict[str, Any] = {
        "BatchSize": 500,
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": SQS}},
        "FilterCriteria": {"Filters": [{"Pattern": '{"data":{"x":[1]}}'}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "LoggingConfig": {"SystemLogLevel": "DEBUG"},
        "MaximumBatchingWindowInSeconds": 5,
        "MaximumRecordAgeInSeconds": 60,
        "MaximumRetryAttempts": 3,
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "ParallelizationFactor": 2,
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": 1_700_000_000.5,
        "TumblingWindowInSeconds": 30,
    }
    created = await create(node, EventSourceArn=KINESIS, **given)
    assert {name: created[name] for name in given} == given
    queue = {"ScalingConfig": {"MaximumConcurrency": 5}, "BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 1}
    created = await create(node, EventSourceArn=SQS, **queue)
    assert {name: created[name] for name in queue} == queue


@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "live"])
async def test_the_functions_arn_keeps_its_qualifier(qualifier: str, node: Node) -> None:
    """Section 1.2."""
    await node.create(Publish=True)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    for name in (f"f:{qualifier}", f"{ARN}f:{qualifier}"):
        created = await create(node, EventSourceArn=f"{SQS}{len(name)}", FunctionName=name)
        assert created["FunctionArn"] == f"{ARN}f:{qualifier}"


POSITION = (
    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
    "Member must not be null."
)
DESTINATION = "Unsupported DestinationConfig parameter for given event source mapping type."
WINDOW = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
FILTER = "Invalid filter pattern definition."
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "no source": ({}, "Unrecognized event source."),
    "unknown service": ({"EventSourceArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:b"}, "Unrecognized event source."),
    "unknown function": ({"EventSourceArn": SQS, "FunctionName": "nobody"}, "Function does not exist"),
    "unknown alias": ({"EventSourceArn": SQS, "FunctionName": "f:nobody"}, "Function does not exist"),
    "no position": ({"EventSourceArn": KINESIS}, POSITION),
    "no position in a topic": (
        {name: value for name, value in SELF_MANAGED.items() if name != "StartingPosition"},
        POSITION,
    ),
    "a time in a table": (
        {"EventSourceArn": DYNAMODB, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1.0},
        f"Unsupported starting position for arn type: {DYNAMODB}",
    ),
    "large batch at once": ({"EventSourceArn": SQS, "BatchSize": 11}, WINDOW),
    "a destination of successes": (
        {
            "EventSourceArn": KINESIS,
            "StartingPosition": "LATEST",
            "DestinationConfig": {"OnSuccess": {"Destination": SQS}},
        },
        DESTINATION,
    ),
    "a queue's destination": (
        {"EventSourceArn": SQS, "DestinationConfig": {"OnFailure": {"Destination": SQS}}},
        DESTINATION,
    ),
    "Kafka without credentials": (
        {name: value for name, value in SELF_MANAGED.items() if name != "SourceAccessConfigurations"},
        "Required 'sourceAccessConfigurations' parameter is missing.",
    ),
    **{
        f"filter {pattern}": (
            {"EventSourceArn": SQS, "FilterCriteria": {"Filters": [{"Pattern": pattern}]}},
            FILTER,
        )
        for pattern in (
            *("", "null", "simple string", '"text"', "[]", '{"a":"b"}', '{"a":[]}', '{"a":[{"no-rule":1}]}'),
            *('{"a":[{"numeric":[">"]}]}', '{"a":[["b"]]}', '{"$or":[{"a":[1]}]}', '{"a":[{"exists":"yes"}]}'),
        )
    },
}


@pytest.mark.parametrize(("members", "message"), REFUSALS.values(), ids=list(REFUSALS))
async def test_what_cannot_be_mapped_is_refused_in_awss_words(
    members: dict[str, Any], message: str, node: Node
) -> None:
    """Section 1.4. Nothing of this depends on whether the mapping is to be enabled."""
    for enabled in (False, True):
        assert await refusal(node, Enabled=enabled, **members) == (INVALID, message)
    assert await node.call("ListEventSourceMappings") == {"EventSourceMappings": []}


@pytest.mark.parametrize(
    "pattern",
    [
        '{"body":{"a":[1,"x",null,true]}}',
        '{"a":[{"prefix":"x"},{"suffix":"y"},{"exists":false},{"equals-ignore-case":"Z"}]}',
        '{"a":[{"numeric":[">",0,"<=",10.5]}],"b":[{"anything-but":["x",1]}]}',
        '{"$or":[{"a":[1]},{"b":[{"anything-but":{"prefix":"x"}}]}]}',
    ],
)
async def test_filters_of_every_rule_are_taken(pattern: str, node: Node) -> None:
    """Section 1.1."""
    criteria = {"Filters": [{"Pattern": pattern}]}
    assert (await create(node, EventSourceArn=SQS, FilterCriteria=criteria))["FilterCriteria"] == criteria


@pytest.mark.parametrize(
    "members",
    [
        {"EventSourceArn": SQS, "ParallelizationFactor": 2},
        {"EventSourceArn": SQS, "Topics": ["t"]},
        {"EventSourceArn": MSK, "StartingPosition": "LATEST"},
        {"EventSourceArn": FIFO, "BatchSize": 11},
        {"EventSourceArn": FIFO, "MaximumBatchingWindowInSeconds": 1},
        {"EventSourceArn": KINESIS, "StartingPosition": "LATEST", "MaximumRecordAgeInSeconds": 59},
        {"EventSourceArn": KINESIS, "StartingPosition": "AT_TIMESTAMP"},
        {"EventSourceArn": KINESIS, "StartingPosition": "LATEST", "ScalingConfig": {"MaximumConcurrency": 2}},
        {"EventSourceArn": DOCUMENTDB, "StartingPosition": "LATEST"},
        {"EventSourceArn": SQS, "FilterCriteria": {"Filters": [{"Pattern": '{"a":[1]}'}] * 6}},
        {"EventSourceArn": SQS, "KMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"},
        SELF_MANAGED | {"MaximumRetryAttempts": 3},
        SELF_MANAGED | {"ProvisionedPollerConfig": {"MinimumPollers": 5, "MaximumPollers": 4}},
    ],
    ids=str,
)
async def test_members_that_do_not_go_together_are_refused(members: dict[str, Any], node: Node) -> None:
    """Section 1.1; AWS's texts for these are not known."""
    assert (await refusal(node, **members))[0] == INVALID


async def test_provisioned_kafka_has_more_members(node: Node) -> None:
    """Section 1.1."""
    more = {"ProvisionedPollerConfig": {"MinimumPollers": 1}, "MaximumRetryAttempts": 3}
    created = await create(node, **SELF_MANAGED, **more)
    assert {name: created[name] for name in more} == more


async def test_an_enabled_mapping_of_what_is_not_polled_is_refused_by_name_and_last(node: Node) -> None:
    """Decision record 27."""
    await node.create("g")
    documents = {
        "EventSourceArn": DOCUMENTDB,
        "StartingPosition": "LATEST",
        "DocumentDBEventSourceConfig": {"DatabaseName": "d"},
    }
    asked = {"FunctionName": "g", **documents}
    expected = (
        INVALID,
        "Stoker does not support reading from Amazon DocumentDB, only mappings with Enabled=false, yet. "
        "See docs/compatibility.md.",
    )
    for enabled in ({"Enabled": True}, {}):
        assert await node.refusal("CreateEventSourceMapping", **asked, **enabled) == expected
    created = await settled(node, (await create(node, **documents))["UUID"])
    assert await node.refusal("UpdateEventSourceMapping", UUID=created["UUID"], Enabled=True) == expected
    assert await node.call("GetEventSourceMapping", UUID=created["UUID"]) == created


@pytest.mark.parametrize(
    ("name", "value"),
    [("MetricsConfig", {"Metrics": ["EventCount"]}), ("LoggingConfig", {"SystemLogLevel": "DEBUG"})],
)
async def test_what_would_do_nothing_for_an_enabled_mapping_is_refused_by_name(
    name: str, value: dict[str, Any], node: Node
) -> None:
    refused = (INVALID, f"Stoker does not support {name} of event source mappings yet. See docs/compatibility.md.")
    kinesis = {"EventSourceArn": KINESIS, "StartingPosition": "LATEST", "Enabled": True}
    assert await refusal(node, **kinesis, **{name: value}) == refused
    mapping = await create(node, EventSourceArn=KINESIS, StartingPosition="LATEST", **{name: value})
    await settled(node, mapping["UUID"])
    assert await node.refusal("UpdateEventSourceMapping", UUID=mapping["UUID"], Enabled=True) == refused


@pytest.mark.parametrize("arn", [SQS, FIFO, KINESIS, DYNAMODB])
async def test_a_mapping_of_a_queue_or_a_stream_is_enabled_unless_it_is_asked_not_to_be(arn: str, node: Node) -> None:
    """Section 1.3."""
    await node.create()
    position = {} if arn in (SQS, FIFO) else {"StartingPosition": "LATEST"}
    created = await node.call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=arn, **position)
    assert created["State"] == "Creating"
    assert (await settled(node, created["UUID"]))["State"] == "Enabled"
    disabling = await node.call("UpdateEventSourceMapping", UUID=created["UUID"], Enabled=False)
    assert disabling["State"] == "Disabling"
    assert (await settled(node, created["UUID"]))["State"] == "Disabled"


async def test_a_duplicate_names_the_mapping_that_is_there(node: Node) -> None:
    """Section 1.4. Before the refusal of what is enabled."""
    queue = (await create(node, EventSourceArn=SQS))["UUID"]
    stream = (await create(node, EventSourceArn=KINESIS, StartingPosition="LATEST"))["UUID"]
    kafka = (await create(node, **SELF_MANAGED))["UUID"]
    end = "Please update or delete the existing mapping with UUID"
    texts = {
        f'An event source mapping with SQS arn (" {SQS} ") and function (" f ") already exists. {end} {queue}': {
            "EventSourceArn": SQS
        },
        f'The event source arn (" {KINESIS} ") and function (" f ") provided mapping already exists. {end} {stream}': {
            "EventSourceArn": KINESIS,
            "StartingPosition": "TRIM_HORIZON",
        },
        f'An event source mapping with event source ("b1:9092,b2:9092"), function ("{ARN}f"), topics ("t") '
        f"already exists. {end} {kafka}": SELF_MANAGED,
    }
    for text, members in texts.items():
        for enabled in (True, False):
            assert await refusal(node, Enabled=enabled, **members) == ("ResourceConflictException", text)
    await node.create("g")
    await create(node, EventSourceArn=SQS, FunctionName="g")


async def test_an_update_changes_what_it_names_and_passes_through_updating(start_node: Any) -> None:
    """Section 1.3."""
    node = await start_node(delay_s=0.2)
    created = await create(node, EventSourceArn=SQS, FilterCriteria={"Filters": [{"Pattern": '{"a":[1]}'}]})
    uuid = created["UUID"]
    await node.create("g")
    updated = await node.call("UpdateEventSourceMapping", UUID=uuid, BatchSize=5, FunctionName="g:$LATEST")
    changed = created | {
        "BatchSize": 5,
        "FunctionArn": f"{ARN}g:$LATEST",
        "LastModified": updated["LastModified"],
        "State": "Updating",
    }
    assert updated == changed
    assert updated["LastModified"] > created["LastModified"]
    for operation in ("UpdateEventSourceMapping", "DeleteEventSourceMapping"):
        assert (await node.refusal(operation, UUID=uuid))[0] == "ResourceInUseException"
    assert await settled(node, uuid) == changed | {"State": "Disabled"}
    await node.call("UpdateEventSourceMapping", UUID=uuid, FilterCriteria={})
    assert "FilterCriteria" not in await settled(node, uuid)


async def test_an_updates_rules_are_those_of_creation(node: Node) -> None:
    """Section 1.4."""
    uuid = (await create(node, EventSourceArn=SQS))["UUID"]
    assert await node.refusal("UpdateEventSourceMapping", UUID=uuid, BatchSize=11) == (INVALID, WINDOW)
    refusal = await node.refusal("UpdateEventSourceMapping", UUID=uuid, FunctionName="nobody")
    assert refusal == (INVALID, "Function does not exist")
    refusal = await node.refusal("UpdateEventSourceMapping", UUID=uuid, DestinationConfig={"OnFailure": {}})
    assert refusal == (INVALID, DESTINATION)


async def test_a_destination_is_taken_away_by_an_empty_one(node: Node) -> None:
    config = {"OnFailure": {"Destination": SQS}}
    created = await create(node, EventSourceArn=KINESIS, StartingPosition="LATEST", DestinationConfig=config)
    await settled(node, created["UUID"])
    empty = {"OnFailure": {"Destination": ""}}
    updated = await node.call("UpdateEventSourceMapping", UUID=created["UUID"], DestinationConfig=empty)
    assert updated["DestinationConfig"] == {"OnFailure": {}}


async def test_a_mapping_is_deleting_and_then_gone(node: Node) -> None:
    """Section 1.3."""
    created = await create(node, EventSourceArn=SQS)
    deleted = await node.call("DeleteEventSourceMapping", UUID=created["UUID"])
    assert deleted == created | {"State": "Deleting"}
    async with asyncio.timeout(10):
        while (await node.call("ListEventSourceMappings"))["EventSourceMappings"]:
            await asyncio.sleep(0.005)
    for operation in ("GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping"):
        assert await node.refusal(operation, UUID=created["UUID"]) == UNKNOWN


async def test_mappings_outlive_their_function(node: Node) -> None:
    """Section 1.3."""
    created = await create(node, EventSourceArn=SQS)
    await node.call("DeleteFunction", FunctionName="f")
    assert await node.call("GetEventSourceMapping", UUID=created["UUID"]) == created


async def test_mappings_are_listed_by_source_and_function_in_pages(node: Node) -> None:
    await node.create("ff")
    queues = [await create(node, EventSourceArn=f"{SQS}{number}") for number in range(3)]
    other = await create(node, EventSourceArn=f"{SQS}0", FunctionName="ff")
    qualified = await create(node, EventSourceArn=SQS, FunctionName="f:$LATEST")
    by_uuid = sorted([*queues, other, qualified], key=lambda mapping: str(mapping["UUID"]))
    assert await node.call("ListEventSourceMappings") == {"EventSourceMappings": by_uuid}
    first = await node.call("ListEventSourceMappings", MaxItems=3)
    rest = await node.call("ListEventSourceMappings", MaxItems=3, Marker=first["NextMarker"])
    assert first["EventSourceMappings"] + rest["EventSourceMappings"] == by_uuid

    async def listed(**filters: str) -> list[str]:
        answer = await node.call("ListEventSourceMappings", **filters)
        return sorted(mapping["UUID"] for mapping in answer["EventSourceMappings"])

    assert await listed(EventSourceArn=f"{SQS}0") == sorted([queues[0]["UUID"], other["UUID"]])
    assert await listed(FunctionName="f:$LATEST") == [qualified["UUID"]]
    assert await listed(FunctionName=f"{ARN}ff") == [other["UUID"]]
    assert await listed(FunctionName="f") == sorted([*(queue["UUID"] for queue in queues), qualified["UUID"]])
    assert await listed(FunctionName="f", EventSourceArn=f"{SQS}1") == [queues[1]["UUID"]]


async def test_accounts_and_regions_are_apart(node: Node) -> None:
    uuid = (await create(node, EventSourceArn=SQS))["UUID"]
    home = node.caller
    for node.caller in (replace(home, account_id="1" * 12), replace(home, region="us-east-1")):
        assert await node.refusal("GetEventSourceMapping", UUID=uuid) == UNKNOWN
        assert await node.refusal("DeleteEventSourceMapping", UUID=uuid) == UNKNOWN
        assert await node.call("ListEventSourceMappings") == {"EventSourceMappings": []}


async def test_a_restart_finishes_what_was_under_way(start_node: Any) -> None:
    await (await start_node()).create()
    first = await start_node(delay_s=30.0)
    created = await create(first, EventSourceArn=KINESIS, StartingPosition="TRIM_HORIZON", Tags={"a": "1"})
    assert created["State"] == "Creating"
    again = await start_node()
    assert await settled(again, created["UUID"]) == created | {"State": "Disabled"}
    assert await again.call("ListTags", Resource=created["EventSourceMappingArn"]) == {"Tags": {"a": "1"}}


async def test_mappings_have_tags(node: Node) -> None:
    """Reference: control plane, 7."""
    arn = (await create(node, EventSourceArn=SQS, Tags={"a": "1"}))["EventSourceMappingArn"]
    await node.call("TagResource", Resource=arn, Tags={"b": "2"})
    await node.call("UntagResource", Resource=arn, TagKeys=["a", "never"])
    assert await node.call("ListTags", Resource=arn) == {"Tags": {"b": "2"}}
    missing = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:00000000-0000-0000-0000-000000000000"
    for operation, members in (("TagResource", {"Tags": {"x": "y"}}), ("ListTags", {})):
        refusal = await node.refusal(operation, Resource=missing, **members)
        assert refusal == ("ResourceNotFoundException", f"Event source mapping not found: {missing}")
