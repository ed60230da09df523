"""Builds and joins every part of a node: the only module that knows everybody.

Read `serve` from top to bottom; what it enters it leaves in the opposite order.
"""

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import uvloop

from stoker import __version__
from stoker.clock import SystemClock
from stoker.code.download import ROUTE as CODE_ROUTE
from stoker.code.download import CodeDownload
from stoker.code.layer_trees import LayerTrees, layer_list
from stoker.code.store import CodeStore
from stoker.code_signing.api import CodeSigningApi
from stoker.code_signing.registry import CodeSigningConfigs
from stoker.code_signing.signature import SignatureCheck
from stoker.code_signing.store import CodeSigningStore
from stoker.config import Settings, SettingsError, is_loopback
from stoker.database.engine import Database, database_url
from stoker.database.errors import DatabaseError, DataDirectoryError
from stoker.database.lock import DataDirectoryLock
from stoker.environments.environment import EnvironmentPlan
from stoker.environments.host_memory import HostMemory
from stoker.environments.plan import plan_environment
from stoker.environments.pool import EnvironmentPool
from stoker.errors import InvalidRuntimeException
from stoker.front_door.json_services import JsonService
from stoker.front_door.raw_routes import RawRequest, RawResponse, RawRoute
from stoker.front_door.server import FrontDoor
from stoker.functions.account import code_bytes
from stoker.functions.activation import Activation
from stoker.functions.api import FunctionsApi
from stoker.functions.records import Function, FunctionKey, FunctionVersion, State
from stoker.functions.registry import Follower, FunctionRegistry
from stoker.functions.store import FunctionStore
from stoker.invocations.api import InvocationsApi
from stoker.invocations.concurrency import Concurrency
from stoker.invocations.invoke import Invoker
from stoker.layers.api import LayersApi
from stoker.layers.attachable import AttachableLayers
from stoker.layers.store import LayerStore
from stoker.logs.api import LogsApi
from stoker.logs.store import LogStore
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeNotReadyError
from stoker.sandbox.host import examine
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.plain import PlainSandboxes
from stoker.sandbox.sandbox import SandboxMaker
from stoker.supervision import Background, supervise

log = logging.getLogger("stoker")

CODE_SWEEP_EVERY_S = 3600.0
PLAIN_WARNING = (
    "isolation is PLAIN: functions run as mere processes of this user and can read and change everything it can. "
    "Use it for code you trust. See: stoker doctor"
)


