"""IAM policy documents that authorizer functions return: whether they let a request pass. A pure function.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements"; Amazon API Gateway Developer Guide,
"Output from an API Gateway Lambda authorizer".
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

INVOKE = "execute-api:Invoke"

Facts = Mapping[str, str]
"""What conditions ask for, by key in lower case (`aws:sourceip`)."""


def allows(policy: Any, resource: str, facts: Facts) -> bool:
    """Whether the document lets `resource` (`arn:aws:execute-api:…/stage/GET/path`) be invoked.

    What is explicitly denied is; what is not allowed is, too. Raises ValueError for what is no policy document.
    """
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not all(isinstance(statement, dict) for statement in statements):
        raise ValueError("the policy document has no statements")
    effects = {statement.get("Effect") for statement in statements if _applies(statement, resource, facts)}
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Mapping[str, Any], resource: str, facts: Facts) -> bool:
    return (
        _matches(statement, "Action", INVOKE.lower(), str.lower)
        and _matches(statement, "Resource", resource, str)
        and _conditions_are_met(statement, facts)
    )


def _matches(statement: Mapping[str, Any], element: str, value: str, fold: Callable[[str], str]) -> bool:
    """`Action`, or its opposite `NotAction`, and likewise `Resource`."""
    for name, wanted in ((element, True), (f"Not{element}", False)):
        if name in statement:
            return any(_pattern(fold(pattern)).fullmatch(value) for pattern in _texts(statement[name])) is wanted
    raise ValueError(f"a statement has no {element}")


def _conditions_are_met(statement: Mapping[str, Any], facts: Facts) -> bool:
    """An operator that is not known here is met by nobody where something is allowed, by all where it is denied."""
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, dict) or not all(isinstance(keys, dict) for keys in conditions.values()):
        raise ValueError("a Condition is no object of objects")
    for operator, keys in conditions.items():
        test = _OPERATORS.get(operator)
        if test is None:
            return statement.get("Effect") == "Deny"
        for key, wanted in keys.items():
            fact = facts.get(key.lower())
            is_negated = operator in _NEGATED
            if fact is None:
                if not is_negated:
                    return False
                continue
            if any(test(pattern, fact) for pattern in _texts(wanted)) is is_negated:
                return False
    return True


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | bool) for item in values):
        raise ValueError("a statement's element is neither a text nor a list of texts")
    return [item if isinstance(item, str) else str(item).lower() for item in values]


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    """`*` stands for any characters, `?` for one, over all parts of an ARN."""
    parts = [re.escape(part).replace(r"\?", ".") for part in re.sub(r"\*+", "*", text).split("*")]
    if len(parts) == 1:
        return re.compile(parts[0], re.DOTALL)
    # Atomic: what lies between two stars is found once and for all, so no text makes matching take for ever.
    between = "".join(f"(?>.*?{part})" for part in parts[1:-1])
    return re.compile(f"{parts[0]}{between}.*{parts[-1]}", re.DOTALL)


def _is_like(wanted: str, fact: str) -> bool:
    return _pattern(wanted).fullmatch(fact) is not None


def _is_in_network(network: str, fact: str) -> bool:
    return ip_address(fact) in ip_network(network, strict=False)


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, fact: wanted == fact,
    "StringNotEquals": lambda wanted, fact: wanted == fact,
    "StringEqualsIgnoreCase": lambda wanted, fact: wanted.lower() == fact.lower(),
    "StringLike": _is_like,
    "StringNotLike": _is_like,
    "Bool": lambda wanted, fact: wanted.lower() == fact.lower(),
    "IpAddress": _is_in_network,
    "NotIpAddress": _is_in_network,
}
_NEGATED = frozenset({"StringNotEquals", "StringNotLike", "NotIpAddress"})
