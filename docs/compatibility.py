"""Writes the tables of `docs/compatibility.md`: `python -m docs.compatibility` from the repository root.

What is there is not looked up in a list: a node is asked for every operation that AWS's model has. What is written by
hand, below the mark in the file, stays as it is.
"""

import http.client
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.loaders import Loader

from stoker.functions.runtime_choice import RETIRED
from stoker.functions.unsupported import CODE_MEMBERS, UNSUPPORTED
from stoker.runtimes.names import KNOWN_RUNTIMES

PAGE = Path(__file__).with_name("compatibility.md")
MARK = "<!-- Above: written by `python -m docs.compatibility`. Below: written by hand. -->"
START_LIMIT_S = 60.0
CALL_LIMIT_S = 30.0
# An account that nobody else uses, in case an operation finds something to do.
_CREDENTIAL = "Credential=909090909090/20250101/us-east-1/{service}/aws4_request"
# Operations whose input the table of refused members applies to.
_CONFIGURING = (
    "CreateFunction",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
    "PublishVersion",
    "ListFunctions",
)
# What may be missing of an operation that is there, and the header that asks for it.
_VARIANTS: Mapping[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "Invoke": (
        ("tenants (`TenantId`)", {"X-Amz-Tenant-Id": "probe"}),
        ("durable executions (`DurableExecutionName`)", {"X-Amz-Durable-Execution-Name": "probe"}),
    ),
    "InvokeWithResponseStream": (("tenants (`TenantId`)", {"X-Amz-Tenant-Id": "probe"}),),
}

