"""In the embedded neighbours' process: moto's other services find the node's queues in place of moto's own.

SNS, EventBridge and S3 deliver to queues, and CloudFormation makes them, by calling moto's SQS in their own process.
What they find there now asks the node. What cannot be delivered is said in the node's log: S3 would swallow it.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from stoker.neighbours.inside_calls import CallRefusedError, NodeCalls

_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


def use_queues_of_the_node(calls: NodeCalls, say: Callable[[str], None]) -> None:
    """To be called before moto's services are imported: they take the name of the backends with them."""
    import moto.sqs
    from moto.sqs import models

    backends = _Backends(calls, say)
    moto.sqs.sqs_backends = models.sqs_backends = backends
    models.Queue.update_from_cloudformation_json = classmethod(_updated)


class _Backends:
    """`backends[account][region]`."""

    def __init__(self, calls: NodeCalls, say: Callable[[str], None], account_id: str = "") -> None:
        self._calls = calls
        self._say = say
        self._account_id = account_id

    def __getitem__(self, key: str) -> Any:
        if self._account_id:
            return _Queues(self._calls, self._say, self._account_id, key)
        return _Backends(self._calls, self._say, key)


class _Queues:
    """What moto's services call of moto's SQS, for one account and region."""

    def __init__(self, calls: NodeCalls, say: Callable[[str], None], account_id: str, region: str) -> None:
        self._calls = calls
        self._say = say
        self._account_id = account_id
        self._region = region

    def send_message(
        self,
        queue_name: str,
        message_body: str,
        message_attributes: Mapping[str, Any] | None = None,
        deduplication_id: str | None = None,
        group_id: str | None = None,
        **_: Any,
    ) -> None:
        """SNS, EventBridge and S3."""
        parameters = {
            "MessageBody": message_body,
            "MessageAttributes": _with_bytes(message_attributes or {}),
            "MessageDeduplicationId": deduplication_id,
            "MessageGroupId": group_id,
        }
        try:
            self._call("SendMessage", queue_name, **parameters)
        except Exception as error:
            self._say(f"a message for the queue {queue_name} was not delivered: {error}")
            raise

    def get_queue(self, queue_name: str) -> Any:
        """SNS asks whether it is there, and of which kind."""
        self._call("GetQueueAttributes", queue_name, AttributeNames=["QueueArn"])
        return self._shown(queue_name)

    def get_queue_attributes(self, queue_name: str, attribute_names: list[str]) -> Mapping[str, Any]:
        """EventBridge asks whether contents are told apart."""
        answer = self._call("GetQueueAttributes", queue_name, AttributeNames=attribute_names)
        attributes: Mapping[str, Any] = answer.get("Attributes", {})
        return attributes

    def create_queue(
        self, name: str, tags: Mapping[str, str] | None = None, region: str = "", **properties: Any
    ) -> Any:
        """CloudFormation."""
        self._ask("CreateQueue", QueueName=name, Attributes=_attributes(properties), tags=dict(tags or {}))
        return self._shown(name)

    def set_attributes(self, queue_name: str, properties: Mapping[str, Any]) -> None:
        """CloudFormation, when a template changes."""
        self._call("SetQueueAttributes", queue_name, Attributes=_attributes(properties))

    def delete_queue(self, queue_name: str) -> None:
        """CloudFormation."""
        self._call("DeleteQueue", queue_name)

    def _shown(self, name: str) -> Any:
        """moto's own record of a queue, for those who look at one. Nothing is ever in it."""
        from moto.sqs.models import Queue

        return Queue(name, self._region, self._account_id, FifoQueue="true" if name.endswith(".fifo") else "false")

    def _call(self, operation: str, queue_name: str, **parameters: Any) -> Mapping[str, Any]:
        url = self._ask("GetQueueUrl", QueueName=queue_name)["QueueUrl"]
        return self._ask(operation, QueueUrl=url, **parameters)

    def _ask(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        from moto.sqs.exceptions import QueueDoesNotExist, SQSException

        given = {name: value for name, value in parameters.items() if value is not None and value != {}}
        try:
            return self._calls.call(self._account_id, self._region, operation, given)
        except CallRefusedError as error:
            if error.code in _MISSING:
                raise QueueDoesNotExist from None
            raise SQSException(error.code, str(error)) from None


def _updated(
    _cls: type,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Mapping[str, Any],
    account_id: str,
    region_name: str,
) -> Any:
    """In place of moto's, which would change its own record only."""
    from moto.sqs import models

    properties = {name: value for name, value in cloudformation_json["Properties"].items() if name != "Tags"}
    models.sqs_backends[account_id][region_name].set_attributes(original_resource.name, properties)
    return original_resource


def _attributes(properties: Mapping[str, Any]) -> dict[str, str]:
    """A template's properties as the API takes them: all of them texts."""
    left_out = ("QueueName", "FifoQueue") if properties.get("FifoQueue") in (False, "false") else ("QueueName",)
    return {name: _text(value) for name, value in properties.items() if name not in left_out}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _with_bytes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """SNS has binary values as base64, as its API does."""
    return {
        name: {**value, "BinaryValue": base64.b64decode(value["BinaryValue"])}
        if isinstance(value.get("BinaryValue"), str)
        else value
        for name, value in attributes.items()
    }
