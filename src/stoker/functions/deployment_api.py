"""CreateFunction, UpdateFunctionCode and UpdateFunctionConfiguration.

Each one checks everything it can before it stores code, commits the new record before it answers, and leaves the rest
to the activation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stoker.clock import Clock, lambda_timestamp
from stoker.code.records import CodePackage
from stoker.code.store import CodeStore
from stoker.errors import InvalidParameterValueException, ResourceConflictException, ResourceNotFoundException
from stoker.functions.activation import Activation
from stoker.functions.architecture import check_runs_here, host_architecture, requested_architecture
from stoker.functions.code import IMAGE_FOR_ZIP, ZIP_FOR_IMAGE, CodeReader, check_code
from stoker.functions.code_signing import CodeSigning
from stoker.functions.configuration import Configuration, configuration_of, configured, default_configuration
from stoker.functions.create import Creation, created
from stoker.functions.file_systems import FileSystems
from stoker.functions.layers import LayerVersions, attached_layers, check_unzipped_size
from stoker.functions.networks import Networks, in_network
from stoker.functions.presentation import Presentation
from stoker.functions.publish import publish
from stoker.functions.records import AttachedLayer, Function, FunctionTarget, FunctionVersion
from stoker.functions.registry import FunctionRegistry
from stoker.functions.requested_configuration import requested_configuration
from stoker.functions.runtime_choice import require_runtime
from stoker.functions.sealing import Sealing, Variables
from stoker.functions.tags import check_tags
from stoker.functions.targets import whole_function_of
from stoker.functions.unsupported import refuse_unsupported, with_code
from stoker.functions.update import check_can_change, check_revision, updated
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.limits import Limits
from stoker.runtimes.catalogue import RuntimeCatalogue


class DeploymentApi:
    """What `aws lambda create-function` and the `update-…` commands call."""

    def __init__(
        self,
        registry: FunctionRegistry,
        code_store: CodeStore,
        code: CodeReader,
        runtimes: RuntimeCatalogue,
        activation: Activation,
        layers: LayerVersions,
        code_signing: CodeSigning,
        networks: Networks,
        file_systems: FileSystems,
        sealing: Sealing,
        presentation: Presentation,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._code_store = code_store
        self._code = code
        self._runtimes = runtimes
        self._activation = activation
        self._layers = layers
        self._code_signing = code_signing
        self._networks = networks
        self._file_systems = file_systems
        self._sealing = sealing
        self._presentation = presentation
        self._limits = limits
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateFunction": self.create_function,
            "UpdateFunctionCode": self.update_function_code,
            "UpdateFunctionConfiguration": self.update_function_configuration,
        }

    async def create_function(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        target = whole_function_of(call)
        is_image = members.get("PackageType") == "Image"
        check_code(members["Code"], is_image=is_image)
        wanted = self._requested(default_configuration(target.name), members, is_image=is_image)
        refuse_unsupported(members)  # what AWS itself refuses, it refuses in its own words
        architecture = requested_architecture(members, host_architecture())
        tags = dict(members.get("Tags") or {})
        check_tags(tags, self._limits.tags_max)
        if not is_image:
            await require_runtime(self._runtimes, wanted.runtime)
        self._file_systems.check(wanted.file_systems)
        wanted = await in_network(wanted, self._networks, call.caller)
        layers = await self._attached_layers(call) or ()
        signing_arn = members.get("CodeSigningConfigArn") or None
        self._code_signing.check_present(signing_arn)
        _check_is_new(self._registry.find(target.key), target)
        code = await self._code.read(target, members["Code"], architecture)
        if code.image is None:
            packages = (code.package, *_packages(layers))
            await self._check_unzipped_size(code.package, layers)
            await check_runs_here(architecture, packages, self._code_store)
            await self._code_signing.check(signing_arn, packages, target.name)
        variables = await self._sealing.seal(target, wanted.kms_key_arn, wanted.environment)
        now = self._timestamp()

        def create(present: Function | None) -> Function:
            _check_is_new(present, target)
            self._code_signing.check_present(signing_arn)
            creation = Creation(target, wanted, variables, code, architecture, tags, layers, signing_arn)
            function = created(creation, now)
            return publish(function, None, now) if members.get("Publish") else function

        function = await self._change(target, create)
        self._activation.start(function)
        # With Publish the answer is the version's, yet AWS calls it by the unqualified ARN (control plane, 4.1).
        return await self._answer(_answered_version(function, members), function.arn)

    async def update_function_code(self, call: ApiCall) -> ApiAnswer:
        members = with_code(call.members)
        target = whole_function_of(call)
        present = self._registry.function(target)
        is_image = present.latest.image is not None
        _check_package_type(members["Code"], is_image=is_image)
        check_code(members["Code"], is_image=is_image)
        refuse_unsupported(members)
        architecture = requested_architecture(members, present.latest.architecture)
        check_can_change(present)
        check_revision(present, members.get("RevisionId"))
        if not is_image:
            await require_runtime(self._runtimes, present.latest.runtime)
        code = await self._code.read(target, members["Code"], architecture)
        if code.image is None:
            await self._check_unzipped_size(code.package, present.latest.layers)
            await check_runs_here(architecture, (code.package, *present.latest.layer_packages), self._code_store)
            await self._code_signing.check(present.code_signing_config_arn, (code.package,), present.arn)

        def with_new_code(latest: FunctionVersion) -> FunctionVersion:
            return replace(code.of(latest), architecture=architecture)

        if members.get("DryRun"):
            return await self._answer(with_new_code(present.latest), present.arn)
        function = await self._update(target, members, with_new_code)
        version = _answered_version(function, members)
        return await self._answer(version, version.version_arn if members.get("Publish") else function.arn)

    async def update_function_configuration(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        target = whole_function_of(call)
        present = self._registry.function(target)
        is_image = present.latest.image is not None
        requested = self._requested(configuration_of(present.latest), members, is_image=is_image)
        refuse_unsupported(members)
        if members.get("Runtime"):
            await require_runtime(self._runtimes, requested.runtime)
        if members.get("FileSystemConfigs"):
            self._file_systems.check(requested.file_systems)
        network = (await in_network(requested, self._networks, call.caller)).vpc if members.get("VpcConfig") else None
        variables = await self._new_variables(target, present.latest, requested, members)
        layers = await self._attached_layers(call)
        if layers is not None:
            await self._check_unzipped_size(present.latest.code, layers)
            await check_runs_here(present.latest.architecture, _packages(layers), self._code_store)
            await self._code_signing.check(present.code_signing_config_arn, _packages(layers), present.arn)

        def with_new_configuration(latest: FunctionVersion) -> FunctionVersion:
            wanted = self._requested(configuration_of(latest), members, is_image=is_image)
            changed = configured(latest, wanted if network is None else replace(wanted, vpc=network))
            changed = changed if variables is None else variables.of(changed)
            return changed if layers is None else replace(changed, layers=layers)

        function = await self._update(target, members, with_new_configuration)
        return await self._answer(function.latest, function.arn)

    async def _update(
        self, target: FunctionTarget, members: Mapping[str, Any], change: Callable[[FunctionVersion], FunctionVersion]
    ) -> Function:
        now = self._timestamp()

        def update(present: Function | None) -> Function:
            if present is None:  # deleted while its code was unpacked
                raise ResourceNotFoundException(f"Function not found: {target.arn}")
            check_can_change(present)
            check_revision(present, members.get("RevisionId"))
            function = updated(present, change(present.latest), now)
            return publish(function, None, now) if members.get("Publish") else function

        function = await self._change(target, update)
        self._activation.start(function)
        return function

    async def _change(self, target: FunctionTarget, verb: Callable[[Function | None], Function]) -> Function:
        function = await self._registry.change(target.key, verb)
        assert function is not None
        return function

    async def _attached_layers(self, call: ApiCall) -> tuple[AttachedLayer, ...] | None:
        """None where the request says nothing of layers."""
        arns = call.members.get("Layers")
        if arns is None:
            return None
        return await attached_layers(arns, call.caller, self._layers, self._code_store, self._limits.layers_max)

    async def _check_unzipped_size(self, code: CodePackage, layers: Sequence[AttachedLayer]) -> None:
        await check_unzipped_size(code, layers, self._code_store, self._limits.unzipped_bytes_max)

    def _requested(self, base: Configuration, members: Mapping[str, Any], *, is_image: bool) -> Configuration:
        return requested_configuration(base, members, self._limits.environment_bytes_max, is_image=is_image)

    async def _new_variables(
        self, target: FunctionTarget, latest: FunctionVersion, requested: Configuration, members: Mapping[str, Any]
    ) -> Variables | None:
        """None where the request changes neither the variables nor their key."""
        if members.get("Environment") is None and members.get("KMSKeyArn") is None:
            return None
        environment = requested.environment
        if members.get("Environment") is None:
            environment = (await self._sealing.opened(latest)).environment
        return await self._sealing.seal(target, requested.kms_key_arn, environment)

    async def _answer(self, version: FunctionVersion, arn: str) -> ApiAnswer:
        return ApiAnswer(await self._presentation.configuration(version, arn))

    def _timestamp(self) -> str:
        return lambda_timestamp(self._clock.now_s())


def _packages(layers: tuple[AttachedLayer, ...]) -> tuple[CodePackage, ...]:
    return tuple(layer.code for layer in layers)


def _check_package_type(code: Mapping[str, Any], *, is_image: bool) -> None:
    """A function stays what it was created from."""
    if is_image and not code.get("ImageUri"):
        raise InvalidParameterValueException(ZIP_FOR_IMAGE)
    if not is_image and code.get("ImageUri"):
        raise InvalidParameterValueException(IMAGE_FOR_ZIP)


def _check_is_new(present: Function | None, target: FunctionTarget) -> None:
    if present is not None:
        raise ResourceConflictException(f"Function already exist: {target.name}")


def _answered_version(function: Function, members: Mapping[str, Any]) -> FunctionVersion:
    return function.published[str(function.next_version - 1)] if members.get("Publish") else function.latest
