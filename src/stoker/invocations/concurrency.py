"""How many invocations may run at once: the account's limit per region, and what functions reserve of it.

A reservation is a guarantee and a cap: nobody else gets it, and the function gets no more. Source: reference, control
plane, 9.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stoker.errors import TooManyRequestsException
from stoker.functions.records import Function, FunctionKey, FunctionVersion


@dataclass(slots=True)
class _Pool:
    """What the functions of one account and region without a reservation share."""

    limit: int
    running: int = 0


@dataclass(slots=True)
class _Usage:
    """One function: what runs, and how much it reserves (None: nothing, it takes from the pool)."""

    pool: _Pool
    reserved: int | None = None
    running: int = 0


class Concurrency:
    """Counts running invocations by function, and those without a reservation by account and region.

    To be used from the event loop's thread only.
    """

    def __init__(self, account_limit: int) -> None:
        self._account_limit = account_limit
        self._pools: dict[tuple[str, str], _Pool] = {}
        self._usages: dict[FunctionKey, _Usage] = {}

    def note(self, key: FunctionKey, function: Function | None) -> None:
        """Follow a function's reservation; it is None once deleted. What runs now counts where it now belongs."""
        usage = self._usages.get(key) or self._new_usage(key)
        _set_reservation(usage, None if function is None else function.reserved_concurrency)
        if function is None:
            # Its running invocations still hold the record and give back to the pool.
            del self._usages[key]

    @contextmanager
    def reserve(self, version: FunctionVersion) -> Iterator[None]:
        """A place for one invocation. Raises TooManyRequestsException when all are taken."""
        key = (version.account_id, version.region, version.name)
        usage = self._usages.get(key) or self._new_usage(key)
        _take(usage)
        try:
            yield
        finally:
            usage.running -= 1
            if usage.reserved is None:
                usage.pool.running -= 1

    def _new_usage(self, key: FunctionKey) -> _Usage:
        pool = self._pools.setdefault(key[:2], _Pool(self._account_limit))
        usage = self._usages[key] = _Usage(pool)
        return usage


def _take(usage: _Usage) -> None:
    if usage.reserved is not None:
        if usage.running >= usage.reserved:
            raise TooManyRequestsException("ReservedFunctionConcurrentInvocationLimitExceeded")
    elif usage.pool.running >= usage.pool.limit:
        raise TooManyRequestsException("ConcurrentInvocationLimitExceeded")
    else:
        usage.pool.running += 1
    usage.running += 1


def _set_reservation(usage: _Usage, reserved: int | None) -> None:
    pool = usage.pool
    pool.limit += (usage.reserved or 0) - (reserved or 0)
    if usage.reserved is None and reserved is not None:
        pool.running -= usage.running
    elif usage.reserved is not None and reserved is None:
        pool.running += usage.running
    usage.reserved = reserved
