"""IoT: what is published by HTTP goes through the rules whose actions are functions. There is no MQTT here.

Source: AWS IoT Core Developer Guide, "Rules for AWS IoT" and "Lambda".
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from stoker.neighbours.pushes import request
from stoker.neighbours.pushes.iot_sql import SqlError, parse
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.records import Push

SERVICE = "iot.amazonaws.com"


def attach(line: Line) -> None:
    """Change moto's IoT, in this process."""
    from moto.iot.models import IoTBackend
    from moto.iotdata.models import IoTDataPlaneBackend

    IoTBackend.create_topic_rule = _reading(IoTBackend.create_topic_rule)
    IoTDataPlaneBackend.publish = _firing(line, IoTDataPlaneBackend.publish)


def _reading(create: Callable[..., None]) -> Callable[..., None]:
    @wraps(create)
    def read_and_create(self: Any, rule_name: str, sql: str, **members: Any) -> None:
        """A rule that calls a function is refused now, rather than never fired."""
        if any("lambda" in action for action in members.get("actions") or ()):
            try:
                parse(sql)
            except SqlError as error:
                raise _refusal(str(error)) from None
        create(self, rule_name, sql, **members)

    return read_and_create


def _firing(line: Line, publish: Callable[..., None]) -> Callable[..., None]:
    @wraps(publish)
    def publish_and_fire(self: Any, topic: str, payload: bytes) -> None:
        publish(self, topic, payload)
        for rule in list(self.iot_backend.rules.values()):
            functions = [action["lambda"]["functionArn"] for action in rule.actions if "lambda" in action]
            if rule.rule_disabled or not functions:
                continue
            event = parse(rule.sql).result(topic, payload)
            for function in functions if event is not None else ():
                line.push(_push(rule, function, event or ""))

    return publish_and_fire


def _push(rule: Any, function: str, event: str) -> Push:
    return Push(function, "Event", event, rule.account_id, SERVICE, rule.arn, request.trace())


def _refusal(message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    error: Exception = JsonRESTError("SqlParseException", message)
    return error
