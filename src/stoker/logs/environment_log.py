"""The log stream of one execution environment: what its processes print and what the platform says about them.

Everything here is synchronous and only fills the memory of the log store: it is on the path of every invocation.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from stoker.clock import Clock
from stoker.logs.application_lines import ApplicationLines
from stoker.logs.readers import Emit, FramedReader, LineReader
from stoker.logs.records import LogGroupName
from stoker.logs.store import LogStore

TAIL_BYTES = 4096
# A frame carries its writer's time. A function can write any; beyond this it is not believed.
BELIEVED_TIME_MS = 15 * 60 * 1000


def default_group(account_id: str, region: str, function_name: str) -> LogGroupName:
    """`/aws/lambda/NAME`, where a function logs unless its LoggingConfig says otherwise."""
    return LogGroupName(account_id, region, f"/aws/lambda/{function_name}")


def new_stream_name(now_s: float, function_name: str, version: str, log_group: str) -> str:
    """A stream's name for a new environment; in a group of its own choice the function's name is part of it."""
    day = datetime.fromtimestamp(now_s, UTC)
    owner = "" if log_group == f"/aws/lambda/{function_name}" else function_name
    return f"{day:%Y/%m/%d}/{owner}[{version}]{secrets.token_hex(16)}"


Tee = Callable[[str, str, int], None]
"""Takes what was printed besides: `function` or `extension`, a line or record, and its time in epoch ms."""


class EnvironmentLog:
    """One stream, and the reader of the pipe that feeds it."""

    def __init__(
        self,
        store: LogStore,
        clock: Clock,
        group: LogGroupName,
        stream: str,
        application_lines: ApplicationLines | None = None,
    ) -> None:
        """`application_lines` is the rule for printed lines of a function with LogFormat JSON, None for Text."""
        self._store = store
        self._clock = clock
        self._application_lines = application_lines
        # What is no frame is read as lines: `print` and a logger share the pipe.
        emit = self._emit_of_function
        self._reader = FramedReader(emit, emit if application_lines is None else self._emit_printed)
        self._extensions: ExtensionOutput | None = None
        self._tee: Tee | None = None
        self._tail: bytearray | None = None
        self._last_ms = 0
        self.group = group
        self.stream = stream

    def write(self, data: bytes) -> None:
        """What was read from the pipe: lines, and frames of the log descriptor (`_LAMBDA_TELEMETRY_LOG_FD`)."""
        self._reader.feed(data)

    def flush(self) -> None:
        """The pipe ended: an unfinished line is an event too."""
        self._reader.flush()

    def platform_lines(self, *texts: str) -> None:
        """Log lines of the platform's, after what was printed before them, finished or not."""
        if not texts:
            return
        self._reader.flush()
        if self._extensions is not None:
            self._extensions.flush()
        self.lines_beside(*texts)

    def lines_beside(self, *texts: str) -> None:
        """Log lines of the platform's about what happened beside the function: a line that it has begun goes on."""
        timestamp_ms = self._timestamp_ms(None)
        for text in texts:
            self._append(timestamp_ms, text)

    def of_extensions(self) -> "ExtensionOutput":
        """The log as extensions write it, through a pipe of their own."""
        self._extensions = ExtensionOutput(self, self._emit_of_extension)
        return self._extensions

    def tee(self, take: Tee | None) -> None:
        """Give `take` what is printed from now on, whatever its level; None: nobody."""
        self._tee = take

    @property
    def is_full(self) -> bool:
        """Whether the pipes should be left unread for a while, until `when_room` calls back."""
        return self._store.is_full(self.stream)

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when some of what waits has been written."""
        self._store.when_room(resume)

    def begin_tail(self) -> None:
        """Keep the end of what is logged from here on (`LogType=Tail`)."""
        self._tail = bytearray()

    def end_tail(self) -> bytes:
        """The last 4,096 bytes since `begin_tail`; empty when it was not called."""
        tail, self._tail = self._tail, None
        return bytes(tail[-TAIL_BYTES:]) if tail else b""

    def _emit_printed(self, text: str, _: int | None = None) -> None:
        assert self._application_lines is not None
        passes, timestamp_ms = self._application_lines.judge(text)
        if passes:
            self._emit_of_function(text, timestamp_ms)
        elif self._tee is not None:
            self._tee("function", text, self._last_ms)

    def _emit_of_function(self, text: str, timestamp_ms: int | None = None) -> None:
        self._emit(text, timestamp_ms)
        if self._tee is not None:
            self._tee("function", text, self._last_ms)

    def _emit_of_extension(self, text: str, timestamp_ms: int | None = None) -> None:
        self._emit(text, timestamp_ms)
        if self._tee is not None:
            self._tee("extension", text, self._last_ms)

    def _emit(self, text: str, timestamp_ms: int | None = None) -> None:
        # PostgreSQL's text cannot hold the NUL character.
        self._append(self._timestamp_ms(timestamp_ms), text.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    def _timestamp_ms(self, claimed_ms: int | None) -> int:
        timestamp_ms = int(self._clock.now_s() * 1000)
        if claimed_ms is not None and abs(claimed_ms - timestamp_ms) <= BELIEVED_TIME_MS:
            timestamp_ms = claimed_ms
        # A frame's own time may be earlier than that of what was printed before it, which got its time when it was
        # read: the order in which things were written counts for more than the last millisecond.
        self._last_ms = max(timestamp_ms, self._last_ms)
        return self._last_ms

    def _append(self, timestamp_ms: int, text: str) -> None:
        self._store.append(self.group, self.stream, timestamp_ms, text)
        if self._tail is not None:
            self._tail += text[-TAIL_BYTES:].encode()
            if len(self._tail) > 16 * TAIL_BYTES:
                del self._tail[:-TAIL_BYTES]


class ExtensionOutput:
    """What an environment's extensions print: lines of the same stream, never frames, and no level filters them."""

    def __init__(self, log: EnvironmentLog, emit: Emit) -> None:
        self._log = log
        self._reader = LineReader(emit)

    def write(self, data: bytes) -> None:
        """What was read from their pipe."""
        self._reader.feed(data)

    def flush(self) -> None:
        """An unfinished line is an event now."""
        self._reader.flush()

    @property
    def is_full(self) -> bool:
        return self._log.is_full

    def when_room(self, resume: Callable[[], None]) -> None:
        """As EnvironmentLog's."""
        self._log.when_room(resume)
