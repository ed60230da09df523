"""Gateway responses: what an API answers by itself, and how its owner has it say so (API Gateway Developer Guide,
"Gateway response types for API Gateway").

Their templates are no VTL: variables are put in, and nothing else happens.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from stoker.lambda_model.encoding import WireAnswer
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.records import GatewayResponse

JSON_TYPE = "application/json"
DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'
_HEADER = "gatewayresponse.header."


class Default(NamedTuple):
    """What a type is without an API's own word; `error_type` is in the header `x-amzn-ErrorType`."""

    status: int | None
    error_type: str
    message: str | None


DEFAULTS: Mapping[str, Default] = {
    "ACCESS_DENIED": Default(403, "AccessDeniedException", "User is not authorized to access this resource"),
    "API_CONFIGURATION_ERROR": Default(500, "InternalServerErrorException", "Internal server error"),
    "AUTHORIZER_CONFIGURATION_ERROR": Default(500, "AuthorizerConfigurationException", None),
    "AUTHORIZER_FAILURE": Default(500, "AuthorizerConfigurationException", None),
    "BAD_REQUEST_BODY": Default(400, "BadRequestException", "Invalid request body"),
    "BAD_REQUEST_PARAMETERS": Default(400, "BadRequestException", None),
    "DEFAULT_4XX": Default(None, "ForbiddenException", None),
    "DEFAULT_5XX": Default(None, "InternalServerErrorException", None),
    "EXPIRED_TOKEN": Default(403, "ExpiredTokenException", "The security token included in the request is expired"),
    "INTEGRATION_FAILURE": Default(504, "InternalServerErrorException", "Internal server error"),
    "INTEGRATION_TIMEOUT": Default(504, "InternalServerErrorException", "Endpoint request timed out"),
    "INVALID_API_KEY": Default(403, "ForbiddenException", "Forbidden"),
    "INVALID_SIGNATURE": Default(403, "InvalidSignatureException", None),
    "MISSING_AUTHENTICATION_TOKEN": Default(403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    "QUOTA_EXCEEDED": Default(429, "LimitExceededException", "Limit Exceeded"),
    "REQUEST_TOO_LARGE": Default(413, "RequestTooLargeException", "Request Too Long"),
    "RESOURCE_NOT_FOUND": Default(404, "NotFoundException", "Not Found"),
    "THROTTLED": Default(429, "TooManyRequestsException", "Too Many Requests"),
    "UNAUTHORIZED": Default(401, "UnauthorizedException", "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": Default(415, "UnsupportedMediaTypeException", "Unsupported Media Type"),
    "WAF_FILTERED": Default(403, "ForbiddenException", "Forbidden"),
}
# AWS writes these bodies with a blank after the colon.
_WITH_BLANK = frozenset({"API_CONFIGURATION_ERROR", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"})
_NAME = r"(?:context|stageVariables|method)(?:\.[a-zA-Z0-9_-]+)+"
_VARIABLE = re.compile(rf"\$(?:\{{({_NAME})\}}|({_NAME}))")

Variables = Callable[[str], str | None]
"""The value of `context.requestId`, `stageVariables.x` or `method.request.header.X`; None if there is none."""


def default_response(kind: str) -> GatewayResponse:
    """As GetGatewayResponse shows a type that an API says nothing about."""
    status = DEFAULTS[kind].status
    return GatewayResponse(
        response_type=kind,
        status_code=None if status is None else str(status),
        response_templates={JSON_TYPE: DEFAULT_TEMPLATE},
    )


def refusal(refused: RequestRefusedError, own: Mapping[str, GatewayResponse], variables: Variables) -> WireAnswer:
    """The answer to a refused request; `own` are the API's gateway responses."""
    default = DEFAULTS[refused.response_type]
    message = refused.message if refused.message is not None else default.message
    status = refused.answer_status or default.status or 500
    headers = {"content-type": JSON_TYPE, "x-amzn-ErrorType": default.error_type}
    response = own.get(refused.response_type) or own.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX")
    if response is None:
        # Who is not let in reads `Message`, everybody else `message`.
        member = "Message" if refused.response_type == "ACCESS_DENIED" else "message"
        blank = " " if refused.response_type in _WITH_BLANK else ""
        return WireAnswer(status, headers, f'{{"{member}":{blank}{_quoted(message)}}}'.encode())

    def value_of(name: str) -> str | None:
        match name:
            case "context.error.message":
                return message or ""
            case "context.error.messageString":
                return _quoted(message)
            case "context.error.responseType":
                return refused.response_type
            case "context.error.validationErrorString":
                return refused.detail
        return variables(name)

    templates = response.response_templates or {JSON_TYPE: DEFAULT_TEMPLATE}
    content_type = JSON_TYPE if JSON_TYPE in templates else next(iter(templates))
    body = _VARIABLE.sub(lambda found: value_of(found[1] or found[2]) or "", templates[content_type])
    headers["content-type"] = content_type
    for name, expression in response.response_parameters.items():
        value = expression[1:-1] if expression.startswith("'") else value_of(expression)
        if value is not None:
            headers[name.removeprefix(_HEADER).lower()] = value
    return WireAnswer(int(response.status_code or status), headers, body.encode(errors="replace"))


def _quoted(message: str | None) -> str:
    return json.dumps(message, ensure_ascii=False)
