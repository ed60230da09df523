"""Tags of APIs, stages and domain names, by ARN (`arn:aws:apigateway:region::/apis/id/stages/name`)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from stoker.arn import split_arn
from stoker.gateways.domain_names.records import DomainName
from stoker.gateways.domain_names.registry import DomainNames
from stoker.http_apis.errors import ApiGatewayError, invalid, no_part, not_found
from stoker.http_apis.records import Api, ApiKey
from stoker.http_apis.registry import ApiRegistry
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

TAGS_MAX = 50
Tags = Mapping[str, str]


class TagsApi:
    """Whatever they are of."""

    def __init__(self, registry: ApiRegistry, domain_names: DomainNames) -> None:
        self._registry = registry
        self._domain_names = domain_names

    def operations(self) -> dict[str, Operation]:
        return {"TagResource": self.tag_resource, "UntagResource": self.untag_resource, "GetTags": self.get_tags}

    async def tag_resource(self, call: ApiCall) -> ApiAnswer:
        added = call.members.get("Tags") or {}
        await self._change(call, lambda tags: within_limit({**tags, **added}))
        return ApiAnswer()

    async def untag_resource(self, call: ApiCall) -> ApiAnswer:
        gone = frozenset(call.members["TagKeys"])
        await self._change(call, lambda tags: {name: value for name, value in tags.items() if name not in gone})
        return ApiAnswer()

    async def get_tags(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer({"Tags": await self._change(call, lambda tags: tags)})

    async def _change(self, call: ApiCall, change: Callable[[Tags], Tags]) -> Tags:
        """The tags as `change` left them. Raises NotFoundException and BadRequestException."""
        match _resource(call):
            case ["apis", api_id]:
                return await self._change_api(_key(call, api_id), change)
            case ["apis", api_id, "stages", name]:
                return await self._change_stage(_key(call, api_id), name, change)
            case ["domainnames", name]:
                return await self._change_domain_name(call, name, change)
        raise invalid(f"Invalid resource ARN {call.members['ResourceArn'][:256]}")

    async def _change_api(self, key: ApiKey, change: Callable[[Tags], Tags]) -> Tags:
        def changed(api: Api) -> Api:
            before = api.document.get("Tags") or {}
            after = change(before)
            return api if after is before else api.with_members({"Tags": after})

        return (await self._registry.change(key, changed)).document.get("Tags") or {}

    async def _change_stage(self, key: ApiKey, name: str, change: Callable[[Tags], Tags]) -> Tags:
        def changed(api: Api) -> Api:
            stage = api.all("stage").get(name)
            if stage is None:
                raise no_part("stage")
            before = stage.get("Tags") or {}
            after = change(before)
            return api if after is before else api.with_part("stage", name, {**stage, "Tags": after})

        return (await self._registry.change(key, changed)).all("stage")[name].get("Tags") or {}

    async def _change_domain_name(self, call: ApiCall, name: str, change: Callable[[Tags], Tags]) -> Tags:
        def changed(before: DomainName | None) -> DomainName:
            if before is None or before.key[:2] != (call.caller.account_id, call.caller.region):
                raise no_domain_name()
            tags = change(before.document.get("Tags") or {})
            return replace(before, document={**before.document, "Tags": tags})

        after = await self._domain_names.change(name, changed)
        return {} if after is None else after.document.get("Tags") or {}


def no_domain_name() -> ApiGatewayError:
    return not_found("Invalid domain name identifier specified")


def within_limit(tags: Tags) -> Tags:
    """Raises BadRequestException."""
    if len(tags) > TAGS_MAX:
        raise invalid(f"A resource has at most {TAGS_MAX} tags")
    return tags


def _resource(call: ApiCall) -> list[str]:
    arn = split_arn(call.members["ResourceArn"])
    if arn is None or arn.service != "apigateway" or arn.region != call.caller.region:
        raise invalid(f"Invalid resource ARN {call.members['ResourceArn'][:256]}")
    return arn.resource.strip("/").split("/")


def _key(call: ApiCall, api_id: str) -> ApiKey:
    return ApiKey(call.caller.account_id, call.caller.region, api_id)
