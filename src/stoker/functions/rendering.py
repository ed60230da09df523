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
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.size_bytes,
        "Description": version.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mb,
        "LastModified": version.last_modified,
        "CodeSha256": version.code.code_sha256,
        "Version": version.version,
        "Environment": None if version.environment is None else {"Variables": dict(version.environment)},
        "TracingConfig": {"Mode": version.tracing_mode},
        "RevisionId": version.revision_id,
        "Layers": [{"Arn": layer.arn, "CodeSize": layer.code.size_bytes} for layer in version.layers] or None,
        "PackageType": "Zip",
        "Architectures": [version.architecture],
        "EphemeralStorage": {"Size": version.ephemeral_storage_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
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
        if name == "PackageType":
            ordered |= states
        elif name == "LoggingConfig":
            ordered["RuntimeVersionConfig"] = runtime
        ordered[name] = value
    return {name: value for name, value in ordered.items() if value is not None}
