"""A function's beginning."""

from dataclasses import dataclass, replace
from uuid import uuid4

from stoker.code.records import CodePackage
from stoker.functions.configuration import Configuration
from stoker.functions.records import LATEST, AttachedLayer, Function, FunctionTarget, FunctionVersion, State
from stoker.functions.update import CREATING, configuration_sha256


@dataclass(frozen=True, slots=True)
class Creation:
    """All that CreateFunction was asked for, checked."""

    target: FunctionTarget
    configuration: Configuration
    code: CodePackage
    architecture: str
    tags: dict[str, str]
    layers: tuple[AttachedLayer, ...] = ()
    code_signing_config_arn: str | None = None


def created(creation: Creation, last_modified: str) -> Function:
    """The new function, Pending, with nothing published."""
    target, configuration = creation.target, creation.configuration
    latest = FunctionVersion(
        account_id=target.account_id,
        region=target.region,
        name=target.name,
        version=LATEST,
        runtime=configuration.runtime,
        handler=configuration.handler,
        role=configuration.role,
        code=creation.code,
        description=configuration.description,
        timeout_s=configuration.timeout_s,
        memory_mb=configuration.memory_mb,
        ephemeral_storage_mb=configuration.ephemeral_storage_mb,
        architecture=creation.architecture,
        environment=configuration.environment,
        tracing_mode="PassThrough",
        logging=configuration.logging,
        state=State.PENDING,
        state_reason=CREATING,
        last_update_status=None,
        last_update_reason=None,
        revision_id=str(uuid4()),
        last_modified=last_modified,
        build_id=str(uuid4()),
        layers=creation.layers,
    )
    latest = replace(latest, configuration_sha256=configuration_sha256(latest))
    return Function(
        str(uuid4()), latest, {}, 1, creation.tags, code_signing_config_arn=creation.code_signing_config_arn
    )
