"""Builds and joins every part of a node: with `assembly/`, its floors, the only code that knows everybody.

Read `serve` from top to bottom; what it enters it leaves in the opposite order.
"""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

import uvloop

from stoker.assembly.environments import start_environments
from stoker.assembly.function_urls import function_urls
from stoker.assembly.functions import Declared, load_functions
from stoker.assembly.ground import Ground
from stoker.assembly.http_apis import HttpApiRooms, open_gateways, open_http_apis
from stoker.assembly.invocations import join_invocations
from stoker.assembly.load_balancers import LoadBalancers, open_load_balancers
from stoker.assembly.operations import lambda_operations, logs_service
from stoker.assembly.queues import Queues, open_queues
from stoker.assembly.rest_apis import RestApiRooms, open_rest_apis
from stoker.assembly.rest_of_aws import open_rest_of_aws
from stoker.assembly.schedules import Schedules, open_schedules
from stoker.assembly.stores import open_stores
from stoker.assembly.tracing import Traces, start_traces
from stoker.assembly.websocket_apis import open_websocket_apis
from stoker.async_invocations.shown_events import ShownEvents
from stoker.clock import Clock, SystemClock
from stoker.code.download import CodeDownload
from stoker.code.durable import secret_of
from stoker.config import Settings, SettingsError
from stoker.database.errors import DatabaseError, DataDirectoryError
from stoker.database.lock import DataDirectoryLock
from stoker.front_door.json_services import JsonService
from stoker.front_door.query_services import QueryService
from stoker.front_door.rest_services import RestService
from stoker.front_door.server import FrontDoor
from stoker.gateways.sites import ApiSites
from stoker.invocations.traced_start import TracedStarts
from stoker.neighbours.choices import read_choices
from stoker.node import Node
from stoker.role_sessions import RoleSessions
from stoker.sandbox.file_systems import declared_file_systems
from stoker.sandbox.network.declared import declared_networks
from stoker.start import (
    StartError,
    bound_socket,
    raise_descriptor_limit,
    sandbox_maker,
    settle_heap,
    stop_signal,
)
from stoker.supervision import Background
from stoker.traces.api import TracesApi

log = logging.getLogger("stoker")


def run(settings: Settings) -> int:
    """Run a node until SIGTERM or Ctrl-C. Returns the exit status; what prevents a start is told in one line."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for talkative in ("alembic", "botocore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        uvloop.run(serve(settings))
    except (SettingsError, DataDirectoryError, DatabaseError, StartError) as error:
        print(f"stoker: {error}", file=sys.stderr)
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """The whole node, from its lock to its last sandbox."""
    declared = Declared(declared_networks(settings), declared_file_systems(settings))
    stop = stop_signal()
    raise_descriptor_limit()
    clock = SystemClock()
    async with AsyncExitStack() as parts:
        parts.enter_context(DataDirectoryLock(settings.data))
        sandboxes = await sandbox_maker(settings, declared.networks, declared.file_systems)
        maker = await parts.enter_async_context(sandboxes)
        on_host = maker.isolation == "plain"
        stores = await open_stores(settings, clock, parts, on_host=on_host)
        choices = read_choices(settings.neighbours)
        queues = await open_queues(stores, choices, clock, parts)
        aws = await open_rest_of_aws(settings, choices, queues, clock, parts)
        # A group of its own, so that all work has ended before the stores close.
        background = await parts.enter_async_context(Background())
        ground = Ground(settings, clock, background, parts)
        functions = await load_functions(ground, declared, stores, aws, has_isolation=not on_host)
        listener = bound_socket(settings)
        traces = start_traces(ground, aws)
        role_sessions = RoleSessions(secret_of(settings.data / "role-sessions.key"), clock)
        environments = start_environments(
            ground, declared, stores, functions, traces.collector, role_sessions, maker, listener
        )
        invocations = await join_invocations(ground, stores, functions, environments, aws)
        schedules = open_schedules(ground, stores, aws, invocations)
        load_balancers = await open_load_balancers(ground, stores, functions, invocations, aws)
        gateways = await open_gateways(ground, stores, functions, invocations)
        http_apis = await open_http_apis(ground, stores, aws, gateways)
        websocket_apis = open_websocket_apis(http_apis, gateways, clock)
        rest_apis = await open_rest_apis(ground, stores, aws, invocations, gateways)
        code_download = CodeDownload(stores.code, settings.data / "code-links.key", clock)
        traced = TracedStarts(invocations.invoker, environments.concurrency, environments.pool, invocations.tracing)
        shown_events = ShownEvents(invocations.events, functions.registry)
        node = Node(settings, maker.isolation, environments.pool, code_download)
        front_door = FrontDoor(
            settings,
            lambda_operations(ground, stores, functions, environments, invocations, aws, code_download),
            _json_services(await logs_service(stores, invocations.pushes, clock, parts), queues),
            {**node.raw_routes(), **traced.routes(), **shown_events.routes()},
            listener,
            clock,
            aws.forwarder,
            environments.doors,
            _rest_services(traces, schedules, http_apis, rest_apis, clock),
            _query_services(queues, load_balancers),
            role_sessions,
            [
                function_urls(ground, functions, invocations),
                ApiSites(
                    gateways.addresses,
                    [http_apis.sites, rest_apis.sites, websocket_apis],
                    gateways.domain_names.lead,
                ),
                websocket_apis.management,
            ],
        )
        if load_balancers is not None:
            load_balancers.ports.show(front_door.certificates)
        await front_door.start()
        await invocations.events.start()
        await invocations.pollers.start()
        schedules.start()
        if load_balancers is not None:
            await load_balancers.start()
        settle_heap()
        node.announce(listener)
        parts.callback(node.withdraw)
        await stop.wait()
        log.info("stopping: waiting for running invocations, at most %.0f s", settings.stop_grace_s)
        node.state = "stopping"
        grace_s = settings.stop_grace_s
        if queues is not None:
            queues.live.stop()
        await asyncio.gather(
            front_door.stop(grace_s),
            invocations.events.stop(grace_s),
            invocations.pollers.stop(grace_s),
            schedules.stop(),
            *([] if load_balancers is None else [load_balancers.ports.stop(grace_s)]),
        )
        invocations.invoker.stop()
    log.info("stopped")


def _json_services(logs: JsonService, queues: Queues | None) -> dict[str, JsonService]:
    """What speaks JSON, by how requests name it."""
    services = {"Logs_20140328": logs}
    return services if queues is None else services | {"AmazonSQS": queues.json_service}


def _query_services(queues: Queues | None, load_balancers: LoadBalancers | None) -> list[QueryService]:
    """What takes forms: the node's own queues and load balancers, unless they are elsewhere."""
    services = [] if queues is None else [queues.query_service]
    return services if load_balancers is None else [*services, load_balancers.service]


def _rest_services(
    traces: Traces, schedules: Schedules, http_apis: HttpApiRooms, rest_apis: RestApiRooms, clock: Clock
) -> list[RestService]:
    """The node's own X-Ray, EventBridge Scheduler and API Gateway, unless they are elsewhere."""
    known = (schedules.service, http_apis.service, rest_apis.service)
    services = [service for service in known if service is not None]
    if traces.kept is not None:
        services.append(RestService("xray", TracesApi(traces.collector, traces.kept, clock).operations()))
    return services
