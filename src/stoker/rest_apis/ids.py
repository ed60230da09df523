"""Ids in the form that AWS gives them: short, of digits and small letters."""

import secrets
import string
from collections.abc import Container

_LETTERS = string.ascii_lowercase + string.digits
API_LENGTH = 10
KEY_LENGTH = 10
PART_LENGTH = 6
# An API key's value (API Gateway Developer Guide: at least 20 characters; AWS makes 40).
KEY_VALUE_LENGTH = 40


def new_id(length: int = PART_LENGTH, taken: Container[str] = ()) -> str:
    """One that is not `taken`."""
    while True:
        made = "".join(secrets.choice(_LETTERS) for _ in range(length))
        if made not in taken:
            return made


def new_key_value() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(KEY_VALUE_LENGTH))
