"""EventBridge Scheduler's operations on schedules."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from stoker.clock import Clock
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.schedules.checks import check_schedule
from stoker.schedules.errors import already_there, no_group, no_schedule
from stoker.schedules.pages import PAGE_MAX, place_of, token_of
from stoker.schedules.records import DEFAULT_GROUP, Due, Entry, EntryKey, GroupKey
from stoker.schedules.store import ScheduleStore
from stoker.schedules.timing import BEGUN, CREATED, DONE, MODIFIED, first_schedule_due

OFF = "DISABLED"
# What decides when a schedule is due.
_OF_TIME = ("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate")
_DEFAULTS = {"State": "ENABLED", "ActionAfterCompletion": "NONE", "ScheduleExpressionTimezone": "UTC"}
_RETRY_DEFAULTS = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
_TOKEN = "ClientToken"  # noqa: S105 - the name of a member


class SchedulesApi:
    """By their names. `note` is told when something becomes due."""

    def __init__(self, store: ScheduleStore, clock: Clock, note: Callable[[float], None]) -> None:
        self._store = store
        self._clock = clock
        self._note = note

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateSchedule": self.create_schedule,
            "GetSchedule": self.get_schedule,
            "UpdateSchedule": self.update_schedule,
            "DeleteSchedule": self.delete_schedule,
            "ListSchedules": self.list_schedules,
        }

    async def create_schedule(self, call: ApiCall) -> ApiAnswer:
        """Again with the same token it is the same schedule."""
        key, now_s = _key(call), self._clock.now_s()
        given = _given(call)
        check_schedule(given, now_s)

        def create(before: Entry | None) -> Entry:
            if before is None:
                return _new(key, given, now_s)
            token = given.get(_TOKEN)
            if token is None or before.document.get(_TOKEN) != token:
                raise already_there("Schedule", key.name)
            return before

        return await self._put(key, create)

    async def get_schedule(self, call: ApiCall) -> ApiAnswer:
        key = _key(call)
        entry = await self._store.find(key)
        if entry is None:
            raise no_schedule(key.name)
        return ApiAnswer(_shown(entry))

    async def update_schedule(self, call: ApiCall) -> ApiAnswer:
        """What is not said is as if the schedule were new."""
        key, now_s = _key(call), self._clock.now_s()
        given = _given(call)

        def update(before: Entry | None) -> Entry:
            if before is None:
                raise no_schedule(key.name)
            same_start = given.get("StartDate") == before.document.get("StartDate")
            check_schedule({**given, "StartDate": None} if same_start else given, now_s)
            return _updated(before, given, now_s)

        return await self._put(key, update)

    async def delete_schedule(self, call: ApiCall) -> ApiAnswer:
        key = _key(call)

        def delete(before: Entry | None) -> None:
            if before is None:
                raise no_schedule(key.name)

        await self._store.change(key, delete)
        return ApiAnswer()

    async def list_schedules(self, call: ApiCall) -> ApiAnswer:
        members, caller = call.members, call.caller
        group = members.get("GroupName")
        if group is not None and group != DEFAULT_GROUP:
            await self._check_group(GroupKey(caller.account_id, caller.region, group))
        size = min(members.get("MaxResults") or PAGE_MAX, PAGE_MAX)
        found = await self._store.entries(
            "schedule",
            (caller.account_id, caller.region),
            group=group,
            prefix=members.get("NamePrefix") or "",
            state=members.get("State"),
            after=place_of(members.get("NextToken")),
            limit=size + 1,
        )
        shown = found[:size]
        token = token_of(shown[-1].key.group, shown[-1].key.name) if len(found) > size else None
        return ApiAnswer({"Schedules": [_summary(entry) for entry in shown], "NextToken": token})

    async def _check_group(self, key: GroupKey) -> None:
        if await self._store.find_group(key) is None:
            raise no_group(key.name)

    async def _put(self, key: EntryKey, change: Callable[[Entry | None], Entry]) -> ApiAnswer:
        group = None if key.group == DEFAULT_GROUP else GroupKey(key.account_id, key.region, key.group)
        is_there, entry = await self._store.change(key, change, group)
        if not is_there:
            raise no_group(key.group)
        assert entry is not None
        if entry.due is not None:
            self._note(entry.due.due_s)
        return ApiAnswer({"ScheduleArn": key.arn})


def _key(call: ApiCall) -> EntryKey:
    group = call.members.get("GroupName") or DEFAULT_GROUP
    return EntryKey("schedule", call.caller.account_id, call.caller.region, group, call.members["Name"])


def _given(call: ApiCall) -> dict[str, Any]:
    """What is said of a schedule but its name and group, with what holds where nothing is said."""
    members = {name: value for name, value in call.members.items() if value is not None}
    given = _DEFAULTS | {name: value for name, value in members.items() if name not in ("Name", "GroupName")}
    target = given["Target"]
    return given | {"Target": {**target, "RetryPolicy": _RETRY_DEFAULTS | (target.get("RetryPolicy") or {})}}


def _new(key: EntryKey, given: Mapping[str, Any], now_s: float) -> Entry:
    document = {**given, CREATED: now_s, MODIFIED: now_s, BEGUN: float(math.floor(now_s))}
    return Entry(key, given["State"], _due(key, document, now_s), document)


def _updated(before: Entry, given: Mapping[str, Any], now_s: float) -> Entry:
    """A rate goes on counting from where it began, and what was done is not done again, unless its time is another."""
    old = before.document
    document = {**given, CREATED: old[CREATED], MODIFIED: now_s}
    if all(given.get(name) == old.get(name) for name in _OF_TIME):
        document |= {BEGUN: old[BEGUN]} | ({DONE: old[DONE]} if DONE in old else {})
    else:
        document[BEGUN] = float(math.floor(now_s))
    return Entry(before.key, given["State"], _due(before.key, document, now_s), document)


def _due(key: EntryKey, document: Mapping[str, Any], now_s: float) -> Due | None:
    return None if document["State"] == OFF else first_schedule_due(document, key.arn, now_s)


def _shown(entry: Entry) -> dict[str, Any]:
    document = entry.document
    return {name: value for name, value in document.items() if ":" not in name and name != _TOKEN} | {
        "Arn": entry.key.arn,
        "Name": entry.key.name,
        "GroupName": entry.key.group,
        "CreationDate": document[CREATED],
        "LastModificationDate": document[MODIFIED],
    }


def _summary(entry: Entry) -> dict[str, Any]:
    shown = _shown(entry)
    names = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
    return {name: shown[name] for name in names} | {"Target": {"Arn": shown["Target"]["Arn"]}}
