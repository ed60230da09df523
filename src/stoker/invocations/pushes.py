"""What other services of AWS want of functions: let in by the policy, then queued, or run through the waist.

The embedded neighbours push from their own process, the node's own services from inside.
"""

import asyncio
import logging
from dataclasses import dataclass
from uuid import uuid4

from stoker.arn import split_function_name
from stoker.database.engine import Written
from stoker.errors import InvalidParameterValueException, LambdaError
from stoker.front_door.request import BodyLimit
from stoker.functions.records import FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.invocation import Invocation
from stoker.invocations.authorisation import Authorisation
from stoker.invocations.dead_letters import DeadLetters
from stoker.invocations.event_queue import EventQueue
from stoker.invocations.invoke import Invoker
from stoker.invocations.payload import check_payload
from stoker.invocations.trace import Tracing
from stoker.lambda_model.call import Caller
from stoker.limits import Limits
from stoker.neighbours.pushes.records import Kind, Push, Pushed
from stoker.supervision import Background

log = logging.getLogger("stoker.pushes")

TOLD_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What is told once: who wanted to call what, and the name of what went wrong."""

    source: str
    function: str
    error: str


class Pushes:
    """Answers each push."""

    def __init__(
        self,
        functions: FunctionRegistry,
        invoker: Invoker,
        events: EventQueue,
        tracing: Tracing,
        authorisation: Authorisation,
        dead_letters: DeadLetters,
        background: Background,
        limits: Limits,
    ) -> None:
        self._functions = functions
        self._invoker = invoker
        self._events = events
        self._tracing = tracing
        self._authorisation = authorisation
        self._dead_letters = dead_letters
        self._background = background
        self._limits = limits
        self._told: set[_Refusal] = set()

    async def answer(self, push: Push, *also: Written) -> Pushed:
        """An event is on disk when this returns, with what `also` writes. A refusal is an answer, too, and told in the
        log once; the dead letter of a refused event is sent first."""
        try:
            return await self._answer(push, also)
        except LambdaError as refusal:
            if push.kind == "Event":
                self._tell(push, refusal)
            if push.dead_letter is not None:
                await self._dead_letters.send(push.dead_letter, refusal)
            return Pushed(refusal.status, error=refusal.code, message=refusal.message or "")

    async def _answer(self, push: Push, also: tuple[Written, ...]) -> Pushed:
        target = _target(push.function)
        # Whether it is active is asked when it is run: events wait for a function that is not.
        self._functions.resolve(target)
        self._authorise(push, target)
        payload = push.payload.encode()
        self._check_size(push.kind, len(payload))
        check_payload(payload)
        invocation = Invocation(
            request_id=str(uuid4()),
            target=target,
            payload=payload or b"{}",
            trace_id=self._tracing.header(push.trace, target),
            client_context=push.client_context,
        )
        match push.kind:
            case "DryRun":
                return Pushed(204)
            case "Event":
                await self._events.accept(invocation, *also)
                return Pushed(202, request_id=invocation.request_id)
            case "RequestResponse":
                return await self._run(invocation)

    def _check_size(self, kind: Kind, size_bytes: int) -> None:
        """As the front door does with who calls Lambda's API."""
        limits = self._limits
        most = limits.event_payload_bytes_max if kind == "Event" else limits.request_payload_bytes_max
        if size_bytes > most:
            raise BodyLimit(most, "InvokeFunction").refusal()

    def _authorise(self, push: Push, target: FunctionTarget) -> None:
        if push.service:
            self._authorisation.check_service(push.service, push.source_arn, push.source_account, target)
        else:
            self._authorisation.check(Caller(push.source_account, target.region), target)

    async def _run(self, invocation: Invocation) -> Pushed:
        """To its end, even if the process that pushed has gone (decision 0008)."""
        running = self._background.start(self._result(invocation), "a push")
        pushed = await asyncio.shield(running)
        if isinstance(pushed, LambdaError):
            raise pushed
        return pushed

    async def _result(self, invocation: Invocation) -> Pushed | LambdaError:
        try:
            result = await self._invoker.invoke(invocation)
        except LambdaError as refusal:  # as a value: the background logs what it sees raised
            return refusal
        return Pushed(
            200,
            payload=result.payload.decode(errors="replace"),
            executed_version=result.executed_version,
            function_error=result.function_error or "",
            request_id=invocation.request_id,
        )

    def _tell(self, push: Push, refusal: LambdaError) -> None:
        source = push.source_arn or push.service
        told = _Refusal(source, push.function, refusal.code)
        if told not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(told)
            log.warning(
                "an event of %s for %s was refused (told once): %s: %s",
                *(source, push.function, refusal.code, refusal.message),
            )


def _target(arn: str) -> FunctionTarget:
    """Raises InvalidParameterValueException for what is no function's whole ARN."""
    parts = split_function_name(arn) if len(arn) <= 256 else None
    if parts is None or parts.region is None or parts.account_id is None:
        raise InvalidParameterValueException(f"{arn[:256]} is no function's ARN.")
    return FunctionTarget(parts.account_id, parts.region, parts.name, parts.qualifier)
