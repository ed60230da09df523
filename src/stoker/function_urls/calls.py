"""One call of a function by its URL: the request becomes an event, and the result a response, whole or as it comes."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from stoker.clock import Clock
from stoker.errors import BadGatewayException, LambdaError
from stoker.front_door.endpoints import Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import BodyLimit
from stoker.functions.records import FunctionTarget
from stoker.functions.urls.records import FunctionUrl
from stoker.http_events.format_2 import answer_of, event_of
from stoker.http_events.prelude import PRELUDE_TYPE, read_prelude
from stoker.http_events.records import CallContext, HttpAnswer, HttpCall, InvalidAnswerError
from stoker.invocation import Invocation
from stoker.invocations.invoke import Invoker
from stoker.invocations.signer import signer
from stoker.invocations.streaming import ResponseStreams, StreamedInvocation
from stoker.invocations.trace import Tracing, answer_header
from stoker.lambda_model.encoding import BrokenAnswerError, WireAnswer

STREAM_TYPE = "application/octet-stream"
# Without a body by definition (RFC 9110, 6.4.1): one that was sent would be taken for the next answer.
_STATUSES_WITHOUT_BODY = frozenset({204, 304})


class UrlCall(NamedTuple):
    """A request that may call the function. `credentials` are of who signed it, None where nobody has to.

    `raw_path` is the path below the URL; `domain_name` is the host that the function is told.
    """

    received: Received
    target: FunctionTarget
    url: FunctionUrl
    raw_path: str
    domain_name: str
    credentials: CredentialScope | None


class UrlCalls:
    """Runs functions for their URLs."""

    def __init__(
        self, invoker: Invoker, streams: ResponseStreams, tracing: Tracing, clock: Clock, event_bytes_max: int
    ) -> None:
        self._invoker = invoker
        self._streams = streams
        self._tracing = tracing
        self._clock = clock
        self._limit = BodyLimit(event_bytes_max, "InvokeFunction")

    async def answer(self, call: UrlCall) -> WireAnswer:
        """Raises what `Invoker.invoke` raises, RequestTooLargeException for an event that is, and BadGatewayException
        when the function failed or its result is no response."""
        invocation = self._invocation(call)
        try:
            if call.url.invoke_mode == "BUFFERED":
                answer = await self._buffered(invocation)
            else:
                answer = await self._streamed(invocation, has_body=call.received.request.method != "HEAD")
        except InvalidAnswerError:
            raise BadGatewayException from None
        headers = {**answer.headers, "x-amzn-trace-id": answer_header(invocation.trace_id)}
        return answer._replace(headers=headers)

    def _invocation(self, call: UrlCall) -> Invocation:
        received, request = call.received, call.received.request
        trace = self._tracing.header(request.headers.get("x-amzn-trace-id", ""), call.target)
        event = event_of(
            HttpCall(
                request.method,
                call.raw_path,
                request.query_string.decode("latin-1"),
                request.head.headers,
                received.body,
                request.head.source_ip,
                request.head.address.rpartition(":")[2],
                request.head.tls,
            ),
            _context(call, trace, self._clock.now_s()),
        )
        if len(event) > self._limit.bytes_max:
            raise self._limit.refusal()
        return Invocation(request_id=received.request_id, target=call.target, payload=event, trace_id=trace)

    async def _buffered(self, invocation: Invocation) -> WireAnswer:
        result = await self._invoker.invoke(invocation)
        if result.function_error is not None:
            raise BadGatewayException
        return _wire(answer_of(result.payload))

    async def _streamed(self, invocation: Invocation, *, has_body: bool) -> WireAnswer:
        """As soon as status and headers are known. What has no prelude is passed on as it is, also what a function
        that does not stream returns."""
        streamed = await self._streams.begin(invocation)
        pieces = streamed.pieces()
        if not streamed.has_response and (await streamed.result()).function_error is not None:
            raise BadGatewayException
        if streamed.content_type.partition(";")[0].strip() == PRELUDE_TYPE:
            head = await self._prelude(streamed, pieces)
            headers = {"content-type": STREAM_TYPE, **head.headers}
            answer = WireAnswer(head.status, headers, b"", head.cookies)
        else:
            head = HttpAnswer(200, {}, (), b"")
            answer = WireAnswer(200, {"content-type": streamed.content_type or STREAM_TYPE}, b"")
        body = _body(head.body, pieces, streamed)
        if has_body and head.status not in _STATUSES_WITHOUT_BODY:
            return answer._replace(body=body)
        # Nobody reads it, but the function shall not wait for a reader.
        size_bytes = 0
        async for piece in _quietly(body):
            size_bytes += len(piece)
        return answer._replace(headers={**answer.headers, "content-length": str(size_bytes)})

    async def _prelude(self, streamed: StreamedInvocation, pieces: AsyncIterator[bytes]) -> HttpAnswer:
        try:
            return await read_prelude(pieces)
        except InvalidAnswerError:
            async for _ in pieces:  # the function runs to its end as it would for a client that has left
                pass
            raise


async def _body(first: bytes, pieces: AsyncIterator[bytes], streamed: StreamedInvocation) -> AsyncIterator[bytes]:
    """Raises BrokenAnswerError for a function that fails in the middle: its status has been sent."""
    if first:
        yield first
    async for piece in pieces:
        yield piece
    try:
        result = await streamed.result()
    except LambdaError:
        raise BrokenAnswerError from None
    if result.function_error is not None:
        raise BrokenAnswerError


async def _quietly(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in body:
            yield piece
    except BrokenAnswerError:
        return


def _wire(answer: HttpAnswer) -> WireAnswer:
    body = b"" if answer.status in _STATUSES_WITHOUT_BODY else answer.body
    return WireAnswer(answer.status, answer.headers, body, answer.cookies)


def _context(call: UrlCall, trace: str, now_s: float) -> CallContext:
    caller, account_id = None, "anonymous"
    if call.credentials is not None:
        account_id = call.received.caller.account_id
        caller = signer(call.received.caller, call.credentials.access_key_id)
    return CallContext(
        account_id=account_id,
        api_id=call.url.url_id,
        domain_name=call.domain_name,
        request_id=call.received.request_id,
        trace=trace.partition(";")[0],
        epoch_s=now_s,
        caller=caller,
    )
