"""A repository in a registry, by HTTP.

Sources: OCI distribution specification 1.1 ("Pull"); Docker's token authentication ("distribution: Token
Authentication Specification"). Everything blocks; `Patience` bounds it.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from stoker import __version__, limits
from stoker.images.credentials import RegistryAddress
from stoker.images.errors import ImageError, UnreachableError
from stoker.images.manifest import INDEXES, MANIFESTS, Descriptor
from stoker.images.source import Deadline, Document, Patience, Stop, TransientError

CHUNK_BYTES = 256 * 1024
_REDIRECTS_MAX = 5
_TOKEN_BYTES_MAX = 1024 * 1024
_AGENT = f"stoker/{__version__}"
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')


class RegistryRepository:
    """A `Source`. To be used by one thread at a time."""

    def __init__(self, address: RegistryAddress, repository: str, patience: Patience, stop: Stop) -> None:
        self._address = address
        self._repository = repository
        self._patience = patience
        self._stop = stop
        self._authorization: str | None = None
        timeout = urllib3.Timeout(connect=patience.connect_s, read=patience.read_s)
        self._http = urllib3.PoolManager(timeout=timeout, retries=False)

    def manifest(self, wanted: str) -> Document:
        deadline = Deadline.after(self._patience.answer_s)
        with self._answer(f"manifests/{wanted}", ", ".join((*MANIFESTS, *INDEXES))) as answer:
            content = b"".join(self._read(answer, limits.IMAGE_MANIFEST_BYTES_MAX, deadline))
            media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return Document(media_type, content)

    def chunks(self, descriptor: Descriptor) -> Iterator[bytes]:
        deadline = Deadline.after(self._patience.blob_limit_s(descriptor.size_bytes))
        with self._answer(f"blobs/sha256:{descriptor.digest}", "*/*") as answer:
            yield from self._read(answer, descriptor.size_bytes, deadline)

    @contextmanager
    def _answer(self, path: str, accept: str) -> Iterator[BaseHTTPResponse]:
        """The answer with status 200 to a GET below the repository, with a token if that is asked for."""
        url = f"{self._address.url}/v2/{self._repository}/{path}"
        answer = self._followed(url, accept)
        try:
            if answer.status == 401 and (challenge := answer.headers.get("WWW-Authenticate")):
                answer.close()
                self._authorization = self._authorize(challenge)
                answer = self._followed(url, accept)
            self._check_status(answer)
            yield answer
        finally:
            answer.close()

    def _followed(self, url: str, accept: str) -> BaseHTTPResponse:
        """The answer after redirects: registries send on to where the bytes lie."""
        headers = {"Accept": accept}
        if self._authorization:
            headers["Authorization"] = self._authorization
        for _ in range(_REDIRECTS_MAX):
            answer = self._get(url, headers)
            location = answer.get_redirect_location()
            if not location:
                return answer
            answer.close()
            before, url = url, urljoin(url, location)
            if urlsplit(before)[:2] != urlsplit(url)[:2]:
                # Not for a stranger's ears.
                headers.pop("Authorization", None)
        raise UnreachableError("the registry sends on and on")

    def _get(self, url: str, headers: dict[str, str]) -> BaseHTTPResponse:
        scheme = urlsplit(url).scheme
        if scheme != "https" and not (scheme == "http" and self._address.may_be_plain):
            raise UnreachableError(f"the registry sends on to {url[:200]!a}, which is not HTTPS")
        self._stop.check()
        try:
            return self._http.request(
                "GET", url, headers={"User-Agent": _AGENT, **headers}, redirect=False, preload_content=False
            )
        except HTTPError as error:
            raise TransientError(f"it cannot be reached ({_reason(error)})") from None

    def _read(self, answer: BaseHTTPResponse, limit_bytes: int, deadline: Deadline) -> Iterator[bytes]:
        """The body, cut off behind `limit_bytes`: one byte more shows that there is too much."""
        left = limit_bytes + 1
        try:
            while left and (chunk := answer.read1(min(CHUNK_BYTES, left), decode_content=False)):
                self._stop.check()
                deadline.check()
                left -= len(chunk)
                yield chunk
        except HTTPError as error:
            raise TransientError(f"it broke off ({_reason(error)})") from None

    def _check_status(self, answer: BaseHTTPResponse) -> None:
        match answer.status:
            case 200:
                return
            case 404:
                raise ImageError("ImageDeleted", "the registry does not have it")
            case 401 | 403:
                raise ImageError("ImageAccessDenied", f"the registry does not allow it (status {answer.status})")
            case 429 | 500 | 502 | 503 | 504:
                raise TransientError(f"it answered with status {answer.status}", _retry_after_s(answer))
            case status:
                raise UnreachableError(f"the registry answered with status {status}")

    # Tokens

    def _authorize(self, challenge: str) -> str | None:
        """The Authorization header that answers a challenge (RFC 6750, 3)."""
        credentials = self._address.credentials
        scheme, _, parameters = challenge.partition(" ")
        if scheme.lower() != "bearer":
            return credentials.basic if credentials and scheme.lower() == "basic" else None
        said = dict(_PARAMETER.findall(parameters))
        query = {"scope": said.get("scope") or f"repository:{self._repository}:pull"}
        if said.get("service"):
            query["service"] = said["service"]
        realm = said.get("realm", "")
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        return f"Bearer {self._token(url, {'Authorization': credentials.basic} if credentials else {})}"

    def _token(self, url: str, headers: dict[str, str]) -> str:
        deadline = Deadline.after(self._patience.answer_s)
        answer = self._get(url, headers)
        try:
            self._check_status(answer)
            members: Any = json.loads(b"".join(self._read(answer, _TOKEN_BYTES_MAX, deadline)))
            token = members.get("token") or members.get("access_token")
            if not isinstance(token, str) or not token.isascii() or not token.isprintable():
                raise ValueError
        except (ValueError, AttributeError, RecursionError):
            raise UnreachableError("the registry's token server answered with something else than a token") from None
        finally:
            answer.close()
        return token


def _reason(error: HTTPError) -> str:
    """Without the object's address that urllib3 puts into its texts."""
    return re.sub(r"<[^>]*>:? ?", "", str(error))[:300] or type(error).__name__


def _retry_after_s(answer: BaseHTTPResponse) -> float:
    """Seconds only: dates are not worth a clock here."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
