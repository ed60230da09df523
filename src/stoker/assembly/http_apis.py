"""API Gateway: what all kinds of APIs share, and HTTP APIs."""

from dataclasses import dataclass

from stoker.assembly.functions import Functions
from stoker.assembly.ground import Ground
from stoker.assembly.invocations import Invocations
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.assembly.stores import Stores
from stoker.clock import Clock
from stoker.front_door.domains import LOCAL_DOMAIN
from stoker.front_door.rest_services import RestService
from stoker.gateways.access_logs import AccessLogs
from stoker.gateways.addresses import ApiAddresses
from stoker.gateways.authorizers import AuthorizerFunctions
from stoker.gateways.domain_names.registry import DomainNames
from stoker.gateways.domain_names.store import DomainNameStore
from stoker.gateways.functions import GatewayFunctions
from stoker.gateways.servers import Servers
from stoker.gateways.throttles import Throttles
from stoker.http_apis.answers import Answers
from stoker.http_apis.api import ApisApi
from stoker.http_apis.authorization import Authorization
from stoker.http_apis.authorizers_api import AuthorizersCacheApi
from stoker.http_apis.domain_names_api import DomainNamesApi
from stoker.http_apis.function_calls import FunctionCalls
from stoker.http_apis.http_calls import HttpCalls
from stoker.http_apis.import_api import ImportApi
from stoker.http_apis.issuers import Issuers
from stoker.http_apis.members import SERVICE
from stoker.http_apis.parts_api import AUTHORIZERS, INTEGRATIONS, ROUTES, PartsApi
from stoker.http_apis.registry import ApiRegistry
from stoker.http_apis.route_responses_api import RouteResponsesApi
from stoker.http_apis.sites import HttpApis
from stoker.http_apis.stages_api import StagesApi
from stoker.http_apis.store import ApiStore
from stoker.http_apis.tags_api import TagsApi
from stoker.http_apis.tokens import Tokens
from stoker.invocations.authorisation import Authorisation
from stoker.lambda_model.call import Operation, operations_of
from stoker.neighbours.choices import Here
from stoker.neighbours.user_pool_keys import EmbeddedUserPools

PATH_PREFIX = "/v2/"


@dataclass(frozen=True, slots=True)
class Gateways:
    """What every kind of API needs, made once."""

    addresses: ApiAddresses
    domain_names: DomainNames
    functions: GatewayFunctions
    authorizers: AuthorizerFunctions
    throttles: Throttles
    access_logs: AccessLogs
    servers: Servers


@dataclass(frozen=True, slots=True)
class HttpApiRooms:
    """`service` is None when another endpoint, or nobody, answers for API Gateway."""

    service: RestService | None
    registry: ApiRegistry
    sites: HttpApis


async def open_gateways(ground: Ground, stores: Stores, functions: Functions, invocations: Invocations) -> Gateways:
    """Domain names are loaded."""
    settings, clock, background, parts = ground.settings, ground.clock, ground.background, ground.parts
    gateway_functions = GatewayFunctions(
        invocations.invoker, Authorisation(functions.registry), invocations.tracing, background
    )
    domains = settings.function_url_domains.split()
    own_names = {LOCAL_DOMAIN, settings.host, *settings.allowed_hosts.split(), *domains}
    domain_names = DomainNames(DomainNameStore(stores.database), background, own_names)
    await domain_names.load()
    servers = Servers()
    parts.callback(servers.close)
    return Gateways(
        ApiAddresses(domains),
        domain_names,
        gateway_functions,
        AuthorizerFunctions(gateway_functions),
        Throttles(),
        AccessLogs(stores.logs, clock),
        servers,
    )


async def open_http_apis(ground: Ground, stores: Stores, aws: RestOfAws, gateways: Gateways) -> HttpApiRooms:
    """APIs are loaded."""
    settings, clock, background, parts = ground.settings, ground.clock, ground.background, ground.parts
    registry = ApiRegistry(ApiStore(stores.database), background)
    await registry.load()
    issuers = Issuers(EmbeddedUserPools(aws.choices, aws.clients, aws.forwarder))
    parts.callback(issuers.close)
    authorization = Authorization(gateways.functions, gateways.authorizers, Tokens(issuers, clock))
    calls = FunctionCalls(gateways.functions, settings.limits.request_payload_bytes_max)
    answers = Answers(authorization, calls, HttpCalls(gateways.servers))
    sites = HttpApis(registry, answers, gateways.throttles, gateways.access_logs, clock)
    service = None
    if isinstance(aws.choices.of("apigateway"), Here):
        operations = _operations(registry, gateways, clock)
        aws.clients.serve(SERVICE, operations)
        service = RestService(SERVICE, operations, validation_code="BadRequestException", path_prefix=PATH_PREFIX)
    return HttpApiRooms(service, registry, sites)


def _operations(registry: ApiRegistry, gateways: Gateways, clock: Clock) -> dict[str, Operation]:
    return operations_of(
        ApisApi(registry, gateways.addresses, gateways.domain_names, clock),
        *(PartsApi(registry, rules, clock) for rules in (ROUTES, INTEGRATIONS, AUTHORIZERS)),
        RouteResponsesApi(registry, clock),
        StagesApi(registry, gateways.domain_names, clock),
        DomainNamesApi(gateways.domain_names, registry, clock),
        TagsApi(registry, gateways.domain_names),
        AuthorizersCacheApi(registry, gateways.authorizers),
        ImportApi(registry, gateways.addresses, clock),
    )
