"""StartMessageMoveTask, CancelMessageMoveTask and ListMessageMoveTasks (Amazon SQS API Reference)."""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from typing import Any

from stoker.clock import Clock, epoch_ms
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.queues import errors
from stoker.queues.api import sources_of
from stoker.queues.live_queues import LiveQueues
from stoker.queues.move_tasks import MoveTasks
from stoker.queues.records import MoveTask, Queue
from stoker.queues.registry import QueueRegistry
from stoker.queues.requests import check_access, integer

RATE_PER_S_MAX = 500
TASKS_MAX = 10


class MoveTasksApi:
    """For the owner of the queue alone."""

    def __init__(self, registry: QueueRegistry, live: LiveQueues, tasks: MoveTasks, clock: Clock) -> None:
        self._registry = registry
        self._live = live
        self._tasks = tasks
        self._clock = clock

    def operations(self) -> Mapping[str, Operation]:
        """By the operation's name."""
        return {
            "CancelMessageMoveTask": self.cancel_message_move_task,
            "ListMessageMoveTasks": self.list_message_move_tasks,
            "StartMessageMoveTask": self.start_message_move_task,
        }

    async def start_message_move_task(self, call: ApiCall) -> ApiAnswer:
        source = self._queue(call, "SourceArn")
        if not sources_of(self._registry, source):
            raise errors.invalid_value("Source queue must be configured as a Dead Letter Queue.")
        destination_arn: str | None = call.members.get("DestinationArn") or None
        if destination_arn is not None:
            destination = self._queue(call, "DestinationArn")
            if destination.key == source.key:
                raise errors.invalid_value("Source queue arn and destination queue arn can't be the same.")
            if destination.is_fifo != source.is_fifo:
                raise errors.invalid_value("Source queue and destination queue must be of the same type.")
        rate = call.members.get("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= rate <= RATE_PER_S_MAX:
            raise errors.invalid(
                rate, "MaxNumberOfMessagesPerSecond", f"Must be between 1 and {RATE_PER_S_MAX}, if provided."
            )
        counts = await (await self._live.of(source)).counts()
        task = MoveTask(
            handle=_handle(source.arn),
            source_arn=source.arn,
            destination_arn=destination_arn,
            rate_per_s=rate,
            status="RUNNING",
            moved=0,
            to_move=counts.visible,
            started_ms=epoch_ms(self._clock),
        )
        await self._tasks.start(task)
        return ApiAnswer({"TaskHandle": task.handle})

    async def cancel_message_move_task(self, call: ApiCall) -> ApiAnswer:
        handle = call.members["TaskHandle"]
        source_arn = _source_of(handle)
        source = self._registry.by_arn(source_arn)
        if source is None:
            raise errors.no_resource("The resource that you specified for the SourceArn parameter doesn't exist.")
        check_access(call, source)
        return ApiAnswer({"ApproximateNumberOfMessagesMoved": await self._tasks.cancel(handle, source_arn)})

    async def list_message_move_tasks(self, call: ApiCall) -> ApiAnswer:
        source = self._queue(call, "SourceArn")
        limit = integer(call, "MaxResults", range(1, TASKS_MAX + 1), 1)
        tasks = await self._tasks.latest(source.arn, limit)
        return ApiAnswer({"Results": [_task_members(task) for task in tasks]})

    def _queue(self, call: ApiCall, member: str) -> Queue:
        queue = self._registry.by_arn(call.members[member])
        if queue is None or queue.region != call.caller.region:
            raise errors.no_resource(f"The resource that you specified for the {member} parameter doesn't exist.")
        check_access(call, queue)
        return queue


def _handle(source_arn: str) -> str:
    document = {"taskId": str(uuid.uuid4()), "sourceArn": source_arn}
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode("ascii")


def _source_of(handle: str) -> str:
    """Raises QueueErrors for what is no handle."""
    try:
        source_arn = json.loads(base64.b64decode(handle, validate=True))["sourceArn"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        source_arn = None
    if not isinstance(source_arn, str):
        raise errors.invalid_value("Value for parameter TaskHandle is invalid.")
    return source_arn


def _task_members(task: MoveTask) -> dict[str, Any]:
    is_running = task.status == "RUNNING"
    return {
        "TaskHandle": task.handle if is_running else None,
        "Status": task.status,
        "SourceArn": task.source_arn,
        "DestinationArn": task.destination_arn,
        "MaxNumberOfMessagesPerSecond": task.rate_per_s,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "FailureReason": task.failure,
        "StartedTimestamp": task.started_ms,
    }
