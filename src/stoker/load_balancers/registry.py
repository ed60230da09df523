"""Everything there is of load balancers in memory, so that no request waits for the database.

Whoever changes something holds the registry's turn meanwhile, so that what was checked still holds when it is saved.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import TypeVar

from stoker.load_balancers.records import Listener, Record, Rule, place_of
from stoker.load_balancers.store import LoadBalancerStore

Kind = TypeVar("Kind", bound=Record)


class LoadBalancerRegistry:
    """To be used from the event loop's thread only."""

    def __init__(self, store: LoadBalancerStore) -> None:
        self._store = store
        self._records: dict[str, Record] = {}
        # By listener, in the order in which they are tried.
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._followers: list[Callable[[], None]] = []
        self.turn = asyncio.Lock()

    async def load(self) -> None:
        """Read everything from the database; once, at start."""
        self._records = {record.arn: record for record in await self._store.load()}
        self._arrange()

    def follow(self, follower: Callable[[], None]) -> None:
        """Call `follower` after every change."""
        self._followers.append(follower)

    def find(self, kind: type[Kind], arn: str, place: tuple[str, str] | None = None) -> Kind | None:
        """Of an account and a region, if they are given."""
        record = self._records.get(arn)
        if not isinstance(record, kind) or place not in (None, place_of(arn)):
            return None
        return record

    def all(self, kind: type[Kind], place: tuple[str, str] | None = None) -> list[Kind]:
        """In the order of their ARNs, and so of their names."""
        records = (record for _, record in sorted(self._records.items()) if isinstance(record, kind))
        return [record for record in records if place in (None, place_of(record.arn))]

    def rules(self, listener_arn: str) -> tuple[Rule, ...]:
        """Those of one listener in the order in which they are tried; the last is the default rule."""
        return self._rules.get(listener_arn, ())

    def listeners(self, load_balancer_arn: str) -> list[Listener]:
        """Those of one load balancer."""
        return [each for each in self.all(Listener) if each.load_balancer_arn == load_balancer_arn]

    def balancers_of(self, target_group_arn: str) -> list[str]:
        """The ARNs of the load balancers that forward to a target group: one at most, by AWS's rule."""
        listeners = {
            listener_arn
            for listener_arn, rules in self._rules.items()
            if any(target_group_arn in rule.action.target_group_arns for rule in rules)
        }
        found = (self.find(Listener, arn) for arn in listeners)
        return sorted({listener.load_balancer_arn for listener in found if listener is not None})

    async def commit(self, put: Collection[Record] = (), gone: Collection[Record] = ()) -> None:
        """When this returns, the change is on disk and shown. For whoever has the turn."""
        await self._store.save(put, gone)
        for record in gone:
            self._records.pop(record.arn, None)
        self._records.update({record.arn: record for record in put})
        self._arrange()
        for follower in self._followers:
            follower()

    def _arrange(self) -> None:
        by_listener: dict[str, list[Rule]] = {}
        for rule in self.all(Rule):
            by_listener.setdefault(rule.listener_arn, []).append(rule)
        self._rules = {arn: tuple(sorted(rules, key=lambda rule: rule.order)) for arn, rules in by_listener.items()}
