"""The end of a function, of one version, and of what was set for a qualifier (reference: control plane, 4.6)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from stoker.errors import InvalidParameterValueException, ResourceConflictException
from stoker.functions.records import LATEST, Function

T = TypeVar("T")


def without(function: Function, qualifier: str | None) -> Function | None:
    """None without a qualifier, else `function` without that version; one that is gone already is no mistake.

    Raises InvalidParameterValueException for `$LATEST` and for aliases, ResourceConflictException for a version that an
    alias invokes.
    """
    if not qualifier:
        return None
    if qualifier == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if not qualifier.isdecimal():
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    if qualifier not in function.published:
        return function
    aliases = sorted(alias.name for alias in function.aliases.values() if qualifier in alias.versions)
    if aliases:
        raise ResourceConflictException(
            f"Unable to delete version because the following aliases reference it: [{', '.join(aliases)}]"
        )
    published = {number: version for number, version in function.published.items() if number != qualifier}
    return without_parts_of(replace(function, published=published), qualifier)


def without_parts_of(function: Function, qualifier: str) -> Function:
    """`function` without all that was set for a version or an alias that it no longer has."""
    return replace(
        function,
        policies=_without(function.policies, qualifier),
        urls=_without(function.urls, qualifier),
        event_invoke_configs=_without(function.event_invoke_configs, qualifier),
        runtime_management=_without(function.runtime_management, qualifier),
        provisioned=_without(function.provisioned, qualifier),
    )


def _without(parts: Mapping[str, T], qualifier: str) -> Mapping[str, T]:
    return {other: part for other, part in parts.items() if other != qualifier}
