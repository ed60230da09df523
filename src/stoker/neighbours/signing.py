"""Signatures for other endpoints: a request was signed for this node, so it is signed again for where it goes.

With the credentials that AWS's own tools would find in the node's environment: variables, profile, container, instance.
Without any, the request goes on as it was signed, which endpoints that verify nothing take.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import gmtime, strftime
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest

from stoker.front_door.body_stream import BodyStream
from stoker.front_door.identity import CredentialScope
from stoker.front_door.neighbours import S3_NAMES, Forwarded
from stoker.front_door.sigv4 import UNSIGNED_PAYLOAD
from stoker.neighbours.aws_chunked import unframed

_SIGNATURE_HEADERS = frozenset({"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "date"})
_SIGNATURE_QUERY = (
    *("X-Amz-Algorithm=", "X-Amz-Credential=", "X-Amz-Date=", "X-Amz-Expires=", "X-Amz-SignedHeaders="),
    *("X-Amz-Signature=", "X-Amz-Security-Token=", "AWSAccessKeyId=", "Signature=", "Expires="),
)
# They speak of the frames that are taken off.
_FRAME_HEADERS = frozenset({"x-amz-decoded-content-length", "x-amz-trailer", "x-amz-sdk-checksum-algorithm"})


@dataclass(frozen=True, slots=True)
class Signed:
    """What is to be sent. `body` is bytes or a stream of them."""

    url: str
    headers: dict[str, str]
    body: BodyStream | AsyncIterator[bytes] | bytes


class Signer:
    """Finds credentials once, and keeps them fresh as botocore does."""

    def __init__(self) -> None:
        self._session = botocore.session.Session()

    async def sign(self, forwarded: Forwarded, url: str, headers: dict[str, str]) -> Signed:
        """`url` is where it goes, with the client's query; `headers` are those that pass."""
        headers.pop("host", None)
        # In a thread: looking for credentials may ask the instance that the node runs on.
        credentials = await asyncio.to_thread(self._credentials)
        if credentials is None or forwarded.credentials is None:
            return Signed(url, headers, forwarded.body)
        stated = headers.get("x-amz-content-sha256")
        headers = {name: value for name, value in headers.items() if name not in _SIGNATURE_HEADERS}
        body: Any = forwarded.body
        if forwarded.service not in S3_NAMES:
            body = await body.read() if isinstance(body, BodyStream) else body
        elif stated is not None and stated.startswith("STREAMING-AWS4-"):
            # Each frame carries a signature that continues the request's: it has to be taken off.
            stated, headers, body = UNSIGNED_PAYLOAD, _without_frames(headers), unframed(aiter(body))
        request = AWSRequest(
            forwarded.request.method, _without_signature(url), headers, body if isinstance(body, bytes) else None
        )
        scope = forwarded.credentials
        region = scope.region or "us-east-1"
        if forwarded.service in S3_NAMES:
            _S3Signature(credentials, scope.service, region, stated or UNSIGNED_PAYLOAD).add_auth(request)
        else:
            SigV4Auth(credentials, scope.service, region).add_auth(request)
        return Signed(request.url, {name.lower(): value for name, value in request.headers.items()}, body)

    def _credentials(self) -> Any:
        found = self._session.get_credentials()
        return found.get_frozen_credentials() if found is not None else None


class _S3Signature(S3SigV4Auth):  # type: ignore[misc]
    """S3's, with a statement about the body in place of the body."""

    def __init__(self, credentials: Any, service: str, region: str, stated: str) -> None:
        super().__init__(credentials, service, region)
        self._stated = stated

    def payload(self, request: AWSRequest) -> str:
        return self._stated


def scope_only_authorization(scope: CredentialScope, now_s: float) -> str:
    """A header that says who calls what where, without a signature, for a reader who verifies none."""
    date = strftime("%Y%m%d", gmtime(now_s))
    credential = f"{scope.access_key_id}/{date}/{scope.region or 'us-east-1'}/{scope.service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"


def _without_signature(url: str) -> str:
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and not pair.startswith(_SIGNATURE_QUERY)]
    return parts._replace(query="&".join(kept)).geturl()


def _without_frames(headers: dict[str, str]) -> dict[str, str]:
    encodings = [name.strip() for name in headers.get("content-encoding", "").split(",")]
    kept = [name for name in encodings if name and name != "aws-chunked"]
    rest = {name: value for name, value in headers.items() if name not in _FRAME_HEADERS and name != "content-encoding"}
    if kept:
        rest["content-encoding"] = ",".join(kept)
    if "x-amz-decoded-content-length" in headers:
        rest["content-length"] = headers["x-amz-decoded-content-length"]
    return rest
