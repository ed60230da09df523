"""A mapping's way to its function: through the one waist, waiting for the answer."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from stoker.arn import split_function_name
from stoker.errors import LambdaError
from stoker.event_sources.records import EventSourceMapping
from stoker.functions.records import FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.invoke import Invoker

BACK_OFF_S_FIRST = 0.5
BACK_OFF_S_MAX = 60.0


class FunctionMissingError(Exception):
    """The mapping's function was deleted; the mapping is not."""


@dataclass(frozen=True, slots=True)
class Called:
    """An invocation that took place."""

    request_id: str
    result: InvocationResult


class FunctionCalls:
    """Calls the functions of all mappings."""

    def __init__(
        self, registry: FunctionRegistry, invoker: Invoker, trace_header: Callable[[str, FunctionTarget], str]
    ) -> None:
        """`trace_header` begins a trace, or goes on with the one it is given."""
        self._registry = registry
        self._invoker = invoker
        self._trace_header = trace_header

    def role(self, mapping: EventSourceMapping) -> str:
        """The ARN of the function's role. Raises FunctionMissingError."""
        try:
            return self._registry.resolve(target_of(mapping)).role
        except LambdaError as error:
            raise FunctionMissingError(str(error)) from None

    def reserved_concurrency(self, mapping: EventSourceMapping) -> int | None:
        """What the function may use at most, if it has a reservation."""
        function = self._registry.find(target_of(mapping).key)
        return None if function is None else function.reserved_concurrency

    async def call(self, mapping: EventSourceMapping, event: bytes, trace: str = "") -> Called:
        """Raises LambdaError for what AWS refuses, throttling among it; a handler's failure is a result."""
        target, request_id = target_of(mapping), str(uuid.uuid4())
        result = await self._invoker.invoke(
            Invocation(request_id, target, event, trace_id=self._trace_header(trace, target))
        )
        return Called(request_id, result)


def target_of(mapping: EventSourceMapping) -> FunctionTarget:
    """The function with the qualifier that the mapping names."""
    parts = split_function_name(mapping.function_arn)
    assert parts is not None  # it was made of a target
    return FunctionTarget(mapping.account_id, mapping.region, parts.name, parts.qualifier)


def back_off_s(failures: int) -> float:
    """The pause after so many failures in a row, doubled each time. AWS does not say its own."""
    return min(BACK_OFF_S_FIRST * 2.0 ** min(failures - 1, 16), BACK_OFF_S_MAX)
