"""Variables of a request, by the names that templates of gateway responses, access logs and mappings have for them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from stoker.gateways.access_logs import Variables
from stoker.http_events.format_1 import query_values
from stoker.lambda_model.encoding import WireAnswer
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.json_paths import JsonPathError, find
from stoker.rest_apis.plans import StagePlan
from stoker.rest_apis.requests import ApiRequest
from stoker.velocity.values import JsonList, text_of


class Body:
    """A body, and its JSON if it is some: read when it is first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._document: Any = self

    @property
    def document(self) -> Any:
        """What is no JSON is a text; nothing is an empty object."""
        if self._document is self:
            try:
                self._document = as_found(json.loads(self.text)) if self.text.strip() else {}
            except (ValueError, RecursionError):
                self._document = self.text
        return self._document


class Finished(NamedTuple):
    """What became of a request."""

    answer: WireAnswer
    refused: RequestRefusedError | None
    request_id: str
    extended_request_id: str
    latency_s: float


def variables_of(asked: ApiRequest | None, name: str) -> str | None:
    """The value of `context.…`, `stageVariables.…` or `method.request.…`; None if there is none.

    `asked` is None for a request that has not found its method.
    """
    if asked is None:
        return None
    kind, _, rest = name.partition(".")
    match kind:
        case "context":
            return _text(_inner(asked.context, rest))
        case "stageVariables":
            return asked.plan.variables.get(rest)
        case "method":
            return request_value(asked, name)
    return None


def request_value(asked: ApiRequest, expression: str) -> str | None:
    """What `method.request.header.Name` and the like stand for; several values are joined with commas."""
    parts = expression.split(".", 3)
    if parts[:2] != ["method", "request"]:
        return None
    match parts[2:]:
        case ["body"]:
            return asked.body.decode(errors="replace")
        case ["path", name]:
            value = asked.path_parameters.get(name)
            return None if value is None else unquote(value)
        case ["querystring", name]:
            values = query_values(asked.request.query_string.decode("latin-1")).get(name)
            return values[-1] if values else None
        case ["multivaluequerystring", name]:
            values = query_values(asked.request.query_string.decode("latin-1")).get(name)
            return ",".join(values) if values else None
        case ["header" | "multivalueheader", name]:
            return asked.request.headers.get(name.lower())
    return None


def mapped_value(asked: ApiRequest, expression: str) -> str | None:
    """Of a parameter mapping: `'a text'`, a JSON path into the body, or a variable of the request."""
    if expression.startswith("'") and expression.endswith("'") and len(expression) > 1:
        return expression[1:-1]
    prefix = "method.request.body"
    if expression.startswith(f"{prefix}."):
        return at_path(Body(asked.body.decode(errors="replace")), expression.removeprefix(prefix))
    return variables_of(asked, expression)


def at_path(body: Body, path: str) -> str | None:
    """What lies at a JSON path without its `$`, as a text."""
    try:
        found = find(body.document, f"${path}")
    except (JsonPathError, RecursionError):
        return None
    return None if found is None else text_of(found)


def as_found(value: Any) -> Any:
    """JSON's arrays print as JSON in templates, its objects as maps."""
    if isinstance(value, list):
        return JsonList(map(as_found, value))
    if isinstance(value, dict):
        return {name: as_found(inner) for name, inner in value.items()}
    return value


def log_variables(plan: StagePlan, asked: ApiRequest | None, finished: Finished) -> Variables:
    """`$context` of an access log."""
    variables: dict[str, object] = {
        "apiId": plan.api_id,
        "accountId": plan.place.account_id,
        "stage": plan.stage.stage_name,
        "requestId": finished.request_id,
        "extendedRequestId": finished.extended_request_id,
        "status": finished.answer.status,
        "responseLatency": round(finished.latency_s * 1000),
    }
    if isinstance(finished.answer.body, bytes):
        variables["responseLength"] = len(finished.answer.body)
    if asked is not None:
        variables |= _flat(asked.context)
    if finished.refused is not None:
        message = finished.refused.message
        variables |= {
            "error.message": message,
            "error.messageString": json.dumps(message, ensure_ascii=False),
            "error.responseType": finished.refused.response_type,
            "error.validationErrorString": finished.refused.detail or None,
        }
    return variables


def _flat(context: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in context.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _inner(value: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