# Operations that do all they should, while what they are for is still missing. Written by hand, and to be deleted with
# the lack.
_WITHOUT_EFFECT: Mapping[str, str] = {
    "AddPermission": "what is granted to single users and roles lets nobody in; accounts and services are let in",
    "CreateCodeSigningConfig": "signatures cannot be verified, so under `Enforce` no package passes",
    "UpdateCodeSigningConfig": "signatures cannot be verified, so under `Enforce` no package passes",
    "CreateEventSourceMapping": "SQS, Kinesis, DynamoDB Streams, Kafka (extra `kafka`) and Amazon MQ's RabbitMQ (extra "
    "`rabbitmq`) are polled; ActiveMQ and DocumentDB, and `MetricsConfig` and `LoggingConfig`, only with "
    "`Enabled=false`, as for Kafka `SchemaRegistryConfig`, `PollerGroupName` and topics as on-failure destinations; "
    "Kafka without IAM authentication, and `VPC_SUBNET` and `VPC_SECURITY_GROUP` change nothing; consumers of enhanced "
    "fan-out are read as the stream behind them",
    "UpdateEventSourceMapping": "as CreateEventSourceMapping",
    "PutRuntimeManagementConfig": "a host has one build of each runtime, so `FunctionUpdate` does what `Auto` does and "
    "`Manual` can name the present build only",
    "PutFunctionScalingConfig": "refused for every function, as AWS does without a capacity provider",
}
# The same of queues.
_KEPT_ATTRIBUTES = (
    "`KmsMasterKeyId`, `KmsDataKeyReusePeriodSeconds` and `SqsManagedSseEnabled` are kept and told; messages are as "
    "encrypted as the host's disk"
)
_MISSING_OF_QUEUES: Mapping[str, str] = {
    "AddPermission": "policies let other accounts in; the queue's own account is not asked for permissions, and "
    "services that deliver to queues are not either",
    "CreateQueue": _KEPT_ATTRIBUTES,
    "SetQueueAttributes": f"{_KEPT_ATTRIBUTES}; conditions in a `Policy` are met by nobody",
    "SendMessage": "a `MessageGroupId` of a standard queue is kept and told; tenants get no fair shares yet",
    "SendMessageBatch": "as SendMessage",
}
# And of schedules.
_MISSING_OF_SCHEDULES: Mapping[str, str] = {
    "CreateSchedule": "targets: Lambda, SQS, SNS, Step Functions, event buses, Kinesis, Firehose, and every operation "
    "that botocore knows as universal target; others and `KmsKeyArn` are refused. `RoleArn` is kept and not assumed: "
    "the schedule's account invokes",
    "UpdateSchedule": "as CreateSchedule",
    "TagResource": "the default group has no tags",
    "UntagResource": "as TagResource",
}
# And of load balancers.
_MISSING_OF_BALANCERS: Mapping[str, str] = {
    "CreateLoadBalancer": "`Type` `application` and `IpAddressType` `ipv4`; subnets and security groups are kept and "
    "told: who may connect is the host's business",
    "CreateTargetGroup": "`TargetType` `lambda`",
    "CreateListener": "certificates and policies of HTTPS are told, the node's own certificate is shown; no mutual "
    "TLS, no authentication, no stickiness",
    "ModifyListener": "as CreateListener",
    "CreateRule": "no `RegexValues`, no `Transforms`; actions as CreateListener",
    "ModifyRule": "as CreateRule",
    "ModifyLoadBalancerAttributes": "`deletion_protection.enabled`, `idle_timeout.timeout_seconds` and "
    "`routing.http.xff_header_processing.mode`; the others are listed and keep their defaults",
    "ModifyTargetGroupAttributes": "`lambda.multi_value_headers.enabled`, the only one of functions that is listed",
    "ModifyListenerAttributes": "`routing.http.response.server.enabled`, the only one that is listed",
    "DescribeTargetHealth": "`Include` is refused",
}
# And of HTTP and WebSocket APIs.
_DOMAIN_NAMES = "certificates are kept and not used: the node shows its own; mutual TLS and routing rules are refused"
_INTEGRATIONS = (
    "VPC links, `TlsConfig` and other services of AWS (`IntegrationSubtype`) are refused; WebSocket APIs have "
    "`AWS_PROXY` alone"
)
_MISSING_OF_APIS: Mapping[str, str] = {
    "CreateApi": "`dualstack` is refused",
    "UpdateApi": "as CreateApi",
    "ImportApi": "`split` as base path is refused; YAML needs the extra `apis`",
    "ReimportApi": "as ImportApi",
    "CreateAuthorizer": "JWT needs the extra `apis`",
    "CreateDomainName": _DOMAIN_NAMES,
    "UpdateDomainName": _DOMAIN_NAMES,
    "CreateIntegration": _INTEGRATIONS,
    "UpdateIntegration": _INTEGRATIONS,
    "CreateRoute": "of WebSocket APIs API keys, models and request parameters are refused",
    "UpdateRoute": "as CreateRoute",
    "CreateRouteResponse": "models and parameters are refused",
    "UpdateRouteResponse": "as CreateRouteResponse",
    "CreateStage": "execution logs and client certificates are refused; `DetailedMetricsEnabled` is kept without "
    "effect",
    "UpdateStage": "as CreateStage",
}
# And of REST APIs.
_METHODS = "`COGNITO_USER_POOLS` and `authorizationScopes` are refused"
_REST_INTEGRATIONS = "AWS services other than Lambda, VPC links, `tlsConfig` and response streaming are refused"
_STAGES = (
    "canaries, caches, client certificates, documentation versions and `tracingEnabled` are refused; metrics and "
    "execution logs are kept without effect"
)
_REST_APIS = (
    "private endpoints, `dualstack` and `minimumCompressionSize` are refused; `securityPolicy` is kept without effect"
)
_MISSING_OF_REST_APIS: Mapping[str, str] = {
    "CreateApiKey": "`stageKeys`, which AWS has replaced by usage plans, are kept and do nothing",
    "CreateAuthorizer": "`COGNITO_USER_POOLS` is refused",
    "CreateDeployment": _STAGES,
    "CreateDomainName": _DOMAIN_NAMES,
    "CreateModel": "a schema that says anything needs the extra `apis`",
    "CreateRestApi": _REST_APIS,
    "CreateStage": _STAGES,
    "GetModel": "`flatten` is refused",
    "ImportRestApi": "`basepath=split` is refused, documentation stays away, YAML needs the extra `apis`; "
    f"{_REST_APIS}",
    "PutIntegration": _REST_INTEGRATIONS,
    "PutMethod": _METHODS,
    "PutRestApi": "as ImportRestApi",
    "TestInvokeMethod": "not of `HTTP` and `HTTP_PROXY`; the log says less than AWS's",
    "UpdateAccount": "`cloudwatchRoleArn` is kept and not needed",
    "UpdateAuthorizer": "as CreateAuthorizer",
    "UpdateDomainName": _DOMAIN_NAMES,
    "UpdateIntegration": _REST_INTEGRATIONS,
    "UpdateMethod": _METHODS,
    "UpdateModel": "as CreateModel",
    "UpdateRestApi": _REST_APIS,
    "UpdateStage": _STAGES,
}


