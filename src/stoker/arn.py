"""Names of Lambda's things as text: function names in every form a caller may use, and ARNs.

Pure text in, small records out; what a name means (whose account, which version) is decided by the rooms.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

FunctionArn = NewType("FunctionArn", str)

# The pattern of NamespacedFunctionName with its parts named (reference: control plane, 2).
_FUNCTION_NAME = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account_id>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    re.ASCII,
)
_ANY_ARN = re.compile(
    r"arn:(?P<partition>[^:]+):(?P<service>[^:]*):(?P<region>[^:]*):(?P<account_id>[^:]*):(?P<resource>.+)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """The parts of a function's name as a caller wrote it; what was left out is None."""

    name: str
    region: str | None = None
    account_id: str | None = None
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class Arn:
    """The six parts of any ARN; `resource` is everything after the account."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"


@lru_cache(maxsize=4096)
def split_function_name(text: str) -> FunctionName | None:
    """The parts of `name`, `name:qualifier`, `account:function:name`, `function:name` or a full ARN, else None.

    Cached, since every invocation asks: the caller has bounded the length (256 characters by the service model).
    """
    match = _FUNCTION_NAME.fullmatch(text)
    if match is None:
        return None
    return FunctionName(match["name"], match["region"], match["account_id"], match["qualifier"])


def split_arn(text: str) -> Arn | None:
    """The parts of any ARN, or None if `text` is none."""
    match = _ANY_ARN.fullmatch(text)
    return None if match is None else Arn(**match.groupdict())


def function_arn(region: str, account_id: str, name: str, qualifier: str | None = None) -> FunctionArn:
    """`arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]`."""
    suffix = f":{qualifier}" if qualifier else ""
    return FunctionArn(f"arn:aws:lambda:{region}:{account_id}:function:{name}{suffix}")


def layer_arn(region: str, account_id: str, name: str, version: int | None = None) -> str:
    """`arn:aws:lambda:<region>:<account>:layer:<name>[:<version>]`."""
    suffix = "" if version is None else f":{version}"
    return f"arn:aws:lambda:{region}:{account_id}:layer:{name}{suffix}"


def event_source_mapping_arn(region: str, account_id: str, uuid: str) -> str:
    """`arn:aws:lambda:<region>:<account>:event-source-mapping:<uuid>`."""
    return f"arn:aws:lambda:{region}:{account_id}:event-source-mapping:{uuid}"
