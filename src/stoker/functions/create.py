"""A function's beginning."""

from dataclasses import dataclass, replace
from uuid import uuid4

from stoker.functions.code import Code
from stoker.functions.configuration import Configuration, members_of
from stoker.functions.records import LATEST, AttachedLayer, Function, FunctionTarget, FunctionVersion, State
from stoker.functions.sealing import Variables
from stoker.functions.update import CREATING, configuration_sha256


@dataclass(frozen=True, slots=True)
class Creation:
    """All that CreateFunction was asked for, checked."""

    target: FunctionTarget
    configuration: Configuration
    variables: Variables
    code: Code
    architecture: str
    tags: dict[str, str]
    layers: tuple[AttachedLayer, ...] = ()
    code_signing_config_arn: str | None = None


def created(creation: Creation, last_modified: str) -> Function:
    """The new function, Pending, with nothing published."""
    target = creation.target
    latest = FunctionVersion(
        account_id=target.account_id,
        region=target.region,
        name=target.name,
        version=LATEST,
        code=creation.code.package,
        image=creation.code.image,
        architecture=creation.architecture,
        state=State.PENDING,
        state_reason=CREATING,
        last_update_status=None,
        last_update_reason=None,
        revision_id=str(uuid4()),
        last_modified=last_modified,
        build_id=str(uuid4()),
        layers=creation.layers,
        **members_of(creation.configuration),
    )
    latest = creation.variables.of(latest)
    latest = replace(latest, configuration_sha256=configuration_sha256(latest))
    return Function(
        str(uuid4()), latest, {}, 1, creation.tags, code_signing_config_arn=creation.code_signing_config_arn
    )
