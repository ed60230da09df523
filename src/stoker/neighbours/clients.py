"""The node's own calls to the rest of AWS, by botocore: code from S3, keys from KMS, destinations, triggers."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.exceptions import HTTPClientError

from stoker.lambda_model.call import Caller, Operation
from stoker.neighbours.choices import Choices, Elsewhere, Embedded, Here, Off, signing_name
from stoker.neighbours.embedded import EmbeddedNeighbours
from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.own_services import call_own
from stoker.neighbours.patient_threads import PatientThreads
from stoker.neighbours.unix_transport import UnixTransport

THREADS_MAX = 16
CONNECTIONS_KEPT_MAX = 256  # for each client: those who wait at a service are many
CLIENTS_MAX = 64
CONNECT_LIMIT_S = 5.0
READ_LIMIT_S = 60.0
PIECE_BYTES = 1 << 16
_EMBEDDED_URL = "http://localhost"
_OURS = frozenset({"lambda", "logs"})


class AwsClients:
    """botocore's clients, kept by service, account and region; they run in threads of their own."""

    def __init__(
        self, choices: Choices, embedded: EmbeddedNeighbours, own: Mapping[str, Mapping[str, Operation]] | None = None
    ) -> None:
        """`own` are the operations of services that the node has itself, by the service's name."""
        self._choices = choices
        self._embedded = embedded
        self._own = dict(own or {})
        self._session = botocore.session.Session()
        self._clients: OrderedDict[tuple[str, str, str], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="aws")
        self._patient_threads = PatientThreads()
        self._signing_names: dict[str, str] = {}

    def serve(self, service: str, operations: Mapping[str, Operation]) -> None:
        """From now on the node has `service` itself."""
        self._own[service] = operations

    def close(self) -> None:
        """Start no further call. Those that run end by themselves, within their time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> dict[str, Any]:
        """One call of botocore's `service` (`s3`, `stepfunctions`); the operation by AWS's name (`GetObject`).

        A body that streams is not read. Raises botocore's ClientError as it is, NeighbourError when the service cannot
        answer, and BotoCoreError for parameters that its model refuses.
        """
        if self._is_own(service):
            return await call_own(self._own[service], Caller(account_id, region), operation, parameters)
        return await self._call(self._threads, service, account_id, region, operation, parameters)

    async def call_patiently(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> dict[str, Any]:
        """As `call`, for an operation that waits at the service, up to READ_LIMIT_S: it takes no thread from others.

        The caller bounds how many there are. A caller that is cancelled leaves the thread to its answer.
        """
        if self._is_own(service):
            return await call_own(self._own[service], Caller(account_id, region), operation, parameters)
        return await self._call(self._patient_threads, service, account_id, region, operation, parameters)

    def _is_own(self, service: str) -> bool:
        """Such a call takes no thread and no connection, and ends when its caller is cancelled."""
        return service in self._own and isinstance(self._choices.of(self._signing_name(service)), Here)

    async def download(
        self, account_id: str, region: str, bucket: str, key: str, version_id: str | None, limit_bytes: int
    ) -> bytes:
        """An object of S3, whole. Raises ObjectTooLargeError as soon as it is known, else as `call` does."""
        wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})
        body: bytes = await self._in_thread(
            "s3", lambda: _read(self._client("s3", account_id, region).get_object(**wanted)["Body"], limit_bytes)
        )
        return body

    async def _call(
        self,
        threads: Executor,
        service: str,
        account_id: str,
        region: str,
        operation: str,
        parameters: Mapping[str, Any],
    ) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            answer: dict[str, Any] = getattr(self._client(service, account_id, region), xform_name(operation))(
                **parameters
            )
            return answer

        answer: dict[str, Any] = await self._in_thread(service, work, threads)
        return answer

    async def _in_thread(self, service: str, work: Callable[[], Any], threads: Executor | None = None) -> Any:
        neighbour = self._neighbour(service)
        use: AbstractAsyncContextManager[None] = (
            self._embedded.use(service) if isinstance(neighbour, Embedded) else nullcontext()
        )
        async with use:
            try:
                return await asyncio.get_running_loop().run_in_executor(threads or self._threads, work)
            except (HTTPClientError, BotocoreConnectionError) as error:
                where = neighbour.url if isinstance(neighbour, Elsewhere) else "in the embedded neighbours"
                raise NeighbourError(f"The service {service} ({where}) cannot be reached: {error}") from error

    def _neighbour(self, service: str) -> Embedded | Elsewhere:
        if service in _OURS:
            raise NeighbourError(f"{service} is served by Stoker itself")
        neighbour = self._choices.of(self._signing_name(service))
        if isinstance(neighbour, Off | Here):
            raise NeighbourError(f"The service {service} is off on this node (setting neighbours.{service}).")
        return neighbour

    def _signing_name(self, service: str) -> str:
        if service not in self._signing_names:
            self._signing_names[service] = signing_name(service)
        return self._signing_names[service]

    def _client(self, service: str, account_id: str, region: str) -> Any:
        key = (service, account_id, region)
        with self._lock:  # a session makes one client at a time
            client = self._clients.pop(key, None) or self._made(service, account_id, region)
            self._clients[key] = client
            if len(self._clients) > CLIENTS_MAX:
                self._clients.popitem(last=False)
        return client

    def _made(self, service: str, account_id: str, region: str) -> Any:
        neighbour = self._neighbour(service)
        is_embedded = isinstance(neighbour, Embedded)
        make = partial(
            self._session.create_client,
            service,
            region_name=region,
            endpoint_url=neighbour.url if isinstance(neighbour, Elsewhere) else _EMBEDDED_URL,
            config=Config(
                connect_timeout=CONNECT_LIMIT_S,
                read_timeout=READ_LIMIT_S,
                max_pool_connections=CONNECTIONS_KEPT_MAX,
                retries={"total_max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"},
            ),
        )
        if is_embedded or self._session.get_credentials() is None:
            # The access key is the account, as everywhere in Stoker.
            client = make(aws_access_key_id=account_id, aws_secret_access_key="stoker")  # noqa: S106
        else:
            client = make()
        if is_embedded:
            transport = UnixTransport(self._embedded.address, account_id, self._signing_names[service], READ_LIMIT_S)
            client.meta.events.register("before-send", transport.send)
        return client


class ObjectTooLargeError(NeighbourError):
    """An object of S3 has more bytes than its reader wants."""


def _read(body: Any, limit_bytes: int) -> bytes:
    pieces = []
    size = 0
    try:
        while piece := body.read(PIECE_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > limit_bytes:
                raise ObjectTooLargeError(f"The object is larger than {limit_bytes} bytes.")
    finally:
        body.close()
    return b"".join(pieces)
