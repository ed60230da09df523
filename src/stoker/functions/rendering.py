"""A version as the API shows it: `FunctionConfiguration`, in the order of AWS's model."""

from typing import Any

from stoker.functions.records import FunctionVersion
from stoker.runtimes.records import RuntimeBuild
from stoker.runtimes.versions import runtime_version_arn


def listed_configuration(version: FunctionVersion, arn: str) -> dict[str, Any]:
    """As lists show it: without states and runtime version (control plane, 4.2). `arn` is what to call it."""
    return {
        "FunctionName": version.name,
        "FunctionArn": arn,
        "Runtime": version.runtime or None,
        "Role": version.role,
        "Handler": version.handler or None,
        "CodeSize": version.code.size_bytes,
        "Description": version.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mb,
        "LastModified": version.last_modified,
        "CodeSha256": version.code_sha256,
        "Version": version.version,
        "VpcConfig": _vpc(version),
        "DeadLetterConfig": {"TargetArn": version.dead_letter_target_arn} if version.dead_letter_target_arn else None,
        "Environment": None if version.environment is None else {"Variables": dict(version.environment)},
        "KMSKeyArn": version.kms_key_arn or None,
        "TracingConfig": {"Mode": version.tracing_mode},
        "RevisionId": version.revision_id,
        "Layers": [{"Arn": layer.arn, "CodeSize": layer.code.size_bytes} for layer in version.layers] or None,
        "FileSystemConfigs": _file_systems(version),
        "PackageType": version.package_type,
        "ImageConfigResponse": _image_config(version),
        "Architectures": [version.architecture],
        "EphemeralStorage": {"Size": version.ephemeral_storage_mb},
        "SnapStart": _snap_start(version),
        "LoggingConfig": {
            "LogFormat": version.logging.log_format,
            "ApplicationLogLevel": version.logging.application_log_level,
            "SystemLogLevel": version.logging.system_log_level,
            "LogGroup": version.logging.log_group,
        },
    }


def configuration(version: FunctionVersion, arn: str, build: RuntimeBuild | None) -> dict[str, Any]:
    """As every other operation shows it. `build` is None while the runtime is not ready on this host."""
    shown = listed_configuration(version, arn)
    state_reason, update_reason = version.state_reason, version.last_update_reason
    states = {
        "State": version.state.value,
        "StateReason": state_reason.text if state_reason else None,
        "StateReasonCode": state_reason.code if state_reason else None,
        "LastUpdateStatus": version.last_update_status.value if version.last_update_status else None,
        "LastUpdateStatusReason": update_reason.text if update_reason else None,
        "LastUpdateStatusReasonCode": update_reason.code if update_reason else None,
    }
    runtime = {"RuntimeVersionArn": runtime_version_arn(build, version.region)} if build is not None else None
    ordered: dict[str, Any] = {}
    for name, value in shown.items():
        if name == "FileSystemConfigs":
            ordered |= states
        elif name == "LoggingConfig":
            ordered["RuntimeVersionConfig"] = runtime
        ordered[name] = value
    return {name: value for name, value in ordered.items() if value is not None}


def _vpc(version: FunctionVersion) -> dict[str, Any] | None:
    vpc = version.vpc
    if vpc is None:
        return None
    return {
        "SubnetIds": list(vpc.subnet_ids),
        "SecurityGroupIds": list(vpc.security_group_ids),
        "VpcId": vpc.vpc_id,
        "Ipv6AllowedForDualStack": vpc.ipv6_allowed,
    }


def _file_systems(version: FunctionVersion) -> list[dict[str, str]] | None:
    return [{"Arn": system.arn, "LocalMountPath": system.local_mount_path} for system in version.file_systems] or None


def _image_config(version: FunctionVersion) -> dict[str, Any] | None:
    """Only what was given, as everywhere."""
    config = version.image_config
    if config is None:
        return None
    members = {
        "EntryPoint": None if config.entry_point is None else list(config.entry_point),
        "Command": None if config.command is None else list(config.command),
        "WorkingDirectory": config.working_directory,
    }
    return {"ImageConfig": {name: value for name, value in members.items() if value is not None}}


def _snap_start(version: FunctionVersion) -> dict[str, str]:
    """Snapshots are made of published versions only."""
    return {"ApplyOn": version.snap_start, "OptimizationStatus": "On" if version.is_snap_started else "Off"}
