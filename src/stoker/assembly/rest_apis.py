"""API Gateway's REST APIs."""

from dataclasses import dataclass

from stoker.assembly.ground import Ground
from stoker.assembly.http_apis import Gateways
from stoker.assembly.invocations import Invocations
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.assembly.stores import Stores
from stoker.clock import Clock
from stoker.front_door.rest_services import RestService
from stoker.lambda_model.call import Operation, operations_of
from stoker.neighbours.choices import Here
from stoker.rest_apis.admission import Admission
from stoker.rest_apis.answers import Answers
from stoker.rest_apis.apis_api import ApisApi
from stoker.rest_apis.authorization import Authorization
from stoker.rest_apis.catalogue import Catalogue
from stoker.rest_apis.deployments_api import DeploymentsApi
from stoker.rest_apis.domains_api import DomainsApi
from stoker.rest_apis.function_calls import FunctionCalls
from stoker.rest_apis.import_api import ImportApi
from stoker.rest_apis.integrations_api import IntegrationsApi
from stoker.rest_apis.keys_api import KeysApi
from stoker.rest_apis.mapping import Mappings
from stoker.rest_apis.methods_api import MethodsApi
from stoker.rest_apis.parts_api import PartsApi
from stoker.rest_apis.server_calls import ServerCalls
from stoker.rest_apis.sites import RestApis
from stoker.rest_apis.stages_api import StagesApi
from stoker.rest_apis.store import ItemStore
from stoker.rest_apis.tags_api import TagsApi
from stoker.rest_apis.trials_api import TrialsApi
from stoker.rest_apis.usage import Usage
from stoker.rest_apis.usage_api import UsageApi

SERVICE = "apigateway"


@dataclass(frozen=True, slots=True)
class RestApiRooms:
    """`service` is None when another endpoint, or nobody, answers for API Gateway."""

    service: RestService | None
    sites: RestApis


async def open_rest_apis(
    ground: Ground,
    stores: Stores,
    aws: RestOfAws,
    invocations: Invocations,
    gateways: Gateways,
) -> RestApiRooms:
    """APIs are loaded."""
    settings, clock, background, parts = ground.settings, ground.clock, ground.background, ground.parts
    store = ItemStore(stores.database)
    catalogue = Catalogue(store)
    await catalogue.load()
    usage = Usage(store, clock, background)
    await usage.load()
    parts.push_async_callback(usage.write)
    authorization = Authorization(gateways.functions, gateways.authorizers)
    calls = FunctionCalls(gateways.functions, invocations.events, settings.limits.request_payload_bytes_max)
    admission = Admission(catalogue, usage, gateways.throttles)
    servers = ServerCalls(gateways.servers)
    answers = Answers(authorization, admission, calls, servers, Mappings(calls, servers))
    sites = RestApis(catalogue, answers, gateways.throttles, gateways.access_logs, clock)
    service = None
    if isinstance(aws.choices.of(SERVICE), Here):
        operations = _operations(catalogue, usage, authorization, gateways, clock)
        operations |= TrialsApi(catalogue, answers, clock).operations()
        aws.clients.serve(SERVICE, operations)
        service = RestService(SERVICE, operations, validation_code="BadRequestException")
    return RestApiRooms(service, sites)


def _operations(
    catalogue: Catalogue, usage: Usage, authorization: Authorization, gateways: Gateways, clock: Clock
) -> dict[str, Operation]:
    return operations_of(
        ApisApi(catalogue, gateways.domain_names, clock),
        ImportApi(catalogue, clock),
        MethodsApi(catalogue),
        IntegrationsApi(catalogue),
        PartsApi(catalogue),
        DeploymentsApi(catalogue, clock),
        StagesApi(catalogue, clock),
        KeysApi(catalogue, clock),
        UsageApi(catalogue, usage, authorization),
        DomainsApi(gateways.domain_names, catalogue, clock),
        TagsApi(catalogue, gateways.domain_names),
    )
