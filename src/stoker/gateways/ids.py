"""Ids in the form that API Gateway gives them: short, of digits and small letters."""

import secrets
import string
from collections.abc import Container

API_LENGTH = 10
_LETTERS = string.ascii_lowercase + string.digits


def new_id(length: int, taken: Container[str] = ()) -> str:
    """One that is not `taken`."""
    while True:
        made = "".join(secrets.choice(_LETTERS) for _ in range(length))
        if made not in taken:
            return made
