"""Operations on routes, integrations and authorizers: made, shown, changed and deleted alike, by rules of their own."""

from collections.abc import Callable
from dataclasses import dataclass

from stoker.clock import Clock
from stoker.gateways.ids import new_id
from stoker.http_apis.changes import given, merged
from stoker.http_apis.checks import check_authorizer, check_integration, check_route, split_route_key
from stoker.http_apis.deployments import deployed
from stoker.http_apis.errors import conflict, invalid, no_part
from stoker.http_apis.ids import PART_ID_LENGTH
from stoker.http_apis.pages import page
from stoker.http_apis.records import Api, ApiKey, Document, Kind
from stoker.http_apis.registry import ApiRegistry
from stoker.http_apis.tokens import INSTALL, can_verify
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

RESULT_TTL_S = 300


@dataclass(frozen=True, slots=True)
class PartRules:
    """What makes routes, say, different from integrations.

    `fresh` gives what holds where nothing is said, `check` refuses what cannot be (with the id, None for a new part),
    `check_unused` what cannot go. `maps` are the members that updates merge into.
    """

    kind: Kind
    name: str
    fresh: Callable[[Api, Document], Document]
    check: Callable[[Api, Document, str | None], None]
    check_unused: Callable[[Api, str], None]
    maps: tuple[str, ...] = ()

    @property
    def id_member(self) -> str:
        return f"{self.name}Id"


def key_of(call: ApiCall) -> ApiKey:
    """The API that an operation is about."""
    return ApiKey(call.caller.account_id, call.caller.region, call.members["ApiId"])


def shown(document: Document) -> dict[str, object]:
    """What clients see of a document."""
    return {name: value for name, value in document.items() if ":" not in name}


class PartsApi:
    """The operations of one kind of part."""

    def __init__(self, registry: ApiRegistry, rules: PartRules, clock: Clock) -> None:
        self._registry = registry
        self._rules = rules
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        name = self._rules.name
        return {
            f"Create{name}": self.create,
            f"Get{name}": self.get,
            f"Get{name}s": self.get_all,
            f"Update{name}": self.update,
            f"Delete{name}": self.delete,
        }

    async def create(self, call: ApiCall) -> ApiAnswer:
        rules, members = self._rules, given(call.members, "ApiId")
        made = ""

        def create(api: Api) -> Api:
            nonlocal made
            api, made = with_new_part(api, rules, members)
            return deployed(api, self._clock.now_s())

        api = await self._registry.change(key_of(call), create)
        return ApiAnswer(shown(api.all(rules.kind)[made]))

    async def get(self, call: ApiCall) -> ApiAnswer:
        api = self._registry.existing(key_of(call))
        return ApiAnswer(shown(self._part(api, call.members[self._rules.id_member])))

    async def get_all(self, call: ApiCall) -> ApiAnswer:
        found = sorted(self._registry.existing(key_of(call)).all(self._rules.kind).items())
        return page(call, found, lambda item: item[0], lambda item: shown(item[1]))

    async def update(self, call: ApiCall) -> ApiAnswer:
        rules, part_id = self._rules, call.members[self._rules.id_member]
        members = given(call.members, "ApiId", rules.id_member)

        def update(api: Api) -> Api:
            document = merged(self._part(api, part_id), members, rules.maps)
            rules.check(api, document, part_id)
            return deployed(api.with_part(rules.kind, part_id, document), self._clock.now_s())

        api = await self._registry.change(key_of(call), update)
        return ApiAnswer(shown(api.all(rules.kind)[part_id]))

    async def delete(self, call: ApiCall) -> ApiAnswer:
        rules, part_id = self._rules, call.members[self._rules.id_member]

        def delete(api: Api) -> Api:
            self._part(api, part_id)
            rules.check_unused(api, part_id)
            return deployed(api.without_part(rules.kind, part_id), self._clock.now_s())

        await self._registry.change(key_of(call), delete)
        return ApiAnswer()

    def _part(self, api: Api, part_id: str) -> Document:
        part = api.all(self._rules.kind).get(part_id)
        if part is None:
            raise no_part(self._rules.kind)
        return part


