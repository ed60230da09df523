"""The waist, and everything that calls through it by itself: queued events and event source mappings."""

import asyncio
from dataclasses import dataclass

from stoker.assembly.environments import Environments
from stoker.assembly.functions import Functions
from stoker.assembly.ground import Ground
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.assembly.stores import Stores
from stoker.async_invocations.queue import AsyncInvocations
from stoker.event_sources.calls import FunctionCalls
from stoker.event_sources.kafka.brokers import KafkaBrokers, read_brokers
from stoker.event_sources.kafka.connection import Connections
from stoker.event_sources.pollers import Pollers
from stoker.event_sources.rabbitmq.brokers import Brokers, declared_brokers
from stoker.event_sources.readers import Readers
from stoker.event_sources.store import MappingStore
from stoker.event_sources.transitions import MappingTransitions
from stoker.functions.idleness.idleness import Idleness
from stoker.functions.idleness.store import UseStore
from stoker.invocations.authorisation import Authorisation
from stoker.invocations.dead_letters import DeadLetters
from stoker.invocations.invoke import Invoker
from stoker.invocations.pushes import Pushes
from stoker.invocations.request_rate import RequestRate
from stoker.invocations.streaming import ResponseStreams
from stoker.invocations.trace import Tracing
from stoker.supervision import supervise
from stoker.traces.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Invocations:
    """`events` and `pollers` are to be started when the node answers, and stopped with its grace."""

    invoker: Invoker
    streams: ResponseStreams
    tracing: Tracing
    events: AsyncInvocations
    pushes: Pushes
    mappings: MappingStore
    brokers: Brokers
    transitions: MappingTransitions
    pollers: Pollers


async def join_invocations(
    ground: Ground,
    stores: Stores,
    functions: Functions,
    environments: Environments,
    aws: RestOfAws,
) -> Invocations:
    """Nothing is invoked yet."""
    settings, clock, background = ground.settings, ground.clock, ground.background
    registry, limits = functions.registry, settings.limits
    invoker = _invoker(ground, stores, functions, environments)
    tracing = Tracing(registry, Sampling())
    mappings = MappingStore(stores.database)
    calls = FunctionCalls(registry, invoker, tracing.header)
    kafka = Connections(aws.clients, KafkaBrokers(aws.clients, read_brokers(settings.kafka_brokers)))
    brokers = Brokers(aws.clients, declared_brokers(settings.rabbitmq_brokers))
    payload_bytes_max = limits.request_payload_bytes_max
    readers = Readers(aws.clients, brokers, kafka, calls, stores.database, background, clock, payload_bytes_max)
    pollers = Pollers(mappings, readers, background)
    transitions = MappingTransitions(mappings, pollers, background, settings.update_delay_s)
    await transitions.resume()
    events = AsyncInvocations(registry, invoker, aws.clients, stores.database, background, clock, settings)
    dead_letters = DeadLetters(aws.clients)
    pushes = Pushes(registry, invoker, events, tracing, Authorisation(registry), dead_letters, background, limits)
    aws.pushes.answer_with(pushes.answer)
    return Invocations(
        invoker=invoker,
        streams=ResponseStreams(invoker, background, limits),
        tracing=tracing,
        events=events,
        pushes=pushes,
        mappings=mappings,
        brokers=brokers,
        transitions=transitions,
        pollers=pollers,
    )


def _invoker(ground: Ground, stores: Stores, functions: Functions, environments: Environments) -> Invoker:
    settings, clock, background = ground.settings, ground.clock, ground.background
    registry = functions.registry
    request_rate = RequestRate(
        settings.concurrent_executions,
        settings.limits.requests_per_s_per_concurrency,
        asyncio.get_running_loop().time,
    )
    registry.follow(request_rate.note)
    idleness = Idleness(
        registry,
        environments.activation,
        UseStore(stores.database),
        background,
        clock,
        settings.inactive_after_days,
        settings.snapshots_inactive_after_days,
    )
    background.start(supervise(idleness.run, "idleness"), "idleness")
    return Invoker(
        registry, environments.provisioned, environments.concurrency, request_rate, environments.pool, idleness
    )
