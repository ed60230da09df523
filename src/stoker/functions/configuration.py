"""What a function is configured to be: the members that creating and updating have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from stoker import limits
from stoker.functions.records import FileSystem, FunctionVersion, ImageConfig, LoggingConfig, SnapStart, VpcConfig


@dataclass(frozen=True, slots=True)
class Configuration:
    """The members that CreateFunction and UpdateFunctionConfiguration have in common, by the names that versions have.

    Runtime and handler are empty for an image.
    """

    runtime: str
    handler: str
    role: str
    description: str
    timeout_s: int
    memory_mb: int
    ephemeral_storage_mb: int
    environment: Mapping[str, str] | None
    tracing_mode: Literal["PassThrough", "Active"]
    logging: LoggingConfig
    vpc: VpcConfig | None
    dead_letter_target_arn: str
    kms_key_arn: str
    file_systems: tuple[FileSystem, ...]
    snap_start: SnapStart
    image_config: ImageConfig | None


_MEMBERS = tuple(field.name for field in fields(Configuration))


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
        tracing_mode="PassThrough",
        logging=LoggingConfig(f"/aws/lambda/{function_name}"),
        vpc=None,
        dead_letter_target_arn="",
        kms_key_arn="",
        file_systems=(),
        snap_start="None",
        image_config=None,
    )


def configuration_of(version: FunctionVersion) -> Configuration:
    return Configuration(**members_of(version))


def members_of(configuration: Configuration | FunctionVersion) -> dict[str, Any]:
    """The members of a configuration, by name."""
    return {name: getattr(configuration, name) for name in _MEMBERS}


def configured(version: FunctionVersion, configuration: Configuration) -> FunctionVersion:
    """`version` with another configuration."""
    return replace(version, **members_of(configuration))
