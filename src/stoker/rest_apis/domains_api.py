"""API Gateway's operations on custom domain names and base path mappings.

The names are those of `gateways/`, which HTTP APIs have, too; what the two APIs call differently is worked out here.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stoker.clock import Clock
from stoker.gateways.domain_names.records import ApiMapping, DomainName, DomainNameKey
from stoker.gateways.domain_names.registry import DomainNames
from stoker.gateways.ids import new_id
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import STAGES, Catalogue
from stoker.rest_apis.domain_name_checks import check_base_path, check_domain_name
from stoker.rest_apis.errors import BadRequestError, ConflictError, NotFoundError, not_supported
from stoker.rest_apis.ids import PART_LENGTH
from stoker.rest_apis.lookups import find_definition, place_of
from stoker.rest_apis.pages import page
from stoker.rest_apis.patches import invalid_path, operations
from stoker.rest_apis.unsupported import refuse_unsupported

NO_PATH = "(none)"
# What this API says of a name, beside what HTTP APIs know of it.
_OWN = "RestApis"
_OWN_MEMBERS = (
    "certificateName",
    "certificateArn",
    "regionalCertificateName",
    "regionalCertificateArn",
    "endpointConfiguration",
    "securityPolicy",
)
# Text that only matters to CloudFront and Route 53.
_HOSTED_ZONE_ID = "Z2FDTNDATAQYW2"


class DomainsApi:
    """By names, and by base paths below them."""

    def __init__(self, domain_names: DomainNames, catalogue: Catalogue, clock: Clock) -> None:
        self._domain_names = domain_names
        self._catalogue = catalogue
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateDomainName": self.create_domain_name,
            "GetDomainName": self.get_domain_name,
            "GetDomainNames": self.get_domain_names,
            "UpdateDomainName": self.update_domain_name,
            "DeleteDomainName": self.delete_domain_name,
            "CreateBasePathMapping": self.create_base_path_mapping,
            "GetBasePathMapping": self.get_base_path_mapping,
            "GetBasePathMappings": self.get_base_path_mappings,
            "UpdateBasePathMapping": self.update_base_path_mapping,
            "DeleteBasePathMapping": self.delete_base_path_mapping,
        }

    async def create_domain_name(self, call: ApiCall) -> ApiAnswer:
        refuse_unsupported(call.members)
        if call.members.get("policy"):
            raise not_supported("policies of domain names")
        key = DomainNameKey(*place_of(call), call.members["domainName"].lower())
        check_domain_name(key.name)
        own = {name: call.members[name] for name in _OWN_MEMBERS if call.members.get(name) is not None}
        if own.get("certificateName") or own.get("certificateArn") or own.get("regionalCertificateArn"):
            own["certificateUploadDate"] = self._clock.now_s()
        tags = dict(call.members.get("tags") or {})

        def create(before: DomainName | None) -> DomainName:
            if before is not None:
                raise ConflictError("The domain name you provided already exists.")
            return DomainName(key, {"Tags": tags, "DomainNameConfigurations": [{}], _OWN: own})

        return ApiAnswer(_shown(await self._domain_names.change(key.name, create)))

    async def get_domain_name(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(_shown(self._existing(call)))

    async def get_domain_names(self, call: ApiCall) -> ApiAnswer:
        return page(call, {known.key.name: known for known in self._domain_names.of(*place_of(call))}, _shown)

    async def update_domain_name(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))

        def update(before: DomainName) -> DomainName:
            own = dict(before.document.get(_OWN) or {})
            for operation in given:
                name = operation.parts[0]
                if name == "endpointConfiguration" and operation.parts[1:2] == ("types",):
                    own[name] = {"types": [operation.value]}
                elif len(operation.parts) == 1 and name in _OWN_MEMBERS:
                    own[name] = None if operation.op == "remove" else operation.value
                else:
                    raise invalid_path(operation, [f"/{known}" for known in _OWN_MEMBERS])
            refuse_unsupported(own)
            return replace(before, document={**before.document, _OWN: own})

        return ApiAnswer(_shown(await self._change(call, update)))

    async def delete_domain_name(self, call: ApiCall) -> ApiAnswer:
        """With its mappings."""

        def delete(before: DomainName | None) -> None:
            self._check_own(before, call)

        await self._domain_names.change(call.members["domainName"], delete)
        return ApiAnswer()

    # Mappings

    async def create_base_path_mapping(self, call: ApiCall) -> ApiAnswer:
        path = _path(call.members.get("basePath"))
        mapping = ApiMapping(call.members["restApiId"], call.members.get("stage") or "", path)
        self._check_mapping(call, mapping)

        def create(before: DomainName) -> DomainName:
            if any(known.path == path for known in before.mappings.values()):
                raise ConflictError("Base path already exists for this domain name")
            return replace(before, mappings={**before.mappings, new_id(PART_LENGTH, before.mappings): mapping})

        await self._change(call, create)
        return ApiAnswer(_shown_mapping(mapping))

    async def get_base_path_mapping(self, call: ApiCall) -> ApiAnswer:
        _, mapping = _mapping_of(self._existing(call), call)
        return ApiAnswer(_shown_mapping(mapping))

    async def get_base_path_mappings(self, call: ApiCall) -> ApiAnswer:
        mappings = self._existing(call).mappings.values()
        return page(call, {mapping.path or NO_PATH: mapping for mapping in mappings}, _shown_mapping)

    async def update_base_path_mapping(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        made = ApiMapping("", "", "")

        def update(before: DomainName) -> DomainName:
            nonlocal made
            mapping_id, made = _mapping_of(before, call)
            for operation in given:
                value = operation.value or ""
                match operation.parts:
                    case ("basePath",):
                        made = replace(made, path=_path(value))
                    case ("stage",):
                        made = replace(made, stage="" if operation.op == "remove" else value)
                    case ("restapiId" | "restApiId",):
                        made = replace(made, api_id=value)
                    case _:
                        raise invalid_path(operation, ["/basePath", "/stage", "/restapiId"])
            self._check_mapping(call, made)
            for other_id, other in before.mappings.items():
                if other_id != mapping_id and other.path == made.path:
                    raise ConflictError("Base path already exists for this domain name")
            return replace(before, mappings={**before.mappings, mapping_id: made})

        await self._change(call, update)
        return ApiAnswer(_shown_mapping(made))

    async def delete_base_path_mapping(self, call: ApiCall) -> ApiAnswer:
        def delete(before: DomainName) -> DomainName:
            gone, _ = _mapping_of(before, call)
            left = {known: mapping for known, mapping in before.mappings.items() if known != gone}
            return replace(before, mappings=left)

        await self._change(call, delete)
        return ApiAnswer()

    def _check_mapping(self, call: ApiCall, mapping: ApiMapping) -> None:
        """Raises BadRequestError and NotFoundError."""
        check_base_path(mapping.path)
        items, place = self._catalogue.items, place_of(call)
        find_definition(items, place, mapping.api_id)
        if mapping.stage and items.find(STAGES, place, mapping.stage, mapping.api_id) is None:
            raise BadRequestError("Invalid stage identifier specified")

    async def _change(self, call: ApiCall, change: Callable[[DomainName], DomainName]) -> DomainName:
        name = call.members["domainName"]
        after = await self._domain_names.change(name, lambda before: change(self._check_own(before, call)))
        assert after is not None
        return after

    def _existing(self, call: ApiCall) -> DomainName:
        return self._check_own(self._domain_names.find(call.members["domainName"]), call)

    def _check_own(self, known: DomainName | None, call: ApiCall) -> DomainName:
        if known is None or known.key[:2] != place_of(call):
            raise NotFoundError("Invalid domain name identifier specified")
        return known


def _path(given: str | None) -> str:
    return "" if given in (None, "", NO_PATH) else str(given)


def _mapping_of(known: DomainName, call: ApiCall) -> tuple[str, ApiMapping]:
    """Its id, and the mapping, by its base path. Raises NotFoundError."""
    path = _path(call.members["basePath"])
    for mapping_id, mapping in known.mappings.items():
        if mapping.path == path:
            return mapping_id, mapping
    raise NotFoundError("Invalid base path mapping identifier specified")


def _shown(known: DomainName | None) -> dict[str, Any]:
    assert known is not None
    key, own = known.key, known.document.get(_OWN)
    if own is None:  # made by the API of HTTP APIs, whose names are all regional
        configuration = next(iter(known.document.get("DomainNameConfigurations") or [{}]))
        own = {
            "regionalCertificateArn": configuration.get("CertificateArn"),
            "endpointConfiguration": {"types": ["REGIONAL"]},
            "securityPolicy": configuration.get("SecurityPolicy"),
        }
    endpoint = own.get("endpointConfiguration") or {"types": ["EDGE"]}
    kind = "regional" if "REGIONAL" in endpoint.get("types", ()) else "distribution"
    return {
        **own,
        "domainName": key.name,
        "domainNameArn": f"arn:aws:apigateway:{key.region}::/domainnames/{key.name}",
        "domainNameStatus": "AVAILABLE",
        "endpointConfiguration": endpoint,
        f"{kind}DomainName": f"d-{key.name}",
        f"{kind}HostedZoneId": _HOSTED_ZONE_ID,
        "tags": known.document.get("Tags") or None,
    }


def _shown_mapping(mapping: ApiMapping) -> dict[str, Any]:
    return {
        "basePath": mapping.path or NO_PATH,
        "restApiId": mapping.api_id,
        "stage": mapping.stage or None,
    }
