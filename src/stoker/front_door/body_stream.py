"""A request's body while it arrives, for what is too large to be held: objects on their way to S3."""

import hashlib
import re
from collections.abc import AsyncIterator

from stoker.errors import InvalidSignatureException
from stoker.front_door.request import BodyLimit, HttpRequest, IncomingBody

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class BodyStream:
    """Read once, as an asynchronous iterator over non-empty pieces.

    `failure` keeps what ended it early, for a reader whose HTTP client hides it.
    """

    def __init__(self, request: HttpRequest, body: IncomingBody, limit: BodyLimit, signed_hash: str | None) -> None:
        """`signed_hash` is what the signature states about the body, None when nothing was verified.

        Raises RequestTooLargeException when the stated length is already too much.
        """
        headers = request.headers
        declared = headers.get("content-length")
        if declared is not None and int(declared) > limit.bytes_max:
            raise limit.refusal()
        self.is_empty = declared == "0" if declared is not None else body.is_empty
        self.failure: Exception | None = None
        self._body = body
        self._limit = limit
        # Words such as UNSIGNED-PAYLOAD state nothing that could be compared.
        self._expected = signed_hash.lower() if signed_hash and _SHA256.fullmatch(signed_hash) else None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def read(self) -> bytes:
        """All of it."""
        return b"".join([piece async for piece in self])

    async def _pieces(self) -> AsyncIterator[bytes]:
        """Raises RequestTooLargeException, RequestTimeoutException, ClientGoneError and InvalidSignatureException."""
        try:
            digest = hashlib.sha256()
            held = b""
            async for piece in self._arriving():
                if self._expected is not None:
                    digest.update(piece)
                # The last piece is held back until the whole is known to be what was signed.
                if held:
                    yield held
                held = piece
            if self._expected is not None and digest.hexdigest() != self._expected:
                raise InvalidSignatureException(
                    "The provided 'x-amz-content-sha256' header does not match what was computed."
                )
            if held:
                yield held
        except Exception as error:
            self.failure = error
            raise

    async def _arriving(self) -> AsyncIterator[bytes]:
        size = 0
        is_complete = False
        while not is_complete:
            piece = await self._body.read()
            is_complete = self._body.is_complete
            size += len(piece)
            if size > self._limit.bytes_max:
                raise self._limit.refusal()
            if piece:
                yield piece
