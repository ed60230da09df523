"""Functions with URLs on a real node, and the plainest client there is to ask them."""

import http.client
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stoker.config import Settings, default_runtimes_dir
from stoker.runtimes.records import RuntimeInstallError, RuntimeNotReadyError
from tests.catalogues import catalogue_of
from tests.conftest import Deploy, Node, deployer
from tests.plain_http import Headers, Reply, begin, end

INSTALL_LIMIT_S = 100
Packaged = Callable[..., dict[str, str | bytes]]

# Answers with what it was given: what an event says under `answer`, else the whole event.
ECHO = {
    "handler.py": "import json\n"
    "def handler(event, context):\n"
    "    if event['headers'].get('x-answer') == 'error':\n"
    "        raise ValueError('secret')\n"
    "    if event['headers'].get('x-answer') == 'body':\n"
    "        return json.loads(event['body'])\n"
    "    return {'statusCode': 200, 'body': json.dumps(event)}\n"
}


class UrlClient:
    """Asks one function URL, by its host or by the URL as it was given."""

    def __init__(self, node: Node, url: str) -> None:
        self.url = url
        self.id = url.rstrip("/").rpartition("/")[2].partition(".")[0]
        self.host = f"{self.id}.lambda-url.us-east-1.localhost"
        self._address = urlsplit(node.endpoint).netloc

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes | None = None,
        headers: Headers | None = None,
        host: str | None = None,
    ) -> Reply:
        return end(self.begin(method, path, body, headers, host))

    def begin(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes | None = None,
        headers: Headers | None = None,
        host: str | None = None,
    ) -> http.client.HTTPConnection:
        return begin(self._address, host or self.host, method, path, body, headers)


MakeUrl = Callable[..., UrlClient]


def url_of(node: Node, name: str, auth_type: str = "NONE", *, is_public: bool = True, **members: Any) -> UrlClient:
    """A URL for a function that exists; `is_public` allows anybody to call it, in both of AWS's statements."""
    client = node.client("lambda")
    configuration = client.create_function_url_config(FunctionName=name, AuthType=auth_type, **members)
    if is_public:
        allow_everybody(client, name, auth_type, **{k: v for k, v in members.items() if k == "Qualifier"})
    return UrlClient(node, configuration["FunctionUrl"])


def allow_everybody(client: Any, name: str, auth_type: str = "NONE", principal: str = "*", **qualifier: str) -> None:
    members = {"FunctionName": name, "Principal": principal, **qualifier}
    client.add_permission(
        **members, StatementId="url", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType=auth_type
    )
    client.add_permission(**members, StatementId="function", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True)


@pytest.fixture(scope="module")
def deploy_module(lambda_client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(lambda_client)
    yield deploy
    clean_up()


@pytest.fixture(scope="module")
def echo(platform: Node, deploy_module: Deploy) -> UrlClient:
    """A public URL of a function that answers with its event."""
    # With 128 MB four megabytes of JSON take seconds.
    return url_of(platform, deploy_module(f"echo-{uuid.uuid4().hex[:8]}", ECHO, Timeout=60))


@pytest.fixture(scope="session")
def nodejs() -> str:
    """A runtime of Node.js, made ready; skips if that cannot be."""
    catalogue = catalogue_of(Settings(data=Path("/nonexistent"), runtimes_dir=default_runtimes_dir()))
    try:
        catalogue.install("nodejs20.x", lambda _: None)
    except (RuntimeInstallError, RuntimeNotReadyError) as error:
        pytest.skip(f"needs the runtime nodejs20.x: {error}")
    return "nodejs20.x"


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """A package's files: `handler.py` and what pip installs of these requirements."""

    def make(code: str, *requirements: str) -> dict[str, str | bytes]:
        folder = tmp_path_factory.mktemp("package")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(folder)]
        done = subprocess.run([*command, *requirements], capture_output=True, timeout=INSTALL_LIMIT_S, check=False)
        if done.returncode != 0:
            pytest.skip(f"pip cannot install: {done.stderr.decode()[-200:]}")
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return {**files, "handler.py": code}

    return make
