"""Where an environment's platform events go: as lines into its log, and to whoever listens besides (telemetry)."""

from collections.abc import Callable

from stoker.clock import Clock
from stoker.logs.environment_log import EnvironmentLog
from stoker.logs.platform_events import PlatformEvent
from stoker.logs.platform_json import SystemLevel, is_at_least, json_line
from stoker.logs.platform_lines import text_line

Listener = Callable[[PlatformEvent, float], None]
"""Takes an event and when it happened, in seconds since the epoch. It must neither wait nor fail."""


class PlatformLog:
    """One environment's stream of events. On the path of every invocation."""

    def __init__(self, log: EnvironmentLog, clock: Clock, json_level: SystemLevel | None) -> None:
        """`json_level` is the system log level of a function with LogFormat JSON, None for Text."""
        self._log = log
        self._clock = clock
        self._json_level = json_level
        self._render: Callable[[PlatformEvent], str | None] = text_line if json_level is None else self._json_line
        self._listeners: list[Listener] = []

    @property
    def wants_details(self) -> bool:
        """Whether anybody would get the events that text does not have, so that they need to be made."""
        return self._json_level is not None or bool(self._listeners)

    @property
    def wants_everything(self) -> bool:
        """Whether somebody also gets the details of what went well."""
        return self._json_level == "DEBUG" or bool(self._listeners)

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every event from now on, whatever the log's format and level."""
        self._listeners.append(listener)

    def listen_no_more(self, listener: Listener) -> None:
        """The opposite; one that does not listen is no error."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def emit(self, *events: PlatformEvent) -> None:
        """Log what happened in one moment, after what was printed before it."""
        self._log.platform_lines(*[line for event in events if (line := self._render(event)) is not None])
        self._tell(*events)

    def emit_beside(self, event: PlatformEvent) -> None:
        """Log what happened to others than the function, which may be in the middle of a line."""
        line = self._render(event)
        if line is not None:
            self._log.lines_beside(line)
        self._tell(event)

    def _tell(self, *events: PlatformEvent) -> None:
        if self._listeners:
            now_s = self._clock.now_s()
            for event in events:
                for listener in self._listeners:
                    listener(event, now_s)

    def _json_line(self, event: PlatformEvent) -> str | None:
        assert self._json_level is not None
        return json_line(event, self._clock.now_s()) if is_at_least(event, self._json_level) else None
