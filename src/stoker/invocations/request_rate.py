"""How many requests a second a function may get: ten for each place that it may run in (reference: invocation, 3).

A function with a reservation has a rate of its own; all others share their account's. Each is a bucket of tokens, as
large as one second's worth, refilled all the time.
"""

from collections.abc import Callable

from stoker.errors import TooManyRequestsException
from stoker.functions.records import Function, FunctionKey, FunctionVersion


class _Bucket:
    """Tokens of one second at most."""

    __slots__ = ("_filled_s", "_per_s", "_tokens")

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = self._tokens = per_s
        self._filled_s = now_s

    def take(self, now_s: float) -> bool:
        self._tokens = min(self._per_s, self._tokens + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RequestRate:
    """To be used from the event loop's thread only."""

    def __init__(self, account_limit: int, requests_per_s_per_place: int, now_s: Callable[[], float]) -> None:
        """`account_limit` is how many invocations of an account may run at once; `now_s` never goes back."""
        self._account_limit = account_limit
        self._per_place = requests_per_s_per_place
        self._now_s = now_s
        self._reserved: dict[FunctionKey, int] = {}
        self._of_functions: dict[FunctionKey, _Bucket] = {}
        self._of_accounts: dict[tuple[str, str], _Bucket] = {}

    def note(self, key: FunctionKey, function: Function | None) -> None:
        """Follow a function's reservation; it is None once deleted."""
        reserved = function.reserved_concurrency if function is not None else None
        if reserved == self._reserved.get(key):
            return
        if reserved is None:
            del self._reserved[key]
            self._of_functions.pop(key, None)
        else:
            self._reserved[key] = reserved
            self._of_functions[key] = _Bucket(reserved * self._per_place, self._now_s())
        self._of_accounts.pop(key[:2], None)  # what its functions share has changed

    def take(self, version: FunctionVersion) -> None:
        """Count one request. Raises TooManyRequestsException when there were too many in this second.

        A function that is off (a reservation of 0) is left to `concurrency.py`, which has the reason for it.
        """
        key = (version.account_id, version.region, version.name)
        reserved = self._reserved.get(key)
        if reserved is None:
            if not self._of_account(key[:2]).take(self._now_s()):
                raise TooManyRequestsException("FunctionInvocationRateLimitExceeded")
        elif reserved and not self._of_functions[key].take(self._now_s()):
            raise TooManyRequestsException("ReservedFunctionInvocationRateLimitExceeded")

    def _of_account(self, account: tuple[str, str]) -> _Bucket:
        bucket = self._of_accounts.get(account)
        if bucket is None:
            reserved = sum(places for key, places in self._reserved.items() if key[:2] == account)
            shared = max(self._account_limit - reserved, 1)
            bucket = self._of_accounts[account] = _Bucket(shared * self._per_place, self._now_s())
        return bucket