class Node:
    """The node that is asked."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint)

    def has(self, method: str, path: str, service: str, headers: Mapping[str, str]) -> bool:
        """Whether it knows what to do with a request, however badly the request is filled in."""
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port or 80, timeout=CALL_LIMIT_S
        )
        signed = {"Authorization": f"AWS4-HMAC-SHA256 {_CREDENTIAL.format(service=service)}", **headers}
        connection.request(method, path, headers=signed)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if (
            answer.status == http.client.NOT_FOUND
            and answer.getheader("x-amzn-ErrorType") == "UnknownOperationException"
        ):
            raise LookupError(f"the node does not know {method} {path}")
        return answer.status != http.client.NOT_IMPLEMENTED and b"does not implement the operation" not in body


def tables(node: Node) -> str:
    """Everything above the mark."""
    lambda_model, logs_model = _model("lambda"), _model("logs")
    return "\n".join(
        [
            "# Compatibility",
            "",
            "What Stoker does of AWS's interfaces. An operation or a member that is absent answers 400",
            "`InvalidParameterValueException` and says its name (services other than Lambda: 501",
            "`NotImplementedException`).",
            "What is kept without doing anything yet is marked: no reader shall have to find that out.",
            "",
            *_lambda_operations(node, lambda_model),
            "",
            *_refused_members(lambda_model),
            "",
            *_runtimes(lambda_model),
            "",
            *_logs_operations(node, logs_model),
            "",
            *_sqs_operations(node, _model("sqs")),
            "",
            *_scheduler_operations(node, _model("scheduler")),
            "",
            *_balancer_operations(node, _model("elbv2")),
            "",
            *_http_api_operations(node, _model("apigatewayv2")),
            "",
            *_management_operations(node, _model("apigatewaymanagementapi")),
            "",
            *_rest_api_operations(node, _model("apigateway")),
            "",
            *_other_services(),
            "",
        ]
    )


def _model(service: str) -> Mapping[str, Any]:
    model: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    return model


def _lambda_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    rows, counts = [], {"done": 0, "partial": 0, "absent": 0}
    for name, operation in sorted(model["operations"].items()):
        state, note = _state_of(node, name, operation)
        counts[state] += 1
        rows.append(f"| {name} | {state} | {note} |")
    yield f"## The Lambda API: {len(rows)} operations"
    yield ""
    yield f"{counts['done']} done, {counts['partial']} partial, {counts['absent']} absent (API version 2015-03-31)."
    yield ""
    yield "| Operation | State | What is missing |"
    yield "|---|---|---|"
    yield from rows


def _state_of(node: Node, name: str, operation: Mapping[str, Any]) -> tuple[str, str]:
    method, path = operation["http"]["method"], _example_path(operation["http"]["requestUri"])
    if not node.has(method, path, "lambda", {}):
        return "absent", ""
    missing = [what for what, headers in _VARIANTS.get(name, ()) if not node.has(method, path, "lambda", headers)]
    if name in _WITHOUT_EFFECT:
        missing.append(_WITHOUT_EFFECT[name])
    if name in _CONFIGURING and (refused := _refused_of(name, _model("lambda"))):
        missing.append(", ".join(f"`{member}`" for member in refused) if len(refused) < 3 else "refused members, below")
    return ("partial" if missing else "done"), ", ".join(missing)


def _example_path(uri: str) -> str:
    """A path of this form. An ARN where one is asked for, since its place in the path is checked."""
    arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A909090909090%3Afunction%3Aprobe"
    return re.sub(r"\{(\w+)\+?\}", lambda match: arn if match[1] in ("Resource", "ResourceArn") else "1", uri)


def _refused_members(model: Mapping[str, Any]) -> Iterator[str]:
    yield "## Refused members of functions"
    yield ""
    yield "Their empty and default forms are accepted. A member that AWS added since is refused as well."
    yield ""
    yield "| Member | Refused | In |"
    yield "|---|---|---|"
    for unsupported in UNSUPPORTED:
        where = [name for name in _CONFIGURING if unsupported.member in _refused_of(name, model)]
        if not where:  # botocore's model has dropped it, or does not have it yet
            continue
        yield f"| `{unsupported.member}` | {_when(unsupported, model)} | {', '.join(where)} |"


def _refused_of(operation: str, model: Mapping[str, Any]) -> list[str]:
    """The refused members that the operation's input has."""
    members = model["shapes"][model["operations"][operation]["input"]["shape"]]["members"]
    found = []
    for unsupported in UNSUPPORTED:
        first, _, rest = unsupported.member.partition(".")
        # UpdateFunctionCode has the members of `Code` beside its own.
        if first in members or (operation == "UpdateFunctionCode" and first == "Code" and rest in CODE_MEMBERS):
            found.append(unsupported.member)
    return found


