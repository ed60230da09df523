"""Whether a resource policy allows something: a pure function. A policy only allows; what it does not allow is denied.

Source: IAM User Guide, "IAM JSON policy elements" (Principal, Action, Condition), for what AddPermission can write.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from stoker.functions.policies.records import Policy, Statement


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants to do something: an account, or one of AWS's services (`s3.amazonaws.com`).

    `facts` are what conditions ask for, by key in lower case (`aws:sourcearn`); a fact that is not there meets none.
    """

    account_id: str | None = None
    service: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def allows(policy: Policy | None, action: str, asker: Asker) -> bool:
    """Whether some statement of `policy` lets `asker` do `action` (`lambda:InvokeFunction`)."""
    return policy is not None and any(_allows(statement, action, asker) for statement in policy.statements)


def _allows(statement: Statement, action: str, asker: Asker) -> bool:
    return (
        _is_action(statement.action, action)
        and _is_principal(statement.principal, asker)
        and all(
            _is_met(operator, wanted, asker.facts.get(key.lower()))
            for operator, keys in statement.condition.items()
            for key, wanted in keys.items()
        )
    )


def _is_action(stated: str, action: str) -> bool:
    return stated in ("*", "lambda:*") or stated.lower() == action.lower()


def _is_principal(stated: str | Mapping[str, str], asker: Asker) -> bool:
    if isinstance(stated, str):
        return stated == "*"
    if "Service" in stated:
        return stated["Service"].lower() == asker.service
    # An account's root stands for all of the account. Single users and roles are not told apart here: their account
    # is not let in for them.
    return asker.account_id is not None and stated["AWS"] == f"arn:aws:iam::{asker.account_id}:root"


def _is_met(operator: str, wanted: str, fact: str | None) -> bool:
    if fact is None:
        return False
    match operator:
        case "StringEquals":
            return fact == wanted
        case "Bool":
            return fact.lower() == wanted.lower()
        case "ArnLike":
            return _arn_pattern(wanted).fullmatch(fact) is not None
    return False


@lru_cache(maxsize=1024)
def _arn_pattern(wanted: str) -> re.Pattern[str]:
    """`*` and `?` stand for characters within one of an ARN's six parts; in the last they go over colons, too."""
    parts = wanted.split(":", 5)
    anything = ["[^:]*"] * (len(parts) - 1) + [".*" if len(parts) == 6 else "[^:]*"]
    return re.compile(
        ":".join(
            re.escape(part).replace(r"\*", inner).replace(r"\?", "." if inner == ".*" else "[^:]")
            for part, inner in zip(parts, anything, strict=True)
        ),
        re.DOTALL,
    )
