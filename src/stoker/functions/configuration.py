"""What a function is configured to be: the request's members over what was before, and the rules across members.

What one member alone may be is checked against AWS's model at the front door. Source: reference, control plane, 4.1;
runtime side, 3.2.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stoker import limits
from stoker.errors import InvalidParameterValueException, ValidationException
from stoker.functions.records import FunctionVersion, LoggingConfig

RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
    }
)
ENVIRONMENT_REFUSED = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
)
MANDATORY = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
LEVEL_WITH_TEXT = (
    'LogLevel is not supported when LogFormat is set to "Text". '
    'Remove LogLevel from your request or change the LogFormat to "JSON" and try again.'
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The members that CreateFunction and UpdateFunctionConfiguration have in common."""

    runtime: str
    handler: str
    role: str
    description: str
    timeout_s: int
    memory_mb: int
    ephemeral_storage_mb: int
    environment: Mapping[str, str] | None
    logging: LoggingConfig


def default_configuration(function_name: str) -> Configuration:
    """What AWS assumes where a request says nothing; runtime, handler and role it does not assume."""
    return Configuration(
        runtime="",
        handler="",
        role="",
        description="",
        timeout_s=limits.TIMEOUT_S_DEFAULT,
        memory_mb=limits.MEMORY_MB_DEFAULT,
        ephemeral_storage_mb=limits.EPHEMERAL_STORAGE_MB_DEFAULT,
        environment=None,
        logging=LoggingConfig(f"/aws/lambda/{function_name}"),
    )


def configuration_of(version: FunctionVersion) -> Configuration:
    return Configuration(
        runtime=version.runtime,
        handler=version.handler,
        role=version.role,
        description=version.description,
        timeout_s=version.timeout_s,
        memory_mb=version.memory_mb,
        ephemeral_storage_mb=version.ephemeral_storage_mb,
        environment=version.environment,
        logging=version.logging,
    )


def configured(version: FunctionVersion, configuration: Configuration) -> FunctionVersion:
    """`version` with another configuration."""
    return replace(
        version,
        runtime=configuration.runtime,
        handler=configuration.handler,
        role=configuration.role,
        description=configuration.description,
        timeout_s=configuration.timeout_s,
        memory_mb=configuration.memory_mb,
        ephemeral_storage_mb=configuration.ephemeral_storage_mb,
        environment=configuration.environment,
        logging=configuration.logging,
    )


def requested_configuration(base: Configuration, members: Mapping[str, Any]) -> Configuration:
    """`base` with what a request says instead. Raises InvalidParameterValueException and ValidationException."""
    _check_maximum(members.get("Timeout"), "timeout", limits.TIMEOUT_S_MAX)
    _check_maximum(members.get("MemorySize"), "memorySize", limits.MEMORY_MB_MAX)
    storage = members.get("EphemeralStorage") or {}
    configuration = Configuration(
        runtime=_given(members, "Runtime", base.runtime),
        handler=_given(members, "Handler", base.handler),
        role=_given(members, "Role", base.role),
        description=_given(members, "Description", base.description),
        timeout_s=_given(members, "Timeout", base.timeout_s),
        memory_mb=_given(members, "MemorySize", base.memory_mb),
        ephemeral_storage_mb=_given(storage, "Size", base.ephemeral_storage_mb),
        environment=_environment(base.environment, members.get("Environment")),
        logging=_logging(base.logging, members.get("LoggingConfig") or {}),
    )
    if not configuration.runtime or not configuration.handler:
        raise InvalidParameterValueException(MANDATORY)
    return configuration


def _given(members: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = members.get(name)
    return otherwise if value is None else value


def _check_maximum(value: int | None, member: str, maximum: int) -> None:
    """AWS's model states the higher limits of managed instances, which Stoker does not have."""
    if value is not None and value > maximum:
        raise ValidationException(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must have value less than or equal to {maximum}"
        )


def _environment(base: Mapping[str, str] | None, given: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    if given is None:
        return base
    variables: dict[str, str] = dict(given.get("Variables") or {})
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        raise InvalidParameterValueException(
            f"{ENVIRONMENT_REFUSED}contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > limits.ENVIRONMENT_BYTES_MAX:
        raise InvalidParameterValueException(
            f"{ENVIRONMENT_REFUSED}exceeded the 4KB limit. String measured: {measured}"
        )
    return variables


def _logging(base: LoggingConfig, given: Mapping[str, Any]) -> LoggingConfig:
    """Partial updates merge. Only the Text format gets here, and it has no levels."""
    if given.get("ApplicationLogLevel") or given.get("SystemLogLevel"):
        raise InvalidParameterValueException(LEVEL_WITH_TEXT)
    return replace(base, log_group=given.get("LogGroup") or base.log_group)
