"""The operations on messages: sending, receiving, deleting, and keeping them hidden for longer.

Source: Amazon SQS API Reference.
"""

from collections.abc import Mapping
from typing import Any

from stoker.clock import Clock, epoch_ms
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.queues import errors
from stoker.queues.batches import Entry, each, entries_of, failed
from stoker.queues.contents import Contents
from stoker.queues.errors import QueueError
from stoker.queues.flights import VISIBILITY_MAX_S
from stoker.queues.live_queue import LiveQueue
from stoker.queues.live_queues import LiveQueues
from stoker.queues.receipts import Receipt, receipt_of
from stoker.queues.receiving import Receiving
from stoker.queues.records import Message, Queue, Sent
from stoker.queues.registry import QueueRegistry
from stoker.queues.rendering import checked_system_names, message_members, sequence_number
from stoker.queues.requests import integer, queue_of
from stoker.queues.sending import check_id, deduplication_scope, message_to_send

RECEIVED_MAX = 10
WAIT_MAX_S = 20
BATCH_BYTES_MAX = 1_048_576


class MessagesApi:
    """What senders and receivers do."""

    def __init__(self, registry: QueueRegistry, live: LiveQueues, clock: Clock) -> None:
        self._registry = registry
        self._live = live
        self._clock = clock

    def operations(self) -> Mapping[str, Operation]:
        """By the operation's name."""
        return {
            "ChangeMessageVisibility": self.change_message_visibility,
            "ChangeMessageVisibilityBatch": self.change_message_visibility_batch,
            "DeleteMessage": self.delete_message,
            "DeleteMessageBatch": self.delete_message_batch,
            "ReceiveMessage": self.receive_message,
            "SendMessage": self.send_message,
            "SendMessageBatch": self.send_message_batch,
        }

    async def send_message(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "SendMessage")
        now_ms = epoch_ms(self._clock)
        message, contents = message_to_send(queue, call.members, call.caller.account_id, now_ms)
        live = await self._live.of(queue)
        [sent] = await live.send([message], [deduplication_scope(queue, message)])
        return ApiAnswer(_sent_members(queue, contents, sent))

    async def send_message_batch(self, call: ApiCall) -> ApiAnswer:
        """Those that are refused do not keep back the others; the others are on disk all or none."""
        queue = queue_of(call, self._registry, "SendMessage")
        entries = entries_of(call.members, "SendMessageBatchRequestEntry")
        now_ms, sender_id = epoch_ms(self._clock), call.caller.account_id
        taken: list[tuple[Entry, Message, Contents]] = []
        failures = []
        for entry in entries:
            try:
                if entry.get("MessageBody") is None:
                    raise errors.missing("MessageBody")
                taken.append((entry, *message_to_send(queue, entry, sender_id, now_ms)))
            except QueueError as error:
                failures.append(failed(entry, error))
        size_bytes = sum(contents.size_bytes for _, _, contents in taken)
        if size_bytes > BATCH_BYTES_MAX:
            raise errors.batch_error(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {BATCH_BYTES_MAX} bytes. You have sent {size_bytes} bytes.",
            )
        sent: list[Sent] = []
        if taken:
            live = await self._live.of(queue)
            messages = [message for _, message, _ in taken]
            sent += await live.send(messages, [deduplication_scope(queue, message) for message in messages])
        successes = [
            {"Id": entry["Id"], **_sent_members(queue, contents, result)}
            for (entry, _, contents), result in zip(taken, sent, strict=True)
        ]
        return ApiAnswer({"Successful": successes, "Failed": failures})

    async def receive_message(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        queue = queue_of(call, self._registry, "ReceiveMessage")
        system_names = checked_system_names(members)
        attribute_names = members.get("MessageAttributeNames") or ()
        receiving = Receiving(
            count=integer(call, "MaxNumberOfMessages", range(1, RECEIVED_MAX + 1), 1),
            visibility_ms=1000
            * integer(call, "VisibilityTimeout", range(VISIBILITY_MAX_S + 1), queue.number("VisibilityTimeout")),
            wait_s=integer(
                call, "WaitTimeSeconds", range(WAIT_MAX_S + 1), queue.number("ReceiveMessageWaitTimeSeconds")
            ),
            client=call.client,
            attempt_id=_attempt_id(queue, members.get("ReceiveRequestAttemptId")),
        )
        received = await (await self._live.of(queue)).receive(receiving)
        answers = [message_members(one, system_names, attribute_names) for one in received]
        return ApiAnswer({"Messages": answers or None})

    async def delete_message(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "DeleteMessage")
        await self._delete(queue, await self._live.of(queue), call.members)
        return ApiAnswer()

    async def delete_message_batch(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "DeleteMessage")
        entries = entries_of(call.members, "DeleteMessageBatchRequestEntry")
        live = await self._live.of(queue)
        return ApiAnswer(await each(entries, lambda entry: self._delete(queue, live, entry)))

    async def change_message_visibility(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "ChangeMessageVisibility")
        await self._change_visibility(queue, await self._live.of(queue), call.members)
        return ApiAnswer()

    async def change_message_visibility_batch(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "ChangeMessageVisibility")
        entries = entries_of(call.members, "ChangeMessageVisibilityBatchRequestEntry")
        live = await self._live.of(queue)
        return ApiAnswer(await each(entries, lambda entry: self._change_visibility(queue, live, entry)))

    async def _delete(self, queue: Queue, live: LiveQueue, members: Mapping[str, Any]) -> None:
        receipt, handle = self._receipt(queue, members)
        if receipt.content_id == queue.content_id:
            await live.delete(receipt, handle)

    async def _change_visibility(self, queue: Queue, live: LiveQueue, members: Mapping[str, Any]) -> None:
        receipt, handle = self._receipt(queue, members)
        timeout_s = members.get("VisibilityTimeout")
        if timeout_s is None:
            raise errors.missing("VisibilityTimeout")
        if timeout_s not in range(VISIBILITY_MAX_S + 1):
            raise errors.invalid(
                timeout_s,
                "VisibilityTimeout",
                f"VisibilityTimeout must be an integer between 0 and {VISIBILITY_MAX_S}.",
            )
        if receipt.content_id != queue.content_id:
            raise errors.gone_message(handle)
        await live.change_visibility(receipt, handle, timeout_s)

    def _receipt(self, queue: Queue, members: Mapping[str, Any]) -> tuple[Receipt, str]:
        """Raises QueueErrors for a handle that is none, or another queue's. One of before a purge still is one."""
        handle = members.get("ReceiptHandle")
        if not handle:
            raise errors.missing("ReceiptHandle")
        receipt = receipt_of(handle)
        if receipt is None or (
            receipt.content_id != queue.content_id and self._registry.has_content(receipt.content_id)
        ):
            raise errors.bad_handle(handle)
        return receipt, handle


def _attempt_id(queue: Queue, given: str | None) -> str | None:
    if given is None or not queue.is_fifo:
        return None
    return check_id(given, "ReceiveRequestAttemptId")


def _sent_members(queue: Queue, contents: Contents, sent: Sent) -> dict[str, Any]:
    return {
        "MessageId": sent.message_id,
        "MD5OfMessageBody": contents.md5_of_body,
        "MD5OfMessageAttributes": contents.md5_of_attributes,
        "MD5OfMessageSystemAttributes": contents.md5_of_system_attributes,
        "SequenceNumber": sequence_number(sent.number) if queue.is_fifo else None,
    }
