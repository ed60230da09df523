"""Variables of a request, by the names that templates of gateway responses, access logs and mappings have for them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from stoker.gateways.access_logs import Variables
from stoker.http_events.format_1 import query_values
from stoker.lambda_model.encoding import WireAnswer
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.plans import StagePlan
from stoker.rest_apis.requests import ApiRequest


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
