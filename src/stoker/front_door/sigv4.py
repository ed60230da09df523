"""Signature Version 4, the verifying side: header form and presigned form, failing closed.

It knows one key pair, and the credentials of functions' roles.

Source: AWS General Reference, "Signature Version 4 signing process"; error texts as AWS's gateways send them.
"""

import hashlib
import hmac
from calendar import timegm
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import gmtime, strftime, strptime
from urllib.parse import parse_qs, quote, unquote_to_bytes

from botocore.utils import normalize_url_path

from stoker.clock import Clock
from stoker.errors import IncompleteSignatureException, InvalidSignatureException, UnrecognizedClientException
from stoker.front_door.request import HttpRequest
from stoker.role_sessions import RoleSessions

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"
CLOCK_SKEW_MAX_S = 300
SCOPE_PART_LENGTH_MAX = 64
EXPIRES_MAX_S = 7 * 24 * 3600
_S3 = frozenset({"s3", "s3express"})

_QUERY_NAMES = tuple(
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and what it says about itself; `expires_s` is None in the header form."""

    access_key_id: str
    scope: tuple[str, ...]
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    expires_s: int | None

    @property
    def scope_text(self) -> str:
        return "/".join(self.scope)


class SignatureVerifier:
    """Verifies requests against one key pair and, where there are any, sessions of roles."""

    def __init__(
        self, access_key_id: str, secret_access_key: str, clock: Clock, role_sessions: RoleSessions | None = None
    ) -> None:
        self._role_sessions = role_sessions
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._clock = clock

    def check(self, request: HttpRequest, service: str | None) -> Callable[[bytes | None], None]:
        """Check everything that needs no body, so that a stranger cannot make us read one.

        The result takes the body, or None where the signature itself says enough of it (`covers_unread_body`), and
        raises InvalidSignatureException unless the signature is right. Raises
        IncompleteSignatureException, UnrecognizedClientException, ExpiredTokenException and InvalidSignatureException.
        """
        query = _query_pairs(request.query_string)
        signature = _from_header(request) if "authorization" in request.headers else _from_query(dict(query))
        secret_access_key = self._secret_of(signature.access_key_id, request)
        _check_scope(signature, service)
        _check_time(signature, self._clock.now_s())
        _check_signed_headers(signature, request.headers)
        return lambda body: _verify(signature, secret_access_key, request, query, body)

    def _secret_of(self, access_key_id: str, request: HttpRequest) -> str:
        if hmac.compare_digest(access_key_id.encode(), self._access_key_id.encode()):
            return self._secret_access_key
        if self._role_sessions is None:
            raise UnrecognizedClientException("The security token included in the request is invalid.")
        return self._role_sessions.recognise(access_key_id, session_token(request)).secret_access_key


def session_token(request: HttpRequest) -> str | None:
    """The session token that a request shows with its access key id, unverified."""
    token = request.headers.get("x-amz-security-token")
    if token is not None or b"-amz-security-token=" not in request.query_string.lower():
        return token
    query = parse_qs(request.query_string.decode("latin-1"))
    # In small letters in presigned links of S3's older kind.
    tokens = query.get("X-Amz-Security-Token") or query.get("x-amz-security-token")
    return tokens[0] if tokens else None


def _verify(
    signature: Signature, secret_access_key: str, request: HttpRequest, query: list[tuple[str, str]], body: bytes | None
) -> None:
    if signature.expires_s is not None:
        query = [pair for pair in query if pair[0] != "X-Amz-Signature"]
    canonical = "\n".join(
        (
            request.method,
            _canonical_path(request.raw_path, signature.scope[2]),
            "&".join(f"{name}={value}" for name, value in sorted(query)),
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in signature.signed_headers),
            "",
            ";".join(signature.signed_headers),
            _payload_hash(request.headers, body) if body is not None else stated_hash(request),
        )
    )
    digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    text = "\n".join((ALGORITHM, signature.timestamp, signature.scope_text, digest))
    key = _signing_key(secret_access_key, *signature.scope[:3])
    expected = hmac.new(key, text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.signature.encode()):
        raise InvalidSignatureException(_MISMATCH)


def covers_unread_body(request: HttpRequest, service: str | None) -> bool:
    """Whether a signature can be verified before the body is read: S3's presigned links cover none, and what states a
    hash, or that there is none, is taken at its word until the body has been read."""
    return "x-amz-content-sha256" in request.headers or (service in _S3 and "authorization" not in request.headers)


def stated_hash(request: HttpRequest) -> str:
    """What the request says about its body: a hash, or a word such as UNSIGNED-PAYLOAD or STREAMING-…"""
    return request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)


def _canonical_path(raw_path: str, service: str) -> str:
    """S3 alone takes a path as it is: a key may have empty parts and dots (its documentation of the same process)."""
    if service in _S3:
        return quote(unquote_to_bytes(raw_path), safe="/-_.~")
    return quote(normalize_url_path(raw_path), safe="/~")


def _payload_hash(headers: Mapping[str, str], body: bytes) -> str:
    """What the signer must have put last. A stated hash counts for nothing: the body's own is compared."""
    if headers.get("x-amz-content-sha256") == UNSIGNED_PAYLOAD:
        return UNSIGNED_PAYLOAD
    return hashlib.sha256(body).hexdigest()


def _from_header(request: HttpRequest) -> Signature:
    algorithm, _, rest = request.headers["authorization"].partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    timestamp = request.headers.get("x-amz-date", "")
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if not timestamp:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        raise IncompleteSignatureException(" ".join(missing))
    return _signature(fields["Credential"], fields["SignedHeaders"], fields["Signature"], timestamp, None)


def _from_query(query: Mapping[str, str]) -> Signature:
    missing = [f"AWS query-string parameters must include '{name}'." for name in _QUERY_NAMES if not query.get(name)]
    if missing:
        raise IncompleteSignatureException(" ".join([*missing, "Re-examine the query-string parameters."]))
    algorithm, credential, timestamp, expires, signed_headers, signature = (
        unquote_to_bytes(query[name]).decode("latin-1") for name in _QUERY_NAMES
    )
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 6 and 1 <= int(expires) <= EXPIRES_MAX_S):
        raise IncompleteSignatureException("'X-Amz-Expires' must be between 1 and 604800 seconds.")
    return _signature(credential, signed_headers, signature, timestamp, int(expires))


