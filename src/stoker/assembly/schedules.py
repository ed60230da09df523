"""Time as a trigger: EventBridge Scheduler, unless it is elsewhere, and the rules of the embedded EventBridge."""

import asyncio
from dataclasses import dataclass

from stoker.assembly.ground import Ground
from stoker.assembly.invocations import Invocations
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.assembly.stores import Stores
from stoker.front_door.rest_services import RestService
from stoker.invocations.dead_letters import DeadLetters
from stoker.neighbours.choices import Embedded, Here
from stoker.neighbours.pushes.scheduled_rules import NODE_SERVICE
from stoker.schedules.api import SchedulesApi
from stoker.schedules.bell import Bell
from stoker.schedules.deliveries import Deliveries
from stoker.schedules.groups_api import GroupsApi
from stoker.schedules.kept_rules import KeptRules
from stoker.schedules.records import Kind
from stoker.schedules.store import ScheduleStore
from stoker.schedules.targets import Targets
from stoker.schedules.timetable import Timetable
from stoker.supervision import Background, supervise


@dataclass(slots=True)
class Schedules:
    """`service` is None when another endpoint, or nobody, answers for EventBridge Scheduler."""

    service: RestService | None
    timetable: Timetable
    deliveries: Deliveries
    background: Background
    running: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """When the node answers."""
        self.running = (
            self.background.start(supervise(self.timetable.run, "schedules"), "schedules"),
            self.background.start(supervise(self.deliveries.run, "deliveries of schedules"), "deliveries of schedules"),
        )

    async def stop(self) -> None:
        """Nothing fires any more; what is being delivered goes on, or is for the next node."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)


def open_schedules(ground: Ground, stores: Stores, aws: RestOfAws, invocations: Invocations) -> Schedules:
    """Nothing fires yet."""
    clock, background = ground.clock, ground.background
    is_ours = isinstance(aws.choices.of("scheduler"), Here)
    kinds: list[Kind] = ["schedule"] if is_ours else []
    if isinstance(aws.choices.of("events"), Embedded):
        kinds.append("rule")
    store = ScheduleStore(stores.database, kinds)
    targets = Targets(invocations.pushes, aws.clients)
    deliveries = Deliveries(store, targets, DeadLetters(aws.clients), background, clock, Bell(clock))
    timetable = Timetable(store, clock, Bell(clock), deliveries.wake)
    aws.answered.serve(NODE_SERVICE, KeptRules(store, clock, timetable.note).answer)
    service = None
    if is_ours:
        operations = SchedulesApi(store, clock, timetable.note).operations() | GroupsApi(store, clock).operations()
        aws.clients.serve("scheduler", operations)
        service = RestService("scheduler", operations, validation_code="ValidationException")
    return Schedules(service, timetable, deliveries, background)
