"""Rules across the members of a function's configuration. Source: reference, control plane, 4.1.

Texts marked as reported are AWS's as its users quote them; the reference has none.
"""

from collections.abc import Mapping
from typing import Any

from stoker.arn import split_arn
from stoker.errors import InvalidParameterValueException
from stoker.functions.configuration import Configuration

MANDATORY = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
# Reported.
NOT_FOR_IMAGES = "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
# Ours: the reference has no text.
ONLY_FOR_IMAGES = "ImageConfig is not supported for functions created with deployment packages."

SNAP_START_TMP_MB_MAX = 512
# The managed runtimes whose clients know the restore phase, beside every version of Python from 3.12 on.
_SNAP_START_RUNTIMES = frozenset({"java11", "java17", "java21", "java25", "dotnet8", "dotnet10"})
_SNAP_START_PYTHON_MINOR_MIN = 12
# They match the model's pattern.
_NO_MOUNT_PATHS = frozenset({"/mnt/.", "/mnt/.."})
_DEAD_LETTER_SERVICES = frozenset({"sqs", "sns"})


def check_rules(configuration: Configuration, members: Mapping[str, Any], *, is_image: bool) -> None:
    """Raise InvalidParameterValueException for what does not go together; `members` are the request's own."""
    _check_package(configuration, members, is_image=is_image)
    _check_snap_start(configuration, is_image=is_image)
    _check_file_systems(configuration)
    _check_dead_letter_target(configuration.dead_letter_target_arn)


def _check_package(configuration: Configuration, members: Mapping[str, Any], *, is_image: bool) -> None:
    if is_image:
        if any(members.get(name) for name in ("Runtime", "Handler", "Layers")):
            raise InvalidParameterValueException(NOT_FOR_IMAGES)
    elif not configuration.runtime or not configuration.handler:
        raise InvalidParameterValueException(MANDATORY)
    elif configuration.image_config is not None:
        raise InvalidParameterValueException(ONLY_FOR_IMAGES)


def _check_snap_start(configuration: Configuration, *, is_image: bool) -> None:
    if configuration.snap_start == "None":
        return
    if is_image or not _can_snap_start(configuration.runtime):
        subject = "Image" if is_image else configuration.runtime
        raise InvalidParameterValueException(f"{subject} is not supported for SnapStart enabled functions.")
    if configuration.file_systems:
        raise InvalidParameterValueException("EFS is not supported for SnapStart enabled functions.")
    if configuration.ephemeral_storage_mb > SNAP_START_TMP_MB_MAX:
        raise InvalidParameterValueException(
            f"Ephemeral storage above {SNAP_START_TMP_MB_MAX} MB is not supported for SnapStart enabled functions."
        )


def _can_snap_start(runtime: str) -> bool:
    minor = runtime.removeprefix("python3.")
    if minor != runtime:
        return minor.isdecimal() and int(minor) >= _SNAP_START_PYTHON_MINOR_MIN
    return runtime in _SNAP_START_RUNTIMES


def _check_file_systems(configuration: Configuration) -> None:
    for file_system in configuration.file_systems:
        if configuration.vpc is None or not configuration.vpc.subnet_ids:
            raise InvalidParameterValueException(  # reported
                f"Function must be configured to execute in a VPC to reference access point {file_system.arn}"
            )
        if file_system.local_mount_path in _NO_MOUNT_PATHS:
            raise InvalidParameterValueException(  # ours
                f"LocalMountPath {file_system.local_mount_path} is no directory of its own below /mnt."
            )


def _check_dead_letter_target(arn: str) -> None:
    """AWS takes standard queues and topics (reference: invocation, 2.1); the texts are ours."""
    if not arn:
        return
    parts = split_arn(arn)
    if parts is None or parts.service not in _DEAD_LETTER_SERVICES:
        raise InvalidParameterValueException(
            f"Invalid dead letter ARN: {arn} is neither an SQS queue nor an SNS topic."
        )
    if parts.resource.endswith(".fifo"):
        raise InvalidParameterValueException(f"Invalid dead letter ARN: {arn} is a FIFO queue or topic.")
