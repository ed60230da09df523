"""A node for the bench: started by the ordinary command on a free port, with a data directory that is thrown away."""

import asyncio
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from bench.plan import HANDLER, MEMORY_MB

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
# What they hold in memory differs by release (decision 0054): the first of these that is ready on this machine.
CROWD_RUNTIMES = ("python3.13", "python3.12")
ROLE = "arn:aws:iam::000000000000:role/bench"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0
LOOK_EVERY_S = 0.02
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class NodeError(Exception):
    """The node did not start; the text is what it printed."""


class BenchNode:
    """One node, from its start to its end. `endpoint` and `isolation` are known inside the block.

    Functions get `runtime`, which is that of the Python that runs the bench unless it is changed.
    """

    def __init__(self, **settings: str) -> None:
        """`settings`: the node's, by name."""
        self._settings = {f"STOKER_{name.upper()}": value for name, value in settings.items()}
        self.endpoint = ""
        self.isolation = ""
        self.runtime = RUNTIME
        self._directory = tempfile.TemporaryDirectory(prefix="stoker-bench-")
        self._log = Path(self._directory.name) / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Any = None
        self._apis: Any = None
        self._rest_apis: Any = None
        self._balancers: Any = None

    @property
    def data(self) -> Path:
        """Its data directory, not yet made before the node has started."""
        return Path(self._directory.name) / "data"

    async def __aenter__(self) -> "BenchNode":
        try:
            await asyncio.to_thread(self._start)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._stop()

    def _start(self) -> None:
        data = self.data
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stoker", "up", "--data", str(data), "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._directory.name,
                env={**_without_settings(), "STOKER_UPDATE_DELAY_S": "0", **self._settings},
            )
        record = self._wait_record(data / "node.json")
        self.endpoint, self.isolation = record["endpoint"], record["isolation"]
        self._client, self._apis, self._rest_apis, self._balancers = (
            boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name="us-east-1",
                aws_access_key_id="000000000000",
                aws_secret_access_key="bench",
                config=Config(retries={"total_max_attempts": 1}, proxies={}),
            )
            for service in ("lambda", "apigatewayv2", "apigateway", "elbv2")
        )

    def _wait_record(self, path: Path) -> dict[str, Any]:
        assert self._process is not None
        deadline_s = time.monotonic() + START_LIMIT_S
        while not path.exists():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise NodeError(self._log.read_text())
            time.sleep(LOOK_EVERY_S)
        record: dict[str, Any] = json.loads(path.read_text())
        return record

    async def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._directory.cleanup()

    async def deploy(self, name: str, folder: Path, concurrency: int | None = None) -> None:
        """A function that is active when this returns. `concurrency` is reserved for it."""
        await asyncio.to_thread(self._deploy, name, folder, concurrency)

    async def queue(self, name: str, events: int) -> None:
        """So many asynchronous invocations, each accepted when this returns."""
        for _ in range(events):
            await asyncio.to_thread(self._client.invoke, FunctionName=name, InvocationType="Event", Payload=b"{}")

    async def deploy_many(self, count: int, folder: Path) -> None:
        """As many functions of one package; each is active when this returns."""
        names = [f"many-{number}" for number in range(count)]
        for name in names:
            await asyncio.to_thread(create_function, self._client, name, folder, self.runtime)
        for name in names:
            await asyncio.to_thread(wait_active, self._client, name)

    def _deploy(self, name: str, folder: Path, concurrency: int | None) -> None:
        create_function(self._client, name, folder, self.runtime)
        wait_active(self._client, name)
        if concurrency is not None:
            self._client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)

    async def provision(self, name: str, count: int) -> float:
        """Publish a version of `name` with so many environments initialised ahead; the seconds until they are ready."""
        return await asyncio.to_thread(self._provision, name, count)

    def _provision(self, name: str, count: int) -> float:
        version = self._client.publish_version(FunctionName=name)["Version"]
        asked = {"FunctionName": name, "Qualifier": version}
        began_s = time.perf_counter()
        self._client.put_provisioned_concurrency_config(**asked, ProvisionedConcurrentExecutions=count)
        while self._client.get_provisioned_concurrency_config(**asked)["Status"] != "READY":
            if time.perf_counter() - began_s > START_LIMIT_S:
                raise NodeError(f"{count} environments of {name} are not ready after {START_LIMIT_S:g} s")
            time.sleep(LOOK_EVERY_S)
        return time.perf_counter() - began_s

    async def url_path(self, name: str) -> str:
        """Make a URL for `name` that anybody may call; its path on the node."""
        return await asyncio.to_thread(self._url_path, name)

    def _url_path(self, name: str) -> str:
        url: str = self._client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
        allowed = {"FunctionName": name, "Principal": "*"}
        self._client.add_permission(
            **allowed, StatementId="url", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE"
        )
        self._client.add_permission(
            **allowed, StatementId="function", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True
        )
        found = re.search(r"[a-z0-9]{32}", url)
        assert found is not None
        return f"/_stoker/url/{found[0]}/"

    async def api_path(self, name: str) -> str:
        """Make an HTTP API for `name`; its path on the node."""
        return await asyncio.to_thread(self._api_path, name)

    def _api_path(self, name: str) -> str:
        arn = self._client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        made = self._apis.create_api(Name=name, ProtocolType="HTTP", Target=arn)
        self._client.add_permission(
            FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
        )
        return f"/_stoker/api/{made['ApiId']}/"

    async def rest_api_path(self, name: str) -> str:
        """Make a REST API for `name`, which lets API Gateway in already; the path of its stage on the node."""
        return await asyncio.to_thread(self._rest_api_path, name)

    def _rest_api_path(self, name: str) -> str:
        arn = self._client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        made = self._rest_apis.create_rest_api(name=name)
        at = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "ANY"}
        self._rest_apis.put_method(**at, authorizationType="NONE")
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
        self._rest_apis.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        self._rest_apis.create_deployment(restApiId=made["id"], stageName="bench")
        return f"/_stoker/api/{made['id']}/bench/"

    async def balancer_endpoint(self, name: str) -> str:
        """Make a load balancer for `name`; where its listener answers."""
        return await asyncio.to_thread(self._balancer_endpoint, name)

    def _balancer_endpoint(self, name: str) -> str:
        arn = self._client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        made = self._balancers.create_target_group(Name=name, TargetType="lambda")
        group = made["TargetGroups"][0]["TargetGroupArn"]
        principal = "elasticloadbalancing.amazonaws.com"
        self._client.add_permission(
            FunctionName=name, StatementId="balancer", Action="lambda:InvokeFunction", Principal=principal
        )
        self._balancers.register_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
        balancer = self._balancers.create_load_balancer(Name=name)["LoadBalancers"][0]["LoadBalancerArn"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        self._balancers.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=actions)
        return f"http://127.0.0.1:{port}"

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self._client.delete_function, FunctionName=name)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def cpu_s(self) -> float:
        """Processor time of the node's own process so far: not of its launchers, nor of its functions (proc(5))."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def memory_mb(self) -> float:
        """What the node's own process holds in memory (proc(5), VmRSS)."""
        assert self._process is not None
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


def create_function(client: Any, name: str, folder: Path, runtime: str = RUNTIME) -> None:
    """By any client of any server that speaks the Lambda API."""
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=HANDLER,
        Role=ROLE,
        MemorySize=MEMORY_MB,
        Timeout=30,
        Code={"ZipFile": _zip_of(folder)},
    )


def wait_active(client: Any, name: str) -> None:
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 1000})


def crowd_runtime() -> str:
    """Asked of the ordinary command."""
    command = [sys.executable, "-m", "stoker", "runtimes", "--output", "json"]
    told = subprocess.run(command, check=True, capture_output=True, timeout=START_LIMIT_S, env=_without_settings())
    ready = {runtime["name"] for runtime in json.loads(told.stdout) if runtime["is_ready"]}
    return next((name for name in CROWD_RUNTIMES if name in ready), RUNTIME)


def _zip_of(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.glob("*.py")):
            entry = zipfile.ZipInfo(file.name, (2025, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("STOKER_", "AWS_"))}
