"""Names that API Gateway gives to what it makes, of the lengths that AWS's have."""

import secrets
import string
from collections.abc import Container

API_ID_LENGTH = 10
PART_ID_LENGTH = 7
DEPLOYMENT_ID_LENGTH = 6
_CHARACTERS = string.ascii_lowercase + string.digits


def new_id(length: int, taken: Container[str] = ()) -> str:
    """Letters and digits, none of those that are taken."""
    while True:
        made = "".join(secrets.choice(_CHARACTERS) for _ in range(length))
        if made not in taken:
            return made
