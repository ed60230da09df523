"""Application Load Balancers, unless they are elsewhere."""

from dataclasses import dataclass

from stoker.assembly.functions import Functions
from stoker.assembly.ground import Ground
from stoker.assembly.invocations import Invocations
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.assembly.stores import Stores
from stoker.front_door.query_services import QueryService
from stoker.invocations.authorisation import Authorisation
from stoker.lambda_model.call import operations_of
from stoker.load_balancers.balancers_api import LoadBalancersApi
from stoker.load_balancers.errors import validate
from stoker.load_balancers.health import HealthChecks
from stoker.load_balancers.listeners_api import ListenersApi
from stoker.load_balancers.ports import Ports
from stoker.load_balancers.records import Listener
from stoker.load_balancers.registry import LoadBalancerRegistry
from stoker.load_balancers.rules_api import RulesApi
from stoker.load_balancers.store import LoadBalancerStore
from stoker.load_balancers.tags_api import TagsApi
from stoker.load_balancers.target_groups_api import TargetGroupsApi
from stoker.load_balancers.targets import TargetCalls
from stoker.load_balancers.traffic import Traffic
from stoker.neighbours.choices import Here

VERSION = "2015-12-01"
NAMESPACE = f"http://elasticloadbalancing.amazonaws.com/doc/{VERSION}/"


@dataclass(frozen=True, slots=True)
class LoadBalancers:
    """`ports` are to be stopped with the node's grace."""

    registry: LoadBalancerRegistry
    ports: Ports
    health_checks: HealthChecks
    service: QueryService

    async def start(self) -> None:
        """When the node answers: with all the listeners that the node before this one had."""
        await self.ports.open(self.registry.all(Listener))
        self.health_checks.start()


async def open_load_balancers(
    ground: Ground,
    stores: Stores,
    functions: Functions,
    invocations: Invocations,
    aws: RestOfAws,
) -> LoadBalancers | None:
    """Nothing listens yet. None when another endpoint, or nobody, answers for Elastic Load Balancing."""
    settings, clock, background = ground.settings, ground.clock, ground.background
    if not isinstance(aws.choices.of("elasticloadbalancing"), Here):
        return None
    registry = LoadBalancerRegistry(LoadBalancerStore(stores.database))
    await registry.load()
    calls = TargetCalls(invocations.invoker, Authorisation(functions.registry), invocations.tracing)
    ports = Ports(settings.host, Traffic(registry, calls, background).at, background, settings.stop_grace_s)
    health_checks = HealthChecks(registry, calls, background)
    operations = operations_of(
        LoadBalancersApi(registry, ports, clock),
        TargetGroupsApi(registry, calls, health_checks),
        ListenersApi(registry, ports),
        RulesApi(registry),
        TagsApi(registry),
    )
    aws.clients.serve("elbv2", operations)
    return LoadBalancers(
        registry, ports, health_checks, QueryService("elbv2", NAMESPACE, validate, operations, version=VERSION)
    )
