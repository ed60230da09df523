"""The rest of AWS, wherever it is: embedded, elsewhere or off."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from stoker.assembly.queues import Queues
from stoker.clock import Clock
from stoker.config import Settings
from stoker.neighbours.choices import Choices
from stoker.neighbours.clients import AwsClients
from stoker.neighbours.embedded import EmbeddedNeighbours
from stoker.neighbours.forwarder import Forwarder
from stoker.neighbours.node_calls import AnsweredCalls
from stoker.neighbours.pushes.receiver import PushReceiver


@dataclass(frozen=True, slots=True)
class RestOfAws:
    """`clients` are for the node's own calls, `forwarder` for those of its callers; `pushes` and `answered` the other
    way."""

    choices: Choices
    clients: AwsClients
    forwarder: Forwarder
    pushes: PushReceiver
    answered: AnsweredCalls


async def open_rest_of_aws(
    settings: Settings, choices: Choices, queues: Queues | None, clock: Clock, parts: AsyncExitStack
) -> RestOfAws:
    """Nothing is started yet: the embedded neighbours come with the first call for them."""
    embedded = await parts.enter_async_context(EmbeddedNeighbours(settings.data / "run"))
    clients = AwsClients(choices, embedded, {} if queues is None else {"sqs": queues.operations})
    answered = AnsweredCalls(clients)
    embedded.answer_call = answered.answer
    parts.callback(clients.close)
    forwarder = Forwarder(choices, embedded, clock)
    parts.push_async_callback(forwarder.close)
    return RestOfAws(choices, clients, forwarder, embedded.pushes, answered)
