"""Aliases, policies, URLs and reservations through the HTTP API of a real node, with AWS's own client."""

import base64
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy, Node, zip_of

CODE = """
import time

def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return [context.function_version, context.invoked_function_arn, VERSION]

VERSION = {}
"""


@pytest.fixture(scope="module")
def client(platform: Node) -> Any:
    """Without the client's own validation, so that the node's is seen."""
    return platform.client("lambda", parameter_validation=False)


@pytest.fixture
def function(deploy: Deploy, client: Any) -> str:
    """A function with two versions, and an alias `live` of the first."""
    name = deploy(None, {"handler.py": CODE.format(1)}, Publish=True)
    client.update_function_code(FunctionName=name, ZipFile=zip_of({"handler.py": CODE.format(2)}))
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name


def invoke(client: Any, name: str, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.invoke(FunctionName=name, LogType="Tail", **members)
    answer["Payload"] = json.loads(answer["Payload"].read())
    answer["LogResult"] = base64.b64decode(answer["LogResult"]).decode()
    return answer


def refusal(operation: Any, **members: Any) -> dict[str, Any]:
    """The body of the error that the operation must answer, without what the client adds."""
    with pytest.raises(ClientError) as raised:
        operation(**members)
    response: dict[str, Any] = dict(raised.value.response)
    response["Error"].pop("Type", None)
    return response


def test_an_alias_runs_its_version_and_keeps_its_name_in_the_arn(client: Any, function: str) -> None:
    # reference: control plane, 2 and 5
    arn = client.get_alias(FunctionName=function, Name="live")["AliasArn"]
    for name, qualifier in ((f"{function}:live", {}), (function, {"Qualifier": "live"}), (arn, {})):
        answer = invoke(client, name, **qualifier)
        assert answer["ExecutedVersion"] == "1"
        assert answer["Payload"] == ["1", arn, 1]
        assert "Version: 1\n" in answer["LogResult"]


def test_weights_really_split_the_invocations(client: Any, function: str) -> None:
    client.update_alias(FunctionName=function, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    ran: Counter[str] = Counter()
    for _ in range(60):
        answer = invoke(client, f"{function}:live")
        assert answer["Payload"][::2] == [answer["ExecutedVersion"], int(answer["ExecutedVersion"])]
        ran[answer["ExecutedVersion"]] += 1
    assert sum(ran.values()) == 60
    assert min(ran["1"], ran["2"]) >= 10  # by chance once in ten million runs
    client.update_alias(FunctionName=function, Name="live", FunctionVersion="2", RoutingConfig={})
    assert invoke(client, f"{function}:live")["ExecutedVersion"] == "2"


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        (
            "create_alias",
            {"Name": "123", "FunctionVersion": "1"},
            "Value '123' at 'name' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        ),
        (
            "create_alias",
            {"Name": "a", "FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 1.5}}},
            "Value '{2=1.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: "
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
            "Member must have value greater than or equal to 0.0, Member must not be null]",
        ),
        (
            "create_function_url_config",
            {"Qualifier": "$LATEST", "AuthType": "NONE"},
            "Value '$LATEST' at 'qualifier' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)",
        ),
        (
            "put_function_event_invoke_config",
            {"MaximumRetryAttempts": 3},
            "Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: "
            "Member must have value less than or equal to 2",
        ),
        (
            "put_function_recursion_config",
            {"RecursiveLoop": "Maybe"},
            "Value 'Maybe' at 'recursiveLoop' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Terminate, Allow]",
        ),
    ],
)
def test_what_breaks_the_model_is_refused_as_aws_refuses_it(
    operation: str, members: dict[str, Any], message: str, client: Any, function: str
) -> None:
    # reference: control plane, 1.1
    response = refusal(getattr(client, operation), FunctionName=function, **members)
    error = {"Code": "ValidationException", "Message": f"1 validation error detected: {message}"}
    assert response["Error"] == error
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_created_things_answer_201_and_deleted_ones_204(client: Any, function: str) -> None:
    # reference: control plane, 3.1
    def status(operation: str, **members: Any) -> int:
        code: int = getattr(client, operation)(FunctionName=function, **members)["ResponseMetadata"]["HTTPStatusCode"]
        return code

    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    assert status("create_alias", Name="new", FunctionVersion="1") == 201
    assert status("add_permission", Qualifier="new", **permission) == 201
    assert status("create_function_url_config", Qualifier="new", AuthType="NONE") == 201
    assert status("put_function_event_invoke_config", Qualifier="new", MaximumRetryAttempts=0) == 200
    assert status("put_runtime_management_config", UpdateRuntimeOn="FunctionUpdate") == 200
    assert status("put_function_concurrency", ReservedConcurrentExecutions=1) == 200
    assert status("remove_permission", Qualifier="new", StatementId="s") == 204
    assert status("delete_function_url_config", Qualifier="new") == 204
    assert status("delete_function_event_invoke_config", Qualifier="new") == 204
    assert status("delete_function_concurrency") == 204
    assert status("delete_alias", Name="new") == 204


def test_nought_reserved_turns_a_function_off(client: Any, function: str) -> None:
    # reference: control plane, 3.3
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    response = refusal(client.invoke, FunctionName=f"{function}:live")
    assert response["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName=function)
    assert invoke(client, function)["ExecutedVersion"] == "$LATEST"


def test_a_reservation_counts_all_versions_together(client: Any, function: str) -> None:
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)

    def reason(qualifier: str) -> str | None:
        try:
            invoke(client, function, Qualifier=qualifier, Payload=b'{"sleep": 0.5}')
        except client.exceptions.TooManyRequestsException as error:
            return str(error.response["Reason"])
        return None

    with ThreadPoolExecutor(4) as callers:
        reasons = set(callers.map(reason, ("1", "2", "live", "$LATEST")))
    assert reasons == {None, "ReservedFunctionConcurrentInvocationLimitExceeded"}
