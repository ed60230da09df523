"""Policies of queues: the statements that AddPermission writes, and whether a policy lets another account in.

Who belongs to the queue's own account is not asked here: roles and users are not told apart. Sources: Amazon SQS API
Reference, AddPermission; Developer Guide, "Using custom policies with the Amazon SQS Access Policy Language".
"""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from stoker.queues import errors
from stoker.queues.records import Queue

ACTIONS_MAX = 7
_LABEL = re.compile(r"[a-zA-Z0-9_-]{1,80}")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# What others can be let do at all.
SHARED_ACTIONS = frozenset(
    {
        *("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl"),
        *("ListDeadLetterSourceQueues", "PurgeQueue", "ReceiveMessage", "SendMessage"),
    }
)


def with_permission(queue: Queue, label: str, account_ids: Sequence[str], actions: Sequence[str]) -> str:
    """The queue's policy with a statement more. Raises QueueErrors."""
    if not _LABEL.fullmatch(label):
        raise errors.invalid(
            label[:256], "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    if not account_ids:
        raise errors.missing("AWSAccountIds")
    if not actions:
        raise errors.missing("Actions")
    for account_id in account_ids:
        if not _ACCOUNT_ID.fullmatch(account_id):
            raise errors.invalid(f"[{account_id[:256]}]", "PrincipalId", "Unable to verify.")
    for action in actions:
        if action not in SHARED_ACTIONS and action != "*":
            raise errors.invalid(
                f"SQS:{action[:256]}", "ActionName", "Only the queue owner is allowed to invoke this action."
            )
    if len(actions) > ACTIONS_MAX:
        raise errors.QueueError("OverLimit", f"{len(actions)} Actions were found, maximum allowed is {ACTIONS_MAX}.")
    document = _document(queue)
    if any(statement.get("Sid") == label for statement in document["Statement"]):
        raise errors.invalid(label, "Label", "Already exists.")
    principals = [f"arn:aws:iam::{account_id}:root" for account_id in account_ids]
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all(principals)},
        "Action": _one_or_all([f"SQS:{action}" for action in actions]),
        "Resource": queue.arn,
    }
    return json.dumps(document | {"Statement": [*document["Statement"], statement]}, separators=(",", ":"))


def without_permission(queue: Queue, label: str) -> str:
    """The queue's policy without that statement, empty when nothing is left. Raises QueueErrors."""
    document = _document(queue)
    others = [statement for statement in document["Statement"] if statement.get("Sid") != label]
    if len(others) == len(document["Statement"]):
        raise errors.invalid(label[:256], "Label", "can't find label on existing policy.")
    return json.dumps(document | {"Statement": others}, separators=(",", ":")) if others else ""


def allows(queue: Queue, account_id: str, action: str) -> bool:
    """Whether the queue's policy lets another account do `action` (`SendMessage`).

    A condition is met by nobody: nothing is known of callers but their account. So a statement with one allows nothing,
    and denies everybody.
    """
    stated = [
        statement
        for statement in _statements(queue.attributes.get("Policy", ""))
        if _is_about(statement, queue.arn, account_id, action)
    ]
    if any(statement.get("Effect") == "Deny" for statement in stated):
        return False
    return any(statement.get("Effect") == "Allow" and not statement.get("Condition") for statement in stated)


def _document(queue: Queue) -> dict[str, Any]:
    text = queue.attributes.get("Policy", "")
    if not text:
        return {"Version": "2012-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}
    return {**json.loads(text), "Statement": list(_statements(text))}


@lru_cache(maxsize=256)
def _statements(policy: str) -> Sequence[Mapping[str, Any]]:
    if not policy:
        return ()
    stated = json.loads(policy).get("Statement", [])
    return tuple(statement for statement in _all_of(stated) if isinstance(statement, dict))


def _is_about(statement: Mapping[str, Any], arn: str, account_id: str, action: str) -> bool:
    return (
        _is_principal(statement.get("Principal"), account_id)
        and any(_is_action(stated, action) for stated in _all_of(statement.get("Action", [])))
        and any(fnmatchcase(arn, str(stated)) for stated in _all_of(statement.get("Resource", [])))
    )


def _is_principal(stated: Any, account_id: str) -> bool:
    if isinstance(stated, Mapping):
        stated = stated.get("AWS", [])
    known = ("*", account_id, f"arn:aws:iam::{account_id}:root")
    return any(principal in known for principal in _all_of(stated))


def _is_action(stated: Any, action: str) -> bool:
    return fnmatchcase(f"sqs:{action}".lower(), str(stated).lower()) or stated == "*"


def _all_of(stated: Any) -> list[Any]:
    return stated if isinstance(stated, list) else [stated]


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
