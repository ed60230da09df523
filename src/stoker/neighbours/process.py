"""The embedded neighbours: moto behind a socket that the node holds, in a process that ends with the node.

Run by `embedded.py` as `python -m stoker.neighbours.process LISTENER PUSHES CALLS`: descriptors of a listening unix
socket, of the line by which functions are invoked (`pushes/`), and of a connection by which the node is asked for what
it has itself (`inside_calls.py`). Standard input is the node's lifeline, whose end is this process's end; one line on
standard output says that requests are answered. moto keeps everything in memory.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from importlib import import_module
from inspect import isfunction
from typing import Any

from stoker.neighbours.inside_calls import NodeCalls
from stoker.neighbours.inside_queues import use_queues_of_the_node
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.services import attach_loaded
from stoker.neighbours.telling import tell

READY = b"ready\n"
ACCOUNT_HEADER = "x-moto-account-id"
SERVICE_HEADER = "x-stoker-service"
UNKNOWN_SERVICE_HEADER = "x-stoker-unknown-service"

# moto's own: Lambda, Logs, SQS and API Gateway are Stoker's, and the rest tells about or changes moto itself.
_NEVER = frozenset({"apigatewayv2", "awslambda", "awslambda_simple", "logs", "sqs", "moto_api", "instance_metadata"})
# What they promise of requests that come at once, moto's several steps do not keep: counters that count everyone,
# conditions that hold until the writing is done, numbers of records that are given once.
_ONE_AT_A_TIME = {
    "dynamodb": ("moto.dynamodb.models", "DynamoDBBackend"),
    "kinesis": ("moto.kinesis.models", "KinesisBackend"),
}
# Before moto is imported: it reads some of them then.
_ENVIRONMENT = {
    # Buckets in host names are moved into the path by the node, which knows by which names it is called.
    "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "1",
    # Whatever region a request is signed for.
    "MOTO_ALLOW_NONEXISTENT_REGION": "true",
    # The front door answers web pages, or does not.
    "MOTO_DISABLE_GLOBAL_CORS": "1",
    # moto uses boto3 for its data about regions; it has no business with real credentials.
    "AWS_ACCESS_KEY_ID": "stoker",
    "AWS_SECRET_ACCESS_KEY": "stoker",
    "AWS_EC2_METADATA_DISABLED": "true",
}

StartResponse = Callable[..., Any]
WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def main(listener: int, pushes: int, calls: int) -> None:
    """Serve until the node lets go of the lifeline."""
    threading.Thread(target=_end_with_node, name="lifeline", daemon=True).start()
    os.environ.update(_ENVIRONMENT)
    _stay_inside()
    node = NodeCalls(calls)
    use_queues_of_the_node(node, tell)
    server = _server(listener, Line(socket.socket(fileno=pushes)), node)
    os.write(1, READY)
    server.serve_forever()


def _end_with_node() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _stay_inside() -> None:
    """No network and no processes: moto would deliver to HTTP subscribers, and start containers."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[0].family != socket.AF_UNIX:
            raise PermissionError("the embedded neighbours do not use the network")
        if event in ("socket.getaddrinfo", "socket.gethostbyname"):
            raise socket.gaierror(socket.EAI_FAIL, "the embedded neighbours do not use the network")
        if event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec"):
            raise PermissionError("the embedded neighbours start no processes")

    sys.addaudithook(refuse)


def _server(listener: int, line: Line, node: NodeCalls) -> Any:
    """werkzeug's threaded server with moto's request handler, which alone keeps `_` in the names of S3 metadata."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):  # type: ignore[misc]
        def log_request(self, *_: Any) -> None:
            """Requests are the node's business."""

    _forget_instances()
    _answer_for_lambda()
    server: Any = make_server(
        "unix://neighbours", 0, _application(line, node), threaded=True, request_handler=Handler, fd=listener
    )
    server.log = _log
    return server


def _forget_instances() -> None:
    """moto keeps each instance of each model for ever, for a page that we do not show (moto/core/common_models.py)."""
    from moto.core.common_models import BaseModel

    BaseModel.__new__ = lambda cls, *_arguments, **_named: object.__new__(cls)


