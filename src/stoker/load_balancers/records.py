"""What there is of load balancers. Frozen: a change makes a new record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stoker.arn import split_arn


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """`created_s` is in seconds since the epoch. `attributes` are those that were set."""

    arn: str
    name: str
    scheme: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    created_s: float
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a target group looks after its function: AWS's defaults for functions."""

    is_enabled: bool = False
    path: str = "/"
    interval_s: int = 35
    timeout_s: int = 30
    healthy_count: int = 5
    unhealthy_count: int = 2
    statuses: str = "200"


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """`targets` are ARNs of functions: one at most."""

    arn: str
    name: str
    health_check: HealthCheck = HealthCheck()
    targets: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listener:
    """What it does by default is its default rule. `certificates` and `ssl_policy` are an HTTPS listener's: told, and
    not used, as the node shows its own certificate."""

    arn: str
    load_balancer_arn: str
    port: int
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    certificates: tuple[str, ...] = ()
    ssl_policy: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WeightedGroup:
    target_group_arn: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Redirect:
    """Each part but the status may name those of the request: `#{host}`."""

    protocol: str
    port: str
    host: str
    path: str
    query: str
    status: int


@dataclass(frozen=True, slots=True)
class FixedResponse:
    status: int
    content_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Action:
    """One of the three."""

    forward: tuple[WeightedGroup, ...] = ()
    redirect: Redirect | None = None
    fixed_response: FixedResponse | None = None

    @property
    def target_group_arns(self) -> frozenset[str]:
        return frozenset(group.target_group_arn for group in self.forward)


@dataclass(frozen=True, slots=True)
class Condition:
    """Met by one of `values`; of a query by one of `pairs`, whose key may be "" for any. `header` is in lower case."""

    field: str
    values: tuple[str, ...] = ()
    header: str = ""
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """`priority` is None for a listener's default rule, whose conditions are none."""

    arn: str
    listener_arn: str
    priority: int | None
    conditions: tuple[Condition, ...]
    action: Action
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> int:
        """Where it stands among its listener's rules: the default rule comes last."""
        return 1 << 20 if self.priority is None else self.priority


Record = LoadBalancer | TargetGroup | Listener | Rule


def place_of(arn: str) -> tuple[str, str]:
    """The account and the region of one of ours; empty ones for what is no ARN of this service."""
    parts = split_arn(arn)
    if parts is None or parts.service != "elasticloadbalancing":
        return "", ""
    return parts.account_id, parts.region


def resource_of(arn: str) -> str:
    """What an ARN of ours says after the account: `app/my-load-balancer/50dc6c495c0c9188` of a load balancer's."""
    parts = split_arn(arn)
    return "" if parts is None else parts.resource.partition("/")[2]
