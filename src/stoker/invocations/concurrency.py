"""How many invocations may run at once: the account's limit, per region."""

from collections.abc import Iterator
from contextlib import contextmanager

from stoker.errors import TooManyRequestsException
from stoker.functions.records import FunctionVersion


class Concurrency:
    """Counts running invocations by account and region."""

    def __init__(self, account_limit: int) -> None:
        self._account_limit = account_limit
        self._running: dict[tuple[str, str], int] = {}

    @contextmanager
    def reserve(self, version: FunctionVersion) -> Iterator[None]:
        """A place for one invocation. Raises TooManyRequestsException when all are taken."""
        key = (version.account_id, version.region)
        running = self._running.get(key, 0)
        if running >= self._account_limit:
            raise TooManyRequestsException("ConcurrentInvocationLimitExceeded")
        self._running[key] = running + 1
        try:
            yield
        finally:
            self._running[key] -= 1

    def running(self) -> int:
        """In the whole node."""
        return sum(self._running.values())
