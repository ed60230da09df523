"""EventBridge's rules that have a schedule, as the embedded neighbours tell them: kept over their end, and the node's.

The neighbours keep rules in memory and ask for what was kept when they start.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stoker.clock import Clock
from stoker.schedules.records import DEFAULT_GROUP, Entry, EntryKey
from stoker.schedules.store import ScheduleStore
from stoker.schedules.timing import BEGUN, first_rule_due

OFF = "DISABLED"


class KeptRules:
    """Answers the neighbours' calls. `note` is told when something becomes due."""

    def __init__(self, store: ScheduleStore, clock: Clock, note: Callable[[float], None]) -> None:
        self._store = store
        self._clock = clock
        self._note = note

    async def answer(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """`Keep`, with the whole rule in AWS's words; `Forget`, with its name; or `List`, of all accounts."""
        parameters: Mapping[str, Any] = call["parameters"]
        match call["operation"]:
            case "Keep":
                await self._keep(_key(call, parameters["Name"]), parameters)
            case "Forget":
                await self._store.change(_key(call, parameters["Name"]), lambda _: None)
            case "List":
                return {"Rules": [_told(entry) for entry in await self._store.entries("rule")]}
            case operation:
                raise ValueError(f"rules know no {operation}")
        return {}

    async def _keep(self, key: EntryKey, rule: Mapping[str, Any]) -> None:
        now_s = self._clock.now_s()
        _, kept = await self._store.change(key, lambda before: kept_rule(key, rule, before, now_s))
        if kept is not None and kept.due is not None:
            self._note(kept.due.due_s)


def kept_rule(key: EntryKey, rule: Mapping[str, Any], before: Entry | None, now_s: float) -> Entry:
    """A rate counts from when the rule got it; what is due stays due while neither expression nor state changes."""
    is_same = before is not None and before.document["ScheduleExpression"] == rule["ScheduleExpression"]
    if before is not None and is_same and before.state == rule["State"]:
        document = {**{name: value for name, value in before.document.items() if ":" in name}, **rule}
        return replace(before, document=document)
    document = {**rule, BEGUN: before.document[BEGUN] if before is not None and is_same else math.floor(now_s)}
    due = None if rule["State"] == OFF else first_rule_due(document, key.arn, now_s)
    return Entry(key, rule["State"], due, document)


def _key(call: Mapping[str, Any], name: str) -> EntryKey:
    return EntryKey("rule", call["account_id"], call["region"], DEFAULT_GROUP, name)


def _told(entry: Entry) -> dict[str, Any]:
    rule = {name: value for name, value in entry.document.items() if ":" not in name}
    return {"AccountId": entry.key.account_id, "Region": entry.key.region, "Rule": rule}
