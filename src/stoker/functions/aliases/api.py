"""CreateAlias, GetAlias, UpdateAlias, DeleteAlias and ListAliases (reference: control plane, 5)."""

from collections.abc import Mapping
from typing import Any

from stoker.errors import ResourceNotFoundException
from stoker.functions.aliases.change import AliasRequest, with_changed_alias, with_new_alias, without_alias
from stoker.functions.aliases.records import Alias
from stoker.functions.paging import page
from stoker.functions.records import Function
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import whole_function_of
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class AliasesApi:
    """Aliases of a function."""

    def __init__(self, registry: FunctionRegistry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateAlias": self.create_alias,
            "GetAlias": self.get_alias,
            "UpdateAlias": self.update_alias,
            "DeleteAlias": self.delete_alias,
            "ListAliases": self.list_aliases,
        }

    async def create_alias(self, call: ApiCall) -> ApiAnswer:
        target = whole_function_of(call)
        request = _request(call.members)
        # AWS looks for the version, so that is what it misses.
        missing = ResourceNotFoundException(f"Function not found: {target.arn}:{request.function_version}")
        function = await self._registry.change_existing(
            target.key, lambda present: with_new_alias(present, request), missing
        )
        return _answer(function, request.name)

    async def get_alias(self, call: ApiCall) -> ApiAnswer:
        target = whole_function_of(call)
        name = call.members["Name"]
        function = self._registry.find(target.key)
        if function is None or name not in function.aliases:
            raise ResourceNotFoundException(f"Cannot find alias arn: {target.arn}:{name}")
        return _answer(function, name)

    async def update_alias(self, call: ApiCall) -> ApiAnswer:
        target = whole_function_of(call)
        request = _request(call.members)
        missing = ResourceNotFoundException(f"Alias not found: {target.arn}:{request.name}")
        function = await self._registry.change_existing(
            target.key, lambda present: with_changed_alias(present, request), missing
        )
        return _answer(function, request.name)

    async def delete_alias(self, call: ApiCall) -> ApiAnswer:
        """An alias of no function is gone already, too: the model declares no ResourceNotFoundException."""
        name = call.members["Name"]

        def delete(function: Function | None) -> Function | None:
            return function and without_alias(function, name)

        await self._registry.change(whole_function_of(call).key, delete)
        return ApiAnswer(status=204)

    async def list_aliases(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        function = self._registry.function(whole_function_of(call))
        wanted = members.get("FunctionVersion")
        aliases = [alias for _, alias in sorted(function.aliases.items()) if wanted in (None, alias.function_version)]
        shown, marker = page(aliases, lambda alias: (alias.name,), members.get("Marker"), members.get("MaxItems"))
        return ApiAnswer({"NextMarker": marker, "Aliases": [_rendered(function, alias) for alias in shown]})


def _request(members: Mapping[str, Any]) -> AliasRequest:
    routing = members.get("RoutingConfig")
    return AliasRequest(
        name=members["Name"],
        function_version=members.get("FunctionVersion"),
        description=members.get("Description"),
        additional_weights=None if routing is None else routing.get("AdditionalVersionWeights") or {},
        revision_id=members.get("RevisionId"),
    )


def _answer(function: Function, name: str) -> ApiAnswer:
    return ApiAnswer(_rendered(function, function.aliases[name]))


def _rendered(function: Function, alias: Alias) -> dict[str, Any]:
    weights = dict(alias.additional_weights)
    return {
        "AliasArn": f"{function.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.function_version,
        "Description": alias.description,
        "RoutingConfig": {"AdditionalVersionWeights": weights} if weights else None,
        "RevisionId": alias.revision_id,
    }
