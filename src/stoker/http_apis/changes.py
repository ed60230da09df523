"""Merging what an update says into what was there: pure functions.

An update leaves alone what it does not mention. In maps a key is taken away by an empty text, which is how AWS's
clients do it.
"""

from collections.abc import Mapping
from typing import Any

from stoker.http_apis.records import Document


def given(members: Mapping[str, Any], *without: str) -> dict[str, Any]:
    """What a request says, but for the members that say what it is about."""
    return {name: value for name, value in members.items() if value is not None and name not in without}


def merged(before: Document, members: Document, maps: tuple[str, ...] = ()) -> Document:
    """`before` with `members` instead of some; those that are named in `maps` are merged in themselves."""
    changed = {**before, **members}
    for name in maps:
        if name in members:
            changed[name] = _merged_map(before.get(name) or {}, members[name])
    return changed


def _merged_map(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    after = dict(before)
    for key, value in changes.items():
        if isinstance(value, Mapping) and value:
            after[key] = _merged_map(before.get(key) or {}, value)
        elif value in ("", None) or value == {}:
            after.pop(key, None)
        else:
            after[key] = value
    return after
