"""Policies as the JSON texts that the API hands out, with the keys in AWS's order (reference: control plane, 6)."""

import json
from typing import Any

from stoker.functions.policies.records import Policy, Statement


def statement_text(statement: Statement, resource: str) -> str:
    """One statement; `resource` is the ARN that its policy is for."""
    return _compact(_statement(statement, resource))


def policy_text(policy: Policy, resource: str) -> str:
    """A whole policy."""
    return _compact(
        {
            "Version": "2012-10-17",
            "Id": "default",
            "Statement": [_statement(statement, resource) for statement in policy.statements],
        }
    )


def _statement(statement: Statement, resource: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Principal": statement.principal,
        "Action": statement.action,
        "Resource": resource,
    }
    if statement.condition:
        document["Condition"] = statement.condition
    return document


def _compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
