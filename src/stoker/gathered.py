"""Bytes that arrive in pieces and are wanted whole: once they are all here, they are not copied again."""

from io import BytesIO


class Gathered:
    """A single piece is passed on as it came; more of them are put together as they come.

    Joining them in the end would hold twice the memory, and most of the time that takes is the kernel's, which has to
    find and clear it (decision 0037).
    """

    __slots__ = ("_more", "_only", "size_bytes")

    def __init__(self) -> None:
        self.size_bytes = 0
        self._only = b""
        self._more: BytesIO | None = None

    def add(self, piece: bytes) -> None:
        if self._more is not None:
            self._more.write(piece)
        elif not self.size_bytes:
            self._only = piece
        else:
            self._more = BytesIO()
            self._more.write(self._only)
            self._more.write(piece)
            self._only = b""
        self.size_bytes += len(piece)

    def whole(self) -> bytes:
        """All of it. A BytesIO that is no longer written to gives up its buffer instead of copying it."""
        return self._only if self._more is None else self._more.getvalue()
