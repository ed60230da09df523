"""How a delivery is sent to each kind of destination, in that service's words (reference: invocation, 2.1 and 2.2)."""

import json
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from botocore.exceptions import ClientError, ParamValidationError

from stoker.arn import Arn, split_arn
from stoker.async_invocations.outcome_record import s3_key
from stoker.async_invocations.records import Delivery

_THROTTLES = frozenset({"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "SlowDown"})


class Services(Protocol):
    """The other services of AWS, wherever they are."""

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> Mapping[str, Any]:
        """One operation by its name in AWS's model; the answer as botocore parses it.

        Raises botocore's ClientError for what the service refuses, and other exceptions when it cannot be reached.
        """
        ...


class DeliveryRefusedError(Exception):
    """The destination does not take this delivery, and is not likely to change its mind."""


class Destinations:
    """Sends to queues, topics, event buses and buckets."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def send(self, delivery: Delivery) -> None:
        """Return when the destination has it. Raises DeliveryRefusedError, and anything when it cannot be reached."""
        arn = split_arn(delivery.destination)
        send = None if arn is None else _SENDERS.get(arn.service)
        if arn is None or send is None:
            raise DeliveryRefusedError(f"{delivery.destination} is no destination that can be sent to")
        try:
            await send(self._services, arn, delivery)
        except ParamValidationError as error:
            raise DeliveryRefusedError(str(error)) from None
        except ClientError as error:
            if _is_refusal(error):
                raise DeliveryRefusedError(str(error)) from None
            raise


async def _to_queue(services: Services, arn: Arn, delivery: Delivery) -> None:
    where = ("sqs", arn.account_id, arn.region)
    url = await services.call(*where, "GetQueueUrl", QueueName=arn.resource, QueueOwnerAWSAccountId=arn.account_id)
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": delivery.trace_id}}
    await services.call(
        *where,
        "SendMessage",
        QueueUrl=url["QueueUrl"],
        MessageBody=delivery.body.decode(),
        MessageAttributes=_attributes(delivery),
        MessageSystemAttributes=trace,
    )


async def _to_topic(services: Services, arn: Arn, delivery: Delivery) -> None:
    await services.call(
        "sns",
        arn.account_id,
        arn.region,
        "Publish",
        TopicArn=str(arn),
        Message=delivery.body.decode(),
        MessageAttributes=_attributes(delivery),
    )


async def _to_bus(services: Services, arn: Arn, delivery: Delivery) -> None:
    entry = {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {'Success' if delivery.is_success else 'Failure'}",
        "Detail": delivery.body.decode(),
        "Resources": [str(arn), delivery.function_arn],
        "EventBusName": str(arn),
        "TraceHeader": delivery.trace_id,
    }
    answer = await services.call("events", arn.account_id, arn.region, "PutEvents", Entries=[entry])
    if answer.get("FailedEntryCount"):
        raise DeliveryRefusedError(json.dumps(answer.get("Entries"), default=str))


async def _to_bucket(services: Services, arn: Arn, delivery: Delivery) -> None:
    function = split_arn(delivery.function_arn)
    assert function is not None  # a bucket's ARN says neither account nor region: they are the function's
    await services.call(
        "s3",
        function.account_id,
        function.region,
        "PutObject",
        Bucket=arn.resource,
        Key=s3_key(delivery.function_arn, str(uuid.uuid4()), delivery.ended_s),
        Body=delivery.body,
    )


_SENDERS = {"sqs": _to_queue, "sns": _to_topic, "events": _to_bus, "s3": _to_bucket}


def _attributes(delivery: Delivery) -> dict[str, dict[str, str]]:
    """Of a dead letter; a record says everything itself."""
    if delivery.kind != "dead letter":
        return {}
    values = {
        "RequestID": ("String", delivery.request_id),
        "ErrorCode": ("Number", str(delivery.error_code)),
        "ErrorMessage": ("String", delivery.error_message),
    }
    return {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in values.items() if value}


def _is_refusal(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return 400 <= status < 500 and status != 429 and error.response["Error"].get("Code") not in _THROTTLES
