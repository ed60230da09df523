"""The environment variables of a function's processes (reference: runtime side, 3)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from stoker.functions.records import FunctionVersion
from stoker.role_sessions import RoleCredentials
from stoker.runtime_api.credentials import CREDENTIALS_PATH
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.recipe import BASE_ENVIRONMENT

# What an interpreter, the dynamic linker or the C library reads only when a program starts: a function that sets one of
# these is started by exec, never by fork from a zygote that started without it.
_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_", "OPENSSL_")
_READ_AT_START_EXACT = frozenset({"LANG", "LANGUAGE", "TZ", "AWS_LAMBDA_EXEC_WRAPPER"})
# The same of Node.js and what is linked to it: libuv, OpenSSL, ICU, c-ares, which reads what resolv.conf(5) names.
_READ_AT_START_BY_NODE = ("NODE_", "UV_", "SSL_", "ICU_", "RES_OPTIONS", "LOCALDOMAIN")
# And of the JVM and the program that starts it.
_READ_AT_START_BY_JAVA = ("JAVA_", "JDK_", "_JAVA_")

Initialization = Literal["on-demand", "provisioned-concurrency", "snap-start"]
"""Why an environment is initialised: because a call waits for it, ahead of all calls, or to be restored for one."""

TELEMETRY_DESCRIPTOR = "62"  # as on AWS; sandbox/launcher/runtime.py opens it


def variables(
    version: FunctionVersion,
    build: RuntimeBuild,
    log_stream: str,
    runtime_api: str,
    base: Mapping[str, str],
    initialization: Initialization = "on-demand",
    aws_endpoint: str = "",
    credentials_token: str = "",
    *,
    credentials: RoleCredentials,
    metadata_token: str,
) -> dict[str, str]:
    """All variables of one environment. The customer's come first, so that the platform's win.

    `base` is what the kind of isolation gives every process (paths, mostly), and `aws_endpoint` the URL at which it
    finds AWS, or nothing; the customer may override both. `credentials` are those of its role; with a
    `credentials_token`, for snap-start only, they are fetched. `metadata_token` opens the metadata endpoint.
    """
    return {
        **base,
        **({"AWS_ENDPOINT_URL": aws_endpoint} if aws_endpoint else {}),
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        **(version.environment or {}),
        **_platform(version, log_stream, initialization),
        **_log_format(version),
        **_managed(build),
        **(_container_credentials(runtime_api, credentials_token) if credentials_token else _keys(credentials)),
        **_local_apis(runtime_api, metadata_token),
        "LAMBDA_TASK_ROOT": base["LAMBDA_TASK_ROOT"],
        "LAMBDA_RUNTIME_DIR": base["LAMBDA_RUNTIME_DIR"],
    }


def image_variables(
    version: FunctionVersion,
    own: Mapping[str, str],
    log_stream: str,
    runtime_api: str,
    initialization: Initialization = "on-demand",
    aws_endpoint: str = "",
    *,
    credentials: RoleCredentials,
    metadata_token: str,
) -> dict[str, str]:
    """As `variables`, for a container image, whose `own` variables come first of all.

    The platform gives it no handler, and no search paths, language or time zone (reference: runtime side, 4.5).
    """
    platform = _platform(version, log_stream, initialization)
    del platform["_HANDLER"]
    return {
        "LAMBDA_TASK_ROOT": BASE_ENVIRONMENT["LAMBDA_TASK_ROOT"],
        "LAMBDA_RUNTIME_DIR": BASE_ENVIRONMENT["LAMBDA_RUNTIME_DIR"],
        **own,
        **({"AWS_ENDPOINT_URL": aws_endpoint} if aws_endpoint else {}),
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        **(version.environment or {}),
        **platform,
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
        **_keys(credentials),
        **_local_apis(runtime_api, metadata_token),
    }


def _local_apis(address: str, metadata_token: str) -> dict[str, str]:
    """One server answers for both."""
    return {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_METADATA_API": address,
        "AWS_LAMBDA_METADATA_TOKEN": metadata_token,
    }


def _platform(version: FunctionVersion, log_stream: str, initialization: Initialization) -> dict[str, str]:
    logs = {
        "AWS_LAMBDA_LOG_GROUP_NAME": version.logging.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
    }
    return {
        "_HANDLER": version.handler,
        "AWS_REGION": version.region,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        # Each restore of a snapshot writes to a stream of its own, so none is known at its init.
        **({} if initialization == "snap-start" else logs),
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
    }


def _log_format(version: FunctionVersion) -> dict[str, str]:
    """For AWS's runtime clients, which then log JSON themselves and filter by the level."""
    config = version.logging
    if config.log_format != "JSON":
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": config.application_log_level or "INFO"}


