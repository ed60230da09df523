"""Sessions of execution roles: the temporary credentials of an environment, made and recognised without a table.

A session token states the session; the access key id, the secret key and the token's seal are derived from that
statement and a key that the node keeps. So they outlive a restart, and making them costs a cold start nothing
(decision 0053).
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from weakref import WeakValueDictionary

from stoker.clock import Clock
from stoker.errors import ExpiredTokenException, UnrecognizedClientException

# AWS's are good for about as long (as its users report; the reference states it of the credentials endpoint).
VALID_FOR_S = 12 * 3600
TOKEN_PREFIX = "StokerRole1."  # noqa: S105 - what all tokens begin with
TOKEN_LENGTH_MAX = 1024
_SEAL_BYTES = 32
_SECRET_LENGTH = 40
_INVALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"


@dataclass(frozen=True, slots=True)
class RoleSession:
    """What a token states. `name` is the function's; `number` makes each environment's session another one."""

    account_id: str
    role_name: str
    name: str
    issued_s: int
    number: str

    @property
    def arn(self) -> str:
        return f"arn:aws:sts::{self.account_id}:assumed-role/{self.role_name}/{self.name}"

    @property
    def user_id(self) -> str:
        """As STS gives it: the role's id, here one that its name decides, and the session's name."""
        digest = hashlib.sha256(f"{self.account_id}/{self.role_name}".encode()).digest()
        return f"AROA{_base32(digest)[:17]}:{self.name}"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RoleCredentials:
    """A session's keys. Whoever holds them, an environment's plan say, keeps them from expiring."""

    session: RoleSession
    access_key_id: str
    secret_access_key: str
    session_token: str

    @property
    def expires_s(self) -> int:
        """Epoch seconds at which they expire, unless their environment lives longer."""
        return self.session.issued_s + VALID_FOR_S


class RoleSessions:
    """Makes credentials and recognises them."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        """`key` is the node's, and secret: who has it can make credentials of any role."""
        self._key = key
        self._clock = clock
        self._held: WeakValueDictionary[str, RoleCredentials] = WeakValueDictionary()

    def begin(self, account_id: str, role_arn: str, name: str) -> RoleCredentials:
        """Credentials of a new session of a role. Whether IAM has that role is not asked."""
        role_name = role_arn.rpartition("/")[2]
        session = RoleSession(account_id, role_name, name, int(self._clock.now_s()), secrets.token_hex(8))
        statement = json.dumps(
            [session.account_id, session.role_name, session.name, session.issued_s, session.number],
            separators=(",", ":"),
        ).encode()
        credentials = self._credentials(session, statement)
        self._held[credentials.access_key_id] = credentials
        return credentials

    def find(self, access_key_id: str, token: str | None) -> RoleCredentials | None:
        """Those that a request shows, expired or not; None unless key id and token belong together and are ours."""
        if token is None or not token.startswith(TOKEN_PREFIX) or len(token) > TOKEN_LENGTH_MAX:
            return None
        try:
            sealed = base64.b64decode(token.removeprefix(TOKEN_PREFIX), altchars=b"-_", validate=True)
        except ValueError:
            return None
        statement, seal = sealed[:-_SEAL_BYTES], sealed[-_SEAL_BYTES:]
        if not hmac.compare_digest(self._derived("seal", statement), seal):
            return None
        found = self._credentials(RoleSession(*json.loads(statement)), statement)
        # The whole token: base64 leaves bits that could be altered unnoticed.
        if not hmac.compare_digest(found.session_token.encode(), token.encode()):
            return None
        return found if hmac.compare_digest(found.access_key_id.encode(), access_key_id.encode()) else None

    def recognise(self, access_key_id: str, token: str | None) -> RoleCredentials:
        """As `find`. Raises UnrecognizedClientException, ExpiredTokenException."""
        found = self.find(access_key_id, token)
        if found is None:
            raise UnrecognizedClientException(_INVALID)
        if found.expires_s < self._clock.now_s() and access_key_id not in self._held:
            raise ExpiredTokenException(_EXPIRED)
        return found

    def _credentials(self, session: RoleSession, statement: bytes) -> RoleCredentials:
        sealed = statement + self._derived("seal", statement)
        return RoleCredentials(
            session,
            _access_key_id(session.account_id, self._derived("key id", statement)),
            base64.b64encode(self._derived("secret", statement)).decode()[:_SECRET_LENGTH],
            TOKEN_PREFIX + base64.b64encode(sealed, altchars=b"-_").decode(),
        )

    def _derived(self, purpose: str, statement: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\n" + statement, "sha256")


def _access_key_id(account_id: str, derived: bytes) -> str:
    """With the account in it where AWS's have it, which tools read: 40 bits, 7 from the end of the first six bytes."""
    head = int(account_id) << 7 | derived[0] & 0x7F | 1 << 47
    return f"ASIA{_base32(head.to_bytes(6) + derived[1:5])}"


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode()
