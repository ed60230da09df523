"""What the node knows of its functions, before any of them runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.assembly.ground import Ground
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.assembly.stores import Stores
from stoker.code_signing.registry import CodeSigningConfigs
from stoker.code_signing.signature import SignatureCheck
from stoker.code_signing.store import CodeSigningStore
from stoker.functions.file_systems import FileSystems
from stoker.functions.registry import FunctionRegistry
from stoker.functions.sealing import Sealing
from stoker.functions.store import FunctionStore
from stoker.functions.vpc import Vpcs
from stoker.images.runtime_images import RuntimeImages
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.sandbox.network.records import DeclaredNetworks


@dataclass(frozen=True, slots=True)
class Declared:
    """What the settings say there is on this host for functions to use; file systems by the ARN of an access point."""

    networks: DeclaredNetworks
    file_systems: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Functions:
    """The registry, loaded, and those who know what functions may ask for."""

    registry: FunctionRegistry
    runtimes: RuntimeCatalogue
    signing_configs: CodeSigningConfigs
    signatures: SignatureCheck
    sealing: Sealing
    networks: Vpcs
    file_systems: FileSystems


async def load_functions(
    ground: Ground,
    declared: Declared,
    stores: Stores,
    aws: RestOfAws,
    *,
    has_isolation: bool,
) -> Functions:
    """Read them all from the database. Without isolation neither networks nor file systems can be had."""
    settings, background = ground.settings, ground.background
    registry = FunctionRegistry(FunctionStore(stores.database), background)
    await registry.load()
    signing_configs = CodeSigningConfigs(CodeSigningStore(stores.database), background)
    await signing_configs.load()
    return Functions(
        registry=registry,
        runtimes=RuntimeCatalogue(settings, RuntimeImages(settings)),
        signing_configs=signing_configs,
        signatures=SignatureCheck(signing_configs, stores.code),
        sealing=Sealing(aws.clients),
        networks=Vpcs(declared.networks, aws.clients, has_isolation=has_isolation),
        file_systems=FileSystems(declared.file_systems, has_isolation=has_isolation),
    )
