"""The operations of the Lambda API on functions: read, list, delete, and the account's totals.

What is configured for functions has a file or a room each beside this one; `FunctionsApi` joins them. Creating and
updating is `deployment_api.py`'s.
"""

from collections.abc import Mapping

from stoker.clock import Clock
from stoker.code.download import CodeDownload
from stoker.config import Settings
from stoker.errors import ResourceNotFoundException
from stoker.functions.account import code_bytes
from stoker.functions.activation import Activation
from stoker.functions.aliases.api import AliasesApi
from stoker.functions.delete import without
from stoker.functions.event_invoke_configs.api import EventInvokeConfigsApi
from stoker.functions.layers import LayerVersions
from stoker.functions.paging import page
from stoker.functions.policies.api import PoliciesApi
from stoker.functions.presentation import Presentation
from stoker.functions.provisioned_concurrency.allocations import Allocations
from stoker.functions.provisioned_concurrency.api import ProvisionedConcurrencyApi
from stoker.functions.records import Function, FunctionVersion
from stoker.functions.recursion_api import RecursionApi
from stoker.functions.registry import FunctionRegistry
from stoker.functions.reserved_concurrency import reserved_total
from stoker.functions.reserved_concurrency_api import ReservedConcurrencyApi
from stoker.functions.runtime_management.api import RuntimeManagementApi
from stoker.functions.scaling_api import ScalingApi
from stoker.functions.tags import TaggedResources
from stoker.functions.tags_api import TagsApi
from stoker.functions.targets import target_of
from stoker.functions.unsupported import refuse_unsupported
from stoker.functions.urls.addresses import UrlAddresses
from stoker.functions.urls.api import UrlsApi
from stoker.functions.versions_api import VersionsApi, version_sort_key
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.runtimes.catalogue import RuntimeCatalogue


class FunctionsApi:
    """Every operation on functions, by name, for the front door."""

    def __init__(
        self,
        registry: FunctionRegistry,
        code_download: CodeDownload,
        runtimes: RuntimeCatalogue,
        presentation: Presentation,
        activation: Activation,
        layers: LayerVersions,
        allocations: Allocations,
        tagged: Mapping[str, TaggedResources],
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._code_download = code_download
        self._presentation = presentation
        self._layers = layers
        self._settings = settings
        unreserved_min = settings.limits.unreserved_concurrency_min
        self._parts = (
            VersionsApi(registry, presentation, activation, clock),
            TagsApi(registry, tagged, settings.limits.tags_max),
            AliasesApi(registry),
            PoliciesApi(registry, settings.limits.policy_bytes_max),
            UrlsApi(registry, UrlAddresses(settings.function_url_domains.split()), clock),
            EventInvokeConfigsApi(registry, clock),
            RuntimeManagementApi(registry, runtimes),
            RecursionApi(registry),
            ScalingApi(registry),
            ReservedConcurrencyApi(registry, settings.concurrent_executions, unreserved_min),
            ProvisionedConcurrencyApi(registry, allocations, settings.concurrent_executions, unreserved_min, clock),
        )

    def operations(self) -> dict[str, Operation]:
        """Every operation of this room."""
        operations: dict[str, Operation] = {
            "GetFunction": self.get_function,
            "GetFunctionConfiguration": self.get_function_configuration,
            "ListFunctions": self.list_functions,
            "DeleteFunction": self.delete_function,
            "GetAccountSettings": self.get_account_settings,
        }
        for part in self._parts:
            operations |= part.operations()
        return operations

    async def get_function(self, call: ApiCall) -> ApiAnswer:
        target = target_of(call)
        version = self._registry.version(target)
        function = self._registry.function(target)
        reserved = function.reserved_concurrency
        return ApiAnswer(
            {
                "Configuration": await self._presentation.configuration(version, target.arn),
                "Code": self._code(version, call.endpoint),
                "Tags": dict(function.tags) or None,
                "Concurrency": None if reserved is None else {"ReservedConcurrentExecutions": reserved},
            }
        )

    async def get_function_configuration(self, call: ApiCall) -> ApiAnswer:
        target = target_of(call)
        return ApiAnswer(await self._presentation.configuration(self._registry.version(target), target.arn))

    async def list_functions(self, call: ApiCall) -> ApiAnswer:
        refuse_unsupported(call.members)
        functions = self._registry.functions_of(call.caller.account_id, call.caller.region)
        if call.members.get("FunctionVersion") == "ALL":
            listed = [(version, version.version_arn) for function in functions for version in function.versions]
        else:
            listed = [(function.latest, function.arn) for function in functions]
        shown, marker = page(
            listed, lambda item: version_sort_key(item[0]), call.members.get("Marker"), call.members.get("MaxItems")
        )
        return ApiAnswer(
            {
                "NextMarker": marker,
                "Functions": [await self._presentation.listed(version, arn) for version, arn in shown],
            }
        )

    async def delete_function(self, call: ApiCall) -> ApiAnswer:
        target = target_of(call)

        def delete(function: Function | None) -> Function | None:
            if function is None:
                raise ResourceNotFoundException(f"Function not found: {target.function_arn}")
            return without(function, target.qualifier)

        await self._registry.change(target.key, delete)
        return ApiAnswer(status=204)

    async def get_account_settings(self, call: ApiCall) -> ApiAnswer:
        functions = self._registry.functions_of(call.caller.account_id, call.caller.region)
        concurrency, limits = self._settings.concurrent_executions, self._settings.limits
        layer_bytes = await self._layers.code_bytes(call.caller.account_id, call.caller.region)
        return ApiAnswer(
            {
                "AccountLimit": {
                    "TotalCodeSize": limits.code_storage_bytes_max,
                    "CodeSizeUnzipped": limits.unzipped_bytes_max,
                    "CodeSizeZipped": limits.zipped_bytes_max,
                    "ConcurrentExecutions": concurrency,
                    "UnreservedConcurrentExecutions": concurrency - reserved_total(functions),
                },
                "AccountUsage": {"TotalCodeSize": code_bytes(functions) + layer_bytes, "FunctionCount": len(functions)},
            }
        )

    def _code(self, version: FunctionVersion, endpoint: str) -> dict[str, str]:
        """Where the code is (control plane, 4.4)."""
        if version.image is None:
            return {"RepositoryType": "S3", "Location": self._code_download.location(endpoint, version.code)}
        return {
            "RepositoryType": "ECR",
            "ImageUri": version.image.uri,
            "ResolvedImageUri": version.image.resolved_uri,
        }
