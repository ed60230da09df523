"""A custom domain name, as the other rooms hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class DomainNameKey(NamedTuple):
    """The name alone says which of the node it is; it is in lower case, and may begin with `*.`."""

    account_id: str
    region: str
    name: str


@dataclass(frozen=True, slots=True)
class ApiMapping:
    """`path` is the beginning of a request's path that leads to the stage, without slashes at its ends; empty for all
    paths."""

    api_id: str
    stage: str
    path: str


@dataclass(frozen=True, slots=True)
class DomainName:
    """`document` has the members that its API gives it, by AWS's names; mappings are by id."""

    key: DomainNameKey
    document: Mapping[str, Any]
    mappings: Mapping[str, ApiMapping] = field(default_factory=dict)
