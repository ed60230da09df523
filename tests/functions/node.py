"""As much of a node as functions need, for the tests of this room and for children that get killed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError

from stoker.clock import SystemClock
from stoker.code.download import CodeDownload
from stoker.code.layer_trees import LayerTrees
from stoker.code.source import PackageSource
from stoker.code.store import CodeStore
from stoker.code_signing.api import CodeSigningApi
from stoker.code_signing.registry import CodeSigningConfigs
from stoker.code_signing.signature import SignatureCheck
from stoker.code_signing.store import CodeSigningStore
from stoker.code_signing.tags import CodeSigningTags
from stoker.config import Settings, default_runtimes_dir
from stoker.database.engine import Database, database_url
from stoker.errors import InvalidParameterValueException, LambdaError
from stoker.event_sources.api import EventSourceMappingsApi
from stoker.event_sources.pollers import Pollers
from stoker.event_sources.records import EventSource, EventSourceMapping
from stoker.event_sources.store import MappingStore
from stoker.event_sources.tags import MappingTags
from stoker.event_sources.transitions import MappingTransitions
from stoker.functions.account import code_bytes
from stoker.functions.activation import Activation
from stoker.functions.api import FunctionsApi
from stoker.functions.code import CodeReader
from stoker.functions.deployment_api import DeploymentApi
from stoker.functions.file_systems import FileSystems
from stoker.functions.presentation import Presentation
from stoker.functions.provisioned_concurrency.records import AllocationState
from stoker.functions.records import FunctionKey, FunctionTarget, FunctionVersion, Image, Reason
from stoker.functions.registry import FunctionRegistry
from stoker.functions.sealing import Sealing
from stoker.functions.store import FunctionStore
from stoker.lambda_model.call import ApiCall, Caller, Operation
from stoker.layers.api import LayersApi
from stoker.layers.attachable import AttachableLayers
from stoker.layers.store import LayerStore
from stoker.sandbox.file_systems import declared_file_systems
from stoker.supervision import Background
from tests.catalogues import catalogue_of
from tests.code.archives import archive

ACCOUNT, REGION = "000000000000", "eu-west-1"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/executor"
APP = archive({"bootstrap": "#!/bin/sh\n"})
OTHER_APP = archive({"bootstrap": "#!/bin/sh\nexit 1\n"})


class Elsewhere:
    """What lies outside this room, empty: no object in S3, no image, no subnet. Tests on whole nodes have them."""

    def __init__(self) -> None:
        self.is_making, self.may_make = asyncio.Event(), asyncio.Event()
        self.may_make.set()

    async def download(self, *_: object) -> bytes:
        missing = {"Code": "NoSuchKey", "Message": "The specified key does not exist."}
        raise ClientError({"Error": missing}, "GetObject")

    async def resolve(self, uri: str, *_: object) -> Image:
        raise InvalidParameterValueException(f"Source image {uri} does not exist. Provide a valid source image.")

    async def call(self, service: str, *_: object, **__: object) -> dict[str, Any]:
        missing = {"Code": "NotFoundException", "Message": f"{service} has nothing"}
        raise ClientError({"Error": missing}, service)

    async def fetch(self, image: Image) -> None:
        raise AssertionError(f"there is no image {image.uri}")

    async def make(self, version: FunctionVersion) -> Reason | None:
        """There are no environments: what waits for one gets it as soon as the test lets it."""
        self.is_making.set()
        await self.may_make.wait()
        return None

    async def check(self, subnet_ids: Sequence[str], *_: object) -> str:
        raise InvalidParameterValueException(f"The subnet ID '{subnet_ids[0]}' does not exist")


class EverySource:
    """Queues and streams, which lie outside this room as well: all that are named are there."""

    async def check(self, source: EventSource, function_timeout_s: int, *, is_enabled: bool) -> None: ...


def _never_polled(mapping: EventSourceMapping) -> NoReturn:
    raise AssertionError("the pollers of this node are not started")


@dataclass
class Node:
    """As much of a node as functions need."""

    registry: FunctionRegistry
    code_store: CodeStore
    layer_trees: LayerTrees
    activation: Activation
    download: CodeDownload
    operations: Mapping[str, Operation]
    elsewhere: Elsewhere
    useless: list[FunctionVersion]
    caller: Caller

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer's members, None left out, as a client would see them."""
        request = ApiCall(operation, self.caller, "request-1", members, "http://127.0.0.1:4566")
        answer = await self.operations[operation](request)
        shown: dict[str, Any] = _without_none(answer.members)
        return shown

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


