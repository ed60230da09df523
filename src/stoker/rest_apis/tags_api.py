"""API Gateway's operations on tags: of APIs, stages, API keys, usage plans and domain names, by their ARNs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace as replaced
from typing import Any

from msgspec.structs import replace

from stoker.gateways.domain_names.records import DomainName
from stoker.gateways.domain_names.registry import DomainNames
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import APIS, KEYS, PLANS, STAGES, Catalogue, Items
from stoker.rest_apis.errors import BadRequestError, NotFoundError
from stoker.rest_apis.lookups import place_of
from stoker.rest_apis.records import Place

# API Gateway Developer Guide, "Tagging your API Gateway resources".
TAGS_MAX = 50
_ARN = re.compile(r"arn:aws[a-z-]*:apigateway:(?P<region>[a-z0-9-]+)::(?P<path>/.+)")
Tags = Mapping[str, str]


class TagsApi:
    """By ARNs such as `arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/stages/prod`."""

    def __init__(self, catalogue: Catalogue, domain_names: DomainNames) -> None:
        self._catalogue = catalogue
        self._domain_names = domain_names

    def operations(self) -> dict[str, Operation]:
        return {"TagResource": self.tag_resource, "UntagResource": self.untag_resource, "GetTags": self.get_tags}

    async def tag_resource(self, call: ApiCall) -> ApiAnswer:
        given = call.members["tags"]
        await self._change(call, lambda tags: {**tags, **given})
        return ApiAnswer()

    async def untag_resource(self, call: ApiCall) -> ApiAnswer:
        gone = set(call.members["tagKeys"])
        await self._change(call, lambda tags: {name: value for name, value in tags.items() if name not in gone})
        return ApiAnswer()

    async def get_tags(self, call: ApiCall) -> ApiAnswer:
        place, parts = _named(call)
        if parts[0] == "domainnames":
            return ApiAnswer({"tags": dict(self._own_name(place, parts).document.get("Tags") or {})})
        return ApiAnswer({"tags": dict(_item(self._catalogue.items, place, parts).tags)})

    async def _change(self, call: ApiCall, change: Callable[[Tags], Tags]) -> None:
        place, parts = _named(call)

        def changed(tags: Tags) -> dict[str, str]:
            after = dict(change(tags))
            if len(after) > TAGS_MAX:
                raise BadRequestError(f"A resource can have at most {TAGS_MAX} tags")
            return after

        if parts[0] == "domainnames":
            self._own_name(place, parts)

            def with_tags(before: DomainName | None) -> DomainName:
                assert before is not None
                tags = changed(before.document.get("Tags") or {})
                return replaced(before, document={**before.document, "Tags": tags})

            await self._domain_names.change(parts[1], with_tags)
            return
        async with self._catalogue.changing() as collected:
            item = _item(collected.items, place, parts)
            item = replace(item, tags=changed(item.tags))
            match parts:
                case ["restapis", api_id]:
                    definition = collected.items.find(APIS, place, api_id)
                    assert definition is not None
                    collected.put(APIS, place, api_id, replace(definition, api=item))
                case ["restapis", api_id, "stages", name]:
                    collected.put(STAGES, place, name, item, api_id)
                case ["apikeys", key_id]:
                    collected.put(KEYS, place, key_id, item)
                case ["usageplans", plan_id]:
                    collected.put(PLANS, place, plan_id, item)

    def _own_name(self, place: Place, parts: list[str]) -> DomainName:
        known = self._domain_names.find(parts[1]) if len(parts) == 2 else None
        if known is None or known.key[:2] != place:
            raise NotFoundError("Invalid domain name identifier specified")
        return known


def _named(call: ApiCall) -> tuple[Place, list[str]]:
    """Where, and the parts of the ARN's path. Raises BadRequestError."""
    arn = call.members["resourceArn"]
    found = _ARN.fullmatch(arn)
    if found is None:
        raise BadRequestError(f"Invalid ARN specified in the request: {arn[:256]}")
    return Place(place_of(call).account_id, found["region"]), found["path"].strip("/").split("/")


def _item(items: Items, place: Place, parts: list[str]) -> Any:
    """What has tags. Raises NotFoundError."""
    found: Any = None
    match parts:
        case ["restapis", api_id]:
            definition = items.find(APIS, place, api_id)
            found = None if definition is None else definition.api
        case ["restapis", api_id, "stages", name]:
            found = items.find(STAGES, place, name, api_id)
        case ["apikeys", key_id]:
            found = items.find(KEYS, place, key_id)
        case ["usageplans", plan_id]:
            found = items.find(PLANS, place, plan_id)
    if found is None:
        raise NotFoundError("Invalid resource ARN specified")
    return found
