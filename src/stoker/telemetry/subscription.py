"""What an extension asks for when it subscribes, checked; pure. Source: reference, runtime side, 8."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stoker.runtime_api.exchange import Reply, json_reply
from stoker.runtime_api.extensions import Api

TYPES = ("platform", "function", "extension")
SCHEMAS: Mapping[Api, tuple[str, ...]] = {
    "Telemetry": ("2022-07-01", "2022-12-13", "2025-01-29"),
    "Logs": ("2020-08-15", "2021-03-18"),
}
HOSTS = ("sandbox.localdomain", "sandbox")
RUNTIME_API_PORT = 9001
PORT_MAX = 65535
# Name: (default, least, most)
_BUFFERING = {
    "maxItems": (10_000, 1_000, 10_000),
    "maxBytes": (262_144, 262_144, 1_048_576),
    "timeoutMs": (1_000, 25, 30_000),
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """`path` is where batches are posted to, None for TCP."""

    api: Api
    schema_version: str
    types: tuple[str, ...]
    max_items: int
    max_bytes: int
    timeout_ms: int
    port: int
    path: str | None


def subscription(api: Api, body: bytes) -> Subscription | Reply:
    """The subscription that `body` asks for, or the refusal, which names everything that is wrong."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return _invalid(["request body is not a JSON object"])
    problems: list[str] = []
    schema = document.get("schemaVersion", SCHEMAS[api][0])
    if schema not in SCHEMAS[api]:
        problems.append(f"schemaVersion should be one of {', '.join(SCHEMAS[api])}")
    port, path = _destination(document.get("destination"), problems)
    types = _types(document.get("types"), problems)
    buffering = _buffering(document.get("buffering"), problems)
    if problems:
        return _invalid(problems)
    return Subscription(
        api, schema, types, buffering["maxItems"], buffering["maxBytes"], buffering["timeoutMs"], port, path
    )


def closed(api: Api) -> Reply:
    """Init has ended."""
    return _refusal(403, f"{api}.SubscriptionClosed", f"{api} API subscription is closed already")


def _destination(value: Any, problems: list[str]) -> tuple[int, str | None]:
    if not isinstance(value, dict):
        problems.append("destination should not be empty")
        return 0, None
    protocol = value.get("protocol")
    if protocol == "TCP":
        return _port(value.get("port"), "port", problems), None
    if protocol == "HTTP":
        return _address(value.get("URI"), problems)
    problems.append("destination protocol should be HTTP or TCP")
    return 0, None


def _address(uri: Any, problems: list[str]) -> tuple[int, str | None]:
    try:
        parts = urlsplit(uri if isinstance(uri, str) else "")
        port = parts.port
    except ValueError:
        problems.append("URI is not valid")
        return 0, None
    if parts.scheme != "http" or parts.hostname not in HOSTS:
        problems.append(f"URI should begin with http://{HOSTS[0]}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not path.isprintable() or " " in path:
        problems.append("URI is not valid")
    if port is None:
        problems.append("URI port is not provided")
        return 0, path
    return _port(port, "URI port", problems), path


def _port(value: Any, name: str, problems: list[str]) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= PORT_MAX:
        problems.append(f"{name} should be between 1 and {PORT_MAX}")
        return 0
    if value == RUNTIME_API_PORT:
        problems.append(f"{name} {value} is not allowed")
    return value


def _types(value: Any, problems: list[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        problems.append("types should not be empty")
        return ()
    if not all(isinstance(kind, str) and kind in TYPES for kind in value):
        problems.append(f"types should be of {', '.join(TYPES)}")
        return ()
    return tuple(dict.fromkeys(value))


def _buffering(value: Any, problems: list[str]) -> dict[str, int]:
    given = {} if value is None else value
    if not isinstance(given, dict):
        problems.append("buffering should be an object")
        given = {}
    chosen = {}
    for name, (default, least, most) in _BUFFERING.items():
        number = given.get(name, default)
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            problems.append(f"buffering {name} should be between {least} and {most}")
        chosen[name] = number
    return chosen


def _invalid(problems: list[str]) -> Reply:
    return _refusal(400, "ValidationError", "; ".join(problems))


def _refusal(status: int, error_type: str, message: str) -> Reply:
    """Not in the Runtime API's order of members (reference: runtime side, 8)."""
    return json_reply(status, {"errorType": error_type, "errorMessage": message})
