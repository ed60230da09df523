"""A small identity provider over loopback: OpenID Connect's discovery, its keys, and tokens that are signed by them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class IdentityProvider:
    """`asked` are the paths that were asked for."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}/realm"
        self.asked: list[str] = []
        self.keys = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def documents(self) -> dict[str, Any]:
        keys = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}
            for name, key in self.keys.items()
        ]
        return {
            "/realm/.well-known/openid-configuration": {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"},
            "/realm/keys": {"keys": keys},
        }

    def token(self, key: Any = None, key_id: str = "one", algorithm: str = "RS256", **claims: Any) -> str:
        """With the claims of a good one, but for those that are given; None takes one away."""
        now_s = int(time.time())
        all_claims = {"iss": self.issuer, "aud": "me", "sub": "somebody", "iat": now_s, "exp": now_s + 600, **claims}
        present = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode(present, key or self.keys["one"], algorithm, {"kid": key_id})


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """One that answers while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            document = provider.documents().get(self.path)
            body = json.dumps(document).encode()
            self.send_response(404 if document is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = IdentityProvider(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