def _signature(
    credential: str, signed_headers: str, signature: str, timestamp: str, expires_s: int | None
) -> Signature:
    access_key_id, *scope = credential.rsplit("/", 4)
    if len(scope) != 4:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        )
    names = tuple(sorted(signed_headers.lower().split(";")))
    return Signature(access_key_id, tuple(scope), names, signature, timestamp, expires_s)


def _check_scope(signature: Signature, service: str | None) -> None:
    date, region, scope_service, terminator = signature.scope
    if terminator != TERMINATOR:
        raise InvalidSignatureException(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator[:64]}'."
        )
    if not 0 < len(region) <= SCOPE_PART_LENGTH_MAX or len(scope_service) > SCOPE_PART_LENGTH_MAX:
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    if service is not None and scope_service != service:
        raise InvalidSignatureException(f"Credential should be scoped to correct service: '{service}'.")
    if date != signature.timestamp[:8]:
        raise InvalidSignatureException(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date[:64]}' != '{signature.timestamp[:8]}', from '{signature.timestamp[:64]}'."
        )


def _check_time(signature: Signature, now_s: float) -> None:
    try:
        signed_s = timegm(strptime(signature.timestamp, TIMESTAMP_FORMAT))
    except ValueError:
        raise IncompleteSignatureException(
            f"Date must be in ISO-8601 'basic format'. Got '{signature.timestamp[:64]}'."
        ) from None
    if signed_s - CLOCK_SKEW_MAX_S > now_s:
        raise InvalidSignatureException(
            f"Signature not yet current: {signature.timestamp} is still later than "
            f"{_timestamp(now_s + CLOCK_SKEW_MAX_S)} ({_timestamp(now_s)} + 5 min.)"
        )
    if signature.expires_s is not None:
        if signed_s + signature.expires_s < now_s:
            raise InvalidSignatureException(
                f"Signature expired: {signature.timestamp} is now earlier than "
                f"{_timestamp(now_s - signature.expires_s)} ({_timestamp(now_s)} - {signature.expires_s} s)"
            )
    elif signed_s + CLOCK_SKEW_MAX_S < now_s:
        raise InvalidSignatureException(
            f"Signature expired: {signature.timestamp} is now earlier than "
            f"{_timestamp(now_s - CLOCK_SKEW_MAX_S)} ({_timestamp(now_s)} - 5 min.)"
        )


def _check_signed_headers(signature: Signature, headers: Mapping[str, str]) -> None:
    """The host and everything AWS gives a meaning to must be signed, and what was signed must be there."""
    if "host" not in signature.signed_headers:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signature.signed_headers]
    if unsigned:
        raise InvalidSignatureException(
            f"There were headers present in the request which were not signed: {', '.join(sorted(unsigned))}"
        )
    if any(name not in headers for name in signature.signed_headers):
        raise InvalidSignatureException(_MISMATCH)


def _query_pairs(query_string: bytes) -> list[tuple[str, str]]:
    """Names and values, each in the one canonical percent-encoding."""
    pairs = []
    for pair in query_string.split(b"&"):
        name, _, value = pair.partition(b"=")
        if pair:
            pairs.append((_encoded(name), _encoded(value)))
    return pairs


def _encoded(text: bytes) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def _timestamp(epoch_s: float) -> str:
    return strftime(TIMESTAMP_FORMAT, gmtime(epoch_s))


@lru_cache(maxsize=64)
def _signing_key(secret_access_key: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_access_key}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
