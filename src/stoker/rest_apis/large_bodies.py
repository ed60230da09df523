"""Work on bodies that takes long where they are large: models and templates, in a thread then, so that nobody waits."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from stoker.limits import KIB

P = ParamSpec("P")
T = TypeVar("T")

# What is smaller takes a few milliseconds at the most, by the slowest of models.
INLINE_BYTES_MAX = 64 * KIB


async def worked(size_bytes: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises, for a body of that size."""
    if size_bytes <= INLINE_BYTES_MAX:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
