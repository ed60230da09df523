"""EventBridge: rules whose targets are functions, and those of all other kinds one by one.

Source: Amazon EventBridge User Guide, "Amazon EventBridge targets". A rule that has a schedule and no pattern meets no
event: the node makes it fire (`scheduled_rules.py`).
"""

import copy
import time
from collections.abc import Mapping
from functools import wraps
from typing import Any

from stoker.neighbours.pushes import request
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.records import DeadLetter, Push
from stoker.neighbours.pushes.target_input import FiredRule, envelope, target_input
from stoker.neighbours.telling import tell

SERVICE = "events.amazonaws.com"


def attach(line: Line) -> None:
    """Change moto's EventBridge, in this process."""
    from moto.events.models import Rule

    send_to_others = Rule.send_to_targets

    @wraps(send_to_others)
    def send_to_targets(self: Any, original_event: dict[str, Any], transform_input: bool = True) -> None:
        """moto's own asks neither whether the rule is on nor whether it has a pattern."""
        if self.state == "DISABLED" or not self.event_pattern.get_pattern():
            return
        if not self.event_pattern.matches_event(original_event):
            return
        for target in list(self.targets):
            if _is_function(target["Arn"]):
                line.push(_push_to_function(self, target, envelope(original_event)))
                continue
            alone = copy.copy(self)
            alone.targets = [target]
            try:
                send_to_others(alone, copy.deepcopy(original_event), transform_input)
            except NotImplementedError:
                tell(f"{self.arn}: targets such as {target['Arn']} are not delivered to")
            except Exception as error:  # the events are accepted whatever becomes of them
                tell(f"{self.arn}: an event for {target['Arn']} was not delivered: {error!r}")

    Rule.send_to_targets = send_to_targets


def _push_to_function(rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> Push:
    """What a rule of moto's sends to a target that is a function; `event` is an envelope.

    The function's queue never throttles, so `RetryPolicy` has nothing to do: an event is taken at once, or refused for
    good and goes to the target's dead-letter queue.
    """
    made = target_input(target, event, FiredRule(rule.arn, rule.name, time.time()))
    return Push(
        function=target["Arn"],
        kind="Event",
        payload=made,
        service=SERVICE,
        source_arn=rule.arn,
        source_account=rule.account_id,
        trace=request.trace(),
        dead_letter=_dead_letter(rule, target, made),
    )


def _dead_letter(rule: Any, target: Mapping[str, Any], made: str) -> DeadLetter | None:
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue_arn:
        return None
    return DeadLetter(queue_arn, made, {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"]}, says_why=True)


def _is_function(arn: str) -> bool:
    return arn.split(":")[2:3] == ["lambda"]
