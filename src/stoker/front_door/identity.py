"""Who calls, where, and which service they mean: all of it stands in a request's credential scope.

An access key id of twelve digits is an account of its own, so that tests can use as many accounts as they like.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

from stoker.clock import Clock
from stoker.config import Settings
from stoker.errors import MissingAuthenticationTokenException
from stoker.front_door.request import HttpRequest
from stoker.front_door.sigv4 import SignatureVerifier
from stoker.front_door.web_pages import WebPageGuard
from stoker.lambda_model.call import Caller

Verify = Callable[[bytes | None], None]

_REGION = re.compile(r"[a-z0-9-]{1,64}")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# Bounded, since what it finds is kept in a cache.
_CREDENTIAL = re.compile(r"\bCredential=([^,\s]{1,256})")


@dataclass(frozen=True, slots=True)
class CredentialScope:
    """The parts of `<access key>/<date>/<region>/<service>/aws4_request`."""

    access_key_id: str
    region: str
    service: str


def credential_scope(request: HttpRequest) -> CredentialScope | None:
    """The scope that the Authorization header or a presigned query states, unverified; None if neither does."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        found = _CREDENTIAL.search(authorization)
        return _scope(found[1]) if found else None
    if b"AWSAccessKeyId=" in request.query_string:
        # A presigned link of S3's older kind, which boto3 still makes unless told otherwise.
        values = parse_qs(request.query_string.decode("latin-1")).get("AWSAccessKeyId")
        return CredentialScope(values[0][:256], "", "s3") if values else None
    if b"X-Amz-Credential=" in request.query_string:
        values = parse_qs(request.query_string.decode("latin-1")).get("X-Amz-Credential")
        return _scope(values[0][:256]) if values else None
    return None


@lru_cache(maxsize=1024)
def _scope(credential: str) -> CredentialScope | None:
    # An access key may itself contain slashes, so count from the end.
    parts = credential.rsplit("/", 4)
    return CredentialScope(parts[0], parts[2], parts[3]) if len(parts) == 5 else None


class Identification:
    """Finds the caller of a request and, when the node has credentials, proves it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._anonymous = Caller(settings.account_id, settings.region)
        self._guard = WebPageGuard(settings.host, settings.allowed_hosts.split(), settings.function_url_domains.split())
        self._verifier = (
            SignatureVerifier(settings.access_key_id, settings.secret_access_key, clock)
            if settings.has_credentials
            else None
        )

    def caller(self, request: HttpRequest, scope: CredentialScope | None) -> Caller:
        """The account and region of a scope; what it does not say comes from the sandbox or from the settings.

        On a node with credentials whoever is in a sandbox is its function's account, whatever it states.
        """
        known = request.sandbox_caller or self._anonymous
        if scope is None:
            return known
        is_bound = request.sandbox_caller is not None and self._verifier is not None
        states_account = not is_bound and _ACCOUNT_ID.fullmatch(scope.access_key_id)
        return Caller(
            account_id=scope.access_key_id if states_account else known.account_id,
            region=scope.region if _REGION.fullmatch(scope.region) else known.region,
        )

    def check(self, request: HttpRequest, service: str | None) -> Verify | None:
        """Check all of a signature that needs no body; the rest is what the result does with the body.

        `service` is the signing name that the scope must state, or None for any. None comes back when nothing has to
        be verified: on a node without credentials, and inside a sandbox, whose socket nobody else can reach. Raises
        the classes of MissingAuthenticationTokenException.
        """
        if request.sandbox_caller is not None:
            return None
        if self._verifier is None:
            self._guard.check(request)
            return None
        if "authorization" not in request.headers and b"X-Amz-Signature=" not in request.query_string:
            raise MissingAuthenticationTokenException("Missing Authentication Token")
        return self._verifier.check(request, service)
