"""How much of an account's concurrency its functions may keep for themselves (reference: control plane, 9)."""

from collections.abc import Iterable

from stoker import limits
from stoker.errors import InvalidParameterValueException
from stoker.functions.records import Function, FunctionKey


def reserved_total(functions: Iterable[Function]) -> int:
    """The sum of all reservations."""
    return sum(function.reserved_concurrency or 0 for function in functions)


def check_reservation(functions: Iterable[Function], key: FunctionKey, requested: int, account_limit: int) -> None:
    """Raise InvalidParameterValueException when too little would be left for functions without a reservation.

    `functions` are all of the account and region. Accounts with a limit below 100 must leave all of it, as those that
    AWS starts with 10 must.
    """
    others = reserved_total(function for function in functions if function.key != key)
    minimum = min(limits.UNRESERVED_CONCURRENCY_MIN, account_limit)
    if requested and account_limit - others - requested < minimum:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{minimum}].",
            has_type=False,
        )
