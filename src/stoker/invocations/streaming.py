"""Invocations whose response is sent while the function writes it.

The invocation is an ordinary one, with a `ResponsePipe` for its sink. It runs as a task of its own, because a client
that goes away does not end it (decision 0008), and because two things happen at once: the function writes, the client
reads.
"""

import asyncio
from collections.abc import AsyncIterator

from stoker.errors import LambdaError
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.invoke import Invoker
from stoker.invocations.streaming_pipe import ResponsePipe
from stoker.invocations.streaming_rate import TokenBucket
from stoker.limits import STREAMED_RESPONSE_BURST_BYTES, Limits
from stoker.supervision import Background


class StreamedInvocation:
    """One whose response has begun, or that is over."""

    def __init__(
        self, pipe: ResponsePipe, running: "asyncio.Task[InvocationResult | LambdaError]", bytes_per_s: int
    ) -> None:
        self.executed_version = pipe.executed_version
        self.content_type = pipe.content_type
        # False for one that ended with an error before there was anything to send.
        self.has_response = pipe.has_response
        self._pipe = pipe
        self._running = running
        self._bytes_per_s = bytes_per_s

    async def pieces(self) -> AsyncIterator[bytes]:
        """The response, no faster than AWS sends it."""
        now_s = asyncio.get_running_loop().time
        bucket = TokenBucket(STREAMED_RESPONSE_BURST_BYTES, self._bytes_per_s, now_s())
        async for piece in self._pipe.pieces():
            wait_s = bucket.take(len(piece), now_s())
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            yield piece

    async def result(self) -> InvocationResult:
        """How it ended. Raises LambdaError."""
        # Whoever asks may be cancelled; the invocation goes on.
        result = await asyncio.shield(self._running)
        if isinstance(result, LambdaError):
            raise result
        return result


class ResponseStreams:
    """Starts such invocations."""

    def __init__(self, invoker: Invoker, background: Background, limits: Limits) -> None:
        self._invoker = invoker
        self._background = background
        self._bytes_max = limits.streamed_response_bytes_max
        self._bytes_per_s = limits.streamed_response_bytes_per_s

    async def begin(self, invocation: Invocation) -> StreamedInvocation:
        """Run it, and return when its response begins or it ends. Raises what `Invoker.invoke` refuses."""
        pipe = ResponsePipe(self._bytes_max)
        running = self._background.start(
            self._run(invocation._replace(sink=pipe), pipe), f"streamed invocation {invocation.request_id}"
        )
        await pipe.wait_begun()
        streamed = StreamedInvocation(pipe, running, self._bytes_per_s)
        if not pipe.has_response:
            await streamed.result()
        return streamed

    async def _run(self, invocation: Invocation, pipe: ResponsePipe) -> InvocationResult | LambdaError:
        try:
            return await self._invoker.invoke(invocation)
        except LambdaError as refusal:
            return refusal
        finally:
            pipe.end()
