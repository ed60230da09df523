"""What was used of usage plans, and whether a quota has anything left. Counted in memory, written down soon after.

Days are those of UTC. A node that is killed forgets what was used in its last second.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from stoker.clock import Clock
from stoker.rest_apis.records import Place, Quota, UsagePlan
from stoker.rest_apis.store import ItemStore, UseKey
from stoker.supervision import Background

WRITTEN_AFTER_S = 1.0


class Usage:
    """By plan, key and day."""

    def __init__(self, store: ItemStore, clock: Clock, background: Background) -> None:
        self._store = store
        self._clock = clock
        self._background = background
        self._uses: dict[tuple[Place, str, str], dict[date, int]] = {}
        self._unwritten: dict[UseKey, int] = {}
        self._is_writing = False

    async def load(self) -> None:
        for key, used in (await self._store.uses()).items():
            place = Place(key.account_id, key.region)
            self._uses.setdefault((place, key.plan_id, key.key_id), {})[date.fromisoformat(key.day)] = used

    def take(self, place: Place, plan: UsagePlan, key_id: str) -> bool:
        """Whether the key may ask once more; then it counts."""
        days = self._uses.setdefault((place, plan.id, key_id), {})
        today = datetime.fromtimestamp(self._clock.now_s(), UTC).date()
        if plan.quota is not None and used_in_period(days, plan.quota, today) >= plan.quota.limit:
            return False
        days[today] = days.get(today, 0) + 1
        self._unwritten[UseKey(*place, plan.id, key_id, today.isoformat())] = days[today]
        if not self._is_writing:
            self._is_writing = True
            self._background.start(self._write_soon(), "use of usage plans")
        return True

    def of(self, place: Place, plan: UsagePlan, key_id: str, first: date, last: date) -> list[list[int]]:
        """For each day what was used, and what was left of the quota at its end (0 without a quota)."""
        days = self._uses.get((place, plan.id, key_id), {})
        shown = []
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            left = 0 if plan.quota is None else max(0, plan.quota.limit - used_in_period(days, plan.quota, day))
            shown.append([days.get(day, 0), left])
        return shown

    def keys_of(self, place: Place, plan_id: str) -> list[str]:
        """Those that have used the plan."""
        return sorted(key_id for known, plan, key_id in self._uses if (known, plan) == (place, plan_id))

    async def write(self) -> None:
        """What was not written yet."""
        unwritten, self._unwritten = self._unwritten, {}
        if unwritten:
            await self._store.keep_uses(unwritten)

    async def _write_soon(self) -> None:
        await asyncio.sleep(WRITTEN_AFTER_S)
        self._is_writing = False
        await self.write()


def used_in_period(days: Mapping[date, int], quota: Quota, day: date) -> int:
    """From the beginning of the quota's period in which `day` lies, to its end."""
    first = first_of_period(quota, day)
    return sum(used for known, used in days.items() if first <= known <= day)


def first_of_period(quota: Quota, day: date) -> date:
    """Weeks begin on Sunday, months with their first day, each `offset` days later than that."""
    match quota.period:
        case "DAY":
            return day
        case "WEEK":
            return day - timedelta(days=(day.isoweekday() - quota.offset) % 7)
    first = day.replace(day=1 + quota.offset)
    if first > day:
        return (day.replace(day=1) - timedelta(days=1)).replace(day=1 + quota.offset)
    return first
