"""What a zygote does once before its forks do it: AWS's client takes a function and its first events (decision 0068).

Code writes into itself while it runs for the first times: the interpreter counts what an instruction meets, and puts a
faster one in its place (PEP 659). Each page in which that happens is copied in each fork. So it happens here, and the
code that forks run lies side by side, where it was between thousands of functions that they do not run.

The function is ours, its events come from here, and nothing that could be told from a client that has not run is left.
"""

from __future__ import annotations

import array
import contextlib
import gc
import itertools
import os
import socket
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from . import shared_pages
from . import syscalls as sc
from .messages import close_all, receive, send

# An instruction is replaced after it ran twice or, before Python 3.13, up to eight times.
_STARTS = 4
_EVENTS = 4

_PLACE = "/var/task"
_MODULE = "rehearsed"
_FUNCTION = "def handler(event, context):\n    return event\n"
_EVENT = (
    b"{}",
    {
        "Lambda-Runtime-Aws-Request-Id": "00000000-0000-0000-0000-000000000000",
        "Lambda-Runtime-Deadline-Ms": "0",
        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:rehearsed",
        "Content-Type": "application/json",
    },
)

# The code that was copied: a copy must not take the place of the one before it.
_former: list[types.CodeType] = []


class _Over(BaseException):
    """There are no more events."""


class _Native:
    """In the place of the native part of AWS's client, which speaks with the Runtime API."""

    def __init__(self) -> None:
        self._left = _EVENTS

    def next(self) -> tuple[bytes, dict[str, str]]:
        if self._left == 0:
            raise _Over
        self._left -= 1
        return _EVENT

    def post_invocation_result(self, *_: object) -> None:
        """The result is the event."""


def rehearse(path: list[str], make_ready: Callable[[], None]) -> None:
    """In an interpreter that has imported AWS's client. Raises what went wrong.

    `path` is a function's `sys.path`; `make_ready` is what a fork does before it starts the client.
    """
    sc.mount("rehearsal", _PLACE, "tmpfs", sc.MS_NOSUID | sc.MS_NODEV, "mode=0755,size=1m")
    try:
        _lay_together(_executed_code(path, make_ready))
        if sys.version_info < (3, 12):
            # It counts as a reference to each name that was looked up of a class, and each fork would put others there.
            sys._clear_type_cache()
        for _ in range(_STARTS):
            _start(path)
            _send_a_message()
    finally:
        sc.umount_detached(_PLACE)


def _executed_code(path: list[str], make_ready: Callable[[], None]) -> set[int]:
    """Where the code is that runs. A fork looks: code that was once traced keeps what tracing needs (PEP 669)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _write_function()
            with _traced() as executed:
                _send_a_message()
                make_ready()
                _start(path)
            with open(writer, "wb") as file:  # noqa: PTH123
                file.write(array.array("Q", executed).tobytes())
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:  # noqa: PTH123
        executed_code = set(array.array("Q", file.read()))
    os.waitpid(pid, 0)
    if not executed_code:
        raise RuntimeError("AWS's client could not be started")
    return executed_code


def _write_function() -> None:
    """As functions are when they are deployed: compiled."""
    import py_compile

    source = f"{_PLACE}/{_MODULE}.py"
    with open(source, "w") as file:  # noqa: PTH123
        file.write(_FUNCTION)
    py_compile.compile(source, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, doraise=True)


@contextlib.contextmanager
def _traced() -> Iterator[set[int]]:
    import threading

    executed: set[int] = set()

    def see(frame: types.FrameType, event: str, _: object) -> None:
        if event == "call":
            executed.add(id(frame.f_code))

    threading.setprofile(see)
    sys.setprofile(see)
    yield executed
    sys.setprofile(None)


def _lay_together(executed: set[int]) -> None:
    """The launcher's functions, and then those with that code, get copies of their code, one beside the other."""
    launcher = __name__.rpartition(".")[0]
    own, others = [], []
    for it in gc.get_objects():
        if type(it) is not types.FunctionType:
            continue
        if (it.__module__ or "").startswith(launcher):
            own.append(it)
        elif id(it.__code__) in executed:
            others.append(it)
    for group in own, others:
        shared_pages.fill()
        with shared_pages.one_place():
            _copy_code(group)


def _copy_code(functions: list[types.FunctionType]) -> None:
    """Functions that had the same code have the same copy."""
    copies: dict[int, types.CodeType] = {}
    for function in functions:
        code = function.__code__
        if id(code) not in copies:
            _former.append(code)
            copies[id(code)] = code.replace()
        function.__code__ = copies[id(code)]


def _start(path: list[str]) -> None:
    """Start AWS's client; it ends when there are no more events."""
    from awslambdaric import lambda_runtime_client
    from awslambdaric.__main__ import main

    with _nothing_left():
        sys.path[:] = path
        lambda_runtime_client.runtime_client = _Native()
        os.environ["AWS_EXECUTION_ENV"] = f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}"
        # Where it would tell an error: nobody listens there.
        os.environ["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:0"
        os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC))
        with contextlib.suppress(_Over):
            main(["", f"{_MODULE}.handler"])


@contextlib.contextmanager
def _nothing_left() -> Iterator[None]:
    """Of what a start of AWS's client changes."""
    # Not by the launcher: their hooks would run in every process that is forked of it (`runtime.py`).
    import logging

    from awslambdaric import bootstrap, lambda_runtime_client

    variables = [(module, dict(vars(module))) for module in (bootstrap, lambda_runtime_client)]
    streams, path, environment = (sys.stdout, sys.stderr), sys.path[:], dict(os.environ)
    handlers, converter = logging.root.handlers[:], vars(logging.Formatter)["converter"]
    try:
        with _pools_uncounted():
            yield
    finally:
        for module, values in variables:
            vars(module).update(values)
        (sys.stdout, sys.stderr), sys.path[:] = streams, path
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        logging.root.handlers[:], logging.Formatter.converter = handlers, converter
        sys.modules.pop(_MODULE, None)
        sys.path_importer_cache.pop(_PLACE, None)


@contextlib.contextmanager
def _pools_uncounted() -> Iterator[None]:
    """From Python 3.12 on AWS's client waits in a pool of threads. A pool's number is in its threads' names."""
    module: Any = sys.modules.get("concurrent.futures.thread")
    number = module.ThreadPoolExecutor._counter() if module is not None else 0
    try:
        yield
    finally:
        module = sys.modules.get("concurrent.futures.thread")
        if module is not None:
            module.ThreadPoolExecutor._counter = itertools.count(number).__next__


def _send_a_message() -> None:
    """As the first process of a sandbox does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        send(ours, {"event": "rehearsed", "steps": [["clone", 0.5]]}, [ours.fileno()])
        _, descriptors = receive(theirs)
        close_all(descriptors)
