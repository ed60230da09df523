"""Writes the JVM's archive of AWS's client (class data sharing), which halves a cold start.

AWS's own runtimes have such an archive too. It is dumped at the end of a rehearsal: the client runs once, for one
event, against a Runtime API that answers nothing else.
"""

import os
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stoker.runtimes.java.jvm import Jvm

REHEARSAL_TIMEOUT_S = 60.0
EVENT = b'{"text":["a",{"number":1.5,"nothing":null}]}'
# A handler that every JVM has: it takes an object, made of JSON by AWS's client, and answers with JSON.
HANDLER = "java.util.HashMap::containsKey"


@dataclass(frozen=True, slots=True)
class Ahead:
    """The class that waits, which is on the class path, and what it rehearses with before."""

    main: str
    rehearsal: Path


def write_archive(
    jvm: Jvm, runtime_dir: Path, jars: tuple[str, ...], flags: tuple[str, ...], main: str, ahead: Ahead | None = None
) -> bool:
    """Write `runtime_dir`/lib/client.jsa; whether that worked. Without it a cold start is merely slower.

    With `ahead` the JVM is one that waits (decision 0046), until it is told of `main`, and its classes are archived,
    too. The class path is relative to /var/task, which stands empty beside `runtime_dir` meanwhile: at a start the JVM
    compares files, or names without what they begin with alike, and so accepts the archive where /var/runtime is.
    """
    task = runtime_dir.parent / "task"
    task.mkdir()
    ours, theirs = socket.socketpair()
    with _RuntimeApi() as api, Path(os.devnull).open("wb") as log, ours, theirs:
        command = [
            str(jvm.executable),
            "-XX:ArchiveClassesAtExit=../runtime/lib/client.jsa",
            "-XX:+UseSerialGC",
            *flags,
            "-classpath",
            ":".join(f"../runtime/lib/{jar}" for jar in jars),
            *((main, HANDLER) if ahead is None else (ahead.main, "", str(theirs.fileno()), str(ahead.rehearsal))),
        ]
        ours.sendall(f"{main}\0{HANDLER}".encode())
        ours.shutdown(socket.SHUT_WR)
        process = subprocess.Popen(
            command,
            cwd=task,
            env={**_environment(api.address), "_LAMBDA_TELEMETRY_LOG_FD": str(log.fileno())},
            pass_fds=(log.fileno(), theirs.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        watch = threading.Thread(target=_wait_end, args=(process, api), daemon=True)
        watch.start()
        api.is_settled.wait(REHEARSAL_TIMEOUT_S)
        process.send_signal(signal.SIGTERM)
        watch.join(REHEARSAL_TIMEOUT_S)
        # One that failed writes an archive all the same.
        is_good = api.has_answer and not watch.is_alive()
        process.kill()
        watch.join()
    task.rmdir()
    archive = runtime_dir / "lib" / "client.jsa"
    if not is_good:
        archive.unlink(missing_ok=True)
    return archive.is_file()


def _wait_end(process: "subprocess.Popen[bytes]", api: "_RuntimeApi") -> None:
    process.wait()
    api.is_settled.set()


def _environment(address: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "rehearsal",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "none",
        "AWS_LAMBDA_LOG_STREAM_NAME": "none",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": "us-east-1",
        "_HANDLER": HANDLER,
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """The client is ended in the middle of a request, its next one: not worth a word."""


class _RuntimeApi:
    """One event, then silence. `is_settled` when there is nothing more to wait for; `has_answer` if it was answered."""

    def __init__(self) -> None:
        self.has_answer = False
        self.is_settled = threading.Event()
        self._is_over = threading.Event()
        self._is_given = False
        self._server = _Server(("127.0.0.1", 0), self._request_handler())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "_RuntimeApi":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()

    def _request_handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if api._is_given:
                    api._is_over.wait(2 * REHEARSAL_TIMEOUT_S)
                    self.close_connection = True
                    return
                api._is_given = True
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-0000-0000-000000000000")
                self.send_header("Lambda-Runtime-Deadline-Ms", "4102444800000")
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:0:function:rehearsal")
                self._end(EVENT)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(202)
                self._end(b'{"status":"OK"}')
                api.has_answer = self.path.endswith("/response")
                api.is_settled.set()

            def _end(self, body: bytes) -> None:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
