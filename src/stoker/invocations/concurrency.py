"""How many invocations may run at once: the account's limit per region, and what functions reserve of it.

A reservation is a guarantee and a cap: nobody else gets it, and the function gets no more. Environments that are
provisioned are places of their own: they are taken from the function's reservation, or else from what all share, and
the calls that run on them are not counted here. Source: reference, control plane, 9, and invocation, 3.
"""

from dataclasses import dataclass

from stoker.errors import TooManyRequestsException
from stoker.functions.records import Function, FunctionKey, FunctionVersion


@dataclass(slots=True)
class _Pool:
    """What the functions of one account and region share: all but what is reserved and provisioned."""

    limit: int
    running: int = 0


@dataclass(slots=True)
class _Usage:
    """One function: what runs on demand, how much it reserves (None: nothing, it takes from the pool), and how many
    places its provisioned environments take up."""

    pool: _Pool
    reserved: int | None = None
    running: int = 0
    provisioned: int = 0


class Concurrency:
    """Counts invocations that run on demand by function, and those without a reservation by account and region.

    To be used from the event loop's thread only.
    """

    def __init__(self, account_limit: int) -> None:
        self._account_limit = account_limit
        self._pools: dict[tuple[str, str], _Pool] = {}
        self._usages: dict[FunctionKey, _Usage] = {}

    def note(self, key: FunctionKey, function: Function | None) -> None:
        """Follow a function's reservation; it is None once deleted. What runs now counts where it now belongs."""
        usage = self._usages.get(key) or self._new_usage(key)
        if function is None:
            # Its running invocations still hold the record and give back to the pool.
            _set(usage, reserved=None, provisioned=0)
            del self._usages[key]
        else:
            _set(usage, function.reserved_concurrency, usage.provisioned)

    def provision(self, key: FunctionKey, places: int) -> None:
        """Keep `places` for the function's provisioned environments, instead of what was kept so far."""
        usage = self._usages.get(key) or self._new_usage(key)
        _set(usage, usage.reserved, places)
        if not places and not usage.running and usage.reserved is None:
            del self._usages[key]  # perhaps the last that is heard of a deleted function

    def reserve(self, version: FunctionVersion) -> "Place":
        """A place for one invocation on demand, for a `with` block.

        Entering it raises TooManyRequestsException when all are taken.
        """
        key = (version.account_id, version.region, version.name)
        return Place(self._usages.get(key) or self._new_usage(key))

    def _new_usage(self, key: FunctionKey) -> _Usage:
        pool = self._pools.setdefault(key[:2], _Pool(self._account_limit))
        usage = self._usages[key] = _Usage(pool)
        return usage


class Place:
    """Taken inside of its block."""

    __slots__ = ("_usage",)

    def __init__(self, usage: _Usage) -> None:
        self._usage = usage

    def __enter__(self) -> None:
        _take(self._usage)

    def __exit__(self, *_: object) -> None:
        self._usage.running -= 1
        if self._usage.reserved is None:
            self._usage.pool.running -= 1


def _take(usage: _Usage) -> None:
    if usage.reserved is not None:
        if usage.running >= usage.reserved - usage.provisioned:
            raise TooManyRequestsException("ReservedFunctionConcurrentInvocationLimitExceeded")
    elif usage.pool.running >= usage.pool.limit:
        raise TooManyRequestsException("ConcurrentInvocationLimitExceeded")
    else:
        usage.pool.running += 1
    usage.running += 1


def _set(usage: _Usage, reserved: int | None, provisioned: int) -> None:
    pool = usage.pool
    pool.limit += _kept(usage.reserved, usage.provisioned) - _kept(reserved, provisioned)
    usage.provisioned = provisioned
    if usage.reserved is None and reserved is not None:
        pool.running -= usage.running
    elif usage.reserved is not None and reserved is None:
        pool.running += usage.running
    usage.reserved = reserved


def _kept(reserved: int | None, provisioned: int) -> int:
    """What is not in the pool because of this function."""
    return provisioned if reserved is None else reserved
