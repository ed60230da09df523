"""How long ids are, as those of AWS, and the values of API keys."""

import secrets
import string

KEY_LENGTH = 10
PART_LENGTH = 6
# An API key's value (API Gateway Developer Guide: at least 20 characters; AWS makes 40).
KEY_VALUE_LENGTH = 40


def new_key_value() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(KEY_VALUE_LENGTH))
