"""Who calls, where, and which service they mean: all of it stands in a request's credential scope.

An access key id of twelve digits is an account of its own, so that tests can use as many accounts as they like; that of
a function's credentials is its account.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

from stoker.clock import Clock
from stoker.config import Settings
from stoker.errors import MissingAuthenticationTokenException, UnrecognizedClientException
from stoker.front_door.request import HttpRequest
from stoker.front_door.sigv4 import SignatureVerifier, session_token
from stoker.front_door.web_pages import WebPageGuard
from stoker.lambda_model.call import Caller
from stoker.role_sessions import TOKEN_PREFIX, RoleSession, RoleSessions

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

    def __init__(self, settings: Settings, clock: Clock, role_sessions: RoleSessions | None = None) -> None:
        self._role_sessions = role_sessions
        self._anonymous = Caller(settings.account_id, settings.region)
        self._guard = WebPageGuard(settings.host, settings.allowed_hosts.split(), settings.function_url_domains.split())
        self._verifier = (
            SignatureVerifier(settings.access_key_id, settings.secret_access_key, clock, role_sessions)
            if settings.has_credentials
            else None
        )

    def caller(self, request: HttpRequest, scope: CredentialScope | None) -> Caller:
        """The account and region of a scope; what it does not say comes from the sandbox or from the settings.

        On a node with credentials whoever is in a sandbox is its function's account, whatever it states. Where nothing
        is verified, a function's token counts if it is genuine, and is like any other word if it is not.
        """
        known = request.sandbox_caller or self._anonymous
        if scope is None:
            return known
        is_bound = request.sandbox_caller is not None and self._verifier is not None
        session = self._session(request, scope)
        account_id = known.account_id
        if not is_bound and session is not None:
            account_id = session.account_id
        elif not is_bound and _ACCOUNT_ID.fullmatch(scope.access_key_id):
            account_id = scope.access_key_id
        return Caller(
            account_id=account_id,
            region=scope.region if _REGION.fullmatch(scope.region) else known.region,
            session=session if session is not None and session.account_id == account_id else None,
        )

    def _session(self, request: HttpRequest, scope: CredentialScope) -> RoleSession | None:
        if self._role_sessions is None or not scope.access_key_id.startswith("ASIA"):
            return None
        found = self._role_sessions.find(scope.access_key_id, session_token(request))
        return None if found is None else found.session

    def check(self, request: HttpRequest, service: str | None) -> Verify | None:
        """Check all of a signature that needs no body; the rest is what the result does with the body.

        `service` is the signing name that the scope must state, or None for any. None comes back when nothing has to
        be verified: on a node without credentials, and inside a sandbox, whose socket nobody else can reach; but what
        looks like a role's token has to be one there, too. Raises the classes of MissingAuthenticationTokenException.
        """
        if request.sandbox_caller is not None:
            if self._verifier is not None:
                self._check_token(request)
            return None
        if self._verifier is None:
            self._guard.check(request)
            return None
        if "authorization" not in request.headers and b"X-Amz-Signature=" not in request.query_string:
            raise MissingAuthenticationTokenException("Missing Authentication Token")
        return self._verifier.check(request, service)

    def _check_token(self, request: HttpRequest) -> None:
        """Raises UnrecognizedClientException. In a sandbox credentials do not expire: it is their environment."""
        token = session_token(request)
        if self._role_sessions is None or token is None or not token.startswith(TOKEN_PREFIX):
            return
        scope = credential_scope(request)
        if scope is None or self._role_sessions.find(scope.access_key_id, token) is None:
            raise UnrecognizedClientException("The security token included in the request is invalid.")
