"""Gives targets what they are sent: functions through the node's own door, all others by the node's clients."""

import base64
import json
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from stoker.arn import split_arn
from stoker.database.engine import Written
from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.pushes.records import Kind, Push, Pushed
from stoker.schedules.records import Delivery, Queued
from stoker.schedules.requests import (
    BadTargetError,
    Request,
    given_input,
    is_function,
    is_universal,
    request_for,
    universal_input,
    universal_operation,
)
from stoker.schedules.store import ending

RULES_SERVICE = "events.amazonaws.com"
_LATER = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestThrottled", "InternalFailure"}
)


class Pushes(Protocol):
    """The node's door for services that invoke functions."""

    async def answer(self, push: Push, *also: Written) -> Pushed:
        """Never raises what a caller could be told."""
        ...


class Services(Protocol):
    """The rest of AWS, wherever it is."""

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> dict[str, Any]:
        """Raises botocore's ClientError and BotoCoreError, and NeighbourError."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a target said instead of taking it, by AWS's name; `is_final`: asking again will not help."""

    code: str
    message: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """`is_ended`: the delivery was taken off the table together with being made."""

    refusal: Refusal | None = None
    is_ended: bool = False


class Targets:
    """Everything that can be sent to."""

    def __init__(self, pushes: Pushes, services: Services) -> None:
        self._pushes = pushes
        self._services = services

    async def send(self, queued: Queued) -> Outcome:
        """One attempt. What comes of it is an answer; nothing is raised that a target could say."""
        delivery = queued.delivery
        given = given_input(delivery, queued.attempts + 1)
        try:
            if is_function(delivery.target_arn):
                return await self._push(_push_of(delivery, given), ending(queued.id))
            if is_universal(delivery.target_arn) and universal_operation(delivery.target_arn) == ("lambda", "Invoke"):
                return await self._push(_universal_push(delivery, universal_input(given)), ending(queued.id))
            await self._call(request_for(delivery, given))
        except BadTargetError as error:
            return Outcome(Refusal("ValidationException", str(error), is_final=True))
        except ClientError as error:
            return Outcome(_refusal(error))
        except BotoCoreError as error:  # parameters that the service's model refuses
            return Outcome(Refusal("ValidationException", str(error), is_final=True))
        except NeighbourError as error:
            return Outcome(Refusal("ServiceUnavailable", str(error), is_final=False))
        return Outcome()

    async def _push(self, push: Push, end: Written) -> Outcome:
        """An event is on disk in the same transaction in which the delivery ends: it is never there twice."""
        is_event = push.kind == "Event"
        pushed = await self._pushes.answer(push, *((end,) if is_event else ()))
        if not pushed.is_refused:
            return Outcome(is_ended=is_event)
        is_final = pushed.status < 500 and pushed.status != 429
        return Outcome(Refusal(pushed.error, pushed.message or pushed.error, is_final))

    async def _call(self, request: Request) -> None:
        where = (request.account_id, request.region)
        parameters = dict(request.parameters)
        if request.service == "sqs" and "QueueName" in parameters and request.operation == "SendMessage":
            name = parameters.pop("QueueName")
            found = await self._services.call(
                "sqs", *where, "GetQueueUrl", QueueName=name, QueueOwnerAWSAccountId=request.account_id
            )
            parameters["QueueUrl"] = found["QueueUrl"]
        answer = await self._services.call(request.service, *where, request.operation, **parameters)
        for entry in answer.get("Entries", ()) if request.operation == "PutEvents" else ():
            if entry.get("ErrorCode"):
                raise ClientError(
                    {"Error": {"Code": entry["ErrorCode"], "Message": entry["ErrorMessage"]}}, "PutEvents"
                )


def _push_of(delivery: Delivery, given: str) -> Push:
    """A schedule invokes by its role, as somebody of its account; a rule as the service, which the function lets in."""
    is_rule = delivery.kind == "rule"
    return Push(
        function=delivery.target_arn,
        kind="Event",
        payload=given,
        source_account=delivery.account_id,
        service=RULES_SERVICE if is_rule else "",
        source_arn=delivery.source_arn,
    )


def _universal_push(delivery: Delivery, parameters: dict[str, Any]) -> Push:
    """Of Lambda's Invoke. Raises BadTargetError."""
    name, kind = parameters.get("FunctionName"), parameters.get("InvocationType", "RequestResponse")
    if not isinstance(name, str) or kind not in ("Event", "RequestResponse", "DryRun"):
        raise BadTargetError("Invoke needs a FunctionName, and a known InvocationType")
    payload = parameters.get("Payload", {})
    arn = name if split_arn(name) else f"arn:aws:lambda:{delivery.region}:{delivery.account_id}:function:{name}"
    qualifier = parameters.get("Qualifier")
    asked: Kind = kind
    return Push(
        function=f"{arn}:{qualifier}" if qualifier else arn,
        kind=asked,
        payload=payload if isinstance(payload, str) else json.dumps(payload),
        source_account=delivery.account_id,
        source_arn=delivery.source_arn,
        client_context=_decoded(parameters.get("ClientContext")),
    )


def _decoded(context: object) -> str:
    try:
        return base64.b64decode(str(context or "")).decode()
    except ValueError:
        raise BadTargetError("the ClientContext is not base64") from None


def _refusal(error: ClientError) -> Refusal:
    details = error.response["Error"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    is_final = 400 <= status < 500 and status != 429 and details["Code"] not in _LATER
    return Refusal(details["Code"], details.get("Message") or str(error), is_final)
