"""Whether a client may ask for a method: nobody is asked, a signature, or a function.

Source: API Gateway Developer Guide, "Use API Gateway Lambda authorizers" and "Control access to a REST API with IAM
permissions".
"""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from stoker.errors import AccessDeniedException
from stoker.front_door.endpoints import Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import new_request_id
from stoker.gateways.authorizers import (
    AuthorizerFailedError,
    AuthorizerFunctions,
    Verdict,
    context_texts,
    is_flat,
    policy_verdict,
)
from stoker.gateways.functions import GatewayFunctions, function_of, with_stage_variables
from stoker.gateways.policies import allows
from stoker.http_events.format_1 import metadata_event
from stoker.invocation import Invocation
from stoker.invocations.signer import signer
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.records import Authorizer
from stoker.rest_apis.requests import ApiRequest, Authorised
from stoker.rest_apis.resource_policy import check_allowed
from stoker.rest_apis.variables import variables_of

log = logging.getLogger("stoker.rest_apis")

# What an authorizer function raises to have a client told that it is not known.
UNAUTHORIZED = "Unauthorized"
EXPLICIT_DENY = "User is not authorized to access this resource with an explicit deny"


class VerdictKey(NamedTuple):
    """What a verdict is kept for: it holds for all methods of a deployed stage."""

    api_id: str
    stage: str
    deployment_id: str
    authorizer_id: str
    identities: tuple[str, ...]


class Authorization:
    """Lets clients pass, or does not."""

    def __init__(self, functions: GatewayFunctions, authorizers: AuthorizerFunctions) -> None:
        self._functions = functions
        self._authorizers = authorizers

    async def check(self, asked: ApiRequest, received: Received, credentials: CredentialScope | None) -> Authorised:
        """Raises RequestRefusedError. A signature has been verified."""
        match asked.method.authorization_type:
            case "NONE":
                check_allowed(asked, None, "anonymous")
                return Authorised()
            case "AWS_IAM":
                return _signed(asked, received, credentials)
            case "CUSTOM":
                authorizer = asked.plan.authorizer(asked.method)
                if authorizer is not None:
                    check_allowed(asked, None, "anonymous")
                    return await self._ask_function(asked, authorizer)
        raise RequestRefusedError("AUTHORIZER_CONFIGURATION_ERROR")

    def forget(self, api_id: str, stage: str) -> None:
        """What was said for a stage."""
        self._authorizers.forget(lambda key: isinstance(key, VerdictKey) and (key.api_id, key.stage) == (api_id, stage))

    async def _ask_function(self, asked: ApiRequest, authorizer: Authorizer) -> Authorised:
        identities = _identities(asked, authorizer)
        begun_s = time.monotonic()
        try:
            verdict = await self._verdict(asked, authorizer, identities)
            facts = {
                "aws:sourceip": asked.request.head.source_ip,
                "aws:useragent": asked.request.headers.get("user-agent", ""),
            }
            if not verdict.lets_pass(asked.method_arn, facts):
                raise RequestRefusedError(
                    "ACCESS_DENIED", EXPLICIT_DENY if _is_denied(verdict, asked.method_arn, facts) else None
                )
            if not is_flat(verdict.context):
                raise AuthorizerFailedError("its context has values that are neither texts, numbers nor booleans")
        except AuthorizerFailedError as error:
            log.warning("the authorizer %s of %s: %s", authorizer.name, asked.plan.api_id, error)
            raise RequestRefusedError("AUTHORIZER_CONFIGURATION_ERROR") from None
        shown: dict[str, Any] = {"principalId": verdict.principal_id}
        shown |= {name: text for name, text in context_texts(verdict.context).items() if text != "null"}
        shown["integrationLatency"] = round((time.monotonic() - begun_s) * 1000)
        return Authorised(shown, usage_key=verdict.usage_key)

    async def _verdict(self, asked: ApiRequest, authorizer: Authorizer, identities: tuple[str, ...]) -> Verdict:
        """Raises AuthorizerFailedError, and RequestRefusedError for what the function does not know."""
        plan, ttl_s = asked.plan, authorizer.authorizer_result_ttl_in_seconds or 0
        key = VerdictKey(plan.api_id, plan.stage.stage_name, plan.stage.deployment_id, authorizer.id, identities)
        may_keep = bool(identities) and ttl_s > 0
        if may_keep and (known := self._authorizers.remembered(key)) is not None:
            return known
        target = function_of(with_stage_variables(authorizer.authorizer_uri or "", plan.variables))
        if target is None:
            raise AuthorizerFailedError("its URI names no function")
        source_arn = f"{plan.execution_arn}/authorizers/{authorizer.id}"
        try:
            self._functions.check(target, source_arn, plan.place.account_id, authorizer.authorizer_credentials)
        except AccessDeniedException:
            raise AuthorizerFailedError(f"the policy of {target.arn} does not let {source_arn} invoke it") from None
        trace = self._functions.trace(asked.request.headers.get("x-amzn-trace-id", ""), target)
        event = msgspec.json.encode(_event(asked, authorizer, identities, trace))
        try:
            verdict = await self._authorizers.ask(Invocation(new_request_id(), target, event, trace), policy_verdict)
        except AuthorizerFailedError as error:
            if error.said == UNAUTHORIZED:
                raise RequestRefusedError("UNAUTHORIZED") from None
            raise
        if may_keep:
            self._authorizers.remember(key, verdict, ttl_s)
        return verdict


def _identities(asked: ApiRequest, authorizer: Authorizer) -> tuple[str, ...]:
    """What says who a client is. Raises RequestRefusedError where something is missing, or looks like nothing that the
    authorizer would let pass: it is not asked then."""
    sources = [source.strip() for source in (authorizer.identity_source or "").split(",") if source.strip()]
    found = [variables_of(asked, source) for source in sources]
    if not all(found):
        raise RequestRefusedError("UNAUTHORIZED")
    pattern = authorizer.identity_validation_expression
    if authorizer.type == "TOKEN" and pattern and re.fullmatch(pattern, found[0] or "") is None:
        raise RequestRefusedError("UNAUTHORIZED")
    return tuple(value for value in found if value)


def _event(asked: ApiRequest, authorizer: Authorizer, identities: tuple[str, ...], trace: str) -> Mapping[str, Any]:
    if authorizer.type == "TOKEN":
        return {"type": "TOKEN", "authorizationToken": identities[0], "methodArn": asked.method_arn}
    event = metadata_event(asked.call._replace(body=b""), asked.call_context(trace), asked.route, "REST")
    # AWS shows empty maps here, where a function behind the method sees null.
    shown = {name: {} if value is None else value for name, value in event.items()}
    return {"type": "REQUEST", "methodArn": asked.method_arn, **shown}


def _is_denied(verdict: Verdict, resource: str, facts: Mapping[str, str]) -> bool:
    """Whether a statement denies it, and not only none allows it."""
    policy = verdict.policy or {}
    statements = policy.get("Statement") or []
    given = statements if isinstance(statements, list) else [statements]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return not allows({"Statement": [everything, *given]}, resource, facts)


def _signed(asked: ApiRequest, received: Received, credentials: CredentialScope | None) -> Authorised:
    """The account that an API belongs to may, and whom its policy lets in."""
    if credentials is None:
        raise RequestRefusedError("MISSING_AUTHENTICATION_TOKEN")
    caller = signer(received.caller, credentials.access_key_id)
    check_allowed(asked, received.caller.account_id, caller.arn)
    return Authorised(caller=caller)
