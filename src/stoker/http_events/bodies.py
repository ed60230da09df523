"""Which bodies are text in an event, and which are base64 (reference: invocation, 5.1)."""

import base64

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
