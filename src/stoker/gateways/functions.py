"""Functions behind APIs: what an integration's URI names, whether the API may invoke it, and invoking it in time."""

import asyncio
import re
from collections.abc import Mapping
from functools import lru_cache

from stoker.arn import split_arn, split_function_name
from stoker.errors import AccessDeniedException, LambdaError
from stoker.functions.records import FunctionTarget
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.authorisation import Authorisation
from stoker.invocations.invoke import Invoker
from stoker.invocations.trace import Tracing
from stoker.supervision import Background

SERVICE = "apigateway.amazonaws.com"
_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
# `arn:aws:apigateway:<region>:lambda:path/2015-03-31/functions/<the function's ARN>/invocations`
_INVOCATIONS = re.compile(
    r"arn:aws[a-z-]*:apigateway:[a-z0-9-]+:lambda:path/\d{4}-\d{2}-\d{2}/functions/(.+)/(?:response-streaming-)?invocations"
)


def with_stage_variables(text: str, variables: Mapping[str, str]) -> str:
    """`text` with each `${stageVariables.name}` replaced; one that the stage does not have is empty."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], ""), text) if "${" in text else text


@lru_cache(maxsize=4096)
def function_of(uri: str) -> FunctionTarget | None:
    """The function that an integration's or authorizer's URI names, by its own ARN or by API Gateway's for invoking it.

    Stage variables have been put in. None for every other URI.
    """
    invoked = _INVOCATIONS.fullmatch(uri)
    arn = invoked[1] if invoked is not None else uri
    if len(arn) > 256 or not arn.startswith("arn:"):
        return None
    name = split_function_name(arn)
    if name is None or name.account_id is None or name.region is None:
        return None
    return FunctionTarget(name.account_id, name.region, name.name, name.qualifier)


class GatewayFunctions:
    """Invokes functions for APIs, through the one door that all invocations pass."""

    def __init__(
        self, invoker: Invoker, authorisation: Authorisation, tracing: Tracing, background: Background
    ) -> None:
        self._invoker = invoker
        self._authorisation = authorisation
        self._tracing = tracing
        self._background = background

    def check(self, target: FunctionTarget, source_arn: str, account_id: str, role_arn: str | None = None) -> None:
        """Raise AccessDeniedException unless the API `source_arn` of `account_id` may invoke `target`.

        The function's policy has to let API Gateway in; with a role it is the role that invokes, as somebody of its
        account.
        """
        if not role_arn:
            self._authorisation.check_service(SERVICE, source_arn, account_id, target)
            return
        arn = split_arn(role_arn)
        if arn is None or arn.account_id != target.account_id:
            raise AccessDeniedException

    def trace(self, incoming: str, target: FunctionTarget) -> str:
        """The trace header of an invocation; `incoming` is the client's ("" for none)."""
        return self._tracing.header(incoming, target)

    async def invoke(self, invocation: Invocation, timeout_s: float) -> InvocationResult:
        """Raises what `Invoker.invoke` raises, and TimeoutError: the function then goes on, and nobody listens."""
        running = self._background.start(self._outcome(invocation), "invocation of an API")
        async with asyncio.timeout(timeout_s):
            outcome = await asyncio.shield(running)
        if isinstance(outcome, LambdaError):
            raise outcome
        return outcome

    async def _outcome(self, invocation: Invocation) -> InvocationResult | LambdaError:
        """A refusal is a value here: who has stopped listening does not hear it, and it is no failure of ours."""
        try:
            return await self._invoker.invoke(invocation)
        except LambdaError as refusal:
            return refusal