def run(settings: Settings) -> int:
    """Run a node until SIGTERM or Ctrl-C. Returns the exit status; what prevents a start is told in one line."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for talkative in ("alembic", "uvicorn", "botocore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        uvloop.run(serve(settings))
    except (SettingsError, DataDirectoryError, DatabaseError, StartError) as error:
        print(f"stoker: {error}", file=sys.stderr)
        return 1
    return 0


class StartError(Exception):
    """The node cannot start; the text says what to do."""


async def serve(settings: Settings) -> None:
    """The whole node, from its lock to its last sandbox."""
    stop = _stop_signal()
    _raise_descriptor_limit()
    clock = SystemClock()
    async with AsyncExitStack() as parts:
        parts.enter_context(DataDirectoryLock(settings.data))
        maker = await parts.enter_async_context(await _sandbox_maker(settings))
        database = await parts.enter_async_context(Database(database_url(settings.database_url, settings.data)))
        background = await parts.enter_async_context(Background())

        log_store = LogStore(database, clock, background, settings.log_retention_days)
        log_store.start()
        parts.push_async_callback(log_store.close)

        code_store = CodeStore(settings.data / "code", background)
        await code_store.open()
        parts.push_async_callback(code_store.close)
        layer_trees = LayerTrees(code_store)
        await layer_trees.open()
        layer_store = LayerStore(database)

        runtimes = RuntimeCatalogue(settings)
        registry = FunctionRegistry(FunctionStore(database), background)
        await registry.load()
        signing_configs = CodeSigningConfigs(CodeSigningStore(database), background)
        await signing_configs.load()
        signatures = SignatureCheck(signing_configs, code_store)
        activation = Activation(registry, code_store, layer_trees, runtimes, background, settings.update_delay_s)
        activation.resume()

        planner = _Planner(settings, code_store, layer_trees, runtimes, maker)
        environments = EnvironmentPool(
            maker=maker,
            planner=planner.plan,
            log_store=log_store,
            clock=clock,
            background=background,
            host_memory=HostMemory(settings.memory_reserve_mb),
            idle_timeout_s=settings.idle_timeout_s,
            freeze_after_s=settings.freeze_after_s,
        )
        parts.push_async_callback(environments.close)
        registry.on_change(environments.drain)
        registry.follow(_prepare_active(environments))
        background.start(environments.run_housekeeping(), "environment housekeeping")
        sweep = _CodeSweep(code_store, layer_trees, layer_store, registry, environments)
        background.start(supervise(sweep.run, "code sweep"), "code sweep")

        concurrency = Concurrency(settings.concurrent_executions)
        registry.follow(concurrency.note)
        invoker = Invoker(registry, concurrency, environments)
        code_download = CodeDownload(code_store, settings.data / "code-links.key", clock)
        functions = FunctionsApi(
            registry=registry,
            code_store=code_store,
            code_download=code_download,
            runtimes=runtimes,
            activation=activation,
            layers=AttachableLayers(layer_store),
            code_signing=signatures,
            settings=settings,
            clock=clock,
        )
        layers = LayersApi(
            layer_store,
            code_store,
            code_download,
            lambda caller: code_bytes(registry.functions_of(caller.account_id, caller.region)),
            clock,
        )
        node = _Node(settings, maker.isolation, environments, code_download)
        listener = _listen(settings)
        front_door = FrontDoor(
            settings,
            {
                **functions.operations(),
                **layers.operations(),
                **CodeSigningApi(signing_configs, registry, signatures, clock).operations(),
                **InvocationsApi(invoker).operations(),
            },
            {"Logs_20140328": JsonService("logs", LogsApi(log_store, clock).operations())},
            node.raw_routes(),
            listener,
            clock,
        )
        await front_door.start()
        node.announce(listener)
        parts.callback(node.withdraw)
        await stop.wait()
        log.info("stopping: waiting for running invocations, at most %.0f s", settings.stop_grace_s)
        node.state = "stopping"
        await front_door.stop(settings.stop_grace_s)
        invoker.stop()
    log.info("stopped")


class _Node:
    """What a node tells about itself: its record in the data directory, its health, and downloads of code."""

    def __init__(
        self, settings: Settings, isolation: str, environments: EnvironmentPool, code_download: CodeDownload
    ) -> None:
        self.state = "running"
        self._settings = settings
        self._isolation = isolation
        self._environments = environments
        self._code_download = code_download
        self._record = settings.data / "node.json"
        self._endpoint = ""

    def raw_routes(self) -> dict[str, RawRoute]:
        return {
            "/_stoker/health": RawRoute(self._health, needs_signature=False),
            # The link itself is signed, like S3's.
            CODE_ROUTE: RawRoute(self._code, needs_signature=False),
        }

    def announce(self, listener: socket.socket) -> None:
        """Tell the person in front of it, and the command line, where it is."""
        host, port = listener.getsockname()[:2]
        self._endpoint = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        record = {
            "pid": os.getpid(),
            "endpoint": self._endpoint,
            "version": __version__,
            "isolation": self._isolation,
        }
        new = self._record.with_suffix(".new")
        new.write_text(json.dumps(record))
        new.rename(self._record)
        log.info("Stoker %s at %s, isolation %s. Ctrl-C stops it.", __version__, self._endpoint, self._isolation)
        if self._isolation == "plain":
            log.warning(PLAIN_WARNING)

    def withdraw(self) -> None:
        self._record.unlink(missing_ok=True)

    async def _health(self, request: RawRequest) -> RawResponse:
        body: dict[str, Any] = {
            "state": self.state,
            "version": __version__,
            "isolation": self._isolation,
            "pid": os.getpid(),
            "endpoint": self._endpoint,
            "data": str(self._settings.data),
            "environments": {"all": self._environments.count, "idle": self._environments.idle_count},
        }
        if self._isolation == "plain":
            body["warning"] = PLAIN_WARNING
        return RawResponse(200, {"content-type": "application/json"}, json.dumps(body).encode())

    async def _code(self, request: RawRequest) -> RawResponse:
        query = {name: values[0] for name, values in request.query.items()}
        file = await self._code_download.find(request.path, query)
        body = await asyncio.to_thread(file.read_bytes)
        return RawResponse(200, {"content-type": "application/octet-stream"}, body)


class _Planner:
    """Knows where a version's code lies and what runs it."""

    def __init__(
        self,
        settings: Settings,
        code_store: CodeStore,
        layer_trees: LayerTrees,
        runtimes: RuntimeCatalogue,
        maker: SandboxMaker,
    ) -> None:
        self._settings = settings
        self._code_store = code_store
        self._layer_trees = layer_trees
        self._runtimes = runtimes
        self._on_host = maker.isolation == "plain"

    async def plan(self, version: FunctionVersion, name: str, log_stream: str) -> EnvironmentPlan:
        """Raises InvalidRuntimeException when the runtime is no longer there."""
        try:
            build = self._runtimes.found(version.runtime)
            if build is None:
                build = await asyncio.to_thread(self._runtimes.find, version.runtime)
        except RuntimeNotReadyError as error:
            raise InvalidRuntimeException(str(error)) from None
        return plan_environment(
            version,
            build,
            self._code_store.tree(version.code),
            await self._layer_trees.tree(version.layer_packages),
            name,
            log_stream,
            fresh=self._settings.fresh,
            on_host=self._on_host,
        )


