"""As much of a node as functions need, for the tests of this room and for children that get killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stoker.clock import SystemClock
from stoker.code.download import CodeDownload
from stoker.code.store import CodeStore
from stoker.config import Settings, default_runtimes_dir
from stoker.database.engine import Database, database_url
from stoker.errors import LambdaError
from stoker.functions.activation import Activation
from stoker.functions.api import FunctionsApi
from stoker.functions.records import FunctionTarget, FunctionVersion
from stoker.functions.registry import FunctionRegistry
from stoker.functions.store import FunctionStore
from stoker.lambda_model.call import ApiCall, Caller
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.supervision import Background
from tests.code.archives import archive

ACCOUNT, REGION = "000000000000", "eu-west-1"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/executor"
APP = archive({"bootstrap": "#!/bin/sh\n"})
OTHER_APP = archive({"bootstrap": "#!/bin/sh\nexit 1\n"})


@dataclass
class Node:
    """As much of a node as functions need."""

    registry: FunctionRegistry
    code_store: CodeStore
    activation: Activation
    api: FunctionsApi
    useless: list[FunctionVersion]
    caller: Caller

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer's members, None left out, as a client would see them."""
        request = ApiCall(operation, self.caller, "request-1", members, "http://127.0.0.1:4566")
        answer = await self.api.operations()[operation](request)
        return _without_none(answer.members)

    async def refusal(self, operation: str, **members: Any) -> tuple[str, str | None]:
        """The code and the message of the error that the operation must answer."""
        with pytest.raises(LambdaError) as raised:
            await self.call(operation, **members)
        return raised.value.code, raised.value.message

    async def create(self, name: str = "f", **members: Any) -> dict[str, Any]:
        """Create a function and wait until it is active."""
        basic = {"Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Code": {"ZipFile": APP}}
        created = await self.call("CreateFunction", FunctionName=name, **(basic | members))
        await self.settle()
        return created

    async def settle(self) -> None:
        """Wait until nothing is pending or in progress."""
        for function in self.registry.all_functions():
            for version in function.versions:
                while self.is_unsettled(function.name, version.version):
                    await asyncio.sleep(0.005)

    def is_unsettled(self, name: str, qualifier: str = "$LATEST") -> bool:
        version = self.registry.version(self.target(name, qualifier))
        return version.state == "Pending" or version.last_update_status == "InProgress"

    def target(self, name: str, qualifier: str | None = None) -> FunctionTarget:
        return FunctionTarget(self.caller.account_id, self.caller.region, name, qualifier)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "items"):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return value


@asynccontextmanager
async def running_node(data: Path, delay_s: float = 0.0, **settings: Any) -> AsyncIterator[Node]:
    """A node on the data directory `data`; leaving it is an orderly stop."""
    all_settings = replace(Settings(data=data, runtimes_dir=default_runtimes_dir()), **settings)
    clock = SystemClock()
    async with Database(database_url("", data)) as database, Background() as background:
        code_store = CodeStore(data / "code", background)
        await code_store.open()
        registry = FunctionRegistry(FunctionStore(database), background)
        await registry.load()
        useless: list[FunctionVersion] = []
        registry.on_change(useless.append)
        runtimes = RuntimeCatalogue(all_settings)
        activation = Activation(registry, code_store, runtimes, background, delay_s)
        download = CodeDownload(code_store, data / "code-links.key", clock)
        api = FunctionsApi(registry, code_store, download, runtimes, activation, all_settings, clock)
        activation.resume()
        yield Node(registry, code_store, activation, api, useless, Caller(ACCOUNT, REGION))
        await background.stop()
        await code_store.close()
