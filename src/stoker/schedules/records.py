"""Schedules, rules with a schedule, and what they send, as others may hold them.

`document` is in all of them what the API was given, in AWS's words, with a few members of our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["rule", "schedule"]
DEFAULT_GROUP = "default"


class EntryKey(NamedTuple):
    """Whose, and which. Rules are in the group "default": only the default bus has any with a schedule."""

    kind: Kind
    account_id: str
    region: str
    group: str
    name: str

    @property
    def arn(self) -> str:
        if self.kind == "rule":
            return f"arn:aws:events:{self.region}:{self.account_id}:rule/{self.name}"
        return f"arn:aws:scheduler:{self.region}:{self.account_id}:schedule/{self.group}/{self.name}"


class GroupKey(NamedTuple):
    """A schedule group, and whose it is."""

    account_id: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:scheduler:{self.region}:{self.account_id}:schedule-group/{self.name}"


@dataclass(frozen=True, slots=True)
class Due:
    """The next time that an expression names, and when it is acted on, which a flexible window may put off."""

    nominal_s: float
    due_s: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A schedule or a rule with one. `due` is None when it is disabled, or when nothing comes any more."""

    key: EntryKey
    state: str
    due: Due | None
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A schedule group; times are seconds since the epoch."""

    key: GroupKey
    created_s: float
    modified_s: float
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one target is to be given once. `target` is AWS's structure, `input` what it is given, as it is or as a
    template of EventBridge Scheduler's; `source_arn` is the schedule or the rule."""

    kind: Kind
    account_id: str
    region: str
    source_arn: str
    target: Mapping[str, Any]
    input: str
    nominal_s: float
    due_s: float
    execution_id: str
    age_max_s: int
    retries_max: int
    dead_letter_arn: str = ""

    @property
    def target_arn(self) -> str:
        arn: str = self.target["Arn"]
        return arn


@dataclass(frozen=True, slots=True)
class Queued:
    """A delivery with its number; `attempts` were made before."""

    id: int
    delivery: Delivery
    attempts: int


@dataclass(frozen=True, slots=True)
class Fired:
    """What comes of an entry whose time has come: what is to be delivered, and what is left of it (None: nothing)."""

    deliveries: tuple[Delivery, ...]
    left: Entry | None
