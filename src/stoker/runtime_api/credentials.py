"""Credentials by HTTP, for environments that are initialised for snapshots: what a snapshot holds must not grow old.

AWS's SDKs ask for them at AWS_CONTAINER_CREDENTIALS_FULL_URI, with the token of AWS_CONTAINER_AUTHORIZATION_TOKEN
(reference: runtime side, 1 and 2.6).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from stoker.clock import iso_timestamp
from stoker.role_sessions import RoleCredentials
from stoker.runtime_api.exchange import Reply, json_reply

CREDENTIALS_PATH = "/2021-04-23/credentials"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of one environment, new ones each time, for whoever has its `token`."""

    token: str
    new: Callable[[], RoleCredentials]

    def answer(self, authorization: bytes) -> Reply | None:
        """None for another token than ours."""
        if not hmac.compare_digest(authorization, self.token.encode()):
            return None
        keys = self.new()
        document = {
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "Expiration": iso_timestamp(keys.expires_s),
            "Token": keys.session_token,
        }
        return json_reply(200, document)
