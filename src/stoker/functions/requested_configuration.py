"""A configuration as a request changes it: the request's members over what was before.

What one member alone may be is checked against AWS's model at the front door, and the rules across members in
`configuration_rules.py`. Source: reference, control plane, 4.1; runtime side, 3.2.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stoker.errors import InvalidParameterValueException
from stoker.functions.configuration import Configuration
from stoker.functions.configuration_rules import check_rules
from stoker.functions.records import FileSystem, ImageConfig, LoggingConfig, VpcConfig
from stoker.limits import KIB

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
LEVEL_WITH_TEXT = (
    'LogLevel is not supported when LogFormat is set to "Text". '
    'Remove LogLevel from your request or change the LogFormat to "JSON" and try again.'
)

LOG_LEVEL_DEFAULT = "INFO"


def requested_configuration(
    base: Configuration, members: Mapping[str, Any], environment_bytes_max: int, *, is_image: bool = False
) -> Configuration:
    """`base` with what a request says instead. Raises InvalidParameterValueException.

    The network's `vpc_id` is not known here: `vpc.py` looks it up.
    """
    configuration = Configuration(
        runtime=_given(members, "Runtime", base.runtime),
        handler=_given(members, "Handler", base.handler),
        role=_given(members, "Role", base.role),
        description=_given(members, "Description", base.description),
        timeout_s=_given(members, "Timeout", base.timeout_s),
        memory_mb=_given(members, "MemorySize", base.memory_mb),
        ephemeral_storage_mb=_given(members.get("EphemeralStorage") or {}, "Size", base.ephemeral_storage_mb),
        environment=_environment(base.environment, members.get("Environment"), environment_bytes_max),
        tracing_mode=_given(members.get("TracingConfig") or {}, "Mode", base.tracing_mode),
        logging=_logging(base.logging, members.get("LoggingConfig") or {}),
        vpc=_vpc(base.vpc, members.get("VpcConfig")),
        dead_letter_target_arn=_dead_letter_target(base.dead_letter_target_arn, members.get("DeadLetterConfig")),
        kms_key_arn=_given(members, "KMSKeyArn", base.kms_key_arn),
        file_systems=_file_systems(base.file_systems, members.get("FileSystemConfigs")),
        snap_start=_given(members.get("SnapStart") or {}, "ApplyOn", base.snap_start),
        image_config=_image_config(base.image_config, members.get("ImageConfig")),
    )
    check_rules(configuration, members, is_image=is_image)
    return configuration


def _given(members: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = members.get(name)
    return otherwise if value is None else value


def _environment(
    base: Mapping[str, str] | None, given: Mapping[str, Any] | None, bytes_max: int
) -> Mapping[str, str] | None:
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
    if len(measured.encode()) > bytes_max:
        shown = f"{bytes_max} byte" if bytes_max % KIB else f"{bytes_max // KIB}KB"
        raise InvalidParameterValueException(
            f"{ENVIRONMENT_REFUSED}exceeded the {shown} limit. String measured: {measured}"
        )
    return variables


def _dead_letter_target(base: str, given: Mapping[str, Any] | None) -> str:
    """An empty structure, or an empty ARN, removes the target."""
    return base if given is None else given.get("TargetArn") or ""


def _vpc(base: VpcConfig | None, given: Mapping[str, Any] | None) -> VpcConfig | None:
    """Empty lists leave the VPC."""
    if given is None:
        return base
    base = base or VpcConfig()
    subnets, groups = given.get("SubnetIds"), given.get("SecurityGroupIds")
    return VpcConfig(
        base.subnet_ids if subnets is None else tuple(subnets),
        base.security_group_ids if groups is None else tuple(groups),
        ipv6_allowed=_given(given, "Ipv6AllowedForDualStack", base.ipv6_allowed),
    )


def _file_systems(base: tuple[FileSystem, ...], given: Sequence[Mapping[str, str]] | None) -> tuple[FileSystem, ...]:
    if given is None:
        return base
    return tuple(FileSystem(members["Arn"], members["LocalMountPath"]) for members in given)


def _image_config(base: ImageConfig | None, given: Mapping[str, Any] | None) -> ImageConfig | None:
    """An empty structure removes all that was said before."""
    if given is None:
        return base
    entry_point, command = given.get("EntryPoint"), given.get("Command")
    config = ImageConfig(
        None if entry_point is None else tuple(entry_point),
        None if command is None else tuple(command),
        given.get("WorkingDirectory"),
    )
    return None if config == ImageConfig() else config


def _logging(base: LoggingConfig, given: Mapping[str, Any]) -> LoggingConfig:
    """Partial updates merge. JSON always has both levels, Text never."""
    log_group = given.get("LogGroup") or base.log_group
    log_format = given.get("LogFormat") or base.log_format
    application, system = given.get("ApplicationLogLevel"), given.get("SystemLogLevel")
    if log_format == "Text":
        if application or system:
            raise InvalidParameterValueException(LEVEL_WITH_TEXT)
        return LoggingConfig(log_group)
    return LoggingConfig(
        log_group,
        "JSON",
        application or base.application_log_level or LOG_LEVEL_DEFAULT,
        system or base.system_log_level or LOG_LEVEL_DEFAULT,
    )
