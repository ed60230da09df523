"""EventBridge's rules with a schedule: the node is told of each, makes it fire, and keeps it for the next process.

moto never fires them, and forgets them with its process. What the node has kept is put back when moto has imported its
EventBridge. Source: Amazon EventBridge User Guide, "Creating a rule that runs on a schedule".
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from stoker.neighbours.inside_calls import CallRefusedError, NodeCalls
from stoker.neighbours.telling import tell
from stoker.recurrence.errors import ExpressionError
from stoker.recurrence.expressions import rule_expression

NODE_SERVICE = "schedules"
BUS = "default"
# moto's methods that change a rule, by where the rule's name (or ARN) is among their arguments.
_CHANGES = {
    "put_rule": "name",
    "delete_rule": "name",
    "enable_rule": "name",
    "disable_rule": "name",
    "put_targets": "name",
    "remove_targets": "name",
    "tag_resource": "arn",
    "untag_resource": "arn",
}


def attach(calls: NodeCalls) -> None:
    """Change moto's EventBridge, in this process."""
    from moto.events.models import EventsBackend, events_backends

    kept = _Kept(calls)
    kept.put_back(events_backends)
    EventsBackend.put_rule = _checking(EventsBackend.put_rule)
    for method, argument in _CHANGES.items():
        setattr(EventsBackend, method, kept.telling(getattr(EventsBackend, method), argument))


class _Kept:
    """What the node knows."""

    def __init__(self, calls: NodeCalls) -> None:
        self._calls = calls
        self._known: set[tuple[str, str, str]] = set()

    def put_back(self, backends: Any) -> None:
        """Other services load EventBridge as well, so that they go on without, if need be."""
        try:
            rules = self._calls.call("", "", "List", {}, service=NODE_SERVICE)["Rules"]
        except CallRefusedError as error:
            tell(f"rules with a schedule go on, but are not shown: {error}")
            return
        for kept in rules:
            account_id, region, rule = kept["AccountId"], kept["Region"], kept["Rule"]
            backend = backends[account_id][region]
            backend.put_rule(
                rule["Name"],
                description=rule.get("Description"),
                event_pattern=rule.get("EventPattern"),
                role_arn=rule.get("RoleArn"),
                scheduled_expression=rule["ScheduleExpression"],
                state=rule["State"],
                managed_by=rule.get("ManagedBy"),
                tags=rule["Tags"],
            )
            backend.put_targets(rule["Name"], None, rule["Targets"])
            self._known.add((account_id, region, rule["Name"]))

    def telling(self, change: Callable[..., Any], argument: str) -> Callable[..., Any]:
        """`change`, and then the node is told what has become of the rule."""

        @wraps(change)
        def change_and_tell(backend: Any, *given: Any, **named: Any) -> Any:
            answer = change(backend, *given, **named)
            name = str(named[argument] if argument in named else given[0])
            self._tell(backend, name.rpartition("/")[2])
            return answer

        return change_and_tell

    def _tell(self, backend: Any, name: str) -> None:
        """Rules without a schedule are nobody's business but moto's."""
        where = (backend.account_id, backend.region_name)
        rule = backend.event_buses[BUS].rules.get(name)
        if rule is not None and rule.scheduled_expression:
            self._calls.call(*where, "Keep", _whole(backend, rule), service=NODE_SERVICE)
            self._known.add((*where, name))
        elif (*where, name) in self._known:
            self._calls.call(*where, "Forget", {"Name": name}, service=NODE_SERVICE)
            self._known.discard((*where, name))


def _whole(backend: Any, rule: Any) -> Mapping[str, Any]:
    """All that is needed to make it again."""
    return {
        **{name: value for name, value in rule.describe().items() if name in _DESCRIBED},
        "Targets": rule.targets,
        "Tags": backend.tagger.list_tags_for_resource(rule.arn)["Tags"],
    }


_DESCRIBED = frozenset({"Name", "Description", "EventPattern", "RoleArn", "ScheduleExpression", "State", "ManagedBy"})


def _checking(put_rule: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(put_rule)
    def check_and_put(self: Any, name: str, *given: Any, **named: Any) -> Any:
        """moto looks at the form of an expression only."""
        from moto.events.exceptions import ValidationException

        expression = named.get("scheduled_expression")
        if expression:
            try:
                rule_expression(expression)
            except ExpressionError:
                raise ValidationException("Parameter ScheduleExpression is not valid.") from None
        return put_rule(self, name, *given, **named)

    return check_and_put
