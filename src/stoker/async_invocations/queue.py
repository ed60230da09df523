"""The room as others see it: accept an event, and all that follows goes on by itself, over every restart."""

import asyncio

from stoker.async_invocations.counts import Counts
from stoker.async_invocations.delivering import Delivering
from stoker.async_invocations.destinations import Destinations, Services
from stoker.async_invocations.dispatch import Dispatch
from stoker.async_invocations.lane import LaneRules
from stoker.async_invocations.lanes import Lanes
from stoker.async_invocations.records import Change, Delivery, Event, QueueStatus
from stoker.async_invocations.store import delivery_queue, event_queue, read_waiting, target_of, write_changes
from stoker.clock import Clock
from stoker.config import Settings
from stoker.database.engine import Database, Written
from stoker.database.group_commit import GroupCommit
from stoker.functions.records import Function, FunctionKey
from stoker.functions.registry import FunctionRegistry
from stoker.invocation import Invocation
from stoker.invocations.invoke import Invoker
from stoker.supervision import Background


class AsyncInvocations:
    """The durable queue of a node's events, and of the deliveries that come of them."""

    def __init__(
        self,
        functions: FunctionRegistry,
        invoker: Invoker,
        services: Services,
        database: Database,
        background: Background,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._functions = functions
        self._database = database
        self._clock = clock
        self._places_per_function = settings.async_concurrency_per_function
        self._counts = Counts()
        self._group: GroupCommit[Change, None] = GroupCommit(
            lambda changes: write_changes(database, changes), background, "event queue commit"
        )
        dispatch = Dispatch(
            functions,
            invoker,
            self._commit,
            self._counts,
            clock,
            settings.async_retry_delay_s,
            settings.limits.event_payload_bytes_max,
        )
        delivering = Delivering(Destinations(services), self._commit, self._counts, clock)
        self._events: Lanes[Event] = Lanes(
            LaneRules(event_queue(database), dispatch.run, self._places, background, clock)
        )
        self._deliveries: Lanes[Delivery] = Lanes(
            LaneRules(delivery_queue(database), delivering.send, _one_place, background, clock)
        )

    async def start(self) -> None:
        """Go on with what was left by the node before this one."""
        self._functions.follow(self._follow)
        await self._events.start()
        await self._deliveries.start()

    async def accept(self, invocation: Invocation, *also: Written) -> None:
        """Take an event; it is on disk when this returns, and runs as soon as it can. `also` is written with it."""
        event = Event(
            target=invocation.target,
            request_id=invocation.request_id,
            trace_id=invocation.trace_id,
            payload=invocation.payload,
            accepted_s=self._clock.now_s(),
        )
        await self._commit(Change(events=(event,), also=also))

    async def stop(self, grace_s: float) -> None:
        """Start nothing more, and let what runs end within `grace_s`. What is accepted still is for the next node."""
        await asyncio.gather(self._events.stop(grace_s), self._deliveries.stop(grace_s))

    async def status(self, function: Function) -> QueueStatus:
        """What waits and runs of one function, and what became of the rest."""
        running = self._events.in_flight(function.arn)
        waiting = await read_waiting(self._database, function.arn, running)
        now_s = self._clock.now_s()
        oldest_s, due_s = waiting.oldest_accepted_s, waiting.again_due_s
        return QueueStatus(
            waiting=waiting.events,
            oldest_age_s=None if oldest_s is None else max(0.0, now_s - oldest_s),
            again=waiting.again,
            again_in_s=None if due_s is None else max(0.0, due_s - now_s),
            in_flight=len(running),
            told=self._counts.of(function.arn),
        )

    async def _commit(self, change: Change) -> None:
        await self._group.commit(change)
        for event in change.events:
            self._events.wake(event.lane, event.due_s)
        for delivery in change.deliveries:
            self._deliveries.wake(delivery.lane, delivery.due_s)

    def _places(self, function_arn: str) -> int:
        """No more than a function has reserved: the rest would be throttled. With none at all, all are given up."""
        function = self._functions.find(target_of(function_arn, None).key)
        reserved = None if function is None else function.reserved_concurrency
        return min(self._places_per_function, reserved) if reserved else self._places_per_function

    def _follow(self, key: FunctionKey, function: Function | None) -> None:
        account_id, region, name = key
        arn = f"arn:aws:lambda:{region}:{account_id}:function:{name}"
        self._events.forget_refusals(arn)
        if function is None:
            self._counts.forget(arn)


def _one_place(_: str) -> int:
    """One after the other, so that each destination hears of things in the order in which they happened."""
    return 1
