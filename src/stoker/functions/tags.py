"""The rules for tags (reference: control plane, 7). Lengths and characters are checked at the front door."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from uuid import uuid4

from stoker import limits
from stoker.errors import InvalidParameterValueException
from stoker.functions.records import Function

RESERVED_PREFIX = "aws:"


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise InvalidParameterValueException for too many tags or reserved keys."""
    if len(tags) > limits.TAGS_MAX:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    if any(key.lower().startswith(RESERVED_PREFIX) for key in tags):
        raise InvalidParameterValueException("aws: prefixed tag key names are not allowed for external use.")


def tagged(function: Function, tags: Mapping[str, str]) -> Function:
    """`function` with these tags added. Raises InvalidParameterValueException."""
    if not tags:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
    both = {**function.tags, **tags}
    check_tags(tags)
    check_tags(both)
    return _with_tags(function, both)


def untagged(function: Function, keys: Collection[str]) -> Function:
    """`function` without these tags; ones it does not have are no mistake."""
    return _with_tags(function, {key: value for key, value in function.tags.items() if key not in keys})


def _with_tags(function: Function, tags: Mapping[str, str]) -> Function:
    if tags == function.tags:
        return function
    return replace(function, tags=tags, latest=replace(function.latest, revision_id=str(uuid4())))
