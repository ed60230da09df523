"""What is configured of health checks: read, checked and shown. Source: User Guide, "Lambda functions as targets"."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stoker.load_balancers.errors import invalid, refuse
from stoker.load_balancers.records import HealthCheck

_STATUSES = re.compile(r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*")
_PATH_LENGTH_MAX = 1024


def changed_health_check(before: HealthCheck, members: Mapping[str, Any]) -> HealthCheck:
    """With what CreateTargetGroup or ModifyTargetGroup say of it. Raises ValidationError."""
    refuse(members, ("HealthCheckProtocol", "HealthCheckPort"))
    matcher = members.get("Matcher") or {}
    refuse(matcher, ("GrpcCode",))
    given = {
        "is_enabled": members.get("HealthCheckEnabled"),
        "path": members.get("HealthCheckPath"),
        "interval_s": members.get("HealthCheckIntervalSeconds"),
        "timeout_s": members.get("HealthCheckTimeoutSeconds"),
        "healthy_count": members.get("HealthyThresholdCount"),
        "unhealthy_count": members.get("UnhealthyThresholdCount"),
        "statuses": matcher.get("HttpCode"),
    }
    changed = replace(before, **{name: value for name, value in given.items() if value is not None})
    if changed.timeout_s >= changed.interval_s:
        raise invalid("Health check timeout must be smaller than the interval")
    if not changed.path.startswith("/") or len(changed.path) > _PATH_LENGTH_MAX:
        raise invalid("Health check path must begin with a slash and have at most 1024 characters")
    if not _STATUSES.fullmatch(changed.statuses):
        raise invalid(f"Health check matcher '{changed.statuses[:64]}' must be of codes from 200 to 499: '200,301-302'")
    return changed


def shown_health_check(check: HealthCheck) -> dict[str, Any]:
    return {
        "HealthCheckEnabled": check.is_enabled,
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": check.interval_s,
        "HealthCheckTimeoutSeconds": check.timeout_s,
        "HealthyThresholdCount": check.healthy_count,
        "UnhealthyThresholdCount": check.unhealthy_count,
        "Matcher": {"HttpCode": check.statuses},
    }


def is_healthy(statuses: str, status: int) -> bool:
    """Whether `status` is among `200,301-302`."""
    for part in statuses.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
