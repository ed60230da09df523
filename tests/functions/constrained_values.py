"""Input members as the service model describes them: values that keep every rule, and values that break just one."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from botocore.model import Shape
from hypothesis import strategies as st

from stoker.lambda_model.constraints import java_pattern

DEPTH_MAX = 6
LIST_MAX = 2
Example = Mapping[str, Sequence[Any]]
# What structures require inside.
_REQUIRED: Mapping[str, Any] = {
    "Arn": "arn:aws:elasticfilesystem:eu-west-1:000000000000:access-point/fsap-0123456789abcdef0",
    "LocalMountPath": "/mnt/x",
    "ApplyOn": "None",
    "CapacityProviderArn": "arn:aws:lambda:eu-west-1:000000000000:capacity-provider:x",
    "LambdaManagedInstancesCapacityProviderConfig": {
        "CapacityProviderArn": "arn:aws:lambda:eu-west-1:000000000000:capacity-provider:x"
    },
    "TenantIsolationMode": "PER_TENANT",
    "ExecutionTimeout": 1,
    "SigningProfileVersionArns": ["arn:aws:signer:eu-west-1:000000000000:/signing-profiles/p/0123456789"],
}
# What hardly any pattern lets pass.
ODD_TEXTS = ("?? *\n", "?", "", "a b", "$", "ü?", "..", "#$%^&*()", "x" * 30)
Path = str
Broken = tuple[Any, Path, str, str]
"""A value, where in it a rule is broken (as messages put it), the model's words for the rule, and whose rule it is."""


def kept(shape: Shape, examples: Example, name: str = "", depth: int = 0) -> st.SearchStrategy[Any]:
    """Any value that keeps the rules; often one of the `examples` for members of that name."""
    drawn = _kept(shape, examples, depth)
    if name not in examples:
        return drawn
    return st.sampled_from(examples[name]) if shape.type_name == "blob" else st.sampled_from(examples[name]) | drawn


def _kept(shape: Shape, examples: Example, depth: int) -> st.SearchStrategy[Any]:
    kind, metadata = shape.type_name, shape.metadata
    if kind == "structure":
        return structures(shape, examples, depth)
    if kind == "list":
        least = metadata.get("min", 0)
        most = min(metadata.get("max", LIST_MAX), max(LIST_MAX, least))
        return st.lists(kept(shape.member, examples, "", depth + 1), min_size=least, max_size=most)
    if kind == "map":
        values = kept(shape.value, examples, "", depth + 1)
        return st.dictionaries(kept(shape.key, examples), values, max_size=LIST_MAX)
    if kind in ("integer", "long"):
        least = metadata.get("min", -(2**31))
        return st.integers(least, metadata.get("max", 2**31 - 1))
    if kind in ("double", "float"):
        return st.floats(metadata.get("min", -1e9), metadata.get("max", 1e9))
    if kind == "timestamp":
        return st.integers(0, 4_000_000_000)
    if kind == "blob":
        return st.binary(max_size=40)
    return st.booleans() if kind == "boolean" else _texts(shape)


@st.composite
def structures(draw: st.DrawFn, shape: Shape, examples: Example, depth: int = 0) -> dict[str, Any]:
    """What is required, and some of the rest."""
    drawn = {}
    for name, member in shape.members.items():
        is_required = name in shape.required_members or member.serialization.get("location") == "uri"
        if is_required or (depth <= DEPTH_MAX and draw(st.integers(0, 2)) == 0):
            drawn[name] = draw(kept(member, examples, name, depth + 1))
    return drawn


def _texts(shape: Shape) -> st.SearchStrategy[str]:
    metadata = shape.metadata
    if "enum" in metadata:
        return st.sampled_from(metadata["enum"])
    return _pattern_texts(metadata.get("pattern"), metadata.get("min", 0), metadata.get("max"))


@cache
def _pattern_texts(pattern: str | None, least: int, most: int | None) -> st.SearchStrategy[str]:
    if pattern is None:
        return st.text(
            st.characters(exclude_categories=["Cs"]), min_size=least, max_size=max(least, min(most or 12, 12))
        )
    drawn = st.from_regex(java_pattern(pattern), fullmatch=True)
    return drawn.filter(lambda text: least <= len(text) <= (most or 1 << 20) and _has_bytes(text))


def _has_bytes(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def broken(shape: Shape, path: Path, simplest: Mapping[str, Any], depth: int = 0) -> list[Broken]:
    """Values that each break one rule of `shape`, at any depth. Structures have what leads there and, from `simplest`,
    what they require."""
    kind = shape.type_name
    if depth > DEPTH_MAX:
        return []
    found = [(*line, shape.name) for line in _broken_itself(shape, path)]
    if kind == "structure":
        for name, member in shape.members.items():
            inner_path = f"{path}.{name[:1].lower()}{name[1:]}"
            for value, where, words, whose in broken(member, inner_path, simplest, depth + 1):
                others = {other: {**simplest, **_REQUIRED}[other] for other in shape.required_members if other != name}
                found.append(({**others, name: value}, where, words, whose))
    elif kind == "list" and shape.member.type_name not in ("structure", "list", "map"):
        for value, _, words in _broken_itself(shape.member, path):
            if "min" not in shape.metadata or shape.metadata["min"] <= 1:
                found.append(([value], path, words, shape.member.name))
    return found


def _broken_itself(shape: Shape, path: Path) -> list[tuple[Any, Path, str]]:
    metadata, kind = shape.metadata, shape.type_name
    found: list[tuple[Any, Path, str]] = []
    if "enum" in metadata:
        return [("no such value", path, "Member must satisfy enum value set: [")]
    if kind in ("integer", "long", "double", "float"):
        shown = float if kind in ("double", "float") else int
        if "max" in metadata:
            words = f"Member must have value less than or equal to {shown(metadata['max'])}"
            found.append((metadata["max"] + 1, path, words))
        if "min" in metadata:
            words = f"Member must have value greater than or equal to {shown(metadata['min'])}"
            found.append((metadata["min"] - 1, path, words))
    if kind == "string":
        found += _broken_text(metadata, path)
    if kind == "list" and metadata.get("max", 1 << 20) < 2000 and shape.member.type_name == "string":
        good = _good_text(shape.member)
        if good is not None:
            words = f"Member must have length less than or equal to {metadata['max']}"
            found.append(([good] * (metadata["max"] + 1), path, words))
    return found


def _broken_text(metadata: Mapping[str, Any], path: Path) -> list[tuple[Any, Path, str]]:
    pattern, least, most = metadata.get("pattern"), metadata.get("min", 0), metadata.get("max")
    found: list[tuple[Any, Path, str]] = []
    if pattern is not None:
        matches = java_pattern(pattern).fullmatch
        odd = next((text for text in ODD_TEXTS if least <= len(text) <= (most or 99) and not matches(text)), None)
        if odd:
            found.append((odd, path, "Member must satisfy regular expression pattern: "))
    if most is not None and most < 10_000:
        found.append(("a" * (most + 1), path, f"Member must have length less than or equal to {most}"))
    return found


def _good_text(shape: Shape) -> str | None:
    metadata = shape.metadata
    if "enum" in metadata:
        return str(metadata["enum"][0])
    pattern = metadata.get("pattern")
    return "a" if pattern is None or re.fullmatch(java_pattern(pattern), "a") else None
