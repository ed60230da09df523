"""Every subscription filter of the node in memory, so that writing logs costs nothing where there is none.

The log's writer waits until the events are queued, which is a write to disk: a function that is slow holds up nobody.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from stoker.logs.filter_pattern import Matches, parse_filter_pattern
from stoker.logs.records import LogGroupName, LogLine
from stoker.logs.subscriptions.messages import messages
from stoker.logs.subscriptions.records import SubscriptionFilter
from stoker.logs.subscriptions.store import SubscriptionStore
from stoker.neighbours.pushes.records import Kind, Push, Pushed

log = logging.getLogger("stoker.logs")

SERVICE = "logs.amazonaws.com"


@dataclass(frozen=True, slots=True)
class _Active:
    subscription: SubscriptionFilter
    matches: Matches


class Subscriptions:
    """A follower of the log store, and what the operations change."""

    def __init__(self, store: SubscriptionStore, push: Callable[[Push], Awaitable[Pushed]]) -> None:
        self._store = store
        self._push = push
        self._active: dict[LogGroupName, dict[str, _Active]] = {}

    async def load(self) -> None:
        """Read them from the database; once, at start."""
        for subscription in await self._store.load():
            self._show(subscription)

    def of_group(self, group: LogGroupName) -> list[SubscriptionFilter]:
        """By name."""
        return [active.subscription for _, active in sorted(self._active.get(group, {}).items())]

    async def put(self, subscription: SubscriptionFilter) -> None:
        """Raises InvalidParameterException for a pattern that is none."""
        parse_filter_pattern(subscription.pattern)
        await self._store.put(subscription)
        self._show(subscription)

    async def delete(self, group: LogGroupName, name: str) -> bool:
        """Whether there was one."""
        if name not in self._active.get(group, {}):
            return False
        await self._store.delete(group, name)
        self._active.get(group, {}).pop(name, None)
        return True

    async def can_deliver(self, subscription: SubscriptionFilter) -> bool:
        """Whether there is such a function, and its policy lets this group in."""
        return not (await self._push(_push(subscription, "DryRun", ""))).is_refused

    async def written(self, lines: Sequence[LogLine]) -> None:
        """Send on what is subscribed to."""
        if not self._active:
            return
        groups: dict[LogGroupName, list[LogLine]] = {}
        for line in lines:
            if line.group in self._active:
                groups.setdefault(line.group, []).append(line)
        for group, of_group in groups.items():
            for active in list(self._active.get(group, {}).values()):
                for event in messages(active.subscription, [line for line in of_group if active.matches(line.message)]):
                    await self._push(_push(active.subscription, "Event", event))

    async def deleted(self, group: LogGroupName) -> None:
        """A group's filters go with it."""
        if self._active.pop(group, None) is not None:
            await self._store.delete(group, None)

    def _show(self, subscription: SubscriptionFilter) -> None:
        active = _Active(subscription, parse_filter_pattern(subscription.pattern))
        self._active.setdefault(subscription.group, {})[subscription.name] = active


def _push(subscription: SubscriptionFilter, kind: Kind, payload: str) -> Push:
    return Push(
        function=subscription.destination_arn,
        kind=kind,
        payload=payload,
        service=SERVICE,
        source_arn=f"{subscription.group.arn}:*",
        source_account=subscription.group.account_id,
    )
