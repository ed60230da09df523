"""A resource policy, as the other rooms hold it."""

from collections.abc import Mapping
from dataclasses import dataclass

Condition = Mapping[str, Mapping[str, str]]
"""By operator (`StringEquals`), then by key (`AWS:SourceAccount`)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that is allowed. The resource is not here: it is that of the whole policy."""

    sid: str
    principal: str | Mapping[str, str]
    action: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed with one resource, in the order in which it was added. Never empty."""

    statements: tuple[Statement, ...]
    revision_id: str
