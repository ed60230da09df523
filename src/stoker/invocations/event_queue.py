"""Where asynchronous invocations go, as the operations see it."""

from typing import Protocol

from stoker.database.engine import Written
from stoker.invocation import Invocation


class EventQueue(Protocol):
    """Takes invocations whose callers do not wait for a result."""

    async def accept(self, invocation: Invocation, *also: Written) -> None:
        """Return when it is on disk: from then on it is run, whatever happens to the node.

        `also` is written in the same transaction: who hands an event on lets go of it then, and nothing is there twice.
        """
        ...
