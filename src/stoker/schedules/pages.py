"""Answers in pages. A token names the last that was given, so that it survives what comes and goes."""

import base64
import binascii
import json

from stoker.schedules.errors import invalid

PAGE_MAX = 100


def token_of(group: str, name: str) -> str:
    """For what comes after that name in that group."""
    return base64.urlsafe_b64encode(json.dumps([group, name]).encode()).decode()


def place_of(token: str | None) -> tuple[str, str]:
    """The group and the name; empty ones without a token. Raises ValidationException."""
    if token is None:
        return "", ""
    try:
        group, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise invalid("The NextToken is not valid.") from None
    return str(group), str(name)
