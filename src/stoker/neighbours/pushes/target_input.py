"""What a target of an EventBridge rule gets of an event: pure functions.

Source: Amazon EventBridge User Guide, "Amazon EventBridge input transformation" and "Events structure".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stoker.neighbours.pushes.times import iso_s

_MEMBERS = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
_STEP = re.compile(r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|\[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]|\[\*\]""")
_VARIABLE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class FiredRule:
    """What a template may name of the rule; `ingested_s` is when the event came in."""

    arn: str
    name: str
    ingested_s: float


def envelope(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as it is delivered: moto keeps the time in seconds, and members of its own."""
    moment = event["time"]
    shown = iso_s(moment) if isinstance(moment, int | float) else moment
    return {name: shown if name == "time" else event[name] for name in _MEMBERS if name in event}


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], rule: FiredRule) -> str:
    """JSON; of a template that makes none, whatever it makes. `event` is an envelope."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        found = at_path(event, target["InputPath"])
        return _compact({} if found is _NOTHING else found)
    transformer = target.get("InputTransformer")
    if transformer:
        paths = transformer.get("InputPathsMap") or {}
        values = {name: at_path(event, path) for name, path in paths.items()} | _predefined(event, rule)
        return _filled(transformer["InputTemplate"], values)
    return _compact(event)


def at_path(document: Any, path: str) -> Any:
    """What lies at a JSON path of names, indexes and `[*]`; a marker that no document holds where there is nothing."""
    if not path.startswith("$"):
        return _NOTHING
    found, position = document, 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            return _NOTHING
        position = step.end()
        if step["index"] is not None:
            index = int(step["index"])
            found = found[index] if isinstance(found, list) and index < len(found) else _NOTHING
        elif step["name"] or step["quoted"]:
            name = step["name"] or step["quoted"]
            found = found.get(name, _NOTHING) if isinstance(found, Mapping) else _NOTHING
        elif not isinstance(found, list):
            return _NOTHING
        if found is _NOTHING:
            return _NOTHING
    return found


def _predefined(event: Mapping[str, Any], rule: FiredRule) -> dict[str, Any]:
    return {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": iso_s(rule.ingested_s),
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": dict(event),
    }


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """Within quotes a variable is text, outside of them a JSON value; one that has no value leaves nothing, or null."""
    result, end = [], 0
    for variable in _VARIABLE.finditer(template):
        if variable[1] not in values:
            continue
        result.append(template[end : variable.start()])
        value = values[variable[1]]
        if _is_within_quotes(template, variable.start()):
            result.append(_text(value))
        else:
            result.append("null" if value is _NOTHING else _compact(value))
        end = variable.end()
    return "".join([*result, template[end:]])


def _is_within_quotes(template: str, position: int) -> bool:
    return len(re.findall(r'(?<!\\)"', template[:position])) % 2 == 1


def _text(value: Any) -> str:
    """As it goes between two quotes."""
    if value is _NOTHING:
        return ""
    text = value if isinstance(value, str) else _compact(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
