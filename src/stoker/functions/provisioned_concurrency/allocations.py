"""What is asked of whoever allocates, and how a request is shared among the versions of an alias with weights."""

import math
from typing import Protocol

from stoker.functions.provisioned_concurrency.records import AllocationState
from stoker.functions.records import Function, FunctionKey, FunctionVersion


class Allocations(Protocol):
    """Who keeps the environments."""

    def state(self, key: FunctionKey, qualifier: str) -> AllocationState:
        """How far what was last asked for is."""


def shares(function: Function, qualifier: str) -> list[tuple[FunctionVersion, int]]:
    """How many environments of which versions the configuration of `qualifier` asks for.

    An alias with weights splits them like its traffic (reference: invocation, 3); the main version gets what rounding
    leaves.
    """
    left = function.provisioned[qualifier].requested
    alias = function.aliases.get(qualifier)
    found = []
    for number, weight in (alias.additional_weights if alias else {}).items():
        share = min(left, math.floor(function.provisioned[qualifier].requested * weight + 0.5))
        version = function.version(number)
        if version is not None and share:
            found.append((version, share))
            left -= share
    main = function.version(qualifier)
    if main is not None and left:
        found.insert(0, (main, left))
    return found
