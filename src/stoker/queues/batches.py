"""Batches: up to ten entries, each with an id of its own and an end of its own.

Source: Amazon SQS API Reference, SendMessageBatch and its errors.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from stoker.queues import errors
from stoker.queues.errors import QueueError

ENTRIES_MAX = 10
_ID = re.compile(r"[a-zA-Z0-9_-]{1,80}")

Entry = Mapping[str, Any]


def entries_of(members: Mapping[str, Any], kind: str) -> Sequence[Entry]:
    """The entries, whose ids are all right. `kind` is what AWS calls one of them. Raises QueueErrors."""
    entries: list[Entry] = members.get("Entries") or []
    if not entries:
        raise errors.batch_error("EmptyBatchRequest", f"There should be at least one {kind} in the request.")
    if len(entries) > ENTRIES_MAX:
        raise errors.batch_error(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {ENTRIES_MAX}. You have sent {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        entry_id = (entry or {}).get("Id")
        if not entry_id:
            raise errors.missing(f"{kind}.Id")
        if not _ID.fullmatch(entry_id):
            raise errors.batch_error(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most "
                "80 letters long.",
            )
        if entry_id in seen:
            raise errors.batch_error("BatchEntryIdsNotDistinct", f"Id {entry_id} repeated.")
        seen.add(entry_id)
    return entries


def failed(entry: Entry, error: QueueError) -> dict[str, Any]:
    """What the batch's answer says of an entry that was refused."""
    return {"Id": entry["Id"], "SenderFault": error.status < 500, "Code": error.code, "Message": error.message}


async def each(entries: Sequence[Entry], do: Callable[[Entry], Awaitable[None]]) -> dict[str, Any]:
    """Do it with all entries at once; which of them it was done with, and which were refused."""
    results = await asyncio.gather(*(_tried(entry, do) for entry in entries))
    return {
        "Successful": [{"Id": entry["Id"]} for entry, failure in zip(entries, results, strict=True) if failure is None],
        "Failed": [failure for failure in results if failure is not None],
    }


async def _tried(entry: Entry, do: Callable[[Entry], Awaitable[None]]) -> dict[str, Any] | None:
    try:
        await do(entry)
    except QueueError as error:
        return failed(entry, error)
    return None
