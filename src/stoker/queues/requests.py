"""What all operations ask of a request: that nothing is missing, which queue is meant, and whether the caller may."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from stoker.lambda_model.call import ApiCall
from stoker.lambda_model.service import OperationModel
from stoker.queues import errors
from stoker.queues.permissions import allows
from stoker.queues.records import Queue
from stoker.queues.registry import QueueRegistry

KEPT_URLS_MAX = 4096
URL_LENGTH_MAX = 2048


def validate(model: OperationModel, members: Mapping[str, Any]) -> None:
    """Raises QueueErrors. The rules beyond that are each operation's: AWS has a word for each of them.

    A form cannot tell a batch of nothing from no batch, so that this is left to the operations.
    """
    for member in model.validated:
        if member.is_required and members.get(member.name) in (None, "") and member.name != "Entries":
            raise errors.missing(member.name)


def queue_url(endpoint: str, queue: Queue) -> str:
    """By which the client that asked at `endpoint` reaches the queue."""
    return f"{endpoint}/{queue.account_id}/{queue.name}"


def queue_of(call: ApiCall, registry: QueueRegistry, action: str = "") -> Queue:
    """The queue that `QueueUrl` names, in the caller's region, wherever the URL points.

    Other accounts need the queue's policy for `action`; without one it is for the owner alone. Raises QueueErrors.
    """
    url: str = call.members["QueueUrl"]
    if len(url) > URL_LENGTH_MAX:
        raise errors.invalid_address(url)
    account_id, name = _account_and_name(url)
    queue = registry.find((account_id, call.caller.region, name))
    if queue is None:
        raise errors.no_queue()
    check_access(call, queue, action)
    return queue


def check_access(call: ApiCall, queue: Queue, action: str = "") -> None:
    """Raises AccessDeniedError."""
    account_id = call.caller.account_id
    if account_id != queue.account_id and not (action and allows(queue, account_id, action)):
        raise errors.AccessDeniedError(queue_url(call.endpoint, queue))


def integer(call: ApiCall, name: str, allowed: range, default: int) -> int:
    """The member `name`. Raises QueueErrors for one that is out of range."""
    value = call.members.get(name)
    if value is None:
        return default
    if value not in allowed:
        raise errors.invalid(value, name, f"Must be between {allowed.start} and {allowed.stop - 1}, if provided.")
    number: int = value
    return number


@lru_cache(maxsize=KEPT_URLS_MAX)
def _account_and_name(url: str) -> tuple[str, str]:
    parts = urlsplit(url).path.strip("/").split("/")
    if len(parts) < 2:
        raise errors.invalid_address(url)
    return unquote(parts[-2]), unquote(parts[-1])
