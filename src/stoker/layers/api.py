"""The operations of the Lambda API on layer versions (reference: control plane, 8).

Their policies have a file beside this one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stoker.clock import Clock, lambda_timestamp
from stoker.code.download import CodeDownload
from stoker.code.source import Complaints, PackageSource
from stoker.code.store import CodeStore
from stoker.errors import AccessDeniedException
from stoker.functions.account import check_code_storage
from stoker.functions.paging import page
from stoker.functions.unsupported import not_supported
from stoker.lambda_model.call import ApiAnswer, ApiCall, Caller, Operation
from stoker.layers.access import check_access
from stoker.layers.names import layer_of, layer_version_of, not_found, split_layer_arn
from stoker.layers.policy_api import LayerPolicyApi
from stoker.layers.records import LayerTarget, LayerVersion
from stoker.layers.store import LayerStore
from stoker.limits import Limits

COMPLAINTS = Complaints(
    missing="Please provide a source for layer content.",
    ambiguous="Please do not provide other LayerVersionContent parameters when providing a ZipFile.",
)
CONTENT_MEMBERS = frozenset({"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode"})


class LayersApi:
    """Nine operations, by name, for the front door."""

    def __init__(
        self,
        store: LayerStore,
        code_store: CodeStore,
        packages: PackageSource,
        code_download: CodeDownload,
        function_code_bytes: Callable[[Caller], int],
        limits: Limits,
        clock: Clock,
    ) -> None:
        """`function_code_bytes` is what an account's functions use of its code storage, which layers share."""
        self._store = store
        self._code_store = code_store
        self._packages = packages
        self._code_download = code_download
        self._function_code_bytes = function_code_bytes
        self._code_storage_bytes_max = limits.code_storage_bytes_max
        self._clock = clock
        self._policies = LayerPolicyApi(store, limits.policy_bytes_max)

    def operations(self) -> dict[str, Operation]:
        return {
            "PublishLayerVersion": self.publish_layer_version,
            "GetLayerVersion": self.get_layer_version,
            "GetLayerVersionByArn": self.get_layer_version_by_arn,
            "DeleteLayerVersion": self.delete_layer_version,
            "ListLayers": self.list_layers,
            "ListLayerVersions": self.list_layer_versions,
            **self._policies.operations(),
        }

    async def publish_layer_version(self, call: ApiCall) -> ApiAnswer:
        target = layer_of(call)
        if target.account_id != call.caller.account_id:
            raise AccessDeniedException(None)
        content = call.members["Content"]
        _refuse_unsupported(content)
        zip_bytes = await self._packages.read(content, target.account_id, target.region, COMPLAINTS)
        await self._check_code_storage(call.caller, len(zip_bytes))
        package = await self._code_store.put(zip_bytes)
        now = lambda_timestamp(self._clock.now_s())
        members = call.members

        def make(number: int) -> LayerVersion:
            return LayerVersion(
                account_id=target.account_id,
                region=target.region,
                name=target.name,
                version=number,
                code=package,
                description=members.get("Description") or "",
                license_info=members.get("LicenseInfo"),
                compatible_runtimes=_tuple(members.get("CompatibleRuntimes")),
                compatible_architectures=_tuple(members.get("CompatibleArchitectures")),
                created_date=now,
            )

        return self._answer(call, await self._store.publish(target.key, make))

    async def get_layer_version(self, call: ApiCall) -> ApiAnswer:
        return await self._get(call, layer_version_of(call))

    async def get_layer_version_by_arn(self, call: ApiCall) -> ApiAnswer:
        target = split_layer_arn(call.members["Arn"])
        if target is None or target.region != call.caller.region:
            raise not_found()
        return await self._get(call, target)

    async def delete_layer_version(self, call: ApiCall) -> ApiAnswer:
        target = layer_version_of(call)
        if target.account_id != call.caller.account_id:
            raise AccessDeniedException(None)
        # What is gone already is no mistake; functions that have the version keep it (control plane, 8).
        await self._store.change(target.key, target.version or 0, lambda _: None)
        return ApiAnswer(status=204)

    async def list_layers(self, call: ApiCall) -> ApiAnswer:
        caller, members = call.caller, call.members
        latest: dict[str, LayerVersion] = {}
        for version in await self._store.versions_of_account(caller.account_id, caller.region):
            if _suits(version, members):
                latest.setdefault(version.name, version)
        shown, marker = page(
            list(latest.values()), lambda version: (version.name,), members.get("Marker"), members.get("MaxItems")
        )
        layers = [
            {
                "LayerName": version.name,
                "LayerArn": version.layer_arn,
                "LatestMatchingVersion": _listed(version),
            }
            for version in shown
        ]
        return ApiAnswer({"NextMarker": marker, "Layers": layers})

    async def list_layer_versions(self, call: ApiCall) -> ApiAnswer:
        target, members = layer_of(call), call.members
        if target.account_id != call.caller.account_id:
            raise AccessDeniedException(None)
        suitable = [version for version in await self._store.versions(target.key) if _suits(version, members)]
        shown, marker = page(
            suitable, lambda version: (-version.version,), members.get("Marker"), members.get("MaxItems")
        )
        return ApiAnswer({"NextMarker": marker, "LayerVersions": [_listed(version) for version in shown]})

    async def _get(self, call: ApiCall, target: LayerTarget) -> ApiAnswer:
        version = await self._store.find(target.key, target.version or 0)
        check_access(version, target, call.caller)
        if version is None:
            raise not_found()
        return self._answer(call, version)

    async def _check_code_storage(self, caller: Caller, added_bytes: int) -> None:
        layer_bytes = await self._store.code_bytes(caller.account_id, caller.region)
        used_bytes = layer_bytes + self._function_code_bytes(caller)
        check_code_storage(used_bytes, added_bytes, self._code_storage_bytes_max)

    def _answer(self, call: ApiCall, version: LayerVersion) -> ApiAnswer:
        content = {
            "Location": self._code_download.location(call.endpoint, version.code),
            "CodeSha256": version.code.code_sha256,
            "CodeSize": version.code.size_bytes,
        }
        return ApiAnswer({"Content": content, "LayerArn": version.layer_arn, **_listed(version)})


def _listed(version: LayerVersion) -> dict[str, Any]:
    """What lists and single answers have in common."""
    members = {
        "LayerVersionArn": version.arn,
        "Version": version.version,
        "Description": version.description,
        "CreatedDate": version.created_date,
        "CompatibleRuntimes": _list(version.compatible_runtimes),
        "CompatibleArchitectures": _list(version.compatible_architectures),
        "LicenseInfo": version.license_info,
    }
    return {name: value for name, value in members.items() if value is not None}


def _suits(version: LayerVersion, members: Any) -> bool:
    return version.suits(members.get("CompatibleRuntime"), members.get("CompatibleArchitecture"))


def _refuse_unsupported(content: Mapping[str, Any]) -> None:
    """What AWS offers for a layer's content and Stoker does not, and whatever AWS adds."""
    if content.get("S3ObjectStorageMode") == "REFERENCE":
        raise not_supported("S3ObjectStorageMode REFERENCE")
    for name, value in content.items():
        if value and name not in CONTENT_MEMBERS:
            raise not_supported(name)


def _tuple(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)
