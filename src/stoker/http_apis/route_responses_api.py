"""Operations on route responses: a route of a WebSocket API that has one answers its clients."""

from stoker.clock import Clock
from stoker.gateways.ids import new_id
from stoker.http_apis.changes import given, merged
from stoker.http_apis.deployments import deployed
from stoker.http_apis.errors import conflict, invalid, no_part, not_found, refused
from stoker.http_apis.ids import PART_ID_LENGTH
from stoker.http_apis.pages import page
from stoker.http_apis.parts_api import key_of
from stoker.http_apis.records import DEFAULT, RESPONSES, Api, Document
from stoker.http_apis.registry import ApiRegistry
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

_UNSUPPORTED = ("ModelSelectionExpression", "ResponseModels", "ResponseParameters")


class RouteResponsesApi:
    """By the ids of their routes and their own."""

    def __init__(self, registry: ApiRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateRouteResponse": self.create_route_response,
            "GetRouteResponse": self.get_route_response,
            "GetRouteResponses": self.get_route_responses,
            "UpdateRouteResponse": self.update_route_response,
            "DeleteRouteResponse": self.delete_route_response,
        }

    async def create_route_response(self, call: ApiCall) -> ApiAnswer:
        members, made = given(call.members, "ApiId", "RouteId"), ""
        _check(members)

        def create(api: Api) -> Api:
            nonlocal made
            if api.protocol != "WEBSOCKET":
                raise invalid("Route responses are only supported for WEBSOCKET APIs")
            responses = _responses(api, call)
            if any(response["RouteResponseKey"] == members["RouteResponseKey"] for response in responses.values()):
                raise conflict(f"Route response with key {members['RouteResponseKey']} already exists")
            made = new_id(PART_ID_LENGTH, responses)
            return self._with(api, call, {**responses, made: {**members, "RouteResponseId": made}})

        api = await self._registry.change(key_of(call), create)
        return ApiAnswer(_responses(api, call)[made])

    async def get_route_response(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(_one(self._registry.existing(key_of(call)), call))

    async def get_route_responses(self, call: ApiCall) -> ApiAnswer:
        found = sorted(_responses(self._registry.existing(key_of(call)), call).items())
        return page(call, found, lambda item: item[0], lambda item: dict(item[1]))

    async def update_route_response(self, call: ApiCall) -> ApiAnswer:
        members, response_id = given(call.members, "ApiId", "RouteId"), call.members["RouteResponseId"]
        _check({"RouteResponseKey": DEFAULT, **members})

        def update(api: Api) -> Api:
            changed = merged(_one(api, call), members, ())
            return self._with(api, call, {**_responses(api, call), response_id: changed})

        api = await self._registry.change(key_of(call), update)
        return ApiAnswer(_one(api, call))

    async def delete_route_response(self, call: ApiCall) -> ApiAnswer:
        def delete(api: Api) -> Api:
            gone = _one(api, call)["RouteResponseId"]
            left = {known: response for known, response in _responses(api, call).items() if known != gone}
            return self._with(api, call, left)

        await self._registry.change(key_of(call), delete)
        return ApiAnswer()

    def _with(self, api: Api, call: ApiCall, responses: Document) -> Api:
        route_id = call.members["RouteId"]
        route = {**api.all("route")[route_id], RESPONSES: responses}
        return deployed(api.with_part("route", route_id, route), self._clock.now_s())


def _check(members: Document) -> None:
    """Raises BadRequestException."""
    for name in _UNSUPPORTED:
        if members.get(name):
            raise refused(f"{name} of route responses")
    if members["RouteResponseKey"] != DEFAULT:
        raise invalid("The route response key must be $default")


def _responses(api: Api, call: ApiCall) -> Document:
    """Raises NotFoundException for a route that is not there."""
    route = api.all("route").get(call.members["RouteId"])
    if route is None:
        raise no_part("route")
    responses: Document = route.get(RESPONSES) or {}
    return responses


def _one(api: Api, call: ApiCall) -> Document:
    response = _responses(api, call).get(call.members["RouteResponseId"])
    if response is None:
        raise not_found("Invalid RouteResponse identifier specified")
    found: Document = response
    return found