def _managed(build: RuntimeBuild) -> dict[str, str]:
    """What only the runtimes that AWS manages have; a shell starts them there, but for the JVM."""
    if build.language == "provided":
        return {}
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{build.name}",
        **({} if build.language == "java" else {"PWD": "/var/task", "SHLVL": "0"}),
        # Only AWS's own clients know the framed log descriptor.
        "_LAMBDA_TELEMETRY_LOG_FD": TELEMETRY_DESCRIPTOR,
    }


def _keys(credentials: RoleCredentials) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }


def _container_credentials(runtime_api: str, token: str) -> dict[str, str]:
    """Where AWS's SDKs fetch credentials: by plain HTTP they do so from loopback addresses only."""
    port = runtime_api.rpartition(":")[2]
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{port}{CREDENTIALS_PATH}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
    }


def may_fork(version: FunctionVersion) -> bool:
    """Whether the customer's variables allow a start by fork."""
    return not any(
        name in _READ_AT_START_EXACT or name.startswith(_READ_AT_START) for name in (version.environment or {})
    )


def may_start_ahead(version: FunctionVersion) -> bool:
    """Whether they allow that an interpreter was started without them."""
    read = _READ_AT_START_BY_NODE + _READ_AT_START_BY_JAVA
    return may_fork(version) and not any(name.startswith(read) for name in version.environment or {})


def base_environment(build: RuntimeBuild, opt: Path | None, *, on_host: bool) -> Mapping[str, str]:
    """What every process of this kind of isolation gets; without a sandbox, the host's directories.

    `opt` is where the merged layers lie on the host, None without layers.
    """
    if not on_host:
        return {**BASE_ENVIRONMENT, **build.environment}
    runtime_dir = str(build.runtime_dir or "")
    base = {"LAMBDA_TASK_ROOT": "", "LAMBDA_RUNTIME_DIR": runtime_dir, "TZ": ":UTC", **build.host_environment}
    return base if opt is None else _with_layers(base, build, opt)


def _with_layers(base: dict[str, str], build: RuntimeBuild, opt: Path) -> dict[str, str]:
    """`base` with the search paths that a sandbox has at /opt, as far as variables can tell them."""
    release = build.name.removeprefix(build.language).removesuffix(".x")
    found_by = {
        "python": ("PYTHONPATH", (f"python/lib/python{release}/site-packages", "python")),
        "nodejs": ("NODE_PATH", (f"nodejs/node{release}/node_modules", "nodejs/node_modules")),
    }.get(build.language)
    layered = {**base, "LD_LIBRARY_PATH": str(opt / "lib"), "PATH": f"{os.environ.get('PATH', '')}:{opt / 'bin'}"}
    if found_by is not None:
        name, folders = found_by
        # Before the runtime's own libraries; the package's come before all of them.
        layered[name] = ":".join([*(str(opt / folder) for folder in folders), base[name]])
    if build.language == "ruby":
        package, _, runtime = base["GEM_PATH"].partition(":")
        layered["GEM_PATH"] = f"{package}:{opt / 'ruby' / 'gems' / f'{release}.0'}:{runtime}"
        layered["RUBYLIB"] = f"{base['RUBYLIB']}:{opt / 'ruby' / 'lib'}"
    if build.language == "python":
        # Or the runtime's own libraries came first, being beside the script that is started (from Python 3.11 on).
        layered["PYTHONSAFEPATH"] = "1"
    return layered
