"""The node's own queues: Amazon SQS, unless the settings name another endpoint for it."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from stoker.assembly.stores import Stores
from stoker.clock import Clock
from stoker.front_door.json_services import JsonService
from stoker.front_door.query_services import QueryService
from stoker.lambda_model.call import Operation, operations_of
from stoker.neighbours.choices import Choices, Here
from stoker.queues.api import QueuesApi
from stoker.queues.commits import Commits
from stoker.queues.live_queues import LiveQueues
from stoker.queues.messages_api import MessagesApi
from stoker.queues.move_tasks import MoveTasks
from stoker.queues.move_tasks_api import MoveTasksApi
from stoker.queues.registry import QueueRegistry
from stoker.queues.requests import validate
from stoker.queues.store import QueueStore
from stoker.queues.sweeper import Sweeper
from stoker.supervision import Background, supervise

NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"


@dataclass(frozen=True, slots=True)
class Queues:
    """`live` is to be stopped before those who wait at queues are waited for."""

    live: LiveQueues
    operations: Mapping[str, Operation]

    @property
    def json_service(self) -> JsonService:
        """For clients of today."""
        return JsonService("sqs", self.operations, validate=validate)

    @property
    def query_service(self) -> QueryService:
        """For older ones."""
        return QueryService("sqs", NAMESPACE, validate, self.operations, url_member="QueueUrl")


async def open_queues(stores: Stores, choices: Choices, clock: Clock, parts: AsyncExitStack) -> Queues | None:
    """With all that the node before this one has left; None when another endpoint, or nobody, answers for SQS."""
    if not isinstance(choices.of("sqs"), Here):
        return None
    background = await parts.enter_async_context(Background())
    store = QueueStore(stores.database)
    registry = QueueRegistry(store)
    await registry.load()
    commits = Commits(store, background, clock)
    parts.push_async_callback(commits.flush)
    live = LiveQueues(registry, store, commits, background, clock)
    sweeper = Sweeper(registry, live, store, clock)
    tasks = MoveTasks(registry, live, store, background, clock)
    await tasks.resume()
    background.start(supervise(sweeper.run, "queue sweeper"), "queue sweeper")
    operations = operations_of(
        QueuesApi(registry, live, commits, sweeper, clock),
        MessagesApi(registry, live, clock),
        MoveTasksApi(registry, live, tasks, clock),
    )
    return Queues(live, operations)