class NothingAllocated:
    """Of whatever is provisioned, nothing is there yet: there are no environments."""

    def state(self, key: FunctionKey, qualifier: str) -> AllocationState:
        return AllocationState()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "items"):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return value


@asynccontextmanager
async def running_node(
    data: Path, delay_s: float = 0.0, chance: Callable[[], float] = random.random, **settings: Any
) -> AsyncIterator[Node]:
    """A node on the data directory `data`; leaving it is an orderly stop. `chance` draws for aliases with weights."""
    all_settings = replace(Settings(data=data, runtimes_dir=default_runtimes_dir()), **settings)
    limits = all_settings.limits
    clock = SystemClock()
    async with Database(database_url("", data)) as database, Background() as background:
        code_store = CodeStore(data / "code", background, limits.unzipped_bytes_max)
        await code_store.open()
        registry = FunctionRegistry(FunctionStore(database), background, chance)
        await registry.load()
        useless: list[FunctionVersion] = []
        registry.on_change(useless.append)
        runtimes = catalogue_of(all_settings)
        layer_trees, layer_store = LayerTrees(code_store), LayerStore(database)
        await layer_trees.open()
        configs = CodeSigningConfigs(CodeSigningStore(database), background)
        await configs.load()
        signatures = SignatureCheck(configs, code_store)
        elsewhere = Elsewhere()
        activation = Activation(registry, code_store, layer_trees, runtimes, elsewhere, elsewhere, background, delay_s)
        download = CodeDownload(code_store, data / "code-links.key", clock)
        mapping_store = MappingStore(database)
        pollers = Pollers(mapping_store, _never_polled, background)
        transitions = MappingTransitions(mapping_store, pollers, background, delay_s)
        await transitions.resume()
        attachable = AttachableLayers(layer_store)
        packages = PackageSource(elsewhere, limits)
        sealing = Sealing(elsewhere)
        presentation = Presentation(runtimes, sealing)
        deployment = DeploymentApi(
            registry=registry,
            code_store=code_store,
            code=CodeReader(registry, attachable, code_store, packages, elsewhere, limits.code_storage_bytes_max),
            runtimes=runtimes,
            activation=activation,
            layers=attachable,
            code_signing=signatures,
            networks=elsewhere,
            file_systems=FileSystems(declared_file_systems(all_settings), has_isolation=True),
            sealing=sealing,
            presentation=presentation,
            limits=limits,
            clock=clock,
        )
        functions = FunctionsApi(
            registry=registry,
            code_download=download,
            runtimes=runtimes,
            presentation=presentation,
            activation=activation,
            layers=attachable,
            allocations=NothingAllocated(),
            tagged={
                "code-signing-config": CodeSigningTags(configs),
                "event-source-mapping": MappingTags(mapping_store),
            },
            settings=all_settings,
            clock=clock,
        )
        layers = LayersApi(
            layer_store,
            code_store,
            packages,
            download,
            lambda caller: code_bytes(registry.functions_of(caller.account_id, caller.region)),
            limits,
            clock,
        )
        code_signing = CodeSigningApi(configs, registry, signatures, limits.tags_max, clock)
        mappings = EventSourceMappingsApi(mapping_store, transitions, EverySource(), registry, limits, clock)
        rooms = (functions, deployment, layers, code_signing, mappings)
        operations = {name: operation for room in rooms for name, operation in room.operations().items()}
        activation.resume()
        yield Node(
            registry,
            code_store,
            layer_trees,
            activation,
            download,
            operations,
            elsewhere,
            useless,
            Caller(ACCOUNT, REGION),
        )
        await background.stop()
        await code_store.close()
