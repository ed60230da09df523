"""How much of an account's concurrency its functions may keep for themselves (reference: control plane, 9).

A function keeps what it reserves. What is provisioned for it is taken from that; without a reservation, from what all
functions share.
"""

from collections.abc import Iterable

from stoker.errors import InvalidParameterValueException
from stoker.functions.records import Function, FunctionKey


def provisioned_total(function: Function, *, without: str | None = None) -> int:
    """What is provisioned for all its versions and aliases, but for one of them."""
    return sum(config.requested for qualifier, config in function.provisioned.items() if qualifier != without)


def reserved_total(functions: Iterable[Function]) -> int:
    """What other functions cannot have."""
    return sum(
        provisioned_total(function) if function.reserved_concurrency is None else function.reserved_concurrency
        for function in functions
    )


def check_provisioned(function: Function, requested: int) -> None:
    """Raise InvalidParameterValueException for a reservation that is smaller than what is provisioned."""
    provisioned = provisioned_total(function)
    if requested < provisioned:
        raise InvalidParameterValueException(
            f" ReservedConcurrentExecutions  {requested} should not be lower than function's total provisioned "
            f"concurrency [{provisioned}].",
            has_type=False,
        )


def check_reservation(
    functions: Iterable[Function], key: FunctionKey, requested: int, account_limit: int, unreserved_min: int
) -> None:
    """Raise InvalidParameterValueException when too little would be left for functions without a reservation.

    `functions` are all of the account and region. Accounts with a limit below 100 must leave all of it, as those that
    AWS starts with 10 must.
    """
    others = reserved_total(function for function in functions if function.key != key)
    minimum = min(unreserved_min, account_limit)
    if requested and account_limit - others - requested < minimum:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{minimum}].",
            has_type=False,
        )
