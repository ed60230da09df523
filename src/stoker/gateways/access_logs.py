"""Access logs: one line for each request, in a format of the customer's with `$context` variables.

Source: Amazon API Gateway Developer Guide, "Customize HTTP API access logs" and "Variables for access logging".
"""

import hashlib
import json
import re
from collections.abc import Mapping

from stoker.arn import split_arn
from stoker.clock import Clock, epoch_ms
from stoker.logs.records import LogGroupName
from stoker.logs.store import LogStore

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z0-9_-]+)+)")
_NAMED = "arn:aws:logs:region:account:log-group:name"
# Names of variables whose value is JSON text already, quotes and all.
_QUOTED = frozenset({"error.messageString"})

Variables = Mapping[str, object]
"""`$context` variables by their names without `$context.`; one that has no value here is not there, or None."""


def render(form: str, variables: Variables) -> str:
    """`form` with each `$context.name` replaced by its value, or by `-`.

    A client decides some of the values, so none can end the line; in a form that is a JSON object none can end its
    text either.
    """
    is_json = form.lstrip().startswith("{")

    def value_of(found: re.Match[str]) -> str:
        name = found[1][1:]
        value = variables.get(name)
        if value is None:
            return "-"
        text = str(value)
        if name in _QUOTED:
            return text
        escaped = json.dumps(text, ensure_ascii=False)[1:-1]
        return escaped if is_json else escaped.replace('\\"', '"').replace("\\\\", "\\")

    return _VARIABLE.sub(value_of, form)


def log_group_of(destination_arn: str) -> LogGroupName:
    """The log group that an ARN names. Raises ValueError, whose text is for the client."""
    arn = split_arn(destination_arn)
    if arn is None or arn.service != "logs" or not arn.resource.startswith("log-group:"):
        raise ValueError(f"Access logs go to log groups here ({_NAMED}), not to {destination_arn[:256]}")
    name = arn.resource.removeprefix("log-group:").removesuffix(":*")
    if not name or ":" in name:
        raise ValueError(f"{destination_arn[:256]} does not name a log group ({_NAMED})")
    return LogGroupName(arn.account_id, arn.region, name)


class AccessLogs:
    """Writes them. Nobody waits for it."""

    def __init__(self, logs: LogStore, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock

    def write(self, destination_arn: str, form: str, source: str, variables: Variables) -> None:
        """A line for a request. `source`, an API with its stage, decides the stream. Raises ValueError."""
        stream = hashlib.md5(source.encode(), usedforsecurity=False).hexdigest()
        self._logs.append(log_group_of(destination_arn), stream, epoch_ms(self._clock), f"{render(form, variables)}\n")
