"""Which of moto's services push, or are kept, and what makes them: each is changed once, when moto has imported it."""

import sys
from collections.abc import Callable

from stoker.neighbours.inside_calls import NodeCalls
from stoker.neighbours.pushes import (
    event_rules,
    iot_rules,
    notifications,
    scheduled_rules,
    secret_rotation,
    state_machines,
    topics,
    user_pools,
)
from stoker.neighbours.pushes.line import Line

# By the module of moto whose import brings the service.
_SERVICES: dict[str, Callable[[Line], None]] = {
    "moto.sns.models": topics.attach,
    "moto.s3.models": notifications.attach,
    "moto.events.models": event_rules.attach,
    "moto.secretsmanager.models": secret_rotation.attach,
    "moto.stepfunctions.models": state_machines.attach,
    "moto.cognitoidp.models": user_pools.attach,
    "moto.iot.models": iot_rules.attach,
}
# What the node keeps.
_KEPT: dict[str, Callable[[NodeCalls], None]] = {"moto.events.models": scheduled_rules.attach}
_attached: set[str] = set()


def attach_loaded(line: Line, node: NodeCalls) -> None:
    """To be called when moto has made an application: one service may bring others, as CloudFormation does."""
    for module, attach in _SERVICES.items():
        if module in sys.modules and module not in _attached:
            _attached.add(module)
            attach(line)
            if module in _KEPT:
                _KEPT[module](node)
