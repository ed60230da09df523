"""Credentials by HTTP, for environments that are initialised for snapshots: what a snapshot holds must not grow old.

AWS's SDKs ask for them at AWS_CONTAINER_CREDENTIALS_FULL_URI, with the token of AWS_CONTAINER_AUTHORIZATION_TOKEN
(reference: runtime side, 1 and 2.6).
"""

import hmac
from dataclasses import dataclass

from stoker.clock import Clock, iso_timestamp
from stoker.runtime_api.exchange import Reply, json_reply

CREDENTIALS_PATH = "/2021-04-23/credentials"
VALID_FOR_S = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of one environment, for whoever has its `token`."""

    token: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    clock: Clock

    def answer(self, authorization: bytes) -> Reply | None:
        """None for another token than ours."""
        if not hmac.compare_digest(authorization, self.token.encode()):
            return None
        document = {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "Expiration": iso_timestamp(self.clock.now_s() + VALID_FOR_S),
            "Token": self.session_token,
        }
        return json_reply(200, document)
