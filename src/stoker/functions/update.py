"""How a function changes: what is refused, and what an accepted change does to states, revisions and builds.

Source: reference, control plane, 4.2 and 4.3. Everything here is a pure function of records.
"""

import hashlib
import json
from dataclasses import asdict, replace
from uuid import uuid4

from stoker.errors import PreconditionFailedException, ResourceConflictException
from stoker.functions.records import Function, FunctionVersion, LastUpdateStatus, Reason, State

OLD_REVISION = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)
CREATING = Reason("The function is being created.", "Creating")
# Members that say how a version is doing, not what it is.
CIRCUMSTANCES = frozenset(
    {
        "version",
        "state",
        "state_reason",
        "last_update_status",
        "last_update_reason",
        "revision_id",
        "last_modified",
        "build_id",
        "configuration_sha256",
    }
)


def check_can_change(function: Function) -> None:
    """Raise ResourceConflictException while an earlier change is not finished."""
    if function.latest.state is State.PENDING:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
    check_not_updating(function)


def check_not_updating(function: Function) -> None:
    """Raise ResourceConflictException while an update is in progress."""
    if function.latest.last_update_status is LastUpdateStatus.IN_PROGRESS:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. "
            f"An update is in progress for resource: {function.latest.function_arn}"
        )


def check_revision(function: Function, revision_id: str | None) -> None:
    """Raise PreconditionFailedException when the caller has seen an older revision than the present one."""
    if revision_id and revision_id != function.latest.revision_id:
        raise PreconditionFailedException(OLD_REVISION)


def updated(function: Function, changed: FunctionVersion, last_modified: str) -> Function:
    """`function` with `$LATEST` becoming `changed`, in progress. AWS makes no exception for a change of nothing."""
    latest = replace(
        changed,
        # A function whose creation failed gets another chance.
        state=State.PENDING if changed.state is State.FAILED else changed.state,
        state_reason=CREATING if changed.state is State.FAILED else changed.state_reason,
        last_update_status=LastUpdateStatus.IN_PROGRESS,
        last_update_reason=CREATING,
        revision_id=str(uuid4()),
        last_modified=last_modified,
        build_id=function.latest.build_id if is_same_build(function.latest, changed) else str(uuid4()),
        configuration_sha256=configuration_sha256(changed),
    )
    return replace(function, latest=latest)


def settled(function: Function, failure: Reason | None) -> Function:
    """`function` when the work on its last change has ended: what was pending is active, or failed for this reason.

    But for versions that wait for their snapshot: each has work of its own.
    The very same `function` when nothing is left to settle.
    """
    if all(_is_stable(version) or awaits_snapshot(version) for version in function.versions):
        return function
    published = {
        number: version if awaits_snapshot(version) else _settled(version, failure)
        for number, version in function.published.items()
    }
    return replace(function, latest=_settled(function.latest, failure), published=published)


def awaits_snapshot(version: FunctionVersion) -> bool:
    """Whether it becomes Active only once one of its environments has been initialised."""
    return version.is_snap_started and version.state is State.PENDING


def with_snapshot(function: Function, version: FunctionVersion, failure: Reason | None) -> Function:
    """`function` when `version` has got its snapshot, or failed for this reason; the very same one when that version
    is gone, or settled otherwise."""
    present = function.published.get(version.version)
    if present is None or present.build_id != version.build_id or not awaits_snapshot(present):
        return function
    return replace(function, published={**function.published, version.version: _settled(present, failure)})


def _settled(version: FunctionVersion, failure: Reason | None) -> FunctionVersion:
    if _is_stable(version):
        return version
    was_pending = version.state is State.PENDING
    failed_creation = failure if was_pending else None
    return replace(
        version,
        state=State.FAILED if failed_creation else State.ACTIVE if was_pending else version.state,
        state_reason=failed_creation if was_pending else version.state_reason,
        last_update_status=LastUpdateStatus.FAILED if failure else LastUpdateStatus.SUCCESSFUL,
        last_update_reason=failure,
        revision_id=str(uuid4()),
    )


def is_settled(function: Function) -> bool:
    """Whether no work is left over from the last change."""
    return all(_is_stable(version) for version in function.versions)


def _is_stable(version: FunctionVersion) -> bool:
    return version.state is not State.PENDING and version.last_update_status is not LastUpdateStatus.IN_PROGRESS


def is_same_build(one: FunctionVersion, other: FunctionVersion) -> bool:
    """Whether environments made from `one` are as good as new for `other`: only the description may differ."""
    return replace(one, description="") == replace(
        other, description="", **{name: getattr(one, name) for name in CIRCUMSTANCES}
    )


def configuration_sha256(version: FunctionVersion) -> str:
    """A digest of code and configuration, the same for equal ones."""
    settings = {name: value for name, value in asdict(version).items() if name not in CIRCUMSTANCES}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
