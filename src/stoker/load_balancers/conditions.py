"""When a rule applies: conditions as requests state them, as answers show them, and whether a request meets them.

Source: Elastic Load Balancing API Reference, "RuleCondition"; User Guide, "Condition types for listener rules". That
parameters of a query are compared as they were sent, not decoded, is unverified.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from stoker.load_balancers.errors import BalancerError, invalid, unsupported
from stoker.load_balancers.records import Condition
from stoker.load_balancers.wildcards import fits

VALUES_MAX = 5  # of all conditions of a rule (quota "Condition values per rule")
LENGTH_MAX = 128
_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}
# How many conditions of a kind a rule may have; of the others any number.
_ONCE = frozenset({"host-header", "path-pattern", "http-request-method", "source-ip"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
_METHOD = re.compile(r"[A-Z_-]{1,40}")


class Facts(NamedTuple):
    """What conditions ask of a request: `host` without its port, in lower case, `headers` as they were sent."""

    method: str
    host: str
    raw_path: str
    raw_query: str
    headers: Sequence[tuple[bytes, bytes]]
    source_ip: str


def read_conditions(given: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Raises ValidationError, TooManyConditionValues…, and refuses what is not supported."""
    conditions = tuple(_read(condition) for condition in given)
    fields = [condition.field for condition in conditions]
    for field in _ONCE:
        if fields.count(field) > 1:
            raise invalid(f"A rule can only have one '{field}' condition")
    if not conditions:
        raise invalid("A rule must have at least one condition")
    if sum(len(condition.values) + len(condition.pairs) for condition in conditions) > VALUES_MAX:
        raise invalid(f"A rule can only have '{VALUES_MAX}' condition values")
    return conditions


def _read(given: Mapping[str, Any]) -> Condition:
    field = given.get("Field")
    if field is None:
        field = next((name for name, config in _CONFIGS.items() if given.get(config) is not None), None)
    if field not in _CONFIGS:
        raise invalid(f"Condition field '{field}' must be one of '[{', '.join(_CONFIGS)}]'")
    config = given.get(_CONFIGS[field]) or {}
    if given.get("RegexValues") or config.get("RegexValues"):
        raise unsupported("RegexValues in conditions")
    if field == "query-string":
        return _checked(Condition(field, pairs=_pairs(config.get("Values") or ())))
    values = tuple(config.get("Values") or given.get("Values") or ())
    header = (config.get("HttpHeaderName") or "").lower() if field == "http-header" else ""
    return _checked(Condition(field, values, header))


def _pairs(given: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    if not all(pair.get("Value") for pair in given):
        raise invalid("A query string condition needs a Value")
    return tuple((pair.get("Key") or "", pair["Value"]) for pair in given)


def _checked(condition: Condition) -> Condition:
    if not condition.values and not condition.pairs:
        raise invalid(f"A condition value must be specified for '{condition.field}'")
    texts = [*condition.values, *(text for pair in condition.pairs for text in pair)]
    if any(len(text) > LENGTH_MAX for text in texts):
        raise invalid(f"Condition values must be at most {LENGTH_MAX} characters long")
    for value in condition.values:
        if (error := _lack(condition.field, value)) is not None:
            raise error
    if condition.field == "http-header" and not _HEADER_NAME.fullmatch(condition.header):
        raise invalid("An http-header condition needs an HttpHeaderName")
    if condition.header == "host":
        raise invalid("An http-header condition cannot be for the Host header; use host-header")
    return condition


def _lack(field: str, value: str) -> BalancerError | None:
    if field == "source-ip":
        try:
            ip_network(value)
        except ValueError:
            return invalid(f"The source IP '{value}' must be in CIDR format")
        return None if "/" in value else invalid(f"The source IP '{value}' must be in CIDR format")
    if field == "http-request-method" and not _METHOD.fullmatch(value):
        return invalid(f"The method '{value}' must be of A-Z, - and _, without wildcards")
    return None


def shown_condition(condition: Condition) -> dict[str, Any]:
    """As the API shows it; the older form `Values` is there for the fields that once had no other."""
    config: dict[str, Any] = {"Values": list(condition.values)}
    if condition.field == "query-string":
        config = {
            "Values": [{"Key": key or None, "Value": value} for key, value in condition.pairs],
        }
    elif condition.field == "http-header":
        config["HttpHeaderName"] = condition.header
    shown: dict[str, Any] = {"Field": condition.field, _CONFIGS[condition.field]: config}
    if condition.field in ("host-header", "path-pattern"):
        shown["Values"] = list(condition.values)
    return shown


def are_met(conditions: Sequence[Condition], facts: Facts) -> bool:
    return all(_is_met(condition, facts) for condition in conditions)


def _is_met(condition: Condition, facts: Facts) -> bool:
    match condition.field:
        case "host-header":
            return any(fits(value.lower(), facts.host) for value in condition.values)
        case "path-pattern":
            return any(fits(value, facts.raw_path) for value in condition.values)
        case "http-request-method":
            return facts.method in condition.values
        case "source-ip":
            return _is_from(condition.values, facts.source_ip)
        case "http-header":
            return _has_header(condition, facts.headers)
    return any(_has_parameter(pair, facts.raw_query.lower()) for pair in condition.pairs)


def _has_header(condition: Condition, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    name = condition.header.encode()
    values = [value.decode("latin-1").lower() for given, value in headers if given == name]
    return any(fits(wanted.lower(), value) for wanted in condition.values for value in values)


def _has_parameter(wanted: tuple[str, str], query: str) -> bool:
    key, value = wanted[0].lower(), wanted[1].lower()
    parameters = (pair.partition("=") for pair in query.split("&") if pair)
    return any(
        (not key or fits(key, name, has_escapes=True)) and fits(value, given, has_escapes=True)
        for name, _, given in parameters
    )


def _is_from(ranges: Sequence[str], source_ip: str) -> bool:
    try:
        address = ip_address(source_ip)
    except ValueError:
        return False
    return any(address in ip_network(each) for each in ranges)
