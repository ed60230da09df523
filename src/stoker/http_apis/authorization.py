"""Whether a client may ask for a route: nobody is asked, a signature, a token, or a function.

Source: Amazon API Gateway Developer Guide, "Control access to HTTP APIs with AWS Lambda authorizers" and "Control
access to HTTP APIs with IAM authorization".
"""

import logging

from stoker.errors import AccessDeniedException, GatewayRefusal
from stoker.front_door.endpoints import Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import new_request_id
from stoker.gateways.authorizers import (
    AuthorizerFailedError,
    AuthorizerFunctions,
    Verdict,
    policy_verdict,
    simple_verdict,
)
from stoker.gateways.functions import GatewayFunctions, function_of, with_stage_variables
from stoker.http_apis.events import authorizer_event
from stoker.http_apis.plans import Authorizer
from stoker.http_apis.requests import ApiRequest, Authorised
from stoker.http_apis.tokens import Tokens
from stoker.http_apis.variables import identity_value
from stoker.http_events.format_2 import iam_authorizer
from stoker.invocation import Invocation
from stoker.invocations.signer import signer

# Quotas for HTTP APIs: "Timeout for Lambda authorizer response".
AUTHORIZER_TIMEOUT_S = 10.0

log = logging.getLogger("stoker.http_apis")


class Authorization:
    """Lets clients pass, or does not."""

    def __init__(self, functions: GatewayFunctions, authorizers: AuthorizerFunctions, tokens: Tokens) -> None:
        self._functions = functions
        self._authorizers = authorizers
        self._tokens = tokens

    async def check(self, asked: ApiRequest, received: Received, credentials: CredentialScope | None) -> Authorised:
        """Raises GatewayRefusal and AccessDeniedException. A signature has been verified."""
        authorizer = asked.route.authorizer
        match asked.route.authorization:
            case "AWS_IAM":
                return _signed(asked, received, credentials)
            case "JWT" if authorizer is not None:
                return await self._tokens.check(asked, authorizer)
            case "CUSTOM" if authorizer is not None:
                return await self._ask_function(asked, authorizer)
            case "NONE":
                return Authorised()
        raise GatewayRefusal(500, "Internal Server Error")

    async def _ask_function(self, asked: ApiRequest, authorizer: Authorizer) -> Authorised:
        found = [identity_value(source, asked) for source in authorizer.identity_sources]
        identities = tuple(value for value in found if value is not None)
        if len(identities) < len(found):
            raise GatewayRefusal(401, "Unauthorized")
        try:
            verdict = await self._verdict(asked, authorizer, identities)
            facts = {
                "aws:sourceip": asked.request.head.source_ip,
                "aws:useragent": asked.request.headers.get("user-agent", ""),
            }
            if not verdict.lets_pass(asked.route_arn, facts):
                raise AccessDeniedException
        except AuthorizerFailedError as error:
            asked.trail.authorizer_error = str(error)
            log.warning("the authorizer %s of %s: %s", authorizer.authorizer_id, asked.plan.key.api_id, error)
            raise GatewayRefusal(500, "Internal Server Error") from None
        flat = dict(verdict.context)
        if verdict.principal_id is not None:
            flat["principalId"] = verdict.principal_id
        return Authorised({"lambda": verdict.context or None}, flat)

    async def _verdict(self, asked: ApiRequest, authorizer: Authorizer, identities: tuple[str, ...]) -> Verdict:
        """Raises AuthorizerFailedError."""
        plan = asked.plan
        key = (plan.key.api_id, plan.name, authorizer.authorizer_id, identities)
        may_keep = bool(identities) and authorizer.result_ttl_s > 0
        if may_keep and (known := self._authorizers.remembered(key)) is not None:
            return known
        target = function_of(with_stage_variables(authorizer.uri, plan.variables))
        if target is None:
            raise AuthorizerFailedError("its URI names no function")
        source_arn = f"{plan.key.execution_arn}/authorizers/{authorizer.authorizer_id}"
        try:
            self._functions.check(target, source_arn, plan.key.account_id, authorizer.role_arn)
        except AccessDeniedException:
            raise AuthorizerFailedError(f"the policy of {target.arn} does not let {source_arn} invoke it") from None
        trace = self._functions.trace(asked.request.headers.get("x-amzn-trace-id", ""), target)
        event = authorizer_event(asked, identities, authorizer.payload_format, trace)
        verdict = await self._authorizers.ask(
            Invocation(new_request_id(), target, event, trace),
            simple_verdict if authorizer.is_simple else policy_verdict,
            AUTHORIZER_TIMEOUT_S,
        )
        if may_keep:
            self._authorizers.remember(key, verdict, authorizer.result_ttl_s)
        return verdict


def _signed(asked: ApiRequest, received: Received, credentials: CredentialScope | None) -> Authorised:
    """HTTP APIs have no policies of their own: the account that an API belongs to may, and nobody else."""
    if credentials is None or received.caller.account_id != asked.plan.key.account_id:
        raise AccessDeniedException
    caller = signer(received.caller, credentials.access_key_id)
    return Authorised({"iam": iam_authorizer(caller)}, None, caller)
