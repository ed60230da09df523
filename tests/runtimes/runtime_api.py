"""The smallest Runtime API that a real runtime client can live on: one event, then silence."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A runtime is killed in the middle of a request, its next one."""


class RuntimeApi:
    """`answers` gets (path, body) of everything that the runtime posts."""

    def __init__(self, event: bytes) -> None:
        self.answers: Queue[tuple[str, bytes]] = Queue()
        self._event = event
        self._is_over = threading.Event()
        self._given = 0
        self._server = _Server(("127.0.0.1", 0), self._request_handler())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "RuntimeApi":
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
                api._given += 1
                if api._given > 1:
                    api._is_over.wait()
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 5000))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:f")
                self._end(api._event)

            def do_POST(self) -> None:
                api.answers.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(202)
                self._end(b'{"status":"OK"}')

            def _end(self, body: bytes) -> None:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
