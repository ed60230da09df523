"""The API of Elastic Load Balancing as clients use it. Source: its API Reference, version 2015-12-01."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy, Node, NodeProcess, deployer

from .conftest import ECHO, Balancer, allow, ask, free_port, make_balancer, new_group, new_name


@pytest.fixture(scope="module")
def elb(platform: Node) -> Any:
    return platform.client("elbv2")


def code_of(call: Callable[..., Any], **members: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**members)
    code: str = raised.value.response["Error"]["Code"]
    return code


def test_what_was_made_is_described(balancer: Balancer, elb: Any) -> None:
    described = elb.describe_load_balancers(LoadBalancerArns=[balancer.arn])["LoadBalancers"][0]
    prefix = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/"
    assert described["LoadBalancerArn"].startswith(prefix)
    assert (described["Type"], described["Scheme"], described["State"]["Code"]) == (
        "application",
        "internet-facing",
        "active",
    )
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer.arn])
    listener = elb.describe_listeners(LoadBalancerArn=balancer.arn)["Listeners"][0]
    assert (listener["Port"], listener["Protocol"]) == (balancer.port, "HTTP")
    assert listener["DefaultActions"][0]["TargetGroupArn"] == balancer.group_arn
    rules = elb.describe_rules(ListenerArn=balancer.listener_arn)["Rules"]
    assert [(rule["Priority"], rule["IsDefault"]) for rule in rules] == [("default", True)]
    group = elb.describe_target_groups(LoadBalancerArn=balancer.arn)["TargetGroups"][0]
    assert (group["TargetType"], group["HealthCheckEnabled"]) == ("lambda", False)
    assert group["LoadBalancerArns"] == [balancer.arn]
    health = elb.describe_target_health(TargetGroupArn=balancer.group_arn)["TargetHealthDescriptions"][0]
    assert health["TargetHealth"]["Reason"] == "Target.HealthCheckDisabled"


def test_the_dns_name_and_the_port_answer(balancer: Balancer, elb: Any) -> None:
    name = elb.describe_load_balancers(LoadBalancerArns=[balancer.arn])["LoadBalancers"][0]["DNSName"]
    with socket.create_connection((name, balancer.port), timeout=30) as client:
        client.sendall(b"GET /by-name HTTP/1.0\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert b'"path": "/by-name"' in received


def test_the_same_again_is_the_same_and_another_is_refused(elb: Any) -> None:
    name = new_name()
    first = elb.create_load_balancer(Name=name, Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
    assert [zone["ZoneName"] for zone in first["AvailabilityZones"]] == ["us-east-1a", "us-east-1b"]
    again = elb.create_load_balancer(Name=name, Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == first["LoadBalancerArn"]
    assert code_of(elb.create_load_balancer, Name=name, Scheme="internal") == "DuplicateLoadBalancerName"
    group = elb.create_target_group(Name=name, TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    assert elb.create_target_group(Name=name, TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"] == group
    members = {"Name": name, "TargetType": "lambda", "HealthCheckEnabled": True}
    assert code_of(elb.create_target_group, **members) == "DuplicateTargetGroupName"
    elb.delete_load_balancer(LoadBalancerArn=first["LoadBalancerArn"])
    elb.delete_load_balancer(LoadBalancerArn=first["LoadBalancerArn"])
    assert code_of(elb.describe_load_balancers, Names=[name]) == "LoadBalancerNotFound"


def test_a_function_must_let_the_group_in(elb: Any, lambda_client: Any, echo_function: str) -> None:
    group = elb.create_target_group(Name=new_name(), TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    function = lambda_client.get_function(FunctionName=echo_function)["Configuration"]["FunctionArn"]
    with pytest.raises(ClientError) as raised:
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    error = raised.value.response["Error"]
    assert (error["Code"], error["Message"]) == (
        "AccessDenied",
        f"elasticloadbalancing principal does not have permission to invoke {function} from target group {group}",
    )
    allow(lambda_client, echo_function, group)
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    version = lambda_client.publish_version(FunctionName=echo_function)["Version"]
    lambda_client.add_permission(
        FunctionName=echo_function,
        Qualifier=version,
        StatementId=new_name(),
        Action="lambda:InvokeFunction",
        Principal="elasticloadbalancing.amazonaws.com",
    )
    second = [{"Id": f"{function}:{version}"}]
    assert code_of(elb.register_targets, TargetGroupArn=group, Targets=second) == "TooManyTargets"
    health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]
    assert health["Target"]["Id"] == function
    assert health["TargetHealth"]["Reason"] == "Target.NotInUse"
    assert code_of(elb.register_targets, TargetGroupArn=group, Targets=[{"Id": "i-0123"}]) == "InvalidTarget"
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    assert elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] == []
    elb.delete_target_group(TargetGroupArn=group)


def test_a_port_that_is_taken_is_a_clear_error(balancer: Balancer, elb: Any) -> None:
    def create(port: int, arn: str = balancer.arn) -> dict[str, Any]:
        with pytest.raises(ClientError) as raised:
            elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=port, DefaultActions=balancer.forward())
        error: dict[str, Any] = raised.value.response["Error"]
        return error

    assert create(balancer.port)["Code"] == "DuplicateListener"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        error = create(port)
    assert error["Code"] == "InvalidConfigurationRequest"
    assert f"Port {port} of 127.0.0.1 cannot be taken" in error["Message"]
    assert len(elb.describe_listeners(LoadBalancerArn=balancer.arn)["Listeners"]) == 1


def test_a_listener_moves_to_another_port_and_goes(balancer: Balancer, elb: Any) -> None:
    port = free_port()
    elb.modify_listener(ListenerArn=balancer.listener_arn, Port=port)
    assert ask(port).status == 200
    with pytest.raises(ConnectionRefusedError):
        ask(balancer.port)
    elb.delete_listener(ListenerArn=balancer.listener_arn)
    with pytest.raises(ConnectionRefusedError):
        ask(port)
    assert code_of(elb.describe_listeners, ListenerArns=[balancer.listener_arn]) == "ListenerNotFound"


def test_a_load_balancer_goes_with_its_listeners(platform: Node, echo_function: str) -> None:
    made = make_balancer(platform, echo_function)
    assert code_of(made.elb.delete_target_group, TargetGroupArn=made.group_arn) == "ResourceInUse"
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    made.elb.modify_load_balancer_attributes(LoadBalancerArn=made.arn, Attributes=[attribute])
    assert code_of(made.elb.delete_load_balancer, LoadBalancerArn=made.arn) == "OperationNotPermitted"
    attribute["Value"] = "false"
    made.elb.modify_load_balancer_attributes(LoadBalancerArn=made.arn, Attributes=[attribute])
    made.elb.delete_load_balancer(LoadBalancerArn=made.arn)
    with pytest.raises(ConnectionRefusedError):
        ask(made.port)
    made.elb.delete_target_group(TargetGroupArn=made.group_arn)
    assert code_of(made.elb.describe_target_groups, TargetGroupArns=[made.group_arn]) == "TargetGroupNotFound"


@pytest.mark.parametrize(
    ("operation", "members", "named"),
    [
        ("create_load_balancer", {"Name": "x", "Type": "network"}, "network"),
        ("create_load_balancer", {"Name": "x", "IpAddressType": "dualstack"}, "dualstack"),
        ("create_target_group", {"Name": "x", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1"}, "instance"),
        ("create_target_group", {"Name": "x", "TargetType": "ip"}, "ip"),
        ("create_target_group", {"Name": "x", "TargetType": "alb"}, "alb"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(
    elb: Any, operation: str, members: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError) as raised:
        getattr(elb, operation)(**members)
    error = raised.value.response["Error"]
    assert error["Code"] == "InvalidConfigurationRequest"
    assert named in error["Message"]


def test_what_a_listener_cannot_be_is_refused_by_name(balancer: Balancer, elb: Any) -> None:
    def create(**members: Any) -> str:
        given = {"Protocol": "HTTP", "Port": free_port(), "DefaultActions": balancer.forward(), **members}
        return code_of(elb.create_listener, LoadBalancerArn=balancer.arn, **given)

    assert create(Protocol="HTTPS") == "ValidationError"  # without a certificate
    assert create(SslPolicy="ELBSecurityPolicy-2016-08") == "ValidationError"
    verify = {"Mode": "verify", "TrustStoreArn": "arn"}
    assert create(Protocol="HTTPS", MutualAuthentication=verify) == "InvalidConfigurationRequest"
    assert create(Protocol="TCP") == "UnsupportedProtocol"
    oidc = [{"Type": "authenticate-cognito", "Order": 1}, {**balancer.forward()[0], "Order": 2}]
    assert create(DefaultActions=oidc) == "InvalidConfigurationRequest"
    assert create(DefaultActions=[*balancer.forward(), *balancer.forward()]) == "TooManyActions"
    nowhere = [{"Type": "forward", "TargetGroupArn": f"{balancer.group_arn}0"}]
    assert create(DefaultActions=nowhere) == "TargetGroupNotFound"
    itself = [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302"}}]
    assert create(DefaultActions=itself) == "ValidationError"
    sticky = {"TargetGroups": [{"TargetGroupArn": balancer.group_arn}]}
    sticky["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}  # type: ignore[assignment]
    assert create(DefaultActions=[{"Type": "forward", "ForwardConfig": sticky}]) == "InvalidConfigurationRequest"


def test_a_group_has_one_load_balancer(balancer: Balancer, elb: Any) -> None:
    other = elb.create_load_balancer(Name=new_name())["LoadBalancers"][0]["LoadBalancerArn"]
    members = {"LoadBalancerArn": other, "Protocol": "HTTP", "Port": free_port()}
    assert code_of(elb.create_listener, **members, DefaultActions=balancer.forward()) == "TargetGroupAssociationLimit"
    elb.delete_load_balancer(LoadBalancerArn=other)


def test_priorities_and_default_rules_are_guarded(balancer: Balancer, elb: Any) -> None:
    members = {
        "ListenerArn": balancer.listener_arn,
        "Conditions": [{"Field": "path-pattern", "Values": ["/x"]}],
        "Actions": balancer.forward(),
    }
    rule = elb.create_rule(Priority=1, **members)["Rules"][0]
    assert code_of(elb.create_rule, Priority=1, **members) == "PriorityInUse"
    second = elb.create_rule(Priority=2, **members)["Rules"][0]
    moved = [{"RuleArn": second["RuleArn"], "Priority": 1}]
    assert code_of(elb.set_rule_priorities, RulePriorities=moved) == "PriorityInUse"
    default = elb.describe_rules(ListenerArn=balancer.listener_arn)["Rules"][-1]
    assert default["IsDefault"]
    assert code_of(elb.delete_rule, RuleArn=default["RuleArn"]) == "OperationNotPermitted"
    changed = elb.modify_rule(
        RuleArn=rule["RuleArn"],
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example"]}}],
    )["Rules"][0]
    assert changed["Conditions"] == [
        {"Field": "host-header", "Values": ["a.example"], "HostHeaderConfig": {"Values": ["a.example"]}}
    ]
    pages = elb.get_paginator("describe_rules").paginate(
        ListenerArn=balancer.listener_arn, PaginationConfig={"PageSize": 1}
    )
    assert [page["Rules"][0]["Priority"] for page in pages] == ["1", "2", "default"]


def test_attributes_are_listed_and_only_some_can_change(balancer: Balancer, elb: Any) -> None:
    listed = {each["Key"]: each["Value"] for each in _attributes(elb, balancer)}
    assert listed["idle_timeout.timeout_seconds"] == "60"
    assert listed["routing.http.xff_header_processing.mode"] == "append"
    # As Terraform does: all that it knows, with AWS's defaults.
    given = [{"Key": key, "Value": value} for key, value in listed.items()]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer.arn, Attributes=given)

    def refused(key: str, value: str) -> str:
        attribute = [{"Key": key, "Value": value}]
        return code_of(elb.modify_load_balancer_attributes, LoadBalancerArn=balancer.arn, Attributes=attribute)

    assert refused("access_logs.s3.enabled", "true") == "InvalidConfigurationRequest"
    assert refused("nonsense", "true") == "InvalidConfigurationRequest"
    assert refused("idle_timeout.timeout_seconds", "4001") == "ValidationError"


def _attributes(elb: Any, balancer: Balancer) -> list[dict[str, str]]:
    attributes: list[dict[str, str]] = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer.arn)["Attributes"]
    return attributes


def test_tags_come_and_go(elb: Any) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    group = elb.create_target_group(Name=new_name(), TargetType="lambda", Tags=tags)["TargetGroups"][0]
    arn = group["TargetGroupArn"]
    elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "a", "Value": "3"}])
    elb.remove_tags(ResourceArns=[arn], TagKeys=["b"])
    described = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    assert described == [{"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "3"}]}]
    assert code_of(elb.describe_tags, ResourceArns=[f"{arn}0"]) == "TargetGroupNotFound"


def test_other_accounts_see_nothing(balancer: Balancer, platform: Node) -> None:
    other = boto3.client(
        "elbv2",
        endpoint_url=platform.endpoint,
        region_name="us-east-1",
        aws_access_key_id="111111111111",
        aws_secret_access_key="x",
    )
    assert other.describe_load_balancers()["LoadBalancers"] == []
    assert code_of(other.describe_load_balancers, LoadBalancerArns=[balancer.arn]) == "LoadBalancerNotFound"


def test_the_aws_command_line_makes_one(platform: Node, echo_function: str, lambda_client: Any) -> None:
    def aws(*arguments: str) -> Any:
        command = [
            sys.executable,
            "-m",
            "awscli",
            "--endpoint-url",
            platform.endpoint,
            "--region",
            "us-east-1",
            "elbv2",
        ]
        environment = {"AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "x", "PATH": "/usr/bin:/bin"}
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    group = new_group(platform, echo_function)
    balancer = aws("create-load-balancer", "--name", new_name(), "--subnets", "subnet-a", "subnet-b")
    arn, port = balancer["LoadBalancers"][0]["LoadBalancerArn"], free_port()
    where = ["--load-balancer-arn", arn]
    action = f"Type=forward,TargetGroupArn={group}"
    aws("create-listener", *where, "--protocol", "HTTP", "--port", str(port), "--default-actions", action)
    assert ask(port).status == 200
    aws("delete-load-balancer", *where)


def test_classic_load_balancers_are_refused_by_name(platform: Node) -> None:
    with pytest.raises(ClientError) as raised:
        platform.client("elb").describe_load_balancers()
    assert raised.value.response["Error"]["Code"] == "NotImplementedException"
    assert "2012-06-01" in raised.value.response["Error"]["Message"]


def test_health_checks_call_the_function(platform: Node, deploy: Deploy) -> None:
    code = (
        "def handler(event, context):\n"
        "    well = event['path'] == '/well' and event['headers'] == {'user-agent': 'ELB-HealthChecker/2.0'}\n"
        "    return {'statusCode': 200 if well else 500}\n"
    )
    members = {"HealthCheckEnabled": True, "HealthCheckPath": "/well", "UnhealthyThresholdCount": 2}
    made = make_balancer(
        platform,
        deploy(None, {"handler.py": code}),
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        **members,
    )
    made.elb.get_waiter("target_in_service").wait(
        TargetGroupArn=made.group_arn, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    made.elb.modify_target_group(TargetGroupArn=made.group_arn, HealthCheckPath="/ill")
    described = made.elb.describe_target_health(TargetGroupArn=made.group_arn)["TargetHealthDescriptions"][0]
    assert described["TargetHealth"]["State"] == "initial"
    health = _wait_unhealthy(made)
    assert (health["Reason"], health["Description"]) == (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [500]",
    )
    assert ask(made.port, path="/well").status == 500  # what is unhealthy is asked all the same
    made.elb.delete_load_balancer(LoadBalancerArn=made.arn)


def _wait_unhealthy(made: Balancer) -> dict[str, str]:
    for _ in range(60):
        described = made.elb.describe_target_health(TargetGroupArn=made.group_arn)["TargetHealthDescriptions"][0]
        health: dict[str, str] = described["TargetHealth"]
        if health["State"] == "unhealthy":
            return health
        time.sleep(0.5)
    raise AssertionError("it stayed healthy")


def test_listeners_are_there_again_after_a_restart(start_node: Callable[..., tuple[NodeProcess, Node]]) -> None:
    process, node = start_node()
    deploy, _ = deployer(node.client("lambda"))
    function = deploy(None, ECHO)
    first, second = make_balancer(node, function), make_balancer(node, function)
    assert process.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        ask(first.port)
    with socket.create_server(("127.0.0.1", second.port)):
        _, node = start_node(data=node.data)
        assert ask(first.port).status == 200
        elb = node.client("elbv2")
        states = {each["LoadBalancerArn"]: each["State"] for each in elb.describe_load_balancers()["LoadBalancers"]}
        assert states[first.arn]["Code"] == "active"
        assert states[second.arn]["Code"] == "active_impaired"
        assert str(second.port) in states[second.arn]["Reason"]
    # Nobody tells the node that the port is free again: the listener is modified, as it is.
    elb.modify_listener(ListenerArn=second.listener_arn, Port=second.port)
    assert ask(second.port).status == 200
    described = elb.describe_load_balancers(LoadBalancerArns=[second.arn])["LoadBalancers"][0]
    assert described["State"] == {"Code": "active"}
