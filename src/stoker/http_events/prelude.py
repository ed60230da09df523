"""Where a streamed response says its status and headers: JSON, eight NULs, then the body.

Reference: runtime side, 2.4.
"""

from collections.abc import AsyncIterator

import msgspec

from stoker.http_events.format_2 import metadata_of
from stoker.http_events.records import HttpAnswer, InvalidAnswerError
from stoker.limits import KIB

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
DELIMITER = bytes(8)
# API Gateway wants it within 16 KB; of function URLs no number is known. A head beyond this no client would read.
PRELUDE_BYTES_MAX = 64 * KIB


async def read_prelude(pieces: AsyncIterator[bytes]) -> HttpAnswer:
    """Status, headers and cookies; `body` is what has come of the body already. `pieces` are read no further.

    Raises InvalidAnswerError for a prelude that does not end, or is none.
    """
    held = b""
    async for piece in pieces:
        # The delimiter may be cut in two.
        searched_from = max(0, len(held) - len(DELIMITER) + 1)
        held += piece
        end = held.find(DELIMITER, searched_from)
        if end > PRELUDE_BYTES_MAX or (end < 0 and len(held) > PRELUDE_BYTES_MAX):
            raise InvalidAnswerError("the prelude is too long")
        if end >= 0:
            return prelude_of(held[:end])._replace(body=held[end + len(DELIMITER) :])
    raise InvalidAnswerError("the response ended within its prelude")


def prelude_of(text: bytes) -> HttpAnswer:
    """The prelude without its delimiter. Raises InvalidAnswerError."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidAnswerError("the prelude is no JSON object")
    return metadata_of(document)
