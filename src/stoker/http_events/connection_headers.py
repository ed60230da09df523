"""Headers that are about one connection (RFC 9110, 7.6.1), and those that a front end of AWS's says itself."""

import re
from collections.abc import Iterable

# What a function could only use to confuse whoever reads the answer.
_NOT_PASSED_ON = frozenset(
    {
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Renamed by AWS in answers. Its documentation has the list for API Gateway; that function URLs share it is unverified.
_REMAPPED = frozenset({"connection", "content-length", "date", "server", "www-authenticate", "x-amzn-requestid"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


def is_passed_to_function(name: str) -> bool:
    """Of a request's headers; `name` is in lower case."""
    return name not in _NOT_PASSED_ON and name not in ("connection", "expect")


def answer_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A function's headers as they may be sent: names in lower case. Raises ValueError for what is no header's name."""
    passed = {}
    for given, value in headers:
        name = given.lower()
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{given[:64]!r} is not the name of a header")
        if name in _NOT_PASSED_ON:
            continue
        passed[f"x-amzn-remapped-{name}" if name in _REMAPPED else name] = value
    return passed
