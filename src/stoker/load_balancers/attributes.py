"""Attributes of load balancers, target groups and listeners: what AWS lists for functions, and what can be set here.

An attribute that can only have its default is listed, since clients read and write all of them; any other value of it
is refused. Source: Elastic Load Balancing API Reference, the types "…Attribute".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoker.load_balancers.errors import invalid, unsupported

IDLE_TIMEOUT = "idle_timeout.timeout_seconds"
DELETION_PROTECTION = "deletion_protection.enabled"
FORWARDED_FOR = "routing.http.xff_header_processing.mode"
MULTI_VALUE = "lambda.multi_value_headers.enabled"
SERVER_HEADER = "routing.http.response.server.enabled"
_BOOLEAN = "true|false"


@dataclass(frozen=True, slots=True)
class Attribute:
    """`allowed` is what its value may look like; None: it can only have its default."""

    default: str
    allowed: str | None = None


Known = Mapping[str, Attribute]

OF_LOAD_BALANCERS: Known = {
    "access_logs.s3.enabled": Attribute("false"),
    "access_logs.s3.bucket": Attribute(""),
    "access_logs.s3.prefix": Attribute(""),
    "client_keep_alive.seconds": Attribute("3600"),
    "connection_logs.s3.enabled": Attribute("false"),
    "connection_logs.s3.bucket": Attribute(""),
    "connection_logs.s3.prefix": Attribute(""),
    DELETION_PROTECTION: Attribute("false", _BOOLEAN),
    IDLE_TIMEOUT: Attribute("60", r"[1-9]\d{0,2}|[1-3]\d{3}|4000"),
    "load_balancing.cross_zone.enabled": Attribute("true"),
    "routing.http.desync_mitigation_mode": Attribute("defensive"),
    "routing.http.drop_invalid_header_fields.enabled": Attribute("false"),
    "routing.http.preserve_host_header.enabled": Attribute("false"),
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": Attribute("false"),
    "routing.http.xff_client_port.enabled": Attribute("false"),
    FORWARDED_FOR: Attribute("append", "append|preserve|remove"),
    "routing.http2.enabled": Attribute("true"),
    "waf.fail_open.enabled": Attribute("false"),
    "zonal_shift.config.enabled": Attribute("false"),
}
OF_TARGET_GROUPS: Known = {MULTI_VALUE: Attribute("false", _BOOLEAN)}
OF_LISTENERS: Known = {SERVER_HEADER: Attribute("true", _BOOLEAN)}


def value_of(known: Known, stored: Mapping[str, str], name: str) -> str:
    """What holds: what was set, or AWS's default."""
    return stored.get(name, known[name].default)


def shown_attributes(known: Known, stored: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value_of(known, stored, name)} for name in known]


def changed_attributes(known: Known, stored: Mapping[str, str], given: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Raises ValidationError for a value that cannot be, and refuses what is not supported."""
    changed = dict(stored)
    for attribute in given:
        name, value = attribute.get("Key") or "", attribute.get("Value") or ""
        about = known.get(name)
        if about is None:
            raise unsupported(f"the attribute {name}")
        if about.allowed is None:
            if value != about.default:
                raise unsupported(f"another value than {about.default!r} of the attribute {name}")
        elif not re.fullmatch(about.allowed, value):
            raise invalid(f"Load balancer attribute value '{value}' of '{name}' is not valid")
        changed[name] = value
    return changed
