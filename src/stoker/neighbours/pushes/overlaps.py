"""Whether two notifications of a bucket would get the same event, which S3 refuses: a pure function.

Source: Amazon S3 User Guide, "Configuring event notifications using object key name filtering".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Events by their full names or with a `*` at the end; an empty prefix or suffix meets every key."""

    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""


def overlap(one: Rule, other: Rule) -> str | None:
    """AWS's complaint, or None. Only rules whose prefixes and whose suffixes overlap can share an event."""
    if not any(_share(mine, theirs) for mine in one.events for theirs in other.events):
        return None
    prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    suffixes = one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
    if not (prefixes and suffixes):
        return None
    if not (one.prefix or one.suffix or other.prefix or other.suffix):
        return "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    return (
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
        "overlapping for the same event type."
    )


def _share(one: str, other: str) -> bool:
    """`s3:ObjectCreated:*` shares with `s3:ObjectCreated:Put`."""
    one_all, other_all = one.removesuffix("*"), other.removesuffix("*")
    if one.endswith("*"):
        return other_all.startswith(one_all)
    if other.endswith("*"):
        return one_all.startswith(other_all)
    return one == other
