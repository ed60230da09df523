"""A layer version's resource policy: what it allows, how it changes, and AWS's text of it.

Source: reference, control plane, 8; the form of statements is that of section 6.
"""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

from stoker.errors import (
    InvalidParameterValueException,
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from stoker.layers.records import LayerPolicy, LayerStatement, LayerVersion

ANYBODY = "*"
ACTION = "lambda:GetLayerVersion"


def with_statement(
    version: LayerVersion, statement: LayerStatement, revision_id: str | None, bytes_max: int
) -> LayerVersion:
    """`version` with one more statement. Raises what AddLayerVersionPermission answers."""
    if statement.organization_id and statement.principal != ANYBODY:
        raise InvalidParameterValueException("OrganizationId can only be combined with the principal *.")
    statements = version.policy.statements if version.policy else ()
    if any(statement.sid == present.sid for present in statements):
        raise ResourceConflictException(
            f"The statement id ({statement.sid}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    _check_revision(version, revision_id)
    changed = replace(version, policy=LayerPolicy(str(uuid4()), (*statements, statement)))
    size = len(policy_text(changed).encode())
    if size > bytes_max:
        raise PolicyLengthExceededException(f"The final policy size ({size}) is bigger than the limit ({bytes_max}).")
    return changed


def without_statement(version: LayerVersion, sid: str, revision_id: str | None) -> LayerVersion:
    """`version` without the statement `sid`. Raises what RemoveLayerVersionPermission answers."""
    if version.policy is None:
        raise no_policy()
    _check_revision(version, revision_id)
    left = tuple(statement for statement in version.policy.statements if statement.sid != sid)
    if len(left) == len(version.policy.statements):
        raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
    return replace(version, policy=LayerPolicy(str(uuid4()), left) if left else None)


def allows(version: LayerVersion, account_id: str) -> bool:
    """Whether another account may use the version. Which organization an account is in, nobody here can know."""
    granted = {ANYBODY, account_id, _root(account_id)}
    statements = version.policy.statements if version.policy else ()
    return any(statement.principal in granted and not statement.organization_id for statement in statements)


def no_policy() -> ResourceNotFoundException:
    return ResourceNotFoundException("No policy is associated with the given resource.")


def statement_text(version: LayerVersion, statement: LayerStatement) -> str:
    """One statement as AWS writes it."""
    return _json(_statement(version, statement))


def policy_text(version: LayerVersion) -> str:
    """The whole policy as AWS writes it. Raises ResourceNotFoundException when there is none."""
    if version.policy is None:
        raise no_policy()
    statements = [_statement(version, statement) for statement in version.policy.statements]
    return _json({"Version": "2012-10-17", "Id": "default", "Statement": statements})


def _statement(version: LayerVersion, statement: LayerStatement) -> dict[str, Any]:
    members: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Principal": _principal(statement.principal),
        "Action": ACTION,
        "Resource": version.arn,
    }
    if statement.organization_id:
        members["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": statement.organization_id}}
    return members


def _principal(given: str) -> str | dict[str, str]:
    if given == ANYBODY:
        return ANYBODY
    return {"AWS": _root(given) if given.isdecimal() else given}


def _root(account_id: str) -> str:
    return f"arn:aws:iam::{account_id}:root"


def _check_revision(version: LayerVersion, revision_id: str | None) -> None:
    if revision_id and (version.policy is None or version.policy.revision_id != revision_id):
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetLayerPolicy API to retrieve the latest Revision Id"
        )


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
