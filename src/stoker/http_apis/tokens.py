"""JWT authorizers: whether a client's token is one of the issuer's, for this API, now, and good for the route.

Source: Amazon API Gateway Developer Guide, "Control access to HTTP APIs with JWT authorizers"; RFC 6750, 3.
"""

import importlib
import importlib.util
import json
import logging
from collections.abc import Mapping
from typing import Any

from stoker.clock import Clock
from stoker.errors import GatewayRefusal
from stoker.http_apis.issuers import IssuerError, Issuers
from stoker.http_apis.plans import Authorizer
from stoker.http_apis.requests import ApiRequest, Authorised
from stoker.http_apis.variables import identity_value

log = logging.getLogger("stoker.http_apis")

INSTALL = "JWT authorizers need what comes with: pip install 'stoker[apis]'"
# "API Gateway only supports RSA-based algorithms."
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
TOKEN_LENGTH_MAX = 16 * 1024


class TokenError(Exception):
    """Why a token is none, in the words that the client gets."""


def can_verify() -> bool:
    """Whether what verifies tokens is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("jwt", "cryptography"))


class Tokens:
    """Checks them."""

    def __init__(self, issuers: Issuers, clock: Clock) -> None:
        self._issuers = issuers
        self._clock = clock

    async def check(self, asked: ApiRequest, authorizer: Authorizer) -> Authorised:
        """Raises GatewayRefusal."""
        value = identity_value(authorizer.identity_sources[0], asked)
        if value is None:
            raise GatewayRefusal(401, "Unauthorized", {"www-authenticate": "Bearer"})
        token = value[7:].strip() if value[:7].lower() == "bearer " else value
        try:
            claims = await self._claims(asked.plan.key.account_id, token, authorizer)
            _check_claims(claims, authorizer, self._clock.now_s())
        except (TokenError, IssuerError) as error:
            raise _invalid_token(str(error)) from None
        granted = _scopes(claims)
        scopes = [scope for scope in asked.route.scopes if scope in granted] if asked.route.scopes else None
        if scopes == []:
            raise _insufficient_scope(asked.route.scopes)
        shown = {"claims": {name: _claim_text(claim) for name, claim in claims.items()}, "scopes": scopes}
        return Authorised({"jwt": shown}, shown)

    async def _claims(self, account_id: str, token: str, authorizer: Authorizer) -> Mapping[str, Any]:
        """What the token says, once its signature is the issuer's. Raises TokenError and IssuerError."""
        if not can_verify():
            log.error("a token cannot be checked: %s", INSTALL)
            raise GatewayRefusal(500, "Internal Server Error")
        jwt: Any = importlib.import_module("jwt")
        if len(token) > TOKEN_LENGTH_MAX:
            raise TokenError("the token is too long")
        try:
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise TokenError("the token is malformed") from None
        algorithm, key_id = head.get("alg"), head.get("kid")
        if algorithm not in _ALGORITHMS:
            raise TokenError(f"signing method {str(algorithm)[:16]} is invalid")
        if not isinstance(key_id, str):
            raise TokenError("the token does not name its key")
        key = await self._issuers.key(account_id, authorizer.issuer, key_id)
        if key is None:
            raise TokenError("the token is signed by a key that its issuer does not have")
        try:
            # The other claims are checked below, in the words of API Gateway.
            claims: Mapping[str, Any] = jwt.decode(
                token, jwt.PyJWK(key, algorithm).key, algorithms=[algorithm], options=_SIGNATURE_ALONE
            )
        except jwt.PyJWTError:
            raise TokenError("the token has an invalid signature") from None
        return claims


_SIGNATURE_ALONE = {
    f"verify_{name}": name == "signature" for name in ("signature", "exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}


def _check_claims(claims: Mapping[str, Any], authorizer: Authorizer, now_s: float) -> None:
    """Raises TokenError."""
    if claims.get("iss") != authorizer.issuer:
        raise TokenError("the issuer of the token is not that of the authorizer")
    audience = claims.get("aud", claims.get("client_id"))
    named = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(name, str) and name in authorizer.audience for name in named):
        raise TokenError("the token does not have a valid audience")
    expires_s = _time(claims, "exp")
    if expires_s is None:
        raise TokenError("the token has no expiration time")
    if expires_s <= now_s:
        raise TokenError("the token has expired")
    for name, text in (("nbf", "the token is not valid yet"), ("iat", "the token is used before issued")):
        from_s = _time(claims, name)
        if from_s is not None and from_s > now_s:
            raise TokenError(text)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TokenError(f"the claim {name} is no time")
    return float(value)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    given = claims.get("scope", claims.get("scp")) or ""
    return frozenset(given.split() if isinstance(given, str) else map(str, given if isinstance(given, list) else ()))


def _claim_text(claim: Any) -> str:
    """Every claim is a text to the function: lists as Go prints them, which is what AWS's gateway does."""
    if isinstance(claim, str):
        return claim
    if isinstance(claim, list):
        return f"[{' '.join(_claim_text(item) for item in claim)}]"
    return json.dumps(claim, separators=(",", ":"))


def _invalid_token(why: str) -> GatewayRefusal:
    description = why.replace("\\", "").replace('"', "'")
    return GatewayRefusal(
        401,
        "Unauthorized",
        {"www-authenticate": f'Bearer scope="" error="invalid_token" error_description="{description}"'},
    )


def _insufficient_scope(scopes: tuple[str, ...]) -> GatewayRefusal:
    return GatewayRefusal(
        403,
        "Forbidden",
        {"www-authenticate": f'Bearer scope="{" ".join(scopes)}" error="insufficient_scope"'},
    )
