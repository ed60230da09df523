"""ImportApi and ReimportApi: an API by an OpenAPI document, in one step."""

from collections.abc import Mapping
from typing import Any

from stoker.clock import Clock
from stoker.gateways.addresses import ApiAddresses
from stoker.http_apis.api import new_api, shown_api
from stoker.http_apis.checks import check_api
from stoker.http_apis.deployments import deployed
from stoker.http_apis.errors import invalid
from stoker.http_apis.members import members_of
from stoker.http_apis.openapi import Imported, ImportedRoute, parse_document, read_document
from stoker.http_apis.parts_api import AUTHORIZERS, INTEGRATIONS, ROUTES, key_of, with_new_part
from stoker.http_apis.records import Api
from stoker.http_apis.registry import ApiRegistry
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class ImportApi:
    """Makes an API, or makes one anew: its routes, integrations and authorizers are then those of the document."""

    def __init__(self, registry: ApiRegistry, addresses: ApiAddresses, clock: Clock) -> None:
        self._registry = registry
        self._addresses = addresses
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {"ImportApi": self.import_api, "ReimportApi": self.reimport_api}

    async def import_api(self, call: ApiCall) -> ApiAnswer:
        imported, now_s = _imported(call), self._clock.now_s()
        members = members_of("CreateApi", imported.api)
        api = with_parts(new_api(self._registry, call, members, now_s), imported)
        await self._registry.add(api)
        return await self._answer(api, imported, call)

    async def reimport_api(self, call: ApiCall) -> ApiAnswer:
        imported, now_s = _imported(call), self._clock.now_s()
        members = members_of("CreateApi", imported.api)
        absent = dict.fromkeys(("CorsConfiguration", "Description", "Version"))

        def reimport(before: Api) -> Api:
            if before.protocol != "HTTP":
                raise invalid("Only HTTP APIs can be imported")
            api = before.with_members({**absent, **members})
            check_api(api.document)
            for rules in (ROUTES, INTEGRATIONS, AUTHORIZERS):
                for part_id in api.all(rules.kind):
                    api = api.without_part(rules.kind, part_id)
            return deployed(with_parts(api, imported), now_s)

        return await self._answer(await self._registry.change(key_of(call), reimport), imported, call)

    async def _answer(self, api: Api, imported: Imported, call: ApiCall) -> ApiAnswer:
        shown = await shown_api(api, self._addresses, call)
        return ApiAnswer({**shown, "Warnings": list(imported.warnings) or None})


def _imported(call: ApiCall) -> Imported:
    document = parse_document(call.members["Body"])
    imported = read_document(document, call.members.get("Basepath") or "ignore")
    if call.members.get("FailOnWarnings") and imported.warnings:
        raise invalid(f"Warnings found during import: {'; '.join(imported.warnings)}")
    return imported


def with_parts(api: Api, imported: Imported) -> Api:
    """With the document's authorizers, integrations and routes. Raises BadRequestException and ConflictException."""
    authorizer_ids: dict[str, str] = {}
    for name, wire in imported.authorizers.items():
        api, authorizer_ids[name] = with_new_part(api, AUTHORIZERS, members_of("CreateAuthorizer", wire))
    for route in imported.routes:
        members = {"RouteKey": route.key} | _authorization(api, route, imported, authorizer_ids)
        if route.operation_name is not None:
            members["OperationName"] = str(route.operation_name)[:64]
        if route.integration is not None:
            api, integration_id = with_new_part(api, INTEGRATIONS, members_of("CreateIntegration", route.integration))
            members["Target"] = f"integrations/{integration_id}"
        api, _ = with_new_part(api, ROUTES, members)
    return api


def _authorization(
    api: Api, route: ImportedRoute, imported: Imported, authorizer_ids: Mapping[str, str]
) -> dict[str, Any]:
    if route.security is None:
        return {}
    name, scopes = route.security
    if name in imported.iam:
        return {"AuthorizationType": "AWS_IAM"}
    authorizer_id = authorizer_ids[name]
    is_jwt = api.all("authorizer")[authorizer_id]["AuthorizerType"] == "JWT"
    members: dict[str, Any] = {"AuthorizationType": "JWT" if is_jwt else "CUSTOM", "AuthorizerId": authorizer_id}
    return members | ({"AuthorizationScopes": list(scopes)} if scopes and is_jwt else {})