def _forget_iterators() -> None:
    """moto keeps each iterator of DynamoDB's streams for ever, and every reading makes one."""
    from moto.dynamodbstreams.models import DynamoDBStreamsBackend

    begin = DynamoDBStreamsBackend.__init__

    def begin_bounded(self: Any, region_name: str, account_id: str) -> None:
        begin(self, region_name, account_id)
        self.shard_iterators = _Latest()

    DynamoDBStreamsBackend.__init__ = begin_bounded


class _Latest(dict[str, Any]):
    """The last that were put in."""

    KEPT_MAX = 10_000

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > self.KEPT_MAX:
            del self[next(iter(self))]


def _take_turns(backend: str) -> None:
    """A lock around each operation, once the request was read: none of them waits for anybody else."""
    module, name = _ONE_AT_A_TIME[backend]
    backend_class = getattr(import_module(module), name)
    turn = threading.RLock()

    def in_turn(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def call(*arguments: Any, **named: Any) -> Any:
            with turn:
                return operation(*arguments, **named)

        return call

    for member, operation in list(vars(backend_class).items()):
        if isfunction(operation) and not member.startswith("_"):
            setattr(backend_class, member, in_turn(operation))


def _answer_for_lambda() -> None:
    """moto's other services look for functions in moto's own Lambda, where there are none."""
    from moto.awslambda import utils

    utils.get_backend = lambda _account_id, _region: _NoLambda()


class _NoLambda:
    """What moto's services find in place of its Lambda backend where `pushes/` has nothing for them: no function."""

    def get_function(self, function_name: str, *_: Any, **__: Any) -> Any:
        """As moto's own does for a function that it does not have."""
        from moto.awslambda.exceptions import UnknownFunctionException

        raise UnknownFunctionException(function_name)

    def invoke(self, function_name: str, *_: Any, **__: Any) -> bytes:
        """By whoever did not ask for the function first."""
        tell(f"an event for the function {function_name} was not delivered")
        return b""


def _log(kind: str, message: str, *_: Any) -> None:
    """In place of the server's: a failed request in a line, not as a page of traceback."""
    if kind == "error":
        tell(_in_a_line(message))


def _in_a_line(traceback: str) -> str:
    """Its exception, and the last place it names."""
    lines = [line.strip() for line in traceback.splitlines() if line.strip()]
    places = [line for line in lines if line.startswith("File ")]
    return "; ".join(["a request failed", *lines[-1:], *places[-1:]])


def _application(line: Line, node: NodeCalls) -> WsgiApplication:
    """moto's applications, one for each service, made when first asked for."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class Applications(DomainDispatcherApplication):  # type: ignore[misc]
        def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            try:
                answer: Iterable[bytes] = super().__call__(environ, start_response)
            except NotImplementedError as error:
                tell(str(error))
                return _answering_404(environ, start_response)
            return answer

        def get_application(self, environ: dict[str, Any]) -> WsgiApplication:
            """By what the request is signed for, else by what the node says; never by path, as moto also does."""
            service: str = environ["HTTP_" + SERVICE_HEADER.upper().replace("-", "_")]
            with self.lock:
                backend = self._backend(environ, service)
                if backend is None or backend in _NEVER:
                    return _refusing(service)
                if backend not in self.app_instances:
                    self.app_instances[backend] = create_backend_app(backend)
                    attach_loaded(line, node)
                    if backend == "dynamodbstreams":
                        _forget_iterators()
                    if backend in _ONE_AT_A_TIME:
                        _take_turns(backend)
                application: WsgiApplication = self.app_instances[backend]
                return application

        def _backend(self, environ: dict[str, Any], service: str) -> str | None:
            host = f"{service}.us-east-1.amazonaws.com"
            if "HTTP_AUTHORIZATION" in environ:
                try:
                    host = self.infer_service_region_host(environ, environ["PATH_INFO"]) or host
                except (KeyError, IndexError):
                    # DynamoDB's needs an X-Amz-Target.
                    return None
            backend: str | None = next(
                (name for name, url in self.backend_url_patterns if url.match(f"http://{host}")), None
            )
            return backend or self.get_backend_for_host(host)

    return Applications(create_backend_app)


def _answering_404(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """As for a path that moto does not have: the node makes the same error of both."""
    start_response("404 Not Found", [("Content-Type", "text/html"), ("Content-Length", "0")])
    return []


def _refusing(service: str) -> WsgiApplication:
    def refuse(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("501 Not Implemented", [(UNKNOWN_SERVICE_HEADER, service), ("Content-Length", "0")])
        return []

    return refuse


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
