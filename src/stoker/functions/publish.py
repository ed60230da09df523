"""A new version from `$LATEST` (reference: control plane, 5)."""

from dataclasses import replace
from uuid import uuid4

from stoker.functions.records import Function, FunctionVersion, LastUpdateStatus, State
from stoker.functions.update import CREATING


def publish(function: Function, description: str | None, last_modified: str) -> Function:
    """`function` with what `$LATEST` is now as its newest version, unless the newest one is the same already.

    Either way the version published is number `next_version - 1` of the answer. It is Pending as long as `$LATEST` is,
    and with SnapStart until its snapshot is made.
    """
    newest = newest_version(function)
    if newest is not None and newest.configuration_sha256 == function.latest.configuration_sha256:
        return function
    number = str(function.next_version)
    return replace(
        function,
        latest=replace(function.latest, revision_id=str(uuid4())),
        published={**function.published, number: _frozen(function.latest, number, description, last_modified)},
        next_version=function.next_version + 1,
    )


def newest_version(function: Function) -> FunctionVersion | None:
    """The version published last, None if there is none or it was deleted."""
    return function.published.get(str(function.next_version - 1))


def _frozen(latest: FunctionVersion, number: str, description: str | None, last_modified: str) -> FunctionVersion:
    is_stable = latest.state is State.ACTIVE and latest.last_update_status is LastUpdateStatus.SUCCESSFUL
    is_stable = is_stable and latest.snap_start == "None"
    return replace(
        latest,
        version=number,
        description=latest.description if description is None else description,
        state=State.ACTIVE if is_stable else State.PENDING,
        state_reason=None if is_stable else latest.state_reason or latest.last_update_reason or CREATING,
        last_update_status=LastUpdateStatus.SUCCESSFUL if is_stable else None,
        last_update_reason=None,
        revision_id=str(uuid4()),
        last_modified=last_modified,
        build_id=str(uuid4()),
    )
