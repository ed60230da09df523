"""Writes the JVM's archive of AWS's client (class data sharing), which halves a cold start.

AWS's own runtimes have such an archive too. It is dumped at the end of a rehearsal: the client runs once, for one
event, against a Runtime API that answers nothing else.
"""

import os
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stoker.runtimes.java.jvm import Jvm

REHEARSAL_TIMEOUT_S = 60.0
EVENT = b'{"text":["a",{"number":1.5,"nothing":null}]}'
# A handler that every JVM has: it takes an object, made of JSON by AWS's client, and answers with JSON.
HANDLER = "java.util.HashMap::containsKey"


def write_archive(jvm: Jvm, runtime_dir: Path, jars: tuple[str, ...], flags: tuple[str, ...], main: str) -> bool:
    """Write `runtime_dir`/lib/client.jsa; whether that worked. Without it a cold start is merely slower.

    The class path is relative to /var/task, which stands empty beside `runtime_dir` meanwhile: at a start the JVM
    compares files, or names without what they begin with alike, and so accepts the archive where /var/runtime is.
    """
    task = runtime_dir.parent / "task"
    task.mkdir()
    with _RuntimeApi() as api, Path(os.devnull).open("wb") as log:
        command = [
            str(jvm.executable),
            "-XX:ArchiveClassesAtExit=../runtime/lib/client.jsa",
            "-XX:+UseSerialGC",
            *flags,
            "-classpath",
            ":".join(f"../runtime/lib/{jar}" for jar in jars),
            main,
            HANDLER,
        ]
        process = subprocess.Popen(
            command,
            cwd=task,
            env={**_environment(api.address), "_LAMBDA_TELEMETRY_LOG_FD": str(log.fileno())},
            pass_fds=(log.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            api.has_answer.wait(REHEARSAL_TIMEOUT_S)
            process.send_signal(signal.SIGTERM)
            process.wait(REHEARSAL_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            (runtime_dir / "lib" / "client.jsa").unlink(missing_ok=True)
        finally:
            process.kill()
            process.wait()
    task.rmdir()
    return (runtime_dir / "lib" / "client.jsa").is_file()


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
    """One event, then silence; `has_answer` is set by anything that the client posts."""

    def __init__(self) -> None:
        self.has_answer = threading.Event()
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
                api.has_answer.set()

            def _end(self, body: bytes) -> None:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
