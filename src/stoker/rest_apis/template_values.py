"""What mapping templates are handed: `$input`, `$context`, `$stageVariables` and `$util` (API Gateway Developer Guide,
"Mapping template and access logging variable reference").
"""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote, unquote_plus

from stoker.http_events.format_1 import query_values
from stoker.rest_apis.json_paths import find
from stoker.rest_apis.requests import ApiRequest
from stoker.rest_apis.variables import Body, as_found
from stoker.velocity.values import HostObject, json_of, text_of

_ESCAPES = {"'": "\\'", '"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r"}


def template_values(asked: ApiRequest, body: Body, context: Mapping[str, Any]) -> dict[str, Any]:
    """By their names without the sign. `context` is seen as it is, so that overrides that a template sets are found
    there again."""
    return {
        "input": InputObject(asked, body),
        "context": context,
        "stageVariables": dict(asked.plan.variables),
        "util": UTIL,
    }


class InputObject(HostObject):
    """`$input`; its body is a property."""

    def __init__(self, asked: ApiRequest, body: Body) -> None:
        self._asked = asked
        self._params: dict[str, dict[str, str]] | None = None
        super().__init__(
            {
                "json": lambda path: json_of(find(body.document, path)),
                "path": lambda path: find(body.document, path),
                "params": self._params_of,
            },
            {"body": body.text},
        )

    def _params_of(self, name: str | None = None) -> Any:
        """All of them, those of one kind, or one by its name: from the path, the query, the headers, in this order."""
        params = self._all_params()
        if name is None:
            return params
        if name in params:
            return params[name]
        for kind in ("path", "querystring"):
            if name in params[kind]:
                return params[kind][name]
        lower = name.lower()
        return next((value for known, value in params["header"].items() if known.lower() == lower), "")

    def _all_params(self) -> dict[str, dict[str, str]]:
        if self._params is None:
            call = self._asked.call
            self._params = {
                "path": {name: unquote(value) for name, value in self._asked.path_parameters.items()},
                "querystring": {name: values[-1] for name, values in query_values(call.raw_query).items()},
                "header": {name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers},
            }
        return self._params


def escape_javascript(value: Any) -> str:
    """As Apache Commons' escapeEcmaScript: quotes, backslashes and slashes, controls, and all that is not ASCII."""
    escaped = []
    for character in text_of(value):
        known = _ESCAPES.get(character)
        if known is not None:
            escaped.append(known)
        elif character == "\t":
            escaped.append("\\t")
        elif " " <= character <= "~":
            escaped.append(character)
        else:
            units = character.encode("utf-16-be")
            escaped += [f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2)]
    return "".join(escaped)


def _parse_json(text: Any) -> Any:
    return as_found(json.loads(text_of(text)))


UTIL = HostObject(
    {
        "base64Decode": lambda text: base64.b64decode(text_of(text)).decode(errors="replace"),
        "base64Encode": lambda text: base64.b64encode(text_of(text).encode()).decode("ascii"),
        "escapeJavaScript": escape_javascript,
        "parseJson": _parse_json,
        "urlDecode": lambda text: unquote_plus(text_of(text)),
        "urlEncode": lambda text: quote_plus(text_of(text), safe="-_.*"),
    }
)
