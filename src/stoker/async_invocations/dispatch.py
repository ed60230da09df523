"""One event: run it, then write down what that means — its end, another attempt, or its way to its destinations."""

import logging
from collections.abc import Awaitable, Callable

from stoker.async_invocations.counts import Counts
from stoker.async_invocations.lane import FreePlace, Handled
from stoker.async_invocations.outcome_record import error_message, qualified_arn
from stoker.async_invocations.outcomes import Outcome, as_event, deliveries_of, is_for_function
from stoker.async_invocations.records import Change, Delivery, Event, Postponement, Queued
from stoker.async_invocations.rules import (
    Condition,
    RetryPolicy,
    due_after_refusal,
    is_too_old,
    retry_after_error,
    retry_policy,
)
from stoker.clock import Clock
from stoker.errors import LambdaError, RecursiveInvocationException, ResourceNotFoundException
from stoker.functions.records import Function
from stoker.functions.registry import FunctionRegistry
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.invoke import Invoker

log = logging.getLogger("stoker.async_invocations")

THROTTLED = (429, "Rate Exceeded.")

Commit = Callable[[Change], Awaitable[None]]
"""Has a change on disk when it returns, and wakes whom it concerns."""


class Dispatch:
    """The work of the lanes of events."""

    def __init__(
        self,
        functions: FunctionRegistry,
        invoker: Invoker,
        commit: Commit,
        counts: Counts,
        clock: Clock,
        retry_delay_s: float,
        event_bytes_max: int,
    ) -> None:
        self._event_bytes_max = event_bytes_max
        self._functions = functions
        self._invoker = invoker
        self._commit = commit
        self._counts = counts
        self._clock = clock
        self._retry_delay_s = retry_delay_s

    async def run(self, queued: Queued[Event], free_place: FreePlace) -> Handled:
        """Run the event, unless it may not be run any more. Raises what nobody foresaw; it is then run again."""
        event = queued.item
        function = self._functions.find(event.target.key)
        if function is None:
            return await self._drop(queued, "its function was deleted")
        policy = retry_policy(function.event_invoke_configs.get(event.qualifier), self._retry_delay_s)
        refusal = self._refusal(queued, function, policy)
        if refusal is not None:
            return await self._end(queued, function, refusal)
        try:
            result = await self._invoker.invoke(_invocation(event))
        except ResourceNotFoundException as error:
            return await self._drop(queued, str(error))
        except RecursiveInvocationException as error:
            outcome = Outcome(Condition.RECURSIVE_INVOCATION, queued.tries, None, error.status, str(error))
            return await self._end(queued, function, outcome)
        except LambdaError as error:
            return await self._put_back(queued, policy, error)
        free_place()
        if result.function_error is not None:
            return await self._failed(queued, function, policy, result)
        return await self._end(queued, function, Outcome(Condition.SUCCESS, queued.tries + 1, result))

    def _refusal(self, queued: Queued[Event], function: Function, policy: RetryPolicy) -> Outcome | None:
        """Why the event is given up without being run (again), if it is."""
        if function.reserved_concurrency == 0:
            return Outcome(Condition.ZERO_RESERVED_CONCURRENCY, queued.tries, None, *THROTTLED)
        if is_too_old(policy, queued.item.accepted_s, self._clock.now_s()):
            error = THROTTLED if queued.refusals else (200, "The event has reached its maximum age.")
            return Outcome(Condition.EVENT_AGE_EXCEEDED, queued.tries, None, *error)
        return None

    async def _drop(self, queued: Queued[Event], why: str) -> Handled:
        log.warning("the event %s of %s is dropped: %s", queued.item.request_id, qualified_arn(queued.item), why)
        self._counts.dropped(queued.item.lane)
        await self._commit(Change(ended_events=(queued.id,)))
        return Handled()

    async def _put_back(self, queued: Queued[Event], policy: RetryPolicy, error: LambdaError) -> Handled:
        """Throttled, or the fault of the node: this is no attempt."""
        refusals = queued.refusals + 1
        due_s = due_after_refusal(policy, refusals, queued.item.accepted_s, self._clock.now_s())
        log.debug("the event %s waits: %s", queued.item.request_id, error)
        await self._commit(Change(postponed_events=(Postponement(queued.id, due_s, queued.tries, refusals),)))
        return Handled(is_refused=True, due_s=due_s)

    async def _failed(
        self, queued: Queued[Event], function: Function, policy: RetryPolicy, result: InvocationResult
    ) -> Handled:
        tries = queued.tries + 1
        again = retry_after_error(policy, tries, queued.item.accepted_s, self._clock.now_s())
        if isinstance(again, Condition):
            outcome = Outcome(again, tries, result, 200, error_message(result.payload))
            return await self._end(queued, function, outcome)
        await self._commit(Change(postponed_events=(Postponement(queued.id, again, tries, refusals=0),)))
        return Handled(due_s=again)

    async def _end(self, queued: Queued[Event], function: Function, outcome: Outcome) -> Handled:
        """The event leaves the queue in the same moment in which what is to be told of it enters it."""
        event = queued.item
        deliveries = deliveries_of(event, function, outcome, self._clock.now_s())
        if not deliveries and outcome.condition is not Condition.SUCCESS:
            self._counts.dropped(event.lane)
            log.warning(
                "the event %s of %s is given up (%s), and has no destination and no dead-letter queue",
                event.request_id,
                qualified_arn(event),
                outcome.condition,
            )
        events = tuple(as_event(delivery) for delivery in deliveries if self._fits_function(event, delivery))
        others = tuple(delivery for delivery in deliveries if not is_for_function(delivery))
        await self._commit(Change(events=events, ended_events=(queued.id,), deliveries=others))
        for _ in events:
            self._counts.delivered(event.lane)
        return Handled()

    def _fits_function(self, event: Event, delivery: Delivery) -> bool:
        if not is_for_function(delivery):
            return False
        if len(delivery.body) <= self._event_bytes_max:
            return True
        log.warning("the record of %s is too large for the function %s", delivery.request_id, delivery.destination)
        self._counts.delivery_failed(event.lane)
        return False


def _invocation(event: Event) -> Invocation:
    return Invocation(event.request_id, event.target, event.payload, event.trace_id)
