"""What API Gateway does not take of custom domain names and base paths: pure functions that raise its errors."""

import re

from stoker.rest_apis.errors import BadRequestError

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})+")
_BASE_PATH = re.compile(r"[A-Za-z0-9$_.+!*'()-]{1,300}")


def check_domain_name(name: str) -> None:
    """`name` is in lower case. Raises BadRequestError."""
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise BadRequestError(f"The domain name is not valid: {name[:256]}")
    if ".execute-api." in name or ".lambda-url." in name:
        raise BadRequestError(f"The domain name {name} is one that AWS gives itself")


def check_base_path(path: str) -> None:
    """Raises BadRequestError. Several levels are for mappings of HTTP APIs' API."""
    if path and not _BASE_PATH.fullmatch(path):
        raise BadRequestError(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create "
            "a multi-level base path mapping, use API Gateway V2."
        )
