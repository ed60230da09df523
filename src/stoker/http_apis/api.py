"""Operations on APIs themselves."""

from typing import Any

from stoker.clock import Clock
from stoker.gateways.addresses import ApiAddresses
from stoker.gateways.domain_names.registry import DomainNames
from stoker.gateways.ids import API_LENGTH, new_id
from stoker.http_apis.changes import given
from stoker.http_apis.checks import ROUTE_SELECTION, check_api
from stoker.http_apis.deployments import deployed
from stoker.http_apis.errors import conflict
from stoker.http_apis.pages import page
from stoker.http_apis.parts_api import key_of, shown
from stoker.http_apis.quick_create import quick_update, quickly_created
from stoker.http_apis.records import Api, ApiKey
from stoker.http_apis.registry import ApiRegistry
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

# Members of CreateApi and UpdateApi that make parts of the API.
QUICK = ("RouteKey", "Target", "CredentialsArn")


class ApisApi:
    """By their ids."""

    def __init__(self, registry: ApiRegistry, addresses: ApiAddresses, domain_names: DomainNames, clock: Clock) -> None:
        self._registry = registry
        self._addresses = addresses
        self._domain_names = domain_names
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateApi": self.create_api,
            "GetApi": self.get_api,
            "GetApis": self.get_apis,
            "UpdateApi": self.update_api,
            "DeleteApi": self.delete_api,
            "DeleteCorsConfiguration": self.delete_cors_configuration,
        }

    async def create_api(self, call: ApiCall) -> ApiAnswer:
        members, now_s = given(call.members), self._clock.now_s()
        api = new_api(self._registry, call, given(members, *QUICK), now_s)
        api = quickly_created(api, members, now_s)
        await self._registry.add(api)
        return ApiAnswer(await shown_api(api, self._addresses, call))

    async def get_api(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(await shown_api(self._registry.existing(key_of(call)), self._addresses, call))

    async def get_apis(self, call: ApiCall) -> ApiAnswer:
        found = self._registry.of(call.caller.account_id, call.caller.region)
        listed = [(api.key.api_id, await shown_api(api, self._addresses, call)) for api in found]
        return page(call, listed, lambda item: item[0], lambda item: item[1])

    async def update_api(self, call: ApiCall) -> ApiAnswer:
        members, now_s = given(call.members, "ApiId"), self._clock.now_s()

        def update(api: Api) -> Api:
            changed = api.with_members(given(members, *QUICK))
            check_api(changed.document)
            changed = quick_update(changed, members)
            is_deployed = bool(members.keys() & {*QUICK, "CorsConfiguration"})
            return deployed(changed, now_s) if is_deployed else changed

        api = await self._registry.change(key_of(call), update)
        return ApiAnswer(await shown_api(api, self._addresses, call))

    async def delete_api(self, call: ApiCall) -> ApiAnswer:
        """With all its parts."""
        key = key_of(call)

        def delete(_: Api) -> None:
            if self._domain_names.mapped_to(key.api_id):
                raise conflict("Please remove all API mappings related to the API before deleting it.")

        await self._registry.change(key, delete)
        return ApiAnswer()

    async def delete_cors_configuration(self, call: ApiCall) -> ApiAnswer:
        now_s = self._clock.now_s()
        await self._registry.change(
            key_of(call), lambda api: deployed(api.with_members({"CorsConfiguration": None}), now_s)
        )
        return ApiAnswer()


def new_api(registry: ApiRegistry, call: ApiCall, members: dict[str, Any], now_s: float) -> Api:
    """An API without parts, for the registry. Raises BadRequestException."""
    fresh = {
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "CreatedDate": now_s,
        "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4",
        "Tags": {},
    }
    if members["ProtocolType"] == "HTTP":
        fresh["RouteSelectionExpression"] = ROUTE_SELECTION
    document = fresh | members
    check_api(document)
    api_id = new_id(API_LENGTH)
    while registry.find(api_id) is not None:
        api_id = new_id(API_LENGTH)
    return Api(ApiKey(call.caller.account_id, call.caller.region, api_id), document)


async def shown_api(api: Api, addresses: ApiAddresses, call: ApiCall) -> dict[str, Any]:
    """As clients see it; who asks decides by which URL it works for them."""
    url = await addresses.url(api.key.api_id, api.key.region, call.endpoint)
    if api.protocol == "WEBSOCKET":
        url = url.replace("http", "ws", 1)
    return {**shown(api.document), "ApiId": api.key.api_id, "ApiEndpoint": url}
