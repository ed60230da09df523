"""The one place where errors become responses, in the shape that the asked service's clients understand.

It also holds the only broad `except Exception` of the request path: what nobody expected is logged and answered as a
ServiceException that tells a client nothing about our insides.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from xml.sax.saxutils import escape

from stoker.errors import LambdaError, ServiceException
from stoker.front_door.request import ClientGoneError, Send
from stoker.lambda_model.encoding import WireAnswer

log = logging.getLogger("stoker.front_door")

ErrorStyle = Callable[[LambdaError, str], WireAnswer]


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
    return WireAnswer(error.status, headers, _json(document))


def json_error(error: LambdaError, _request_id: str, version: str = "1.1") -> WireAnswer:
    """The form of services that speak JSON by `X-Amz-Target`: every fault of the client's is a 400."""
    status = 400 if error.status < 500 else error.status
    document = {"__type": error.code, "message": error.message}
    return WireAnswer(status, {"content-type": f"application/x-amz-json-{version}"}, _json(document))


def xml_error(error: LambdaError, request_id: str) -> WireAnswer:
    """The form of services that speak XML, for the clients of those we do not provide."""
    code, message = escape(error.code), escape(error.message or "")
    text = (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message>"
        f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return WireAnswer(error.status, {"content-type": "application/xml"}, text.encode())


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


async def send_answer(answer: WireAnswer, request_id: str, send: Send) -> None:
    """Write one response. A body that is an iterator goes out chunk by chunk."""
    headers = [(name.encode("latin-1"), _header_value(value)) for name, value in answer.headers.items()]
    if "x-amzn-requestid" not in answer.headers:  # a neighbour's answer may have one of its own
        headers.append((b"x-amzn-RequestId", request_id.encode("ascii")))
    if isinstance(answer.body, bytes):
        if answer.status != 204:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
    else:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await _send_stream(answer.body, request_id, send)


async def _send_stream(chunks: AsyncIterator[bytes], request_id: str, send: Send) -> None:
    try:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except asyncio.CancelledError:
        # Only a server that stops cancels a request. As below.
        return
    except Exception:
        # The status is out already. Leaving the response unfinished makes the server cut the connection, which is the
        # only way left to tell the client that it did not get everything.
        log.exception("request %s failed while its response was streaming", request_id)
        return
    await send({"type": "http.response.body", "body": b""})


def _header_value(value: str) -> bytes:
    """`value` as one header line, whatever a handler or runtime put into it."""
    text = value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)
    return text.encode("latin-1", "replace")
