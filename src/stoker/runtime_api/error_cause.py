"""An error and its cause for X-Ray in one document, as `application/vnd.aws.lambda.error.cause+json` has them.

Source: reference, runtime side, 2.3; the members are those of AWS's runtime clients.
"""

import json


def divided(document: bytes) -> tuple[bytes, bytes]:
    """The error for the caller, and the cause; what is no such document is all error."""
    try:
        members = json.loads(document)
        cause = members.pop("errorCause")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return document, b""
    return _encoded(members), _encoded(cause)


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
