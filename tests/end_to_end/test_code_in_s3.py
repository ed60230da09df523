"""Packages that lie in S3 (reference: control plane, 4.1): the S3 beside the node."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import PYTHON, ROLE, Node, zip_of

VERSIONED = {"Status": "Enabled"}
SOON = {"Delay": 0.1, "MaxAttempts": 300}


def returning(text: str) -> bytes:
    return zip_of({"app.py": f"def handler(event, context):\n    return {text!r}\n"})


@pytest.fixture(scope="module")
def s3(platform: Node) -> Any:
    return platform.client("s3", s3={"addressing_style": "path"})


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"code-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


def create(lambda_client: Any, **code: str) -> str:
    name = f"in-s3-{uuid.uuid4()}"
    lambda_client.create_function(FunctionName=name, Runtime=PYTHON, Handler="app.handler", Role=ROLE, Code=code)
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=SOON)
    return name


def answer(lambda_client: Any, name: str) -> bytes:
    return lambda_client.invoke(FunctionName=name)["Payload"].read()


def refusal(raised: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def test_a_function_runs_code_that_lies_in_s3(lambda_client: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="one.zip", Body=returning("one"))
    name = create(lambda_client, S3Bucket=bucket, S3Key="one.zip")
    assert answer(lambda_client, name) == b'"one"'
    s3.put_object(Bucket=bucket, Key="one.zip", Body=returning("two"))
    lambda_client.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="one.zip")
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=SOON)
    assert answer(lambda_client, name) == b'"two"'


def test_the_version_of_an_object_is_the_one_that_was_asked_for(lambda_client: Any, s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=VERSIONED)
    first = s3.put_object(Bucket=bucket, Key="code.zip", Body=returning("first"))["VersionId"]
    s3.put_object(Bucket=bucket, Key="code.zip", Body=returning("second"))
    name = create(lambda_client, S3Bucket=bucket, S3Key="code.zip", S3ObjectVersion=first)
    assert answer(lambda_client, name) == b'"first"'


def test_a_layer_may_come_from_s3(lambda_client: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="layer.zip", Body=zip_of({"python/word.py": "WORD = 'layered'\n"}))
    layer = lambda_client.publish_layer_version(
        LayerName=f"l-{uuid.uuid4()}", Content={"S3Bucket": bucket, "S3Key": "layer.zip"}
    )
    name = f"with-layer-{uuid.uuid4()}"
    source = "import word\n\ndef handler(event, context):\n    return word.WORD\n"
    lambda_client.create_function(
        FunctionName=name,
        Runtime=PYTHON,
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": zip_of({"app.py": source})},
        Layers=[layer["LayerVersionArn"]],
    )
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=SOON)
    assert answer(lambda_client, name) == b'"layered"'


def test_what_is_not_in_s3_is_told_in_awss_words(lambda_client: Any, bucket: str) -> None:
    """Section 4.1."""
    basic = {"FunctionName": "never", "Runtime": PYTHON, "Handler": "app.handler", "Role": ROLE}
    with pytest.raises(ClientError) as raised:
        lambda_client.create_function(**basic, Code={"S3Bucket": bucket, "S3Key": "none.zip"})
    assert refusal(raised) == (
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
    )
    with pytest.raises(ClientError) as raised:
        lambda_client.create_function(**basic, Code={"S3Bucket": f"none-{uuid.uuid4()}", "S3Key": "none.zip"})
    assert refusal(raised) == (
        "InvalidParameterValueException",
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. "
        "S3 Error Message: The specified bucket does not exist",
    )
