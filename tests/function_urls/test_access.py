"""Who may call a URL. Reference: invocation, 5.4."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.plain_http import Reply

from .conftest import ECHO, UrlClient, allow_everybody, url_of
from .test_buffered import FORBIDDEN

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
OTHER_ACCOUNT = "111122223333"


def signed(
    url: UrlClient,
    path: str = "/",
    body: bytes | None = None,
    key: str = KEY,
    secret: str = SECRET,
    service: str = "lambda",
    host: str | None = None,
    method: str = "POST",
    sent_body: bytes | None = None,
) -> Reply:
    """A request as botocore signs it."""
    request = AWSRequest(method, f"http://{host or url.host}{path}", data=body or b"", headers={"x-b": "2"})
    SigV4Auth(Credentials(key, secret), service, "us-east-1").add_auth(request)
    return url.ask(method, path, sent_body or body, dict(request.headers.items()), host=host)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[Node]:
    """A node with credentials."""
    keys = {"STOKER_ACCESS_KEY_ID": KEY, "STOKER_SECRET_ACCESS_KEY": SECRET}
    with NodeProcess(tmp_path_factory.mktemp("locked") / "data", **isolation, **keys) as node:
        yield LockedNode(**{name: getattr(node, name) for name in ("endpoint", "data", "pid")})


class LockedNode(Node):
    def client(self, service: str, **config: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )


@pytest.fixture(scope="module")
def private(locked: Node) -> UrlClient:
    """A URL of the node with credentials that wants signatures."""
    deploy, _ = deployer(locked.client("lambda"))
    return url_of(locked, deploy("private", ECHO), "AWS_IAM", is_public=False)


def test_nobody_is_let_in_before_both_actions_are_allowed(deploy: Deploy, platform: Node, lambda_client: Any) -> None:
    name = deploy(None, ECHO)
    url = url_of(platform, name, is_public=False)
    refused = url.ask()
    assert (refused.status, refused.document) == (403, FORBIDDEN)
    assert refused.headers["x-amzn-errortype"] == "AccessDeniedException"
    allow_everybody(lambda_client, name)
    assert url.ask().status == 200
    for statement in ("function", "url"):
        lambda_client.remove_permission(FunctionName=name, StatementId=statement)
        assert url.ask().status == 403
        if statement == "function":
            lambda_client.add_permission(
                FunctionName=name,
                StatementId="function",
                Principal="*",
                Action="lambda:InvokeFunction",
                InvokedViaFunctionUrl=True,
            )


def test_what_is_allowed_with_signatures_is_not_without(deploy: Deploy, platform: Node, lambda_client: Any) -> None:
    name = deploy(None, ECHO)
    url = url_of(platform, name, is_public=False)
    allow_everybody(lambda_client, name, "AWS_IAM")
    assert url.ask().status == 403
    lambda_client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    assert url.ask().status == 403
    assert signed(url, key=OTHER_ACCOUNT).status == 200


def test_being_allowed_by_url_is_not_being_allowed_to_invoke(
    deploy: Deploy, platform: Node, lambda_client: Any
) -> None:
    name = deploy(None, ECHO)
    url_of(platform, name)
    other = boto3.client(
        "lambda",
        endpoint_url=platform.endpoint,
        region_name="us-east-1",
        aws_access_key_id=OTHER_ACCOUNT,
        aws_secret_access_key="x",
    )
    arn = lambda_client.get_function_configuration(FunctionName=name)["FunctionArn"]
    with pytest.raises(other.exceptions.ClientError, match="AccessDenied"):
        other.invoke(FunctionName=arn)


def test_without_credentials_of_the_node_whoever_states_an_account_is_it(
    deploy: Deploy, platform: Node, lambda_client: Any
) -> None:
    name = deploy(None, ECHO)
    url = url_of(platform, name, "AWS_IAM", is_public=False)
    assert (url.ask().status, url.ask().document) == (403, FORBIDDEN)
    event = signed(url, "/x?b=1&a=2", b"{}", key="000000000000").document
    assert event["requestContext"]["accountId"] == "000000000000"
    assert event["requestContext"]["authorizer"]["iam"]["userArn"] == "arn:aws:iam::000000000000:root"
    assert "authorization" not in event["headers"]
    assert event["headers"]["x-b"] == "2"
    assert signed(url, key=OTHER_ACCOUNT).status == 403
    allow_everybody(lambda_client, name, "AWS_IAM", OTHER_ACCOUNT)
    assert signed(url, key=OTHER_ACCOUNT).document["requestContext"]["accountId"] == OTHER_ACCOUNT
    assert signed(url, key="222233334444").status == 403


def test_a_signature_is_verified(private: UrlClient) -> None:
    assert signed(private, "/a%20b/%C3%A9?z=1&a=2&a=1", b"\x00\xff").status == 200
    for reply in (
        private.ask(),
        private.ask(headers={"authorization": "Bearer x"}),
        signed(private, secret="wrong"),
        signed(private, key="AKIDOTHER"),
        signed(private, service="execute-api"),
        signed(private, body=b"one", sent_body=b"two"),
    ):
        assert (reply.status, reply.document) == (403, FORBIDDEN)


def test_a_signed_link_is_as_good(private: UrlClient) -> None:
    request = AWSRequest("GET", f"http://{private.host}/x?a=1")
    SigV4QueryAuth(Credentials(KEY, SECRET), "lambda", "us-east-1", expires=60).add_auth(request)
    assert request.url is not None
    target = request.url.removeprefix(f"http://{private.host}")
    assert private.ask(path=target).document["queryStringParameters"]["a"] == "1"
    assert private.ask(path=target.replace("a=1", "a=2")).status == 403


def test_the_url_as_it_is_given_can_be_signed(private: UrlClient) -> None:
    parts = urlsplit(private.url)
    reply = signed(private, f"{parts.path}below", host=parts.netloc)
    assert (reply.status, reply.document["rawPath"]) == (200, "/below")


def test_anybody_calls_a_public_url_of_a_node_with_credentials(locked: Node) -> None:
    deploy, _ = deployer(locked.client("lambda"))
    url = url_of(locked, deploy("public", ECHO))
    event = url.ask(headers={"authorization": "Bearer x", "origin": "https://a.example"}).document
    assert event["headers"]["authorization"] == "Bearer x"
    assert event["requestContext"]["accountId"] == "anonymous"


def test_a_function_calls_a_url_from_inside(deploy: Deploy, platform: Node, echo: UrlClient) -> None:
    """At its `AWS_ENDPOINT_URL`, by the path; being who it is is not a signature."""
    code = (
        "import json, os, urllib.error, urllib.request\n"
        "def handler(event, context):\n"
        "    try:\n"
        "        url = os.environ['AWS_ENDPOINT_URL'] + '/_stoker/url/' + event['id'] + '/inside'\n"
        "        return json.load(urllib.request.urlopen(url))['rawPath']\n"
        "    except urllib.error.HTTPError as error:\n"
        "        return error.code\n"
    )
    client = platform.client("lambda")
    name = deploy(None, {"handler.py": code}, Timeout=20)
    closed = url_of(platform, deploy(None, ECHO), "AWS_IAM", is_public=False)
    for url, expected in ((echo, b'"/inside"'), (closed, b"403")):
        payload = client.invoke(FunctionName=name, Payload=f'{{"id": "{url.id}"}}')["Payload"].read()
        assert payload == expected


def test_a_function_that_signs_is_its_role(lambda_client: Any, deploy: Deploy, platform: Node) -> None:
    code = (
        "import json, os, urllib.request\n"
        "from botocore.auth import SigV4Auth\n"
        "from botocore.awsrequest import AWSRequest\n"
        "from botocore.session import Session\n"
        "def handler(event, context):\n"
        "    url = os.environ['AWS_ENDPOINT_URL'] + '/_stoker/url/' + event['id'] + '/'\n"
        "    request = AWSRequest('GET', url)\n"
        "    SigV4Auth(Session().get_credentials(), 'lambda', 'us-east-1').add_auth(request)\n"
        "    answer = urllib.request.urlopen(urllib.request.Request(url, headers=dict(request.headers)))\n"
        "    return json.load(answer)['requestContext']['authorizer']['iam']\n"
    )
    name = deploy(None, {"handler.py": code}, Timeout=20)
    url = url_of(platform, deploy(None, ECHO), "AWS_IAM", is_public=False)
    payload = lambda_client.invoke(FunctionName=name, Payload=f'{{"id": "{url.id}"}}')["Payload"].read()
    caller = json.loads(payload)
    role = lambda_client.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    assert caller["userArn"] == f"arn:aws:sts::000000000000:assumed-role/{role}/{name}"
    assert caller["userId"] == caller["callerId"]
    assert (caller["userId"][:4], caller["accessKey"][:4]) == ("AROA", "ASIA")
