"""Authorizer functions: asked with an event, answered with a verdict, which is kept for a while.

Reference: invocation, 6; Amazon API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer" and
"Control access to HTTP APIs with AWS Lambda authorizers".
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stoker.errors import LambdaError
from stoker.gateways.functions import GatewayFunctions
from stoker.gateways.policies import Facts, allows
from stoker.invocation import Invocation

KEPT_VERDICTS_MAX = 10_000
# Where a kind of API knows of no other: the time that integrations have by default.
AUTHORIZER_TIMEOUT_S = 30.0

Context = Mapping[str, str | int | float | bool | None]


class AuthorizerFailedError(Exception):
    """The function could not be asked, failed, or said nothing that could be understood. `said` is the message of the
    error that it raised: to REST APIs `Unauthorized` means something."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an authorizer function said: a policy document, or (`is_authorized`) yes or no."""

    principal_id: str | None = None
    policy: Mapping[str, Any] | None = None
    is_authorized: bool = False
    context: Context = field(default_factory=dict)
    usage_key: str | None = None

    def lets_pass(self, resource: str, facts: Facts) -> bool:
        """Whether a request for that resource may pass. Raises AuthorizerFailedError."""
        if self.policy is None:
            return self.is_authorized
        try:
            return allows(self.policy, resource, facts)
        except ValueError as error:
            raise AuthorizerFailedError(str(error)) from None


def policy_verdict(document: Any) -> Verdict:
    """Of `{principalId, policyDocument, context?, usageIdentifierKey?}`. Raises AuthorizerFailedError."""
    if not isinstance(document, dict) or not isinstance(document.get("policyDocument"), dict):
        raise AuthorizerFailedError("the authorizer returned no policy document")
    principal_id = document.get("principalId")
    if not isinstance(principal_id, str):
        raise AuthorizerFailedError("the authorizer returned no principalId")
    usage_key = document.get("usageIdentifierKey")
    return Verdict(
        principal_id,
        document["policyDocument"],
        context=document.get("context") or {},
        usage_key=usage_key if isinstance(usage_key, str) else None,
    )


def simple_verdict(document: Any) -> Verdict:
    """Of `{isAuthorized, context?}`. Raises AuthorizerFailedError."""
    if not isinstance(document, dict) or not isinstance(document.get("isAuthorized"), bool):
        raise AuthorizerFailedError("the authorizer returned no isAuthorized")
    return Verdict(is_authorized=document["isAuthorized"], context=document.get("context") or {})


def is_flat(context: Context) -> bool:
    """Whether a context has none but texts, numbers and booleans, as REST and WebSocket APIs want it."""
    return all(value is None or isinstance(value, str | int | float | bool) for value in context.values())


def context_texts(context: Context) -> dict[str, str]:
    """A context's values as variables show them."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in context.items()}


class AuthorizerFunctions:
    """Asks them, or remembers what they said."""

    def __init__(self, functions: GatewayFunctions, now_s: Callable[[], float] = time.monotonic) -> None:
        self._functions = functions
        self._now_s = now_s
        self._kept: OrderedDict[Hashable, tuple[float, Verdict]] = OrderedDict()

    def remembered(self, key: Hashable) -> Verdict | None:
        """What was said for that key, as long as it holds."""
        found = self._kept.get(key)
        if found is None:
            return None
        until_s, verdict = found
        if self._now_s() >= until_s:
            del self._kept[key]
            return None
        return verdict

    async def ask(
        self, invocation: Invocation, read: Callable[[Any], Verdict], timeout_s: float = AUTHORIZER_TIMEOUT_S
    ) -> Verdict:
        """What the function says now; `read` understands its result. Raises AuthorizerFailedError.

        Whether the API may invoke it has been checked.
        """
        try:
            result = await self._functions.invoke(invocation, timeout_s)
        except (LambdaError, TimeoutError) as error:
            raise AuthorizerFailedError(str(error) or "the authorizer took too long") from None
        if result.function_error is not None:
            raise AuthorizerFailedError("the authorizer failed", _error_message(result.payload))
        try:
            document = msgspec.json.decode(result.payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise AuthorizerFailedError("the authorizer's result is not JSON") from None
        verdict = read(document)
        if not isinstance(verdict.context, Mapping):
            raise AuthorizerFailedError("the authorizer's context is no object")
        return verdict

    def remember(self, key: Hashable, verdict: Verdict, ttl_s: float) -> None:
        """For `ttl_s` seconds; not at all for zero. Whoever was asked for longest ago goes first when there are too
        many."""
        if ttl_s <= 0:
            return
        self._kept[key] = (self._now_s() + ttl_s, verdict)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_VERDICTS_MAX:
            self._kept.popitem(last=False)

    def forget(self, belongs: Callable[[Hashable], bool]) -> None:
        """Everything that was said for keys that `belongs` is true of."""
        for key in [key for key in self._kept if belongs(key)]:
            del self._kept[key]


def _error_message(payload: bytes) -> str:
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""
