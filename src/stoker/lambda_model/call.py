"""One call of an API operation and its answer, as the front door hands them to the rooms.

Named tuples, as all that is made for every invocation: a frozen dataclass takes three times as long to make.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from stoker.role_sessions import RoleSession

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and where: taken from the request's signature. `session` is a function's, when its keys were used."""

    account_id: str
    region: str
    session: RoleSession | None = field(default=None, compare=False)


class Client(Protocol):
    """Who waits for an answer, for operations that give up when nobody does."""

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Call `tell` once the client has hung up; at once when it has."""
        ...


class ApiCall(NamedTuple):
    """A request whose members were parsed and validated against AWS's service model.

    `members` has the input shape's member names; blobs are bytes, a payload member is the body as it came.
    `endpoint` is the base URL by which the client reached us, without a trailing slash. `client` is None for calls that
    came by no connection.
    """

    operation: str
    caller: Caller
    request_id: str
    members: Mapping[str, Any]
    endpoint: str
    headers: Mapping[str, str] = _NOTHING
    client: Client | None = None


class ApiAnswer(NamedTuple):
    """Output members by the output shape's names; None is left out. `status` where AWS differs from the model."""

    members: Mapping[str, Any] = _NOTHING
    status: int | None = None
    headers: Mapping[str, str] = _NOTHING


Operation = Callable[[ApiCall], Awaitable[ApiAnswer]]


class Room(Protocol):
    """What knows some operations of a service."""

    def operations(self) -> Mapping[str, Operation]:
        """By their names."""
        ...


def operations_of(*rooms: Room) -> dict[str, Operation]:
    """Of all of them together."""
    return {name: operation for room in rooms for name, operation in room.operations().items()}
