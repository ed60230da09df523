"""The code that a request brings: a package, from the request or from S3, or a container image."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from stoker.code.records import CodePackage
from stoker.code.source import Complaints, PackageSource, check_source
from stoker.code.store import CodeStore
from stoker.errors import InvalidParameterValueException
from stoker.functions.account import check_code_storage, code_bytes
from stoker.functions.layers import LayerVersions
from stoker.functions.records import FunctionTarget, FunctionVersion, Image
from stoker.functions.registry import FunctionRegistry

COMPLAINTS = Complaints(
    missing="Please provide a source for function code.",
    ambiguous="Please do not provide other FunctionCode parameters when providing a ZipFile.",
)
IMAGE_FOR_ZIP = "Please don't provide ImageUri when updating a function with packageType Zip."
ZIP_FOR_IMAGE = "Please provide ImageUri when updating a function with packageType Image."


class Images(Protocol):
    """Where images are looked up."""

    async def resolve(self, uri: str, account_id: str, region: str, architecture: str) -> Image:
        """The image that `uri` means now. Raises InvalidParameterValueException."""


@dataclass(frozen=True, slots=True)
class Code:
    """What a function is made of: a package, or an image and the package that stands for it."""

    package: CodePackage
    image: Image | None = None

    def of(self, version: FunctionVersion) -> FunctionVersion:
        """`version` with this code instead of its own."""
        return replace(version, code=self.package, image=self.image)


def check_code(code: Mapping[str, Any], *, is_image: bool) -> None:
    """Raise InvalidParameterValueException unless `code` names one place that suits the package type."""
    if not is_image:
        check_source(code, COMPLAINTS)
    elif not code.get("ImageUri"):
        raise InvalidParameterValueException(COMPLAINTS.missing)


class CodeReader:
    """Fetches what requests name, and keeps it."""

    def __init__(
        self,
        registry: FunctionRegistry,
        layers: LayerVersions,
        code_store: CodeStore,
        packages: PackageSource,
        images: Images,
        code_storage_bytes_max: int,
    ) -> None:
        self._registry = registry
        self._layers = layers
        self._code_store = code_store
        self._packages = packages
        self._images = images
        self._code_storage_bytes_max = code_storage_bytes_max

    async def read(self, target: FunctionTarget, code: Mapping[str, Any], architecture: str) -> Code:
        """What `check_code` has let pass. Raises what AWS says of sizes, archives, objects and images."""
        if code.get("ImageUri"):
            image = await self._images.resolve(code["ImageUri"], target.account_id, target.region, architecture)
            return Code(CodePackage(image.digest, 0), image)
        zip_bytes = await self._packages.read(code, target.account_id, target.region, COMPLAINTS)
        functions = self._registry.functions_of(target.account_id, target.region)
        layer_bytes = await self._layers.code_bytes(target.account_id, target.region)
        check_code_storage(code_bytes(functions) + layer_bytes, len(zip_bytes), self._code_storage_bytes_max)
        return Code(await self._code_store.put(zip_bytes))