def _when(unsupported: Any, model: Mapping[str, Any]) -> str:
    values = [value for value in _enum_of(unsupported.member, model) if unsupported.is_asked_for(value)]
    return ", ".join(f"`{value}`" for value in values) or "if given"


def _enum_of(member: str, model: Mapping[str, Any]) -> list[str]:
    for operation in _CONFIGURING:
        shape = model["shapes"][model["operations"][operation]["input"]["shape"]]
        for name in member.split("."):
            if name not in shape.get("members", {}):
                break
            shape = model["shapes"][shape["members"][name]["shape"]]
        else:
            values: list[str] = shape.get("enum", [])
            return values
    return []


def _runtimes(model: Mapping[str, Any]) -> Iterator[str]:
    every = model["shapes"]["Runtime"]["enum"]
    offered = [name for name in every if name in KNOWN_RUNTIMES]
    retired = [name for name in every if name in RETIRED]
    absent = [name for name in every if name not in KNOWN_RUNTIMES and name not in RETIRED]
    yield "## Runtimes"
    yield ""
    yield f"- Offered ([where they come from](runtimes.md)): {_listed(offered)}."
    yield f"- Refused as AWS refuses them, because it retired them: {_listed(retired)}."
    yield f"- Absent: {_listed(absent)}."


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _logs_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    prefix = model["metadata"]["targetPrefix"]
    done = [
        name
        for name in sorted(model["operations"])
        if node.has(
            "POST", "/", "logs", {"X-Amz-Target": f"{prefix}.{name}", "Content-Type": "application/x-amz-json-1.1"}
        )
    ]
    yield "## The CloudWatch Logs API"
    yield ""
    yield f"{len(done)} of {len(model['operations'])} operations: {', '.join(done)}."
    yield ""
    yield 'Filter patterns: terms, phrases, `?term`, `-term` and JSON (`{ $.level = "WARN" }`). Regular expressions and'
    yield "space-delimited patterns are refused, and so are other log group classes, tags and keys of log groups."


def _sqs_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    prefix = model["metadata"]["targetPrefix"]
    yield f"## The SQS API: {len(model['operations'])} operations"
    yield ""
    yield "In JSON and by the query protocol (API version 2012-11-05)."
    yield ""
    yield "| Operation | State | What is missing |"
    yield "|---|---|---|"
    for name in sorted(model["operations"]):
        headers = {"X-Amz-Target": f"{prefix}.{name}", "Content-Type": "application/x-amz-json-1.0"}
        missing = _MISSING_OF_QUEUES.get(name, "")
        state = ("partial" if missing else "done") if node.has("POST", "/", "sqs", headers) else "absent"
        yield f"| {name} | {state} | {missing} |"


def _scheduler_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    yield f"## The EventBridge Scheduler API: {len(model['operations'])} operations"
    yield ""
    yield "| Operation | State | What is missing |"
    yield "|---|---|---|"
    for name, operation in sorted(model["operations"].items()):
        method, path = operation["http"]["method"], re.sub("[{}]", "", operation["http"]["requestUri"])
        missing = _MISSING_OF_SCHEDULES.get(name, "")
        state = ("partial" if missing else "done") if node.has(method, path, "scheduler", {}) else "absent"
        yield f"| {name} | {state} | {missing} |"


