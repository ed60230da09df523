"""Integrations that are no proxies: what goes in is made by a template, and what comes out is chosen and made by one.

Source: API Gateway Developer Guide, "Data transformations for REST APIs in API Gateway".
"""

import base64
import binascii
import json
import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from stoker.http_events.bodies import is_one_of
from stoker.http_events.connection_headers import answer_headers
from stoker.lambda_model.encoding import WireAnswer
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.function_calls import FunctionCalls, failed, shown_trace
from stoker.rest_apis.large_bodies import worked
from stoker.rest_apis.records import Integration, IntegrationResponse
from stoker.rest_apis.requests import ApiRequest
from stoker.rest_apis.server_calls import ServerCalls
from stoker.rest_apis.template_values import template_values
from stoker.rest_apis.variables import Body, at_path, mapped_value
from stoker.velocity.errors import TemplateError
from stoker.velocity.template import Template
from stoker.velocity.values import text_of

log = logging.getLogger("stoker.rest_apis")

JSON_TYPE = "application/json"
_STATUSES_WITHOUT_BODY = frozenset({204, 304})
_INVOCATION_TYPE = "integration.request.header.x-amz-invocation-type"
_METHOD_HEADER = "method.response.header."


class Outcome(NamedTuple):
    """What came back from behind: a body, and the text by which a response is selected ("" after a success).

    `headers` are for the client, whatever is mapped; `own_headers` can be mapped, `content_type` is the body's.
    """

    body: bytes
    selected_by: str
    headers: Mapping[str, str] = {}
    own_headers: Mapping[str, str] = {}
    content_type: str = JSON_TYPE


class Mappings:
    """Lambda functions that know nothing of HTTP, other servers, and mocks."""

    def __init__(self, functions: FunctionCalls, servers: ServerCalls) -> None:
        self._functions = functions
        self._servers = servers

    async def answer(self, asked: ApiRequest, integration: Integration) -> WireAnswer:
        """Raises RequestRefusedError."""
        context = asked.context | {
            "requestOverride": {"header": {}, "path": {}, "querystring": {}},
            "responseOverride": {"header": {}},
        }
        payload = await worked(len(asked.body), _request_payload, asked, integration, context)
        if integration.type == "MOCK":
            outcome = Outcome(b"", _mock_status(payload))
        elif integration.type == "HTTP":
            answer = await self._servers.asked(asked, integration, payload, context["requestOverride"])
            content_type = answer.headers.get("content-type", JSON_TYPE)
            outcome = Outcome(answer.body, str(answer.status), {}, answer.headers, content_type)
        else:
            outcome = await self._invoked(asked, integration, payload, context)
        size_bytes = len(outcome.body) + len(asked.body)
        return await worked(size_bytes, _response, asked, integration, outcome, context)

    async def _invoked(
        self, asked: ApiRequest, integration: Integration, payload: bytes, context: Mapping[str, Any]
    ) -> Outcome:
        """Of a function that failed, its error message selects the response."""
        given = {name.lower(): value for name, value in (integration.request_parameters or {}).items()}
        override = {name.lower(): value for name, value in context["requestOverride"]["header"].items()}
        kind = override.get("x-amz-invocation-type") or mapped_value(asked, given.get(_INVOCATION_TYPE, ""))
        result, trace = await self._functions.invoked(asked, integration, payload, is_event=kind == "Event")
        headers = {"x-amzn-trace-id": shown_trace(trace)}
        if result is None:
            return Outcome(b"", "", headers)
        if result.function_error is None:
            return Outcome(result.payload, "", headers)
        return Outcome(result.payload, _error_message(result.payload), headers)


def _request_payload(asked: ApiRequest, integration: Integration, context: dict[str, Any]) -> bytes:
    """Raises RequestRefusedError."""
    content_type = asked.request.headers.get("content-type", JSON_TYPE).partition(";")[0].strip().lower()
    templates = integration.request_templates or {}
    template = templates.get(content_type, templates.get("$default"))
    body = _request_body(asked, integration)
    if template:
        return _merged(asked, template, Body(body.decode(errors="replace")), context).encode(errors="replace")
    is_known = content_type in templates
    behavior = integration.passthrough_behavior
    if not is_known and (behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates)):
        raise RequestRefusedError("UNSUPPORTED_MEDIA_TYPE")
    return body or b"{}"


def _request_body(asked: ApiRequest, integration: Integration) -> bytes:
    match integration.content_handling:
        case "CONVERT_TO_TEXT" if is_one_of(
            asked.plan.definition.api.binary_media_types or (), asked.request.headers.get("content-type", "")
        ):
            return base64.b64encode(asked.body)
        case "CONVERT_TO_BINARY":
            return _from_base64(asked.body)
    return asked.body


