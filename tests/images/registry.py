"""A registry of the tests' own, by the OCI distribution specification, which can be told to fail in every way."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.images.building import Image

TOKEN = "opaque-token"


class Registry:
    """`faults`: what becomes of the next requests for a path that ends like this, one after the other; the last one
    stays if it is repeated with `forever`."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.host = f"127.0.0.1:{server.server_address[1]}"
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, Image] = {}
        self.types: dict[str, str] = {}
        self.faults: dict[str, list[str]] = {}
        self.requests: Counter[str] = Counter()
        self.authorizations: list[str] = []
        self.user: tuple[str, str] | None = None
        self.asks_for_basic = False
        self.released = threading.Event()

    def push(self, repository: str, tag: str, image: Image) -> str:
        """The image's name with its tag."""
        self.blobs |= image.blobs
        for digest, blob in image.blobs.items():
            self.types[digest] = json.loads(blob).get("mediaType", "") if blob.startswith(b"{") else ""
        self.tags[f"{repository}:{tag}"] = image
        return f"{self.host}/{repository}:{tag}"

    def forget(self) -> None:
        """Everything."""
        self.blobs.clear()
        self.tags.clear()

    def fault_of(self, path: str) -> str | None:
        for ending, faults in self.faults.items():
            if path.endswith(ending) and faults:
                return faults.pop(0) if len(faults) > 1 or not faults[0].startswith("forever ") else faults[0][8:]
        return None


@contextmanager
def running_registry() -> Iterator[Registry]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    registry = server.registry = Registry(server)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        registry.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        registry: Registry = self.server.registry  # type: ignore[attr-defined]
        path = urlsplit(self.path).path
        registry.requests[path] += 1
        authorization = self.headers.get("Authorization", "")
        registry.authorizations.append(authorization)
        if path == "/token":
            self._token(registry, authorization)
        elif registry.user is not None and not self._is_allowed(registry, authorization):
            self._challenge(registry)
        else:
            self._serve(registry, path)

    def _is_allowed(self, registry: Registry, authorization: str) -> bool:
        return authorization == (_basic(registry.user) if registry.asks_for_basic else f"Bearer {TOKEN}")

    def _challenge(self, registry: Registry) -> None:
        bearer = f'Bearer realm="http://{registry.host}/token",service="tests",scope="repository:app:pull"'
        self._answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="tests"' if registry.asks_for_basic else bearer})

    def _token(self, registry: Registry, authorization: str) -> None:
        if registry.user is not None and authorization != _basic(registry.user):
            self._answer(401, b"{}")
        else:
            self._answer(200, json.dumps({"token": TOKEN}).encode())

    def _serve(self, registry: Registry, path: str) -> None:
        _, _, *names, kind, wanted = path.split("/")
        tagged = registry.tags.get(f"{'/'.join(names)}:{wanted}")
        digest = tagged.manifest if tagged is not None and kind == "manifests" else wanted
        content = registry.blobs.get(digest)
        fault = registry.fault_of(path)
        if content is None:
            self._answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        elif fault is None:
            self._answer(200, content, {"Content-Type": registry.types.get(digest) or "application/octet-stream"})
        elif fault.isdecimal():
            self._answer(int(fault), b"{}", {"Retry-After": "0"})
        elif fault.startswith("to "):
            self._answer(307, b"", {"Location": fault[3:] + path})
        else:
            self._misbehave(registry, fault, content, registry.types.get(digest) or "application/octet-stream")

    def _misbehave(self, registry: Registry, fault: str, content: bytes, kind: str) -> None:
        if fault == "corrupt":
            self._answer(200, content[:-1] + bytes([content[-1] ^ 1]), {"Content-Type": kind})
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True
        if fault == "drip":  # a byte now and then: never silent, never done
            self.wfile.flush()
            while not registry.released.wait(0.05):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return
        elif fault == "silence":
            self.wfile.flush()
            registry.released.wait(60)

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _basic(user: tuple[str, str] | None) -> str:
    assert user is not None
    return "Basic " + base64.b64encode(":".join(user).encode()).decode()
