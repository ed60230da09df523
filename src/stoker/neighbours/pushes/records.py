"""A push and its answer, as they cross from moto's process to the node: frames of JSON on a pair of sockets.

The pair has no address and only the two processes hold its ends, so no function and nobody outside can push.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

LENGTH_BYTES = 4
# The largest payload that Lambda takes is 6 MB, and JSON within JSON may double it, or worse for control characters.
FRAME_BYTES_MAX = 64 << 20

Kind = Literal["Event", "RequestResponse", "DryRun"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is to be sent to a queue if the push is refused; `attributes` are strings.

    With `says_why` the refusal is told in EventBridge's attributes, too.
    """

    queue_arn: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    says_why: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """One call of a function, by its ARN, on behalf of a service (`s3.amazonaws.com`) and a resource of it.

    Without a service it is `source_account` itself that calls, by a role in it. `payload` is JSON. `trace` is what the
    service's own caller sent as X-Amzn-Trace-Id, with the lineage that ends loops.
    """

    function: str
    kind: Kind
    payload: str
    source_account: str
    service: str = ""
    source_arn: str = ""
    trace: str = ""
    client_context: str = ""
    dead_letter: DeadLetter | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of it: 202 for an event that is on disk, 200 for a result, 204, or an error's status and name."""

    status: int
    payload: str = ""
    executed_version: str = ""
    function_error: str = ""
    request_id: str = ""
    error: str = ""
    message: str = ""

    @property
    def is_refused(self) -> bool:
        return self.status >= 300


@dataclass(frozen=True, slots=True)
class Question:
    """A push with the number by which its answer is known."""

    number: int
    push: Push


@dataclass(frozen=True, slots=True)
class Answer:
    """To the question of that number."""

    number: int
    pushed: Pushed


def framed(message: Question | Answer) -> bytes:
    """With its length before it. Raises ValueError for what is longer than a frame may be."""
    body = msgspec.json.encode(message)
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"a push of {len(body)} bytes is too long")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def frame_bytes(head: bytes) -> int:
    """How many bytes follow. Raises ValueError."""
    length = int.from_bytes(head, "big")
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {length} bytes is too long")
    return length
