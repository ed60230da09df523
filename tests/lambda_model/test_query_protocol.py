"""What botocore writes as a form is read, and it reads what is answered in XML: for services that still speak so."""

from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from stoker.errors import SerializationException
from stoker.lambda_model.query_protocol import NAME_PARTS_MAX, answer_xml, error_xml, read_form
from stoker.lambda_model.service import load_query_service, parse_query

NAMESPACE = "http://example.amazonaws.com/doc/2010-05-08/"

INPUTS: list[tuple[str, str, dict[str, Any]]] = [
    ("sns", "CreateTopic", {"Name": "t", "Attributes": {"a": "1", "b": ""}, "Tags": [{"Key": "k", "Value": "v&="}]}),
    (
        "sns",
        "Publish",
        {"Message": "\u00e9\n", "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"\0\1"}}},
    ),
    ("iam", "SimulateCustomPolicy", {"PolicyInputList": ["a", "b"], "ActionNames": ["c"], "MaxItems": 7}),
    ("cloudformation", "CreateStack", {"StackName": "s", "DisableRollback": True, "Capabilities": []}),
    ("rds", "DescribeDBInstances", {"Filters": [{"Name": "n", "Values": ["x", "y"]}]}),
]


@pytest.mark.parametrize(("service", "operation", "parameters"), INPUTS)
def test_a_form_is_read_as_it_was_meant(service: str, operation: str, parameters: dict[str, Any]) -> None:
    model = botocore.session.Session().get_service_model(service)
    sent = create_serializer("query", include_validation=False).serialize_to_request(
        parameters, model.operation_model(operation)
    )
    fields = parse_query(urlencode(sent["body"]).encode())
    assert read_form(load_query_service(service).operations[operation].input, fields) == parameters


OUTPUTS: list[tuple[str, str, dict[str, Any]]] = [
    ("sns", "GetTopicAttributes", {"Attributes": {"a": "<1>", "b": "\r\n"}}),
    ("sns", "ListTopics", {"Topics": [{"TopicArn": "x"}, {"TopicArn": "y"}], "NextToken": "n"}),
    ("iam", "GetAccountSummary", {"SummaryMap": {"Users": 3}}),
    (
        "cloudwatch",
        "GetMetricStatistics",
        {"Label": "l", "Datapoints": [{"Timestamp": 1_800_000_000.5, "Sum": 1.5, "Unit": "Count"}]},
    ),
]


@pytest.mark.parametrize(("service", "operation", "members"), OUTPUTS)
def test_an_answer_is_read_as_it_was_meant(service: str, operation: str, members: dict[str, Any]) -> None:
    shape = load_query_service(service).operations[operation].output.shape
    text = answer_xml(operation, shape, members, NAMESPACE, "id")
    output = botocore.session.Session().get_service_model(service).operation_model(operation).output_shape
    parsed = create_parser("query").parse({"body": text.encode(), "status_code": 200, "headers": {}}, output)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "id"
    for point in parsed.get("Datapoints", ()):
        point["Timestamp"] = point["Timestamp"].timestamp()
    assert parsed == members


def test_an_error_is_read_as_it_was_meant() -> None:
    text = error_xml("Code", "<&>", "Sender", NAMESPACE, "id")
    parsed = create_parser("query").parse({"body": text.encode(), "status_code": 400, "headers": {}}, None)
    assert (parsed["Error"]["Type"], parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("Sender", "Code", "<&>")


@pytest.mark.parametrize(
    "form",
    [
        "Attributes.entry.1.value=x",
        "Attributes.entry.x.key=x",
        "Attributes.entry=x",
        "Tags.member.1=x",
        "Name.1=x",
        "Name=x&Name.1=y",
        "a." * NAME_PARTS_MAX + "b=x",
    ],
)
def test_a_form_that_contradicts_the_model_is_refused(form: str) -> None:
    shape = load_query_service("sns").operations["CreateTopic"].input
    with pytest.raises(SerializationException):
        read_form(shape, parse_query(form.encode()))


def test_a_member_that_an_output_does_not_have_is_a_mistake() -> None:
    shape = load_query_service("sns").operations["CreateTopic"].output.shape
    with pytest.raises(ValueError, match="no member Colour"):
        answer_xml("CreateTopic", shape, {"Colour": "red"}, NAMESPACE, "id")
