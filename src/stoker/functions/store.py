"""Functions in the database: the only place where a row becomes a record."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, delete, insert, select, update
from sqlalchemy.sql import ColumnElement

from stoker.code.records import CodePackage
from stoker.database.engine import Database
from stoker.functions.aliases.store import ALIASES
from stoker.functions.event_invoke_configs.store import EVENT_INVOKE_CONFIGS
from stoker.functions.parts import Part
from stoker.functions.policies.store import POLICIES
from stoker.functions.provisioned_concurrency.store import PROVISIONED
from stoker.functions.records import (
    LATEST,
    AttachedLayer,
    FileSystem,
    Function,
    FunctionKey,
    FunctionVersion,
    Image,
    ImageConfig,
    LastUpdateStatus,
    LoggingConfig,
    Reason,
    State,
    VpcConfig,
)
from stoker.functions.runtime_management.store import RUNTIME_MANAGEMENT
from stoker.functions.tables import function_versions, functions
from stoker.functions.urls.store import URLS

# By the name of the member of `Function` that holds them.
PARTS: Mapping[str, Part[Any]] = {
    "aliases": ALIASES,
    "policies": POLICIES,
    "urls": URLS,
    "event_invoke_configs": EVENT_INVOKE_CONFIGS,
    "runtime_management": RUNTIME_MANAGEMENT,
    "provisioned": PROVISIONED,
}


class FunctionStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[Function]:
        """Every function of every account and region."""
        return await self._database.read(_select_all)

    async def replace(self, before: Function | None, after: Function | None) -> None:
        """Make the rows of `before` those of `after`; None stands for no function."""
        await self._database.write(_replace, before, after)


def _select_all(connection: Connection) -> list[Function]:
    versions: dict[FunctionKey, dict[str, FunctionVersion]] = defaultdict(dict)
    for row in connection.execute(select(function_versions)):
        versions[row.account_id, row.region, row.name][row.version] = _version(row)
    loaded = {name: part.load(connection) for name, part in PARTS.items()}
    found = []
    for row in connection.execute(select(functions)):
        key = (row.account_id, row.region, row.name)
        parts = {name: of_functions.get(key, {}) for name, of_functions in loaded.items()}
        found.append(_function(row, versions[key], parts))
    return found


def _replace(connection: Connection, before: Function | None, after: Function | None) -> None:
    if before is not None and (after is None or after.id != before.id):
        connection.execute(delete(functions).where(_is_of(functions, before.key)))  # its versions go along
        before = None
    if after is None:
        return
    if before is None:
        connection.execute(insert(functions).values(_function_row(after)))
    elif _function_row(before) != _function_row(after):
        connection.execute(update(functions).where(_is_of(functions, after.key)).values(_function_row(after)))
    _replace_versions(connection, before.versions if before else (), after.versions)
    for part in PARTS.values():
        part.replace(connection, before, after)


def _replace_versions(
    connection: Connection, before: tuple[FunctionVersion, ...], after: tuple[FunctionVersion, ...]
) -> None:
    old = {version.version: version for version in before}
    new = {version.version: version for version in after}
    for number, version in old.items():
        if number not in new:
            connection.execute(delete(function_versions).where(_is_version(version)))
    for number, version in new.items():
        if number not in old:
            connection.execute(insert(function_versions).values(_version_row(version)))
        elif version != old[number]:
            connection.execute(update(function_versions).where(_is_version(version)).values(_version_row(version)))


def _is_of(table: Table, key: FunctionKey) -> ColumnElement[bool]:
    account_id, region, name = key
    return and_(table.c.account_id == account_id, table.c.region == region, table.c.name == name)


def _is_version(version: FunctionVersion) -> ColumnElement[bool]:
    key = (version.account_id, version.region, version.name)
    return and_(_is_of(function_versions, key), function_versions.c.version == version.version)


def _function_row(function: Function) -> dict[str, Any]:
    account_id, region, name = function.key
    return {
        "account_id": account_id,
        "region": region,
        "name": name,
        "id": function.id,
        "next_version": function.next_version,
        "tags": dict(function.tags),
        "reserved_concurrency": function.reserved_concurrency,
        "recursive_loop": function.recursive_loop,
        "code_signing_config_arn": function.code_signing_config_arn,
    }


def _function(row: Row[Any], versions: dict[str, FunctionVersion], parts: dict[str, Any]) -> Function:
    latest = versions.pop(LATEST)
    published = {number: versions[number] for number in sorted(versions, key=int)}
    return Function(
        id=row.id,
        latest=latest,
        published=published,
        next_version=row.next_version,
        tags=row.tags,
        recursive_loop=row.recursive_loop,
        reserved_concurrency=row.reserved_concurrency,
        code_signing_config_arn=row.code_signing_config_arn,
        **parts,
    )


def _version_row(version: FunctionVersion) -> dict[str, Any]:
    state_reason, update_reason = version.state_reason, version.last_update_reason
    return {
        "account_id": version.account_id,
        "region": version.region,
        "name": version.name,
        "version": version.version,
        "runtime": version.runtime,
        "handler": version.handler,
        "role": version.role,
        "code_sha256": version.code.sha256,
        "code_size_bytes": version.code.size_bytes,
        "description": version.description,
        "timeout_s": version.timeout_s,
        "memory_mb": version.memory_mb,
        "ephemeral_storage_mb": version.ephemeral_storage_mb,
        "architecture": version.architecture,
        "environment": None if version.environment is None else dict(version.environment),
        "tracing_mode": version.tracing_mode,
        "log_group": version.logging.log_group,
        "log_format": version.logging.log_format,
        "application_log_level": version.logging.application_log_level,
        "system_log_level": version.logging.system_log_level,
        "state": version.state.value,
        "state_reason": state_reason.text if state_reason else None,
        "state_reason_code": state_reason.code if state_reason else None,
        "last_update_status": version.last_update_status.value if version.last_update_status else None,
        "last_update_reason": update_reason.text if update_reason else None,
        "last_update_reason_code": update_reason.code if update_reason else None,
        "revision_id": version.revision_id,
        "last_modified": version.last_modified,
        "build_id": version.build_id,
        "configuration_sha256": version.configuration_sha256,
        "layers": [
            {"arn": layer.arn, "sha256": layer.code.sha256, "size_bytes": layer.code.size_bytes}
            for layer in version.layers
        ],
        "vpc": version.vpc and asdict(version.vpc),
        "dead_letter_target_arn": version.dead_letter_target_arn,
        "kms_key_arn": version.kms_key_arn,
        "sealed_environment": version.sealed_environment,
        "file_systems": [asdict(file_system) for file_system in version.file_systems],
        "snap_start": version.snap_start,
        "image": version.image and asdict(version.image),
        "image_config": version.image_config and asdict(version.image_config),
    }


def _version(row: Row[Any]) -> FunctionVersion:
    logging = LoggingConfig(row.log_group, row.log_format, row.application_log_level, row.system_log_level)
    return FunctionVersion(
        account_id=row.account_id,
        region=row.region,
        name=row.name,
        version=row.version,
        runtime=row.runtime,
        handler=row.handler,
        role=row.role,
        code=CodePackage(row.code_sha256, row.code_size_bytes),
        description=row.description,
        timeout_s=row.timeout_s,
        memory_mb=row.memory_mb,
        ephemeral_storage_mb=row.ephemeral_storage_mb,
        architecture=row.architecture,
        environment=row.environment,
        tracing_mode=row.tracing_mode,
        logging=logging,
        state=State(row.state),
        state_reason=_reason(row.state_reason, row.state_reason_code),
        last_update_status=LastUpdateStatus(row.last_update_status) if row.last_update_status else None,
        last_update_reason=_reason(row.last_update_reason, row.last_update_reason_code),
        revision_id=row.revision_id,
        last_modified=row.last_modified,
        build_id=row.build_id,
        configuration_sha256=row.configuration_sha256,
        layers=tuple(AttachedLayer(x["arn"], CodePackage(x["sha256"], x["size_bytes"])) for x in row.layers),
        vpc=_vpc(row.vpc),
        dead_letter_target_arn=row.dead_letter_target_arn,
        kms_key_arn=row.kms_key_arn,
        sealed_environment=row.sealed_environment,
        file_systems=tuple(FileSystem(**members) for members in row.file_systems),
        snap_start=row.snap_start,
        image=None if row.image is None else Image(**row.image),
        image_config=_image_config(row.image_config),
    )


def _vpc(members: Mapping[str, Any] | None) -> VpcConfig | None:
    if members is None:
        return None
    subnets, groups = tuple(members["subnet_ids"]), tuple(members["security_group_ids"])
    return VpcConfig(subnets, groups, members["vpc_id"], members["ipv6_allowed"])


def _image_config(members: Mapping[str, Any] | None) -> ImageConfig | None:
    if members is None:
        return None
    entry_point, command = members["entry_point"], members["command"]
    return ImageConfig(
        None if entry_point is None else tuple(entry_point),
        None if command is None else tuple(command),
        members["working_directory"],
    )


def _reason(text: str | None, code: str | None) -> Reason | None:
    return None if text is None or code is None else Reason(text, code)
