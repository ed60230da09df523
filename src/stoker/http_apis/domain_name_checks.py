"""What API Gateway does not take of domain names and their mappings: pure functions that raise its errors.

Source: Amazon API Gateway Developer Guide, "Custom domain names for HTTP APIs" and "Map API stages to a custom domain
name".
"""

import re
from collections.abc import Mapping
from typing import Any

from stoker.http_apis.errors import invalid, refused

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})+")
_MAPPING = re.compile(r"[A-Za-z0-9$_.+!*'()/-]{1,300}")


def check_domain_name(name: str) -> None:
    """`name` is in lower case. Raises BadRequestException."""
    # The last label is no number: an address is no name, and never leads away from the node itself.
    if len(name) > 253 or not _NAME.fullmatch(name) or name.rpartition(".")[2].isdecimal():
        raise invalid(f"The domain name is not valid: {name[:256]}")
    if ".execute-api." in name or ".lambda-url." in name:
        raise invalid(f"The domain name {name} is one that API Gateway gives itself")


def check_members(members: Mapping[str, Any]) -> None:
    """Raises BadRequestException."""
    if members.get("MutualTlsAuthentication"):
        raise refused("mutual TLS (MutualTlsAuthentication)")
    if members.get("RoutingMode") not in (None, "API_MAPPING_ONLY"):
        raise refused("routing rules (RoutingMode)")
    configurations = members.get("DomainNameConfigurations")
    if configurations is not None and len(configurations) > 1:
        raise invalid("A domain name has one configuration")
    for configuration in configurations or []:
        if configuration.get("EndpointType") not in (None, "REGIONAL"):
            raise invalid("Only REGIONAL endpoints are supported for HTTP and WebSocket APIs")


def check_mapping_path(path: str) -> None:
    """Raises BadRequestException."""
    if path and (not _MAPPING.fullmatch(path) or path.startswith("/") or path.endswith("/") or "//" in path):
        raise invalid(f"API mapping key is not valid: {path[:256]}")