def with_new_part(api: Api, rules: PartRules, members: Document) -> tuple[Api, str]:
    """With one part more, and its id. Raises BadRequestException and ConflictException."""
    part_id = new_id(PART_ID_LENGTH, api.all(rules.kind))
    document = {**rules.fresh(api, members), **members, rules.id_member: part_id}
    rules.check(api, document, None)
    return api.with_part(rules.kind, part_id, document), part_id


def _fresh_route(_: Api, members: Document) -> Document:
    return {"ApiKeyRequired": False, "AuthorizationType": "NONE"}


def check_new_route(api: Api, document: Document, route_id: str | None) -> None:
    """Also that no other route has its key. Raises BadRequestException and ConflictException."""
    check_route(api, document)
    key = document["RouteKey"]
    same = split_route_key(key) if api.protocol == "HTTP" else key
    for other_id, other in api.all("route").items():
        other_key = split_route_key(other["RouteKey"]) if api.protocol == "HTTP" else other["RouteKey"]
        if other_id != route_id and other_key == same:
            raise conflict(f"Route with key {key} already exists for this API")


def fresh_integration(api: Api, members: Document) -> Document:
    """What holds of an integration where nothing is said."""
    if api.protocol == "WEBSOCKET":
        return {
            "ConnectionType": "INTERNET",
            "IntegrationResponseSelectionExpression": "${integration.response.statuscode}",
            "PassthroughBehavior": "WHEN_NO_MATCH",
            "PayloadFormatVersion": "1.0",
            "TimeoutInMillis": 29_000,
        } | ({"IntegrationMethod": "POST"} if members["IntegrationType"] == "AWS_PROXY" else {})
    fresh: Document = {"ConnectionType": "INTERNET", "TimeoutInMillis": 30_000}
    if members["IntegrationType"] == "AWS_PROXY":
        return {**fresh, "IntegrationMethod": "POST"}
    return {**fresh, "PayloadFormatVersion": "1.0"}


def _check_new_integration(api: Api, document: Document, _: str | None) -> None:
    check_integration(api, document)


def _check_integration_unused(api: Api, integration_id: str) -> None:
    if any(route.get("Target") == f"integrations/{integration_id}" for route in api.all("route").values()):
        raise conflict(f"Cannot delete Integration '{integration_id}' as it is being referenced by a Route")


def fresh_authorizer(api: Api, members: Document) -> Document:
    """What holds of an authorizer where nothing is said."""
    if members["AuthorizerType"] == "JWT" or api.protocol == "WEBSOCKET":
        return {}
    return {
        "AuthorizerResultTtlInSeconds": RESULT_TTL_S if members.get("IdentitySource") else 0,
        "EnableSimpleResponses": False,
    }


def _check_new_authorizer(api: Api, document: Document, authorizer_id: str | None) -> None:
    check_authorizer(api, document)
    if document["AuthorizerType"] == "JWT" and not can_verify():
        raise invalid(INSTALL)
    for other_id, other in api.all("authorizer").items():
        if other_id != authorizer_id and other["Name"] == document["Name"]:
            raise conflict(f"Authorizer with name {document['Name']} already exists for this API")


def _check_authorizer_unused(api: Api, authorizer_id: str) -> None:
    if any(route.get("AuthorizerId") == authorizer_id for route in api.all("route").values()):
        raise conflict(f"Cannot delete Authorizer '{authorizer_id}' as it is being referenced by a Route")


ROUTES = PartRules("route", "Route", _fresh_route, check_new_route, lambda _api, _id: None, ("RequestParameters",))
INTEGRATIONS = PartRules(
    "integration",
    "Integration",
    fresh_integration,
    _check_new_integration,
    _check_integration_unused,
    ("RequestParameters", "ResponseParameters"),
)
AUTHORIZERS = PartRules("authorizer", "Authorizer", fresh_authorizer, _check_new_authorizer, _check_authorizer_unused)
