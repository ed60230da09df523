"""Health checks of functions: off unless a target group says otherwise, as on AWS.

They decide nothing: a group has one function, and a balancer sends requests to what is unhealthy when there is nothing
else. They are told, and they call the function.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from stoker.errors import LambdaError
from stoker.http_events.load_balancer import TargetForm, health_check_event
from stoker.load_balancers.health_settings import is_healthy
from stoker.load_balancers.records import HealthCheck, TargetGroup
from stoker.load_balancers.registry import LoadBalancerRegistry
from stoker.load_balancers.targets import TargetCalls, has_lists
from stoker.supervision import Background, supervise

_INITIAL = {
    "State": "initial",
    "Reason": "Elb.InitialHealthChecking",
    "Description": "Initial health checks in progress",
}
_DISABLED = {
    "State": "unavailable",
    "Reason": "Target.HealthCheckDisabled",
    "Description": "Health checks are not enabled for this target group",
}
_UNUSED = {
    "State": "unused",
    "Reason": "Target.NotInUse",
    "Description": "Target group is not configured to receive traffic from the load balancer",
}


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is looked at, and how: when any of it changes, it begins anew."""

    group_arn: str
    target: str
    check: HealthCheck


class _Looking:
    """One function's health: what was found, and how often in a row."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.health = _INITIAL
        self.passed = 0
        self.failed = 0


class HealthChecks:
    """Of all target groups."""

    def __init__(self, registry: LoadBalancerRegistry, calls: TargetCalls, background: Background) -> None:
        self._registry = registry
        self._calls = calls
        self._background = background
        self._looking: dict[_Subject, _Looking] = {}

    def start(self) -> None:
        """When functions can be called."""
        self._registry.follow(self._note)
        self._note()

    def health(self, group: TargetGroup) -> dict[str, str]:
        """Of its function, as the API shows it."""
        if not self._registry.balancers_of(group.arn):
            return _UNUSED
        if not group.health_check.is_enabled:
            return _DISABLED
        looking = self._looking.get(_Subject(group.arn, group.targets[0], group.health_check))
        return _INITIAL if looking is None else looking.health

    def _note(self) -> None:
        wanted = {
            _Subject(group.arn, group.targets[0], group.health_check)
            for group in self._registry.all(TargetGroup)
            if group.health_check.is_enabled and group.targets and self._registry.balancers_of(group.arn)
        }
        for subject in self._looking.keys() - wanted:
            self._looking.pop(subject).task.cancel()
        for subject in wanted - self._looking.keys():
            name = f"health checks of {subject.group_arn}"
            task = self._background.start(supervise(partial(self._look, subject), name), name)
            self._looking[subject] = _Looking(task)

    async def _look(self, subject: _Subject) -> None:
        while True:
            group = self._registry.find(TargetGroup, subject.group_arn)
            if group is None:
                return
            problem = await self._problem(group, subject.check)
            if (looking := self._looking.get(subject)) is not None:
                _judge(looking, subject.check, problem)
            await asyncio.sleep(subject.check.interval_s)

    async def _problem(self, group: TargetGroup, check: HealthCheck) -> tuple[str, str] | None:
        """The reason and its description; None for a healthy function."""
        event = health_check_event(check.path, TargetForm(group.arn, has_lists(group)))
        call = self._background.start(self._calls.call(group, event, ""), f"a health check of {group.arn}")
        try:
            async with asyncio.timeout(check.timeout_s):
                answer = await asyncio.shield(call)
        except TimeoutError:
            return "Target.Timeout", "Request timed out"
        status = answer.status
        if not isinstance(answer, LambdaError) and is_healthy(check.statuses, status):
            return None
        return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"


def _judge(looking: _Looking, check: HealthCheck, problem: tuple[str, str] | None) -> None:
    """A function that is new is healthy after its first success; all else takes as many in a row as are set."""
    if problem is None:
        looking.passed, looking.failed = looking.passed + 1, 0
        if looking.health is _INITIAL or looking.passed >= check.healthy_count:
            looking.health = {"State": "healthy"}
        return
    looking.passed, looking.failed = 0, looking.failed + 1
    if looking.failed >= check.unhealthy_count:
        reason, description = problem
        looking.health = {"State": "unhealthy", "Reason": reason, "Description": description}
