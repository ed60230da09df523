"""Parameter mapping: headers, query and path of a request, and headers and status of a response, by an integration's
RequestParameters and ResponseParameters. Pure functions.

Source: Amazon API Gateway Developer Guide, "Transform API requests and responses for HTTP APIs".
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from stoker.http_apis.errors import invalid
from stoker.http_events.records import HttpAnswer, HttpCall

Resolve = Callable[[str], str | None]
"""What `request.header.name` stands for; None when it is not there."""

_REQUEST_KEY = re.compile(r"(append|overwrite|remove):(header|querystring)\.(\S+)|(overwrite):(path)")
_RESPONSE_KEY = re.compile(r"(append|overwrite|remove):(header)\.(\S+)|(overwrite):(statuscode)")
_VARIABLE = re.compile(
    r"\$\{((?:request|response|context|stageVariables)\.[^}]+)\}"
    r"|\$((?:request|response|context|stageVariables)(?:\.[A-Za-z0-9_-]+(?:\[\d+\])*)+)"
)
_STATUS = re.compile(r"[2-5]\d\d")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# "Reserved headers": mapping them is not supported.
_RESERVED = frozenset(
    {
        *("authorization", "connection", "content-encoding", "content-length", "content-location", "forwarded"),
        *("keep-alive", "origin", "proxy-authenticate", "proxy-authorization", "te", "trailers", "transfer-encoding"),
        *("upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via"),
    }
)
_RESERVED_PREFIXES = ("access-control-", "apigw-", "x-amz-", "x-amzn-")


def check_request_parameters(parameters: Mapping[str, str]) -> None:
    """Raises BadRequestException."""
    for key in parameters:
        _check_key(key, _REQUEST_KEY, "request")


def check_response_parameters(parameters: Mapping[str, Mapping[str, str]]) -> None:
    """Raises BadRequestException."""
    for status, mappings in parameters.items():
        if not _STATUS.fullmatch(status):
            raise invalid(f"Response parameters are for statuses from 200 to 599, not for {status[:16]}")
        for key, value in mappings.items():
            _check_key(key, _RESPONSE_KEY, "response")
            if key == "overwrite:statuscode" and not _STATUS.fullmatch(value):
                raise invalid(f"overwrite:statuscode needs a status from 200 to 599, not {value[:64]}")


def _check_key(key: str, pattern: re.Pattern[str], what: str) -> None:
    found = pattern.fullmatch(key)
    if found is None:
        raise invalid(f"Invalid mapping expression specified: {key[:128]} is no parameter of a {what}")
    name = (found[3] or "").lower()
    if found[2] != "header":
        return
    if not _HEADER_NAME.fullmatch(name):
        raise invalid(f"Invalid mapping expression specified: {name[:128]} is no header")
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        raise invalid(f"Operations on header {name} are restricted")


def mapped_call(call: HttpCall, parameters: Mapping[str, str], resolve: Resolve) -> HttpCall:
    """The request as the integration gets it. What has no value changes nothing."""
    if not parameters:
        return call
    headers = [(name, value) for name, value in call.headers]
    query = parse_qsl(call.raw_query, keep_blank_values=True)
    path = call.raw_path
    for key, expression in parameters.items():
        action, place, name = _parts(_REQUEST_KEY, key)
        value = None if action == "remove" else evaluated(expression, resolve)
        if action != "remove" and not value:
            continue
        if place == "header":
            wanted = name.lower().encode("latin-1", "replace")
            if action != "append":
                headers = [pair for pair in headers if pair[0].lower() != wanted]
            if value:
                headers.append((wanted, _on_one_line(value).encode()))
        elif place == "querystring":
            if action != "append":
                query = [pair for pair in query if pair[0] != name]
            if value:
                query.append((name, value))
        elif value:
            path = quote(value if value.startswith("/") else f"/{value}", safe="/%:@!$&'()*+,;=~-._")
    raw_query = urlencode(query) if any(":querystring." in key for key in parameters) else call.raw_query
    return call._replace(headers=headers, raw_query=raw_query, raw_path=path)


def mapped_answer(answer: HttpAnswer, parameters: Mapping[str, Mapping[str, str]], resolve: Resolve) -> HttpAnswer:
    """The response as the client gets it."""
    mappings = parameters.get(str(answer.status))
    if not mappings:
        return answer
    headers, status = dict(answer.headers), answer.status
    for key, expression in mappings.items():
        action, place, given_name = _parts(_RESPONSE_KEY, key)
        name = given_name.lower()
        if place == "statuscode":
            status = int(expression)
        elif action == "remove":
            headers.pop(name, None)
        elif value := evaluated(expression, resolve):
            text = _on_one_line(value)
            headers[name] = f"{headers[name]},{text}" if action == "append" and name in headers else text
    return answer._replace(status=status, headers=headers)


def _parts(pattern: re.Pattern[str], key: str) -> tuple[str, str, str]:
    found = pattern.fullmatch(key)
    assert found is not None  # it was checked when it came
    return found[1] or found[4], found[2] or found[5], found[3] or ""


def evaluated(expression: str, resolve: Resolve) -> str:
    """A text with what its variables stand for; one that is not there stands for nothing."""
    return _VARIABLE.sub(lambda found: resolve(found[1] or found[2]) or "", expression)


def body_value(body: bytes, path: str) -> str | None:
    """What lies at `user.names[0]` in a JSON body; values that are no text as JSON. None where there is nothing."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for step in re.findall(r"[^.\[\]]+|\[\d+\]", path):
        if step.startswith("["):
            position = int(step[1:-1]) if len(step) < 12 else -1
            value = value[position] if isinstance(value, list) and 0 <= position < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def _on_one_line(value: str) -> str:
    return re.sub(r"[\x00-\x08\x0a-\x1f\x7f]+", " ", value)
