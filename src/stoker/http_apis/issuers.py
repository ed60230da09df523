"""The public keys of those who issue tokens: found by OpenID Connect's discovery, and kept for a while.

Source: OpenID Connect Discovery 1.0, 4; RFC 7517; Amazon API Gateway Developer Guide, "Control access to HTTP APIs with
JWT authorizers" (a key is kept for two hours).
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import urllib3

log = logging.getLogger("stoker.http_apis")

KEPT_FOR_S = 2 * 3600.0
# How soon an issuer is asked again for a key that it did not have, or when it could not be asked.
ASKED_AGAIN_AFTER_S = 10.0
CONNECT_LIMIT_S = 2.0
READ_LIMIT_S = 5.0
DOCUMENT_BYTES_MAX = 512 * 1024
THREADS_MAX = 4
ISSUERS_MAX = 1_000

# The issuer of a user pool of Cognito's (Amazon Cognito Developer Guide, "Verifying JSON web tokens").
_USER_POOL = re.compile(r"https://cognito-idp\.([a-z0-9-]{1,64})\.amazonaws\.com/([\w-]{1,64})", re.ASCII)

Key = Mapping[str, Any]


class UserPools(Protocol):
    """Cognito's, as far as it is embedded."""

    async def keys(self, account_id: str, region: str, pool_id: str) -> Mapping[str, Any] | None:
        """The JWK set of a pool; None for one that is not there, and issues at AWS."""
        ...


class IssuerError(Exception):
    """An issuer could not be asked; the text is for its clients."""


@dataclass(slots=True)
class _Issuer:
    """`asked_s` is when it was asked last, `known_s` when it answered last."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    keys: Mapping[str, Key] = field(default_factory=dict)
    asked_s: float = float("-inf")
    known_s: float = float("-inf")


class Issuers:
    """All that tokens have named so far. To be used from the event loop's thread only."""

    def __init__(self, user_pools: UserPools, now_s: Callable[[], float] = time.monotonic) -> None:
        self._user_pools = user_pools
        self._now_s = now_s
        self._issuers: dict[tuple[str, str], _Issuer] = {}
        self._threads = ThreadPoolExecutor(THREADS_MAX, "issuers")
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_LIMIT_S, read=READ_LIMIT_S), retries=urllib3.Retry(2, redirect=3)
        )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    async def key(self, account_id: str, issuer: str, key_id: str) -> Key | None:
        """The key as JWK, for an API of that account; None if the issuer has no such key. Raises IssuerError."""
        if len(self._issuers) > ISSUERS_MAX:
            self._issuers.clear()
        known = self._issuers.setdefault((account_id, issuer), _Issuer())
        async with known.turn:
            now_s = self._now_s()
            is_old = now_s - known.known_s > KEPT_FOR_S
            if (is_old or key_id not in known.keys) and now_s - known.asked_s > ASKED_AGAIN_AFTER_S:
                known.asked_s = now_s
                known.keys = await self._ask(account_id, issuer)
                known.known_s = now_s
            elif is_old:
                raise IssuerError("OIDC discovery endpoint communication error")
        return known.keys.get(key_id)

    async def _ask(self, account_id: str, issuer: str) -> Mapping[str, Key]:
        pool = _USER_POOL.fullmatch(issuer)
        if pool is not None:
            document = await self._user_pools.keys(account_id, pool[1], pool[2])
            if document is not None:
                return _by_id(document)
        document = await asyncio.get_running_loop().run_in_executor(self._threads, self._fetch, issuer)
        return _by_id(document)

    def _fetch(self, issuer: str) -> Mapping[str, Any]:
        """The JWK set. In a thread."""
        configuration = self._document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        return self._document(str(configuration.get("jwks_uri")))

    def _document(self, url: str) -> Mapping[str, Any]:
        try:
            answer = self._http.request("GET", url, preload_content=False)
            try:
                body = answer.read(DOCUMENT_BYTES_MAX + 1)
            finally:
                answer.release_conn()
            document = json.loads(body) if answer.status == 200 and len(body) <= DOCUMENT_BYTES_MAX else None
        except (urllib3.exceptions.HTTPError, ValueError, RecursionError) as error:
            log.warning("%s cannot be read: %s", url, error)
            document = None
        if not isinstance(document, dict):
            raise IssuerError("OIDC discovery endpoint communication error")
        return document


def _by_id(document: Mapping[str, Any]) -> Mapping[str, Key]:
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise IssuerError("the issuer's keys are no JWK set")
    return {
        key["kid"]: key
        for key in keys
        if isinstance(key, dict) and isinstance(key.get("kid"), str) and key.get("kty") == "RSA"
    }
