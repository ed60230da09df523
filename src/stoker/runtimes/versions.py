"""The runtime version ARN that INIT_START names."""

import hashlib

from stoker.runtimes.records import RuntimeBuild


def runtime_version_arn(build: RuntimeBuild, region: str) -> str:
    """`arn:aws:lambda:<region>::runtime:<64 hex>`; the same for equal runtime, client and version, on every machine."""
    digest = hashlib.sha256("\n".join((build.name, build.version, build.client)).encode()).hexdigest()
    return f"arn:aws:lambda:{region}::runtime:{digest}"
