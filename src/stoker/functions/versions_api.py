"""PublishVersion and ListVersionsByFunction (reference: control plane, 5)."""

from stoker.clock import Clock, lambda_timestamp
from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.activation import Activation
from stoker.functions.paging import SortKey, page
from stoker.functions.presentation import Presentation
from stoker.functions.publish import publish
from stoker.functions.records import LATEST, Function, FunctionVersion, State
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import whole_function_of
from stoker.functions.unsupported import refuse_unsupported
from stoker.functions.update import check_not_updating, check_revision
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


def version_sort_key(version: FunctionVersion) -> SortKey:
    """By name, then `$LATEST`, then the numbers in ascending order."""
    return (version.name, 0 if version.version == LATEST else int(version.version))


class VersionsApi:
    """Versions of a function."""

    def __init__(
        self, registry: FunctionRegistry, presentation: Presentation, activation: Activation, clock: Clock
    ) -> None:
        self._registry = registry
        self._presentation = presentation
        self._activation = activation
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "PublishVersion": self.publish_version,
            "ListVersionsByFunction": self.list_versions_by_function,
        }

    async def publish_version(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        target = whole_function_of(call)
        refuse_unsupported(members)
        now = lambda_timestamp(self._clock.now_s())

        def publish_latest(function: Function | None) -> Function:
            if function is None:
                raise ResourceNotFoundException(f"Function not found: {target.arn}")
            check_not_updating(function)
            check_revision(function, members.get("RevisionId"))
            _check_code(function, members.get("CodeSha256"))
            return publish(function, members.get("Description"), now)

        function = await self._registry.change(target.key, publish_latest)
        assert function is not None
        version = function.published[str(function.next_version - 1)]
        if version.state is State.PENDING:
            self._activation.start(function)
        return ApiAnswer(await self._presentation.configuration(version, version.version_arn))

    async def list_versions_by_function(self, call: ApiCall) -> ApiAnswer:
        function = self._registry.function(whole_function_of(call))
        shown, marker = page(
            function.versions, version_sort_key, call.members.get("Marker"), call.members.get("MaxItems")
        )
        return ApiAnswer(
            {
                "NextMarker": marker,
                "Versions": [await self._presentation.listed(version, version.version_arn) for version in shown],
            }
        )


def _check_code(function: Function, code_sha256: str | None) -> None:
    present = function.latest.code_sha256
    if code_sha256 and code_sha256 != present:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST ({present}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
