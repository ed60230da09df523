"""Calls the function of a target group, for whoever sends a request and for its health checks."""

from stoker.arn import split_arn, split_function_name
from stoker.errors import AccessDeniedException, BadGatewayException, LambdaError
from stoker.front_door.request import new_request_id
from stoker.functions.records import FunctionTarget
from stoker.http_events.load_balancer import BalancerAnswer, answer_of
from stoker.http_events.records import InvalidAnswerError
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.authorisation import Authorisation
from stoker.invocations.invoke import Invoker
from stoker.invocations.trace import Tracing
from stoker.limits import MIB
from stoker.load_balancers.attributes import MULTI_VALUE, OF_TARGET_GROUPS, value_of
from stoker.load_balancers.errors import AccessDeniedError
from stoker.load_balancers.records import TargetGroup, place_of

SERVICE = "elasticloadbalancing.amazonaws.com"
BODY_BYTES_MAX = 1 * MIB  # of a request, and of a function's result
_ARN_LENGTH_MAX = 256


class TargetCalls:
    """Through the same waist as every call of a function."""

    def __init__(self, invoker: Invoker, authorisation: Authorisation, tracing: Tracing) -> None:
        self._invoker = invoker
        self._authorisation = authorisation
        self._tracing = tracing

    def check_access(self, group: TargetGroup, function: str, target: FunctionTarget) -> None:
        """Raises AccessDenied, in AWS's words, unless the function's policy lets the group's balancer in."""
        try:
            self._authorisation.check_service(SERVICE, group.arn, place_of(group.arn)[0], target)
        except AccessDeniedException:
            raise AccessDeniedError(
                "AccessDenied",
                f"elasticloadbalancing principal does not have permission to invoke {function} from target group "
                f"{group.arn}",
            ) from None

    async def call(self, group: TargetGroup, event: bytes, trace: str) -> BalancerAnswer | LambdaError:
        """The function's response; BadGatewayException, whatever kept it from giving one. Nothing is raised, so that
        it can be the result of a task that nobody waits for any more."""
        target = function_target(group.targets[0])
        try:
            if target is None:  # it was checked when it was registered
                raise BadGatewayException
            self.check_access(group, group.targets[0], target)
            header = self._tracing.header(trace, target)
            result = await self._invoker.invoke(Invocation(new_request_id(), target, event, trace_id=header))
        except LambdaError:
            return BadGatewayException()
        return _answer(result, group)


def _answer(result: InvocationResult, group: TargetGroup) -> BalancerAnswer | LambdaError:
    if result.function_error is not None or len(result.payload) > BODY_BYTES_MAX:
        return BadGatewayException()
    try:
        return answer_of(result.payload, has_lists=has_lists(group))
    except InvalidAnswerError:
        return BadGatewayException()


def has_lists(group: TargetGroup) -> bool:
    return value_of(OF_TARGET_GROUPS, group.attributes, MULTI_VALUE) == "true"


def function_target(arn: str) -> FunctionTarget | None:
    """None for what is no function's whole ARN."""
    parts = split_arn(arn) if len(arn) <= _ARN_LENGTH_MAX else None
    name = split_function_name(arn) if parts is not None and parts.service == "lambda" else None
    if name is None or name.region is None or name.account_id is None:
        return None
    return FunctionTarget(name.account_id, name.region, name.name, name.qualifier)
