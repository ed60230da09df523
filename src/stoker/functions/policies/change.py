"""How a policy grows and shrinks (reference: control plane, 6). Pure functions of records."""

from uuid import uuid4

from stoker.errors import (
    PolicyLengthExceededException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from stoker.functions.policies.document import policy_text
from stoker.functions.policies.records import Policy, Statement

OLD_POLICY = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetPolicy API to retrieve the latest Revision Id"
)


def with_statement(
    policy: Policy | None, statement: Statement, resource: str, revision_id: str | None, bytes_max: int
) -> Policy:
    """The policy of `resource` with one statement more; None stands for no policy yet.

    Raises PreconditionFailedException, ResourceConflictException and PolicyLengthExceededException.
    """
    _check_revision(policy, revision_id)
    statements = policy.statements if policy is not None else ()
    if any(other.sid == statement.sid for other in statements):
        raise ResourceConflictException(
            f"The statement id ({statement.sid}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    longer = Policy((*statements, statement), str(uuid4()))
    size_bytes = len(policy_text(longer, resource).encode())
    if size_bytes > bytes_max:
        raise PolicyLengthExceededException(
            f"The final policy size ({size_bytes}) is bigger than the limit ({bytes_max})."
        )
    return longer


def without_statement(policy: Policy | None, sid: str, revision_id: str | None) -> Policy | None:
    """The policy without that statement, None when nothing is left. Raises ResourceNotFoundException and
    PreconditionFailedException."""
    if policy is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    statements = tuple(statement for statement in policy.statements if statement.sid != sid)
    if len(statements) == len(policy.statements):
        raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
    _check_revision(policy, revision_id)
    return Policy(statements, str(uuid4())) if statements else None


def _check_revision(policy: Policy | None, revision_id: str | None) -> None:
    """A policy's revisions are its own; where there is no policy, no revision is right."""
    if revision_id and (policy is None or revision_id != policy.revision_id):
        raise PreconditionFailedException(OLD_POLICY)
