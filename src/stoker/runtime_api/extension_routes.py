"""The paths of the Extensions API on the Runtime API's server (reference: runtime side, 7 and 8)."""

from collections.abc import Mapping

from stoker.runtime_api.exchange import NOT_FOUND, Reply
from stoker.runtime_api.extensions import Api, Extensions, ExtensionState, Send

_PREFIX = "/2020-01-01/extension/"
_METHOD_NOT_ALLOWED = Reply(405, b"")
_SUBSCRIPTIONS: Mapping[str, Api] = {"/2022-07-01/telemetry": "Telemetry", "/2020-08-15/logs": "Logs"}
_METHODS = {"register": b"POST", "event/next": b"GET", "init/error": b"POST", "exit/error": b"POST"}


def is_extensions(path: str) -> bool:
    """Whether `path` is one of this API's; what asks for it is an extension."""
    return path.startswith(_PREFIX) or path in _SUBSCRIPTIONS


def answer(
    extensions: Extensions, method: bytes, path: str, headers: Mapping[bytes, bytes], body: bytes, send: Send
) -> Reply | None:
    """`headers` have lower-case names. None: `send` will be called with the answer, when there is one."""
    identifier = _text(headers, b"lambda-extension-identifier")
    if path in _SUBSCRIPTIONS:
        is_put = method == b"PUT"
        return extensions.subscribe(identifier, _SUBSCRIPTIONS[path], body) if is_put else _METHOD_NOT_ALLOWED
    operation = path.removeprefix(_PREFIX)
    if operation not in _METHODS:
        return NOT_FOUND
    if method != _METHODS[operation]:
        return _METHOD_NOT_ALLOWED
    match operation:
        case "register":
            features = _text(headers, b"lambda-extension-accept-feature")
            return extensions.register(_text(headers, b"lambda-extension-name"), features, body)
        case "event/next":
            return extensions.next(identifier, send)
        case _:
            to = ExtensionState.INIT_ERROR if operation == "init/error" else ExtensionState.EXIT_ERROR
            return extensions.fail(identifier, _text(headers, b"lambda-extension-function-error-type"), to)


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").strip()
