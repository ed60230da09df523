"""What a rule does: actions as requests state them and as answers show them.

Source: Elastic Load Balancing API Reference, "Action" and the types below it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stoker.load_balancers.errors import BalancerError, invalid, unsupported
from stoker.load_balancers.records import Action, FixedResponse, Redirect, WeightedGroup

GROUPS_MAX = 5
WEIGHT_MAX = 999
BODY_CHARACTERS_MAX = 1024
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
_REDIRECTED = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}
_FIXED_STATUS = re.compile(r"[245][0-9]{2}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


def read_action(given: Sequence[Mapping[str, Any]]) -> Action:
    """The one action of a rule. Raises ValidationError, TooManyActions, and refuses what is not supported."""
    for action in given:
        if action["Type"] not in ("forward", "redirect", "fixed-response"):
            raise unsupported(f"actions of the type {action['Type']}")
    if len(given) != 1:
        raise BalancerError("TooManyActions", "A rule has exactly one forward, redirect or fixed-response action")
    action = given[0]
    match action["Type"]:
        case "forward":
            return _forward(action)
        case "redirect":
            return Action(redirect=_redirect(_config(action, "RedirectConfig")))
    return Action(fixed_response=_fixed_response(_config(action, "FixedResponseConfig")))


def _config(action: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    config: Mapping[str, Any] | None = action.get(name)
    if config is None:
        raise invalid(f"An action of the type {action['Type']} needs {name}")
    return config


def _forward(action: Mapping[str, Any]) -> Action:
    config = action.get("ForwardConfig") or {}
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    if stickiness.get("Enabled"):
        raise unsupported("TargetGroupStickinessConfig")
    groups = tuple(_weighted(group) for group in config.get("TargetGroups") or ())
    short: str | None = action.get("TargetGroupArn")
    if not groups:
        if short is None:
            raise invalid("A forward action needs a target group")
        return Action(forward=(WeightedGroup(short),))
    if short is not None and [group.target_group_arn for group in groups] != [short]:
        raise invalid("TargetGroupArn and ForwardConfig must name the same target group")
    if len(groups) > GROUPS_MAX:
        raise invalid(f"A forward action has at most {GROUPS_MAX} target groups")
    return Action(forward=groups)


def _weighted(given: Mapping[str, Any]) -> WeightedGroup:
    weight = given.get("Weight")
    weight = 1 if weight is None else weight
    if not given.get("TargetGroupArn") or not 0 <= weight <= WEIGHT_MAX:
        raise invalid(f"A target group of a forward action has an ARN, and a weight from 0 to {WEIGHT_MAX}")
    return WeightedGroup(given["TargetGroupArn"], weight)


def _redirect(config: Mapping[str, Any]) -> Redirect:
    parts = {name: config.get(name) or default for name, default in _REDIRECTED.items()}
    if config.get("Query") == "":
        parts["Query"] = ""
    if all(parts[name] == _REDIRECTED[name] for name in ("Protocol", "Port", "Host", "Path")):
        raise invalid("A redirect must change at least one of protocol, port, host and path, or it would not end")
    if parts["Port"] != "#{port}" and (not _PORT.fullmatch(parts["Port"]) or int(parts["Port"]) > 65_535):
        raise invalid("The port of a redirect must be from 1 to 65535 or #{port}")
    if parts["Protocol"] not in ("HTTP", "HTTPS", "#{protocol}"):
        raise invalid("The protocol of a redirect must be HTTP, HTTPS or #{protocol}")
    if not parts["Path"].startswith("/"):
        raise invalid("The path of a redirect must start with a slash")
    status = int(config["StatusCode"].removeprefix("HTTP_"))
    return Redirect(parts["Protocol"], parts["Port"], parts["Host"], parts["Path"], parts["Query"], status)


def _fixed_response(config: Mapping[str, Any]) -> FixedResponse:
    status, body = config["StatusCode"], config.get("MessageBody") or ""
    content_type = config.get("ContentType") or "text/plain"
    if not _FIXED_STATUS.fullmatch(status):
        raise invalid("The status code of a fixed response must be 2XX, 4XX or 5XX")
    if content_type not in CONTENT_TYPES:
        raise invalid(f"The content type of a fixed response must be one of {', '.join(CONTENT_TYPES)}")
    if len(body) > BODY_CHARACTERS_MAX:
        raise invalid(f"The body of a fixed response has at most {BODY_CHARACTERS_MAX} characters")
    return FixedResponse(int(status), content_type, body)


def shown_action(action: Action) -> dict[str, Any]:
    """As the API shows it."""
    if action.redirect is not None:
        redirect = action.redirect
        return {
            "Type": "redirect",
            "Order": 1,
            "RedirectConfig": {
                "Protocol": redirect.protocol,
                "Port": redirect.port,
                "Host": redirect.host,
                "Path": redirect.path,
                "Query": redirect.query,
                "StatusCode": f"HTTP_{redirect.status}",
            },
        }
    if action.fixed_response is not None:
        fixed = action.fixed_response
        config = {"StatusCode": str(fixed.status), "ContentType": fixed.content_type, "MessageBody": fixed.body}
        return {"Type": "fixed-response", "Order": 1, "FixedResponseConfig": config}
    groups = [{"TargetGroupArn": group.target_group_arn, "Weight": group.weight} for group in action.forward]
    shown: dict[str, Any] = {
        "Type": "forward",
        "Order": 1,
        "ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": False}},
    }
    if len(groups) == 1:
        shown["TargetGroupArn"] = action.forward[0].target_group_arn
    return shown
