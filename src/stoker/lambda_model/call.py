"""One call of an API operation and its answer, as the front door hands them to the rooms."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and where: taken from the request's signature."""

    account_id: str
    region: str


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request whose members were parsed and validated against AWS's service model.

    `members` has the input shape's member names; blobs are bytes, a payload member is the body as it came.
    `endpoint` is the base URL by which the client reached us, without a trailing slash.
    """

    operation: str
    caller: Caller
    request_id: str
    members: Mapping[str, Any]
    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """Output members by the output shape's names; None is left out. `status` where AWS differs from the model."""

    members: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Operation = Callable[[ApiCall], Awaitable[ApiAnswer]]
