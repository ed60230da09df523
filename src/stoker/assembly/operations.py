"""Every operation of the Lambda API that there is, by name: the `api.py` of each noun. And those of CloudWatch Logs."""

from contextlib import AsyncExitStack

from stoker.assembly.environments import Environments
from stoker.assembly.functions import Functions
from stoker.assembly.ground import Ground
from stoker.assembly.invocations import Invocations
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.assembly.stores import Stores
from stoker.clock import Clock
from stoker.code.download import CodeDownload
from stoker.code.source import PackageSource
from stoker.code_signing.api import CodeSigningApi
from stoker.code_signing.tags import CodeSigningTags
from stoker.event_sources.api import EventSourceMappingsApi
from stoker.event_sources.source_check import SourceCheck
from stoker.event_sources.tags import MappingTags
from stoker.front_door.json_services import JsonService
from stoker.functions.account import code_bytes
from stoker.functions.api import FunctionsApi
from stoker.functions.code import CodeReader
from stoker.functions.deployment_api import DeploymentApi
from stoker.functions.objects import ObjectsInS3
from stoker.functions.presentation import Presentation
from stoker.invocations.api import InvocationsApi
from stoker.invocations.authorisation import Authorisation
from stoker.invocations.pushes import Pushes
from stoker.lambda_model.call import Operation, operations_of
from stoker.layers.api import LayersApi
from stoker.layers.attachable import AttachableLayers
from stoker.logs.api import LogsApi
from stoker.logs.subscriptions.api import SubscriptionsApi
from stoker.logs.subscriptions.store import SubscriptionStore
from stoker.logs.subscriptions.subscriptions import Subscriptions


def lambda_operations(
    ground: Ground,
    stores: Stores,
    functions: Functions,
    environments: Environments,
    invocations: Invocations,
    aws: RestOfAws,
    code_download: CodeDownload,
) -> dict[str, Operation]:
    """For the front door."""
    settings, clock = ground.settings, ground.clock
    registry, limits = functions.registry, settings.limits
    layers = AttachableLayers(stores.layers)
    packages = PackageSource(ObjectsInS3(aws.clients), limits)
    presentation = Presentation(functions.runtimes, functions.sealing)
    return operations_of(
        FunctionsApi(
            registry=registry,
            code_download=code_download,
            runtimes=functions.runtimes,
            presentation=presentation,
            activation=environments.activation,
            layers=layers,
            allocations=environments.provisioned,
            tagged={
                "code-signing-config": CodeSigningTags(functions.signing_configs),
                "event-source-mapping": MappingTags(invocations.mappings),
            },
            settings=settings,
            clock=clock,
        ),
        DeploymentApi(
            registry=registry,
            code_store=stores.code,
            code=CodeReader(registry, layers, stores.code, packages, stores.images, limits.code_storage_bytes_max),
            runtimes=functions.runtimes,
            activation=environments.activation,
            layers=layers,
            code_signing=functions.signatures,
            networks=functions.networks,
            file_systems=functions.file_systems,
            sealing=functions.sealing,
            presentation=presentation,
            limits=limits,
            clock=clock,
        ),
        LayersApi(
            stores.layers,
            stores.code,
            packages,
            code_download,
            lambda caller: code_bytes(registry.functions_of(caller.account_id, caller.region)),
            limits,
            clock,
        ),
        CodeSigningApi(functions.signing_configs, registry, functions.signatures, limits.tags_max, clock),
        EventSourceMappingsApi(
            invocations.mappings,
            invocations.transitions,
            SourceCheck(aws.clients, invocations.brokers),
            registry,
            limits,
            clock,
        ),
        InvocationsApi(
            invocations.invoker, invocations.streams, invocations.events, invocations.tracing, Authorisation(registry)
        ),
    )


async def logs_service(stores: Stores, pushes: Pushes, clock: Clock, parts: AsyncExitStack) -> JsonService:
    """CloudWatch Logs, with functions that are told what is written."""
    subscriptions = Subscriptions(SubscriptionStore(stores.database), pushes.answer)
    await subscriptions.load()
    stores.logs.follow(subscriptions)
    # The store closes last, when nobody is left to take an event.
    parts.callback(stores.logs.follow, None)
    operations = {
        **LogsApi(stores.logs, clock).operations(),
        **SubscriptionsApi(stores.logs, subscriptions, clock).operations(),
    }
    return JsonService("logs", operations)
