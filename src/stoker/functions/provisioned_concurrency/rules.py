"""What may be provisioned, and for whom (reference: control plane, 9). Pure functions of records.

The refusals that speak of the account have no `Type` on the wire (reference: control plane, 1).
"""

from collections.abc import Iterable

from stoker.errors import InvalidParameterValueException, ResourceConflictException
from stoker.functions.aliases.records import Alias
from stoker.functions.records import LATEST, Function
from stoker.functions.reserved_concurrency import provisioned_total, reserved_total

UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
# In the form of AWS's other refusals of that kind: the reference has no text.
NOT_WITH_SNAP_START = "Provisioned Concurrency is not supported for SnapStart enabled functions."
ALREADY_PROVISIONED = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"


def check_capacity(
    function: Function,
    qualifier: str,
    requested: int,
    functions: Iterable[Function],
    account_limit: int,
    unreserved_min: int,
) -> None:
    """Raise InvalidParameterValueException if `requested` for `qualifier` is more than there is to take.

    `functions` are all of the account and region. What `qualifier` has so far does not count against it.
    """
    total = requested + provisioned_total(function, without=qualifier)
    if function.reserved_concurrency is not None:
        if total > function.reserved_concurrency:
            raise InvalidParameterValueException(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution "
                "for function"
            )
        return  # it is taken from the reservation
    unreserved = account_limit - reserved_total(other for other in functions if other.key != function.key)
    minimum = min(unreserved_min, account_limit)
    if total > unreserved:
        raise InvalidParameterValueException(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
            f"[{unreserved}].",
            has_type=False,
        )
    if unreserved - total < minimum:
        raise InvalidParameterValueException(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{minimum}].",
            has_type=False,
        )


def check_qualifier(function: Function, qualifier: str) -> None:
    """Raise ResourceConflictException or InvalidParameterValueException if `qualifier` cannot be provisioned.

    A version belongs to one configuration at most: its own, or that of an alias.
    """
    alias = function.aliases.get(qualifier)
    if alias is None:
        _check_snap_start(function, (qualifier,))
        provisioned = [alias for name, alias in function.aliases.items() if name in function.provisioned]
        if any(qualifier in other.versions for other in provisioned):
            raise ResourceConflictException("Version is pointed by a Provisioned Concurrency alias")
        return
    check_alias(function, alias)
    if alias.additional_weights:
        # Widely reported, by Terraform and CodeDeploy for instance. Weights that come later are fine.
        raise InvalidParameterValueException("Alias with weights can not be used with Provisioned Concurrency")


def check_alias(function: Function, alias: Alias) -> None:
    """Raise for an alias that cannot be provisioned because of the versions that it invokes. AWS's texts for an alias
    that is moved there when it is provisioned already are not known; they are taken to be the same."""
    if LATEST in alias.versions:
        raise InvalidParameterValueException(UNPUBLISHED)
    if any(number in function.provisioned for number in alias.versions):
        raise ResourceConflictException(ALREADY_PROVISIONED)
    _check_snap_start(function, alias.versions)


def _check_snap_start(function: Function, numbers: Iterable[str]) -> None:
    published = function.published
    if any(number in published and published[number].is_snap_started for number in numbers):
        raise InvalidParameterValueException(NOT_WITH_SNAP_START)
