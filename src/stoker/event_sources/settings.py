"""The settings of a mapping: a request's over the source's defaults or over what was before, and the rules across them.

What one member alone may be is checked against AWS's model at the front door. Source: reference, event sources, 1.1 and
1.4; texts that are not there are marked.
"""

from collections.abc import Mapping
from typing import Any

from stoker.errors import InvalidParameterValueException
from stoker.event_sources.filters import check_filters
from stoker.event_sources.kafka.access import check_access as check_kafka_access
from stoker.event_sources.rabbitmq.access import check_access as check_rabbitmq_access
from stoker.event_sources.records import EventSource, SourceKind
from stoker.event_sources.rules import KAFKA_CONFIGS, PROVISIONED_ONLY, RULES, SourceRules
from stoker.event_sources.source import unsupported_parameter

# What a request has besides settings.
_OTHERS = frozenset(
    {"UUID", "FunctionName", "Enabled", "Tags", "EventSourceArn", "SelfManagedEventSource", "Topics", "Queues"}
)
# Given empty, these are taken away.
_REMOVABLE = frozenset({"FilterCriteria", "ScalingConfig", "ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig"})
WINDOW_WITHOUT_WAIT_BATCH_MAX = 10
RECORD_AGE_S_MIN = 60
POSITION_MISSING = (
    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
    "Member must not be null."
)
WINDOW_NEEDED = (
    f"Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
    f"{WINDOW_WITHOUT_WAIT_BATCH_MAX}"
)


def new_settings(source: EventSource, members: Mapping[str, Any], uuid: str) -> dict[str, Any]:
    """The settings of a new mapping from `source`. Raises InvalidParameterValueException."""
    rules = RULES[source.kind]
    settings = {**rules.defaults, **_requested(rules, members)}
    _check_position(source, rules, settings)
    _check(source, rules, settings)
    if (kafka_config := KAFKA_CONFIGS.get(source.kind)) is not None:
        settings[kafka_config] = {"ConsumerGroupId": uuid, **(settings.get(kafka_config) or {})}
    if source.kind is SourceKind.DOCUMENTDB:
        _check_collection(settings)
    return settings


def changed_settings(source: EventSource, present: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """`present` with what UpdateEventSourceMapping says instead. Raises InvalidParameterValueException."""
    rules = RULES[source.kind]
    settings = {**present, **_requested(rules, members)}
    for name in _REMOVABLE & members.keys():
        if not _is_anything(members[name]):
            settings.pop(name, None)
    _check(source, rules, settings)
    return settings


def _requested(rules: SourceRules, members: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among a request's members, as they are kept."""
    requested = {}
    for name, value in members.items():
        if name in _OTHERS:
            continue
        if name == "DestinationConfig":
            value = _destinations(rules, value)
        if not rules.knows(name):
            if _is_anything(value):
                raise unsupported_parameter(name)
        elif name not in _REMOVABLE or _is_anything(value):
            requested[name] = value
    return requested


def _destinations(rules: SourceRules, given: Mapping[str, Any]) -> dict[str, Any]:
    if not rules.knows("DestinationConfig") or "OnSuccess" in given:
        raise unsupported_parameter("DestinationConfig")
    arn = (given.get("OnFailure") or {}).get("Destination")
    return {"OnFailure": {"Destination": arn} if arn else {}}


def _check_position(source: EventSource, rules: SourceRules, settings: Mapping[str, Any]) -> None:
    if not rules.positions:
        return
    position = settings.get("StartingPosition")
    if position is None:
        raise InvalidParameterValueException(POSITION_MISSING)
    if position not in rules.positions:
        raise InvalidParameterValueException(f"Unsupported starting position for arn type: {source.arn}")
    has_timestamp = settings.get("StartingPositionTimestamp") is not None
    if has_timestamp != (position == "AT_TIMESTAMP"):  # not in the reference
        raise InvalidParameterValueException(
            "StartingPositionTimestamp is required with, and only with, the starting position AT_TIMESTAMP."
        )


def _check(source: EventSource, rules: SourceRules, settings: Mapping[str, Any]) -> None:
    batch_size = settings["BatchSize"]
    if batch_size > rules.batch_size_max:  # not in the reference
        raise InvalidParameterValueException(
            f"Maximum batch size for {source.kind.value} is {rules.batch_size_max}, not {batch_size}."
        )
    _check_window(source, settings)
    age_s = settings.get("MaximumRecordAgeInSeconds", -1)
    if -1 < age_s < RECORD_AGE_S_MIN:  # not in the reference
        raise InvalidParameterValueException(
            f"Maximum record age in seconds must be -1 or at least {RECORD_AGE_S_MIN}, not {age_s}."
        )
    if "FilterCriteria" in settings:
        check_filters(settings["FilterCriteria"])
    _check_pollers(source, settings)
    if source.kind is SourceKind.MQ:
        check_rabbitmq_access(settings.get("SourceAccessConfigurations"))
    elif source.kind in KAFKA_CONFIGS:
        check_kafka_access(source.kind, settings.get("SourceAccessConfigurations") or ())


def _check_window(source: EventSource, settings: Mapping[str, Any]) -> None:
    window_s = settings.get("MaximumBatchingWindowInSeconds", 0)
    if source.kind is SourceKind.SQS_FIFO and window_s > 0:  # not in the reference
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues.")
    if source.kind is SourceKind.SQS and settings["BatchSize"] > WINDOW_WITHOUT_WAIT_BATCH_MAX and window_s == 0:
        raise InvalidParameterValueException(WINDOW_NEEDED)


def _check_pollers(source: EventSource, settings: Mapping[str, Any]) -> None:
    """None of these texts is in the reference."""
    pollers = settings.get("ProvisionedPollerConfig") or {}
    lowest, highest = pollers.get("MinimumPollers"), pollers.get("MaximumPollers")
    if lowest is not None and highest is not None and lowest > highest:
        raise InvalidParameterValueException("MinimumPollers must not be greater than MaximumPollers.")
    if pollers and settings.get("ScalingConfig"):
        raise InvalidParameterValueException("ScalingConfig cannot be combined with ProvisionedPollerConfig.")
    if source.kind in KAFKA_CONFIGS and not pollers:
        given = sorted(name for name in PROVISIONED_ONLY & settings.keys() if _is_anything(settings[name]))
        if given:
            raise InvalidParameterValueException(f"{given[0]} is only supported with ProvisionedPollerConfig.")


def _check_collection(settings: dict[str, Any]) -> None:
    given = settings.get("DocumentDBEventSourceConfig") or {}
    if not given.get("DatabaseName"):  # not in the reference
        raise InvalidParameterValueException(
            "Required 'documentDBEventSourceConfig.databaseName' parameter is missing."
        )
    settings["DocumentDBEventSourceConfig"] = {"FullDocument": "Default", **given}


def _is_anything(value: Any) -> bool:
    """Whether a member asks for something: not an empty structure, list or text, nor a switch that is off."""
    if isinstance(value, Mapping):
        return any(_is_anything(inner) for inner in value.values())
    return value not in (None, "", [], False)
