"""How aliases come, change and go (reference: control plane, 5). Pure functions of records."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from stoker import limits
from stoker.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from stoker.functions.aliases.records import Alias
from stoker.functions.delete import without_parts_of
from stoker.functions.provisioned_concurrency.rules import check_alias
from stoker.functions.records import LATEST, Function
from stoker.functions.update import OLD_REVISION


@dataclass(frozen=True, slots=True)
class AliasRequest:
    """What a request says about the alias `name`; None where it says nothing."""

    name: str
    function_version: str | None
    description: str | None
    additional_weights: Mapping[str, float] | None
    revision_id: str | None = None


def with_new_alias(function: Function, request: AliasRequest) -> Function:
    """`function` with one alias more.

    Raises ResourceNotFoundException for versions that do not exist, ResourceConflictException for an alias that does,
    and InvalidParameterValueException for weights that cannot be.
    """
    assert request.function_version is not None
    _check_version(function, request.function_version)
    if request.name in function.aliases:
        raise ResourceConflictException(f"Alias already exists: {function.arn}:{request.name}")
    alias = Alias(
        name=request.name,
        function_version=request.function_version,
        description=request.description or "",
        additional_weights=request.additional_weights or {},
        revision_id=str(uuid4()),
    )
    return _with_alias(function, alias)


def with_changed_alias(function: Function, request: AliasRequest) -> Function:
    """`function` with one alias changed. Raises as `with_new_alias`, and PreconditionFailedException."""
    present = function.aliases.get(request.name)
    if present is None:
        raise ResourceNotFoundException(f"Alias not found: {function.arn}:{request.name}")
    if request.revision_id and request.revision_id != present.revision_id:
        raise PreconditionFailedException(OLD_REVISION)
    if request.function_version is not None:
        _check_version(function, request.function_version)
    weights = request.additional_weights
    alias = replace(
        present,
        function_version=request.function_version or present.function_version,
        description=present.description if request.description is None else request.description,
        additional_weights=present.additional_weights if weights is None else weights,
        revision_id=str(uuid4()),
    )
    return _with_alias(function, alias)


def without_alias(function: Function, name: str) -> Function:
    """`function` without that alias and all that was set for it; one that is gone already is no mistake."""
    if name not in function.aliases:
        return function
    aliases = {other: alias for other, alias in function.aliases.items() if other != name}
    return without_parts_of(replace(function, aliases=aliases), name)


def _with_alias(function: Function, alias: Alias) -> Function:
    _check_routing(function, alias)
    if alias.name in function.provisioned:
        check_alias(function, alias)
    return replace(function, aliases={**function.aliases, alias.name: alias})


def _check_routing(function: Function, alias: Alias) -> None:
    if len(alias.additional_weights) > limits.ALIAS_ADDITIONAL_VERSIONS_MAX:
        raise InvalidParameterValueException(
            f"Number of items in AdditionalVersionWeights cannot be greater than {limits.ALIAS_ADDITIONAL_VERSIONS_MAX}"
        )
    for number in alias.additional_weights:
        if number == alias.function_version:
            raise InvalidParameterValueException(
                f"Invalid function version {number}. "
                f"Function version {number} is already included in routing configuration."
            )
        if alias.function_version == LATEST:
            raise InvalidParameterValueException(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        _check_version(function, number)


def _check_version(function: Function, number: str) -> None:
    if number != LATEST and number not in function.published:
        raise ResourceNotFoundException(f"Function not found: {function.arn}:{number}")