def _mock_status(payload: bytes) -> str:
    """A mock wants `{"statusCode": 200}`. Raises RequestRefusedError."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    status = document.get("statusCode") if isinstance(document, dict) else None
    if not isinstance(status, int | str):
        log.warning("a mock integration's request template made no statusCode")
        raise failed(500)
    return str(status)


def _error_message(payload: bytes) -> str:
    """Without one a failed function is still selected as one."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return "Unknown"
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return text_of(message) if message else "Unknown"


def _response(asked: ApiRequest, integration: Integration, outcome: Outcome, context: dict[str, Any]) -> WireAnswer:
    """Raises RequestRefusedError."""
    response = _selected(integration, outcome.selected_by, is_status=integration.type in ("HTTP", "MOCK"))
    if response is None:
        log.warning("no integration response of %s fits %r", asked.source_arn, outcome.selected_by[:256])
        raise RequestRefusedError("API_CONFIGURATION_ERROR")
    body = Body(outcome.body.decode(errors="replace"))
    accept = asked.request.headers.get("accept", "")
    content_type, template = _response_template(response, outcome.content_type, accept)
    data = outcome.body
    if template:
        data = _merged(asked, template, body, context).encode(errors="replace")
    if response.content_handling == "CONVERT_TO_BINARY":
        data = _from_base64(data)
    elif response.content_handling == "CONVERT_TO_TEXT" and not template:
        data = base64.b64encode(data)
    headers = {"content-type": content_type, **_response_headers(asked, response, outcome, body)}
    overridden = context["responseOverride"]
    try:
        headers |= answer_headers((name, text_of(value)) for name, value in overridden.get("header", {}).items())
        status = int(overridden.get("status", response.status_code))
    except (ValueError, TypeError, AttributeError):
        raise RequestRefusedError("API_CONFIGURATION_ERROR") from None
    if not 200 <= status <= 599:
        raise RequestRefusedError("API_CONFIGURATION_ERROR")
    return WireAnswer(status, {**headers, **outcome.headers}, b"" if status in _STATUSES_WITHOUT_BODY else data)


def _selected(integration: Integration, text: str, *, is_status: bool) -> IntegrationResponse | None:
    """The first whose pattern matches the whole text; without one, the default: that which has no pattern.

    A success has no text, and so the default. The status of a mock or a server selects a response that has the status,
    too.
    """
    responses = (integration.integration_responses or {}).values()
    default = next((response for response in responses if not response.selection_pattern), None)
    if not text:
        return default
    for response in responses:
        if response.selection_pattern and re.fullmatch(response.selection_pattern, text):
            return response
    if is_status:
        own = next((response for response in responses if response.status_code == text), None)
        return own if own is not None and not own.selection_pattern else default
    return default


def _response_template(response: IntegrationResponse, given: str, accept: str) -> tuple[str, str | None]:
    """The type of the answer, and the template that makes it: that for the type which comes from behind, else for one
    that the client accepts, else the first."""
    templates = response.response_templates or {}
    if not templates:
        return given, None
    for header in (given, accept):
        content_type = header.partition(",")[0].partition(";")[0].strip().lower()
        if content_type in templates:
            return content_type, templates[content_type]
    return next(iter(templates.items()))


def _response_headers(asked: ApiRequest, response: IntegrationResponse, outcome: Outcome, body: Body) -> dict[str, str]:
    headers = []
    for name, expression in (response.response_parameters or {}).items():
        value = _response_value(asked, expression, outcome, body)
        if name.startswith(_METHOD_HEADER) and value is not None:
            headers.append((name.removeprefix(_METHOD_HEADER), value))
    try:
        return answer_headers(headers)
    except ValueError:
        raise RequestRefusedError("API_CONFIGURATION_ERROR") from None


def _response_value(asked: ApiRequest, expression: str, outcome: Outcome, body: Body) -> str | None:
    """`integration.response.body.…` is a JSON path; what is none of the response is one of the request."""
    for prefix in ("integration.response.header.", "integration.response.multivalueheader."):
        if expression.startswith(prefix):
            return outcome.own_headers.get(expression.removeprefix(prefix).lower())
    prefix = "integration.response.body"
    if expression.startswith(prefix):
        return at_path(body, expression.removeprefix(prefix))
    return mapped_value(asked, expression)


def _merged(asked: ApiRequest, template: str, body: Body, context: dict[str, Any]) -> str:
    try:
        return _template(template).merge(template_values(asked, body, context))
    except TemplateError as error:
        log.warning("a mapping template of %s failed: %s", asked.source_arn, error)
        raise RequestRefusedError("API_CONFIGURATION_ERROR") from None


@lru_cache(maxsize=1024)
def _template(text: str) -> Template:
    """Raises TemplateError."""
    return Template(text)


def _from_base64(data: bytes) -> bytes:
    """A function's text is JSON, with its quotes. Raises RequestRefusedError."""
    try:
        return base64.b64decode(data.strip().strip(b'"'), validate=True)
    except (binascii.Error, ValueError):
        raise RequestRefusedError("API_CONFIGURATION_ERROR") from None
