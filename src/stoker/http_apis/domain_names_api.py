"""Operations on custom domain names and what they lead to."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stoker.clock import Clock
from stoker.gateways.domain_names.records import ApiMapping, DomainName, DomainNameKey
from stoker.gateways.domain_names.registry import DomainNames
from stoker.gateways.ids import new_id
from stoker.http_apis.changes import given
from stoker.http_apis.domain_name_checks import check_domain_name, check_mapping_path, check_members
from stoker.http_apis.errors import conflict, invalid, no_part, not_found
from stoker.http_apis.ids import DEPLOYMENT_ID_LENGTH
from stoker.http_apis.pages import page
from stoker.http_apis.records import ApiKey
from stoker.http_apis.registry import ApiRegistry
from stoker.http_apis.tags_api import no_domain_name
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class DomainNamesApi:
    """By their names."""

    def __init__(self, domain_names: DomainNames, registry: ApiRegistry, clock: Clock) -> None:
        self._domain_names = domain_names
        self._registry = registry
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateDomainName": self.create_domain_name,
            "GetDomainName": self.get_domain_name,
            "GetDomainNames": self.get_domain_names,
            "UpdateDomainName": self.update_domain_name,
            "DeleteDomainName": self.delete_domain_name,
            "CreateApiMapping": self.create_api_mapping,
            "GetApiMapping": self.get_api_mapping,
            "GetApiMappings": self.get_api_mappings,
            "UpdateApiMapping": self.update_api_mapping,
            "DeleteApiMapping": self.delete_api_mapping,
        }

    async def create_domain_name(self, call: ApiCall) -> ApiAnswer:
        members = given(call.members, "DomainName")
        key = DomainNameKey(call.caller.account_id, call.caller.region, call.members["DomainName"].lower())
        check_domain_name(key.name)
        if self._domain_names.is_own(key.name):
            raise invalid(f"{key.name} is a name of this node")
        check_members(members)

        def create(before: DomainName | None) -> DomainName:
            if before is not None:
                raise conflict("The domain name you provided already exists.")
            return DomainName(key, {"Tags": {}, **members})

        return _shown(await self._domain_names.change(key.name, create))

    async def get_domain_name(self, call: ApiCall) -> ApiAnswer:
        return _shown(self._existing(call))

    async def get_domain_names(self, call: ApiCall) -> ApiAnswer:
        found = self._domain_names.of(call.caller.account_id, call.caller.region)
        return page(call, found, lambda known: known.key.name, lambda known: _shown(known).members)

    async def update_domain_name(self, call: ApiCall) -> ApiAnswer:
        members = given(call.members, "DomainName")
        check_members(members)
        return _shown(await self._change(call, lambda before: replace(before, document={**before.document, **members})))

    async def delete_domain_name(self, call: ApiCall) -> ApiAnswer:
        """With its mappings."""

        def delete(before: DomainName | None) -> None:
            self._check_own(before, call)

        await self._domain_names.change(call.members["DomainName"], delete)
        return ApiAnswer()

    async def create_api_mapping(self, call: ApiCall) -> ApiAnswer:
        mapping = self._mapping(call, ApiMapping("", "", ""))
        made = ""

        def create(before: DomainName) -> DomainName:
            nonlocal made
            made = new_id(DEPLOYMENT_ID_LENGTH, before.mappings)
            return _with_mapping(before, made, mapping)

        await self._change(call, create)
        return ApiAnswer(_shown_mapping(made, mapping))

    async def get_api_mapping(self, call: ApiCall) -> ApiAnswer:
        mapping_id = call.members["ApiMappingId"]
        return ApiAnswer(_shown_mapping(mapping_id, _mapping_of(self._existing(call), mapping_id)))

    async def get_api_mappings(self, call: ApiCall) -> ApiAnswer:
        found = sorted(self._existing(call).mappings.items())
        return page(call, found, lambda item: item[0], lambda item: _shown_mapping(*item))

    async def update_api_mapping(self, call: ApiCall) -> ApiAnswer:
        mapping_id = call.members["ApiMappingId"]
        after = await self._change(
            call,
            lambda before: _with_mapping(before, mapping_id, self._mapping(call, _mapping_of(before, mapping_id))),
        )
        return ApiAnswer(_shown_mapping(mapping_id, after.mappings[mapping_id]))

    async def delete_api_mapping(self, call: ApiCall) -> ApiAnswer:
        mapping_id = call.members["ApiMappingId"]

        def delete(before: DomainName) -> DomainName:
            _mapping_of(before, mapping_id)
            left = {known: mapping for known, mapping in before.mappings.items() if known != mapping_id}
            return replace(before, mappings=left)

        await self._change(call, delete)
        return ApiAnswer()

    def _mapping(self, call: ApiCall, before: ApiMapping) -> ApiMapping:
        """`before` with what the call says. Raises BadRequestException and NotFoundException."""
        members = call.members
        path = members.get("ApiMappingKey")
        mapping = ApiMapping(
            members.get("ApiId") or before.api_id,
            members.get("Stage") or before.stage,
            before.path if path is None else ("" if path == "(none)" else path),
        )
        check_mapping_path(mapping.path)
        api = self._registry.existing(ApiKey(call.caller.account_id, call.caller.region, mapping.api_id))
        if mapping.stage not in api.all("stage"):
            raise no_part("stage")
        if api.protocol == "WEBSOCKET" and "/" in mapping.path:
            raise invalid("ApiMappingKey with several levels is not supported for WEBSOCKET APIs")
        return mapping

    async def _change(self, call: ApiCall, change: Callable[[DomainName], DomainName]) -> DomainName:
        after = await self._domain_names.change(
            call.members["DomainName"], lambda before: change(self._check_own(before, call))
        )
        assert after is not None
        return after

    def _existing(self, call: ApiCall) -> DomainName:
        return self._check_own(self._domain_names.find(call.members["DomainName"]), call)

    def _check_own(self, known: DomainName | None, call: ApiCall) -> DomainName:
        if known is None or known.key[:2] != (call.caller.account_id, call.caller.region):
            raise no_domain_name()
        return known


def _with_mapping(known: DomainName, mapping_id: str, mapping: ApiMapping) -> DomainName:
    for other_id, other in known.mappings.items():
        if other_id != mapping_id and other.path == mapping.path:
            raise conflict("ApiMapping key already exists for this domain name")
    return replace(known, mappings={**known.mappings, mapping_id: mapping})


def _mapping_of(known: DomainName, mapping_id: str) -> ApiMapping:
    mapping = known.mappings.get(mapping_id)
    if mapping is None:
        raise not_found("Invalid API mapping identifier specified")
    return mapping


def _shown(known: DomainName | None) -> ApiAnswer:
    assert known is not None
    key, document = known.key, known.document
    configurations = [
        {
            "ApiGatewayDomainName": f"d-{key.name}",
            "DomainNameStatus": "AVAILABLE",
            "EndpointType": "REGIONAL",
            "IpAddressType": "ipv4",
            "SecurityPolicy": "TLS_1_2",
            **configuration,
        }
        for configuration in document.get("DomainNameConfigurations") or []
    ]
    return ApiAnswer(
        {
            "ApiMappingSelectionExpression": "$request.basepath",
            "DomainName": key.name,
            "DomainNameArn": f"arn:aws:apigateway:{key.region}::/domainnames/{key.name}",
            "DomainNameConfigurations": configurations,
            "RoutingMode": "API_MAPPING_ONLY",
            "Tags": document.get("Tags") or {},
        }
    )


def _shown_mapping(mapping_id: str, mapping: ApiMapping) -> dict[str, Any]:
    return {
        "ApiId": mapping.api_id,
        "ApiMappingId": mapping_id,
        "ApiMappingKey": mapping.path,
        "Stage": mapping.stage,
    }