async def _sandbox_maker(settings: Settings) -> SandboxMaker:
    """The best isolation this host allows, or what the settings insist on. Raises StartError."""
    report = await asyncio.to_thread(examine)
    isolation = report.isolation if settings.isolation == "auto" else settings.isolation
    if isolation == "strict" and report.isolation != "strict":
        raise StartError(f"isolation 'strict' is not possible here: {report.reason}. See: stoker doctor")
    if isolation == "plain":
        if not is_loopback(settings.host):
            raise StartError(
                f"isolation 'plain' protects nothing, so it is refused on {settings.host}: "
                "listen on 127.0.0.1, or see what is missing for isolation 'strict' with: stoker doctor"
            )
        return PlainSandboxes(settings.data)
    return NamespaceSandboxes(settings.data, settings.data / "code")


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose another port with --port "
            "(0 takes a free one), or stop what listens there"
        ) from None
    return listener


def _prepare_active(environments: EnvironmentPool) -> Follower:
    """A runtime is started with the first of its functions, so that the first call does not wait for it."""

    def follow(_: FunctionKey, function: Function | None) -> None:
        if function is not None and function.latest.state is State.ACTIVE:
            environments.prepare(function.latest)

    return follow


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _raise_descriptor_limit() -> None:
    """An environment takes about ten descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@dataclass(frozen=True, slots=True)
class _CodeSweep:
    """Now and then deletes packages and merged layers that no function, layer and environment uses any more."""

    code_store: CodeStore
    layer_trees: LayerTrees
    layer_store: LayerStore
    registry: FunctionRegistry
    environments: EnvironmentPool

    async def run(self) -> None:
        while True:
            published = await self.layer_store.packages()
            mounted = self.environments.versions()
            await self.layer_trees.delete_unused(
                self.registry.layers_in_use() | {layer_list(version.layer_packages) for version in mounted}
            )
            await self.code_store.delete_unused(
                published
                | self.registry.packages_in_use()
                | {package.sha256 for version in mounted for package in version.packages}
            )
            await asyncio.sleep(CODE_SWEEP_EVERY_S)
