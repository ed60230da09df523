"""Where a version's code, layers and runtime lie, joined into the plan of an environment."""

import asyncio
from functools import partial

from stoker.code.layer_trees import LayerTrees
from stoker.code.store import CodeStore
from stoker.environments.image_plan import plan_image_environment
from stoker.environments.plan import plan_environment
from stoker.environments.preloads import Preloads
from stoker.environments.records import EnvironmentPlan
from stoker.environments.variables import Initialization
from stoker.errors import InvalidRuntimeException
from stoker.functions.file_systems import FileSystems
from stoker.functions.records import FunctionVersion, Image
from stoker.functions.sealing import Sealing
from stoker.images.store import ImageRoot, ImageStore
from stoker.role_sessions import RoleSessions
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeNotReadyError
from stoker.sandbox.network.records import NO_NETWORKS, DeclaredNetworks, Network


class Planner:
    """Asks those who know; what was asked once is at hand the next time."""

    def __init__(
        self,
        code_store: CodeStore,
        layer_trees: LayerTrees,
        runtimes: RuntimeCatalogue,
        images: ImageStore,
        *,
        fresh: bool,
        on_host: bool,
        starts_ahead: bool,
        aws_endpoint: str = "",
        networks: DeclaredNetworks = NO_NETWORKS,
        file_systems: FileSystems,
        sealing: Sealing,
        role_sessions: RoleSessions,
        preloads: Preloads | None = None,
    ) -> None:
        """`fresh`, `on_host`, `starts_ahead` and `aws_endpoint` are `plan_environment`'s."""
        self._code_store = code_store
        self._layer_trees = layer_trees
        self._runtimes = runtimes
        self._images = images
        self._fresh = fresh
        self._on_host = on_host
        self._starts_ahead = starts_ahead
        self._aws_endpoint = aws_endpoint
        self._networks = networks
        self._file_systems = file_systems
        self._sealing = sealing
        self._role_sessions = role_sessions
        self._preloads = preloads

    def _network(self, version: FunctionVersion) -> Network:
        vpc = version.vpc
        subnets, groups = (vpc.subnet_ids, vpc.security_group_ids) if vpc is not None else ((), ())
        return self._networks.of_function(version.name, subnets, groups)

    async def plan(
        self, version: FunctionVersion, name: str, log_stream: str, initialization: Initialization = "on-demand"
    ) -> EnvironmentPlan:
        """Raises InvalidRuntimeException when the runtime is no longer there, EFSMountFailureException when a file
        system is not, and what opening variables raises."""
        directories = self._file_systems.directories(version.file_systems)
        version = await self._sealing.opened(version)
        new_credentials = partial(self._role_sessions.begin, version.account_id, version.role, version.name)
        if version.image is not None:
            return plan_image_environment(
                version,
                await self._image(version.image),
                name,
                log_stream,
                initialization,
                aws_endpoint=self._aws_endpoint,
                network=self._network(version),
                directories=directories,
                new_credentials=new_credentials,
            )
        try:
            build = self._runtimes.found(version.runtime)
            if build is None:
                build = await asyncio.to_thread(self._runtimes.find, version.runtime)
        except RuntimeNotReadyError as error:
            raise InvalidRuntimeException(str(error)) from None
        if self._on_host and build.root is not None and build.host_interpreter is None:
            raise InvalidRuntimeException(
                f"The runtime {build.name} has a root file system of its own ({build.source}), and isolation 'plain' "
                "has no roots. See: stoker doctor"
            )
        plan = plan_environment(
            version,
            build,
            self._code_store.tree(version.code),
            await self._layer_trees.tree(version.layer_packages),
            name,
            log_stream,
            initialization,
            aws_endpoint=self._aws_endpoint,
            network=self._network(version),
            directories=directories,
            new_credentials=new_credentials,
            fresh=self._fresh,
            on_host=self._on_host,
            starts_ahead=self._starts_ahead,
        )
        return plan if self._preloads is None else self._preloads.added(plan)

    async def _image(self, image: Image) -> ImageRoot:
        root = self._images.found(image) or await self._images.find(image)
        if root is None:
            text = f"The image {image.uri} is no longer on this node. Update the function's code."
            raise InvalidRuntimeException(text)
        return root
