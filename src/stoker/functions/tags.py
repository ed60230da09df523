"""The rules for tags (reference: control plane, 7). Lengths and characters are checked at the front door."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from stoker.errors import InvalidParameterValueException
from stoker.lambda_model.call import Caller

RESERVED_PREFIX = "aws:"

Tags = Mapping[str, str]
TagVerb = Callable[[Tags], Tags]
"""Works out a change of a resource's tags. It may raise any LambdaError, and may not wait."""


class TaggedResources(Protocol):
    """Resources other than functions, of one kind, as the operations on tags reach them."""

    async def tags(self, arn: str, caller: Caller) -> Tags | None:
        """The tags of the caller's resource `arn`; None when there is no such resource."""

    async def change_tags(self, arn: str, caller: Caller, verb: TagVerb) -> Tags | None:
        """The same after `verb`, on disk."""


def check_tags(tags: Tags, tags_max: int) -> None:
    """Raise InvalidParameterValueException for too many tags or reserved keys."""
    if len(tags) > tags_max:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    if any(key.lower().startswith(RESERVED_PREFIX) for key in tags):
        raise InvalidParameterValueException("aws: prefixed tag key names are not allowed for external use.")


def with_tags(tags: Tags, added: Tags, tags_max: int) -> Tags:
    """`tags` and `added`. Raises InvalidParameterValueException."""
    if not added:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
    both = {**tags, **added}
    check_tags(added, tags_max)
    check_tags(both, tags_max)
    return both


def without_tags(tags: Tags, keys: Collection[str]) -> Tags:
    """`tags` without these; ones that are not there are no mistake."""
    return {key: value for key, value in tags.items() if key not in keys}
