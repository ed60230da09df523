"""Names and ARNs: which may be given, and how new ones are made."""

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from stoker.lambda_model.call import Caller
from stoker.load_balancers.errors import BalancerError, invalid
from stoker.load_balancers.records import resource_of

TAGS_MAX = 50
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")


def check_name(what: str, name: str) -> None:
    """Raises ValidationError. `what`: "Load balancer", "Target group"."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"{what} name '{name[:64]}' must have at most 32 characters, all of them letters, digits and hyphens, and "
            "neither begin nor end with a hyphen"
        )
    if what == "Load balancer" and name.startswith("internal-"):
        raise invalid(f"Load balancer name '{name}' cannot begin with 'internal-'")


def place(caller: Caller) -> tuple[str, str]:
    """Whose resources a caller sees, and where."""
    return caller.account_id, caller.region


def new_id() -> str:
    """Sixteen hexadecimal digits."""
    return os.urandom(8).hex()


def balancer_arn(caller: Caller, name: str) -> str:
    return _arn(caller, f"loadbalancer/app/{name}/{new_id()}")


def target_group_arn(caller: Caller, name: str) -> str:
    return _arn(caller, f"targetgroup/{name}/{new_id()}")


def listener_arn(caller: Caller, load_balancer_arn: str) -> str:
    return _arn(caller, f"listener/{resource_of(load_balancer_arn)}/{new_id()}")


def rule_arn(caller: Caller, of_listener: str) -> str:
    return _arn(caller, f"listener-rule/{resource_of(of_listener)}/{new_id()}")


def _arn(caller: Caller, resource: str) -> str:
    return f"arn:aws:elasticloadbalancing:{caller.region}:{caller.account_id}:{resource}"


def dns_name(endpoint: str) -> str:
    """The name by which who reached the node at `endpoint` reaches its listeners, too (decision 59)."""
    return urlsplit(endpoint).hostname or "localhost"


def read_tags(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Raises DuplicateTagKeys and TooManyTags."""
    pairs = [(tag["Key"], tag.get("Value") or "") for tag in given]
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise BalancerError("DuplicateTagKeys", "Tag keys must be unique")
    return within_limit(tags)


def within_limit(tags: dict[str, str]) -> dict[str, str]:
    """Raises TooManyTags."""
    if len(tags) > TAGS_MAX:
        raise BalancerError("TooManyTags", f"A resource has at most {TAGS_MAX} tags")
    return tags
