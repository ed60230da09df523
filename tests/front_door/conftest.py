"""A real front door on a free port, in a thread with an event loop of its own, so that ordinary clients can ask it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvloop
from botocore.config import Config

from stoker.clock import SystemClock
from stoker.config import Settings
from stoker.front_door.json_services import JsonService
from stoker.front_door.raw_routes import RawRequest, RawResponse, RawRoute
from stoker.front_door.server import FrontDoor
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ONCE = Config(retries={"total_max_attempts": 1}, parameter_validation=False, tcp_keepalive=True)


class StoppableClock(SystemClock):
    """The host's clock until it is stopped at a time."""

    stopped_at_s: float | None = None

    def now_s(self) -> float:
        return super().now_s() if self.stopped_at_s is None else self.stopped_at_s


@dataclass
class Door:
    """A running front door, what was called through it, and how to ask it."""

    port: int
    clock: StoppableClock
    loop: asyncio.AbstractEventLoop
    front_door: FrontDoor
    calls: list[ApiCall] = field(default_factory=list)
    outcomes: dict[str, Callable[[ApiCall], Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(
        self, service: str = "lambda", access_key_id: str = ACCESS_KEY_ID, secret: str = SECRET_ACCESS_KEY
    ) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            config=ONCE,
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def send(self, data: bytes) -> bytes:
        """Everything that comes back for these bytes until the server is done with us or falls silent."""
        with self.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer

    async def operation(self, call: ApiCall) -> ApiAnswer:
        """Note the call and answer what the test prepared for it."""
        self.calls.append(call)
        outcome = self.outcomes.get(call.operation)
        if outcome is None:
            return ApiAnswer()
        answer = outcome(call)
        return await answer if asyncio.iscoroutine(answer) else answer


async def health(request: RawRequest) -> RawResponse:
    return RawResponse(headers={"content-type": "text/plain"}, body=f"{request.method} {request.path}".encode())


async def stream(request: RawRequest) -> RawResponse:
    async def chunks() -> Any:
        yield b"one,"
        yield b"two"
        if "fail" in request.query:
            raise RuntimeError("the stream broke")

    return RawResponse(body=chunks())


RAW_ROUTES = {
    "/_stoker/health": RawRoute(health, needs_signature=False),
    "/_stoker/stream": RawRoute(stream),
}
OPERATIONS = (
    "Invoke",
    "InvokeWithResponseStream",
    "CreateFunction",
    "GetFunction",
    "DeleteFunction",
    "ListFunctions",
    "ListTags",
    "UntagResource",
    "PublishLayerVersion",
)
LOGS_OPERATIONS = ("DescribeLogGroups", "PutLogEvents")


class DoorThread:
    """Starts a front door in a thread and stops it again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready: Future[Door] = Future()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()), daemon=True)

    def __enter__(self) -> Door:
        self._thread.start()
        return self._ready.result(timeout=20)

    def __exit__(self, *_: object) -> None:
        door = self._ready.result()
        door.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._stopping = asyncio.Event()
        try:
            listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
            clock = StoppableClock()
            holder: list[Door] = []

            async def operation(call: ApiCall) -> ApiAnswer:
                return await holder[0].operation(call)

            operations: Mapping[str, Operation] = dict.fromkeys(OPERATIONS, operation)
            logs = JsonService("logs", dict.fromkeys(LOGS_OPERATIONS, operation))
            front_door = FrontDoor(self._settings, operations, {"logs": logs}, RAW_ROUTES, listener, clock)
            holder.append(Door(listener.getsockname()[1], clock, asyncio.get_running_loop(), front_door))
            await front_door.start()
        except BaseException as error:
            self._ready.set_exception(error)
            raise
        self._ready.set_result(holder[0])
        await self._stopping.wait()
        await front_door.stop(1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all doors keep the one certificate that they make."""
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="session")
def _open_door(data: Path) -> Iterator[Door]:
    with DoorThread(Settings(data=data, account_id="111122223333", region="eu-central-1")) as door:
        yield door


@pytest.fixture(scope="session")
def _locked_door(data: Path) -> Iterator[Door]:
    settings = Settings(data=data, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY)
    with DoorThread(settings) as door:
        yield door


async def door_of(operation: Operation, settings: Settings | None = None) -> tuple[FrontDoor, int]:
    """A front door in this test's own loop, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    settings = settings or Settings(data=Path("/nonexistent"))
    front_door = FrontDoor(settings, {"Invoke": operation}, {}, RAW_ROUTES, listener, SystemClock())
    await front_door.start()
    return front_door, listener.getsockname()[1]


def _fresh(door: Door) -> Door:
    door.calls.clear()
    door.outcomes.clear()
    door.clock.stopped_at_s = None
    return door


@pytest.fixture
def door(_open_door: Door) -> Door:
    """Without credentials: every request is accepted."""
    return _fresh(_open_door)


@pytest.fixture
def locked_door(_locked_door: Door) -> Door:
    """With credentials: every request must be signed."""
    return _fresh(_locked_door)
