"""Which bodies are text in an event, and which are base64 (reference: invocation, 5.1)."""

import base64
from collections.abc import Collection

_TEXT_TYPES = frozenset(
    {
        "application/graphql",
        "application/javascript",
        "application/json",
        "application/x-javascript",
        "application/xml",
    }
)


def event_body(body: bytes, content_type: str, content_encoding: str) -> tuple[str, bool]:
    """The body as an event has it, and whether that is base64.

    By the content type: JSON, XML and `text/…` are text. What is compressed, or not UTF-8 although its type is text,
    is base64 too, since it could not come back as it was.
    """
    if content_encoding in ("", "identity") and is_text(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


def is_text(content_type: str) -> bool:
    """Whether bodies of that type are text."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))


def is_one_of(media_types: Collection[str], header: str) -> bool:
    """Whether the first type that a `Content-Type` or `Accept` header names is among an API's binaryMediaTypes.

    Those may be `*/*` or `image/*`, too (API Gateway Developer Guide, "Binary media types for REST APIs").
    """
    kind = header.partition(",")[0].partition(";")[0].strip().lower()
    if "*/*" in media_types:
        return True
    return bool(kind) and any(kind == known or f"{kind.partition('/')[0]}/*" == known for known in media_types)
