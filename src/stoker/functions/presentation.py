"""How versions are shown: with the runtime they have on this host, and with their variables in the open."""

from typing import Any

from stoker.errors import LambdaError
from stoker.functions.records import FunctionVersion
from stoker.functions.rendering import configuration, listed_configuration
from stoker.functions.runtime_choice import find_runtime
from stoker.functions.sealing import Sealing
from stoker.runtimes.catalogue import RuntimeCatalogue


class Presentation:
    """Asks what rendering needs to know."""

    def __init__(self, runtimes: RuntimeCatalogue, sealing: Sealing) -> None:
        self._runtimes = runtimes
        self._sealing = sealing

    async def configuration(self, version: FunctionVersion, arn: str) -> dict[str, Any]:
        """As operations on one version show it; `arn` is what to call it."""
        build = await find_runtime(self._runtimes, version.runtime)
        opened, failure = await self._opened(version)
        return configuration(opened, arn, build) | failure

    async def listed(self, version: FunctionVersion, arn: str) -> dict[str, Any]:
        """As lists show it."""
        opened, failure = await self._opened(version)
        return listed_configuration(opened, arn) | failure

    async def _opened(self, version: FunctionVersion) -> tuple[FunctionVersion, dict[str, Any]]:
        """Variables that cannot be opened are no reason not to show the rest: AWS says why in their place."""
        try:
            return await self._sealing.opened(version), {}
        except LambdaError as error:
            return version, {"Environment": {"Error": {"ErrorCode": error.code, "Message": error.message}}}
