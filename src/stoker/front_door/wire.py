"""The one place where errors become responses, in the shape that the asked service's clients understand.

It also holds the only broad `except Exception` of the request path: what nobody expected is logged and answered as a
ServiceException that tells a client nothing about our insides.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from xml.sax.saxutils import escape

from stoker.errors import (
    AccessDeniedException,
    BadGatewayException,
    GatewayRefusal,
    LambdaError,
    MissingAuthenticationTokenException,
    RequestTimeoutException,
    RequestTooLargeException,
    ResourceNotFoundException,
    SerializationException,
    ServiceException,
)
from stoker.front_door.request import ClientGoneError, ContradictoryHeadError
from stoker.lambda_model.encoding import WireAnswer
from stoker.lambda_model.query_protocol import error_xml

log = logging.getLogger("stoker.front_door")

URL_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)

ErrorStyle = Callable[[LambdaError, str], WireAnswer]

# What services of the query protocol (AWS STS API Reference, "Common Errors") and S3 (its API Reference, "Error
# Responses") call what others call otherwise.
_OF_FORMS = {"UnrecognizedClientException": "InvalidClientTokenId", "ExpiredTokenException": "ExpiredToken"}
# What load balancers call otherwise than HTTP's registry of today.
_TITLES = {
    405: "Not Allowed",
    408: "Request Time-out",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
_SOCKET_TEXTS = {400: "Bad Request", 403: "Forbidden"}
_OF_S3 = {"UnrecognizedClientException": "InvalidAccessKeyId", "ExpiredTokenException": "ExpiredToken"}


async def answered(work: Awaitable[WireAnswer], style: ErrorStyle, request_id: str) -> WireAnswer:
    """What `work` answers, or its failure as a response in this style. Raises ClientGoneError only."""
    try:
        return await work
    except LambdaError as error:
        return style(error, request_id)
    except ClientGoneError:
        raise
    except Exception:
        log.exception("request %s failed", request_id)
        return style(ServiceException("An internal error occurred. Please retry your request."), request_id)


def rest_error(error: LambdaError, _request_id: str) -> WireAnswer:
    """Lambda's form: the name in a header, then `Type` and the message in the body (reference: control plane, 1)."""
    document: dict[str, object] = dict(error.members)
    if error.has_type:
        document["Type"] = error.fault
    document[error.message_member] = error.message
    headers = {"content-type": "application/json", "x-amzn-ErrorType": error.code}
    if isinstance(error, ContradictoryHeadError):
        headers["connection"] = "close"
    return WireAnswer(error.status, headers, _json(document))


def url_error(error: LambdaError, request_id: str) -> WireAnswer:
    """The form of function URLs: whoever is not let in hears little, a failed function's error is its log's
    (reference: invocation, 5.2)."""
    if isinstance(error, BadGatewayException):
        return WireAnswer(error.status, {"content-type": "text/plain"}, str(error.message).encode())
    if isinstance(error, MissingAuthenticationTokenException | ResourceNotFoundException):
        error = AccessDeniedException(URL_FORBIDDEN)
    return rest_error(error, request_id)


def transport_error(status: int, message: str) -> WireAnswer:
    """The form of what is wrong before anybody knows which service is asked."""
    return WireAnswer(status, {"content-type": "application/json"}, _json({"message": message}))


def page_error(error: LambdaError, _request_id: str) -> WireAnswer:
    """The form of load balancers: a page for people that says nothing but the status."""
    return status_page(error.status)


def status_page(status: int) -> WireAnswer:
    """A load balancer's page about a status, as AWS's write it, to the byte."""
    title = f"{status} {_TITLES.get(status) or HTTPStatus(status).phrase}"
    lines = (
        "<html>",
        f"<head><title>{title}</title></head>",
        "<body>",
        f"<center><h1>{title}</h1></center>",
        "</body>",
        "</html>",
        "",
    )
    headers = {"server": "awselb/2.0", "content-type": "text/html"}
    return WireAnswer(status, headers, "\r\n".join(lines).encode(), reason=title.partition(" ")[2])


def gateway_error(error: LambdaError, _request_id: str) -> WireAnswer:
    """The form of HTTP APIs: a short message, and for what went wrong behind it no other than that it did
    (reference: invocation, 6)."""
    if isinstance(error, GatewayRefusal):
        status, message, headers = error.answer_status, str(error.message), error.headers
    elif isinstance(error, AccessDeniedException | MissingAuthenticationTokenException):
        status, message, headers = 403, "Forbidden", {}
    elif isinstance(error, RequestTooLargeException):
        status, message, headers = error.status, "Request Entity Too Large", {}
    elif isinstance(error, RequestTimeoutException | SerializationException):
        status, message, headers = error.status, "Bad Request" if error.status == 400 else "Request Timeout", {}
    else:
        status, message, headers = 500, "Internal Server Error", {}
    return WireAnswer(status, {"content-type": "application/json", **headers}, _json({"message": message}))


def socket_error(error: LambdaError, request_id: str, connection_id: str) -> WireAnswer:
    """The form of WebSocket APIs, for who is not let in: with the ids that events have (reference: invocation, 6)."""
    answer = gateway_error(error, request_id)
    message = str(error.message) if isinstance(error, GatewayRefusal) else _SOCKET_TEXTS.get(answer.status)
    document = {"message": message or "Internal server error", "connectionId": connection_id, "requestId": request_id}
    return answer._replace(body=_json(document))


def json_error(error: LambdaError, _request_id: str, version: str = "1.1") -> WireAnswer:
    """The form of services that speak JSON by `X-Amz-Target`: every fault of the client's is a 400, unless older
    clients know the error by a status."""
    status = 400 if error.status < 500 and error.query_code is None else error.status
    document = {"__type": error.code, "message": error.message}
    headers = {"content-type": f"application/x-amz-json-{version}"}
    if error.query_code is not None:
        # Smithy specification, "AWS query compatible": by which name older clients knew the error.
        headers["x-amzn-query-error"] = f"{error.query_code};{_query_fault(error)}"
    return WireAnswer(status, headers, _json(document))


def query_error(error: LambdaError, request_id: str, namespace: str) -> WireAnswer:
    """The form of services that take forms, for one that we have ourselves."""
    code = error.query_code or _OF_FORMS.get(error.code, error.code)
    text = error_xml(code, error.message or "", _query_fault(error), namespace, request_id)
    return WireAnswer(error.status, {"content-type": "text/xml"}, text.encode(errors="replace"))


def _query_fault(error: LambdaError) -> str:
    return "Sender" if error.status < 500 else "Receiver"


def s3_error(error: LambdaError, request_id: str) -> WireAnswer:
    """As `xml_error`, with S3's names."""
    return xml_error(error, request_id, _OF_S3)


def xml_error(error: LambdaError, request_id: str, codes: Mapping[str, str] = _OF_FORMS) -> WireAnswer:
    """The form of services that speak XML, for the clients of those we do not provide."""
    code, message = escape(codes.get(error.code, error.code)), escape(error.message or "")
    text = (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message>"
        f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return WireAnswer(error.status, {"content-type": "application/xml"}, text.encode())


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
