"""Resource policies in the database: a row per policy, its statements as one JSON list."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from stoker.functions.parts import Part
from stoker.functions.policies.records import Policy, Statement
from stoker.functions.policies.tables import function_policies


def _row(policy: Policy) -> dict[str, Any]:
    return {
        "statements": [asdict(statement) for statement in policy.statements],
        "revision_id": policy.revision_id,
    }


def _policy(row: Row[Any]) -> Policy:
    return Policy(tuple(Statement(**members) for members in row.statements), row.revision_id)


POLICIES = Part(function_policies, lambda function: function.policies, _row, _policy)