def _balancer_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    version = model["metadata"]["apiVersion"]
    states = {
        name: node.has("GET", f"/?Action={name}&Version={version}", "elasticloadbalancing", {})
        for name in sorted(model["operations"])
    }
    yield f"## The Elastic Load Balancing API: {len(states)} operations"
    yield ""
    yield f"API version {version}: Application Load Balancers with functions behind them"
    yield "([load-balancers.md](load-balancers.md) says what of each is refused). Classic Load Balancers are refused."
    yield ""
    yield "| Operation | State | What is missing |"
    yield "|---|---|---|"
    for name, has in states.items():
        missing = _MISSING_OF_BALANCERS.get(name, "")
        yield f"| {name} | {('partial' if missing else 'done') if has else 'absent'} | {missing} |"


def _http_api_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    yield from _api_gateway_operations(
        node,
        model,
        _MISSING_OF_APIS,
        "API Gateway's version 2 API",
        "[HTTP APIs](http-apis.md) and [WebSocket APIs](websocket-apis.md)",
    )


def _rest_api_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    yield from _api_gateway_operations(
        node, model, _MISSING_OF_REST_APIS, "API Gateway's API", "[REST APIs](rest-apis.md)"
    )


def _api_gateway_operations(
    node: Node, model: Mapping[str, Any], missing_of: Mapping[str, str], title: str, kind: str
) -> Iterator[str]:
    rows, absent = [], []
    for name, operation in sorted(model["operations"].items()):
        method, path = operation["http"]["method"], re.sub("[{}]", "", operation["http"]["requestUri"])
        if not node.has(method, path, "apigateway", {}):
            absent.append(name)
            continue
        missing = missing_of.get(name, "")
        rows.append(f"| {name} | {'partial' if missing else 'done'} | {missing} |")
    yield f"## {title}: {len(rows)} of {len(model['operations'])} operations"
    yield ""
    yield f"For {kind}."
    yield ""
    yield "| Operation | State | What is missing |"
    yield "|---|---|---|"
    yield from rows
    yield ""
    yield f"Absent: {', '.join(absent)}."


def _management_operations(node: Node, model: Mapping[str, Any]) -> Iterator[str]:
    states = {
        name: node.has(operation["http"]["method"], "/@connections/1", "execute-api", {})
        for name, operation in sorted(model["operations"].items())
    }
    yield "## The management API of WebSocket APIs"
    yield ""
    done = [name for name, has in states.items() if has]
    yield f"{len(done)} of {len(states)} operations: {', '.join(done)} ([WebSocket APIs](websocket-apis.md))."


def _other_services() -> Iterator[str]:
    yield "## Other services"
    yield ""
    yield "X-Ray: `PutTraceSegments`, `GetTraceSummaries` and `BatchGetTraces`, from memory ([traces](behaviour.md))."
    yield ""
    yield "Everything else that the neighbours have, embedded or elsewhere ([neighbours](neighbours.md)). A service"
    yield "that nobody has answers 501 with its name."


def page(node: Node) -> str:
    """The whole file: new tables, and what is written by hand."""
    by_hand = PAGE.read_text().partition(MARK)[2] if PAGE.exists() else "\n"
    return f"{tables(node)}\n{MARK}{by_hand}"


@contextmanager
def _own_node() -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="stoker-docs-") as data:
        stoker = [sys.executable, "-m", "stoker"]
        started = subprocess.run(
            [*stoker, "up", "--detach", "--port", "0", "--data", data, "--output", "json"],
            check=True,
            stdout=subprocess.PIPE,
            timeout=START_LIMIT_S,
        )
        try:
            yield Node(json.loads(started.stdout)["endpoint"])
        finally:
            subprocess.run([*stoker, "down", "--data", data], check=True, stdout=subprocess.DEVNULL, timeout=60)


def main() -> None:
    with _own_node() as node:
        PAGE.write_text(page(node))


if __name__ == "__main__":
    main()
