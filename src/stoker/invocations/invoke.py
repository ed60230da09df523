"""The narrow waist: every trigger, whatever it is, comes through `Invoker.invoke`."""

from stoker.environments.pool import EnvironmentPool
from stoker.environments.provisioned import ProvisionedConcurrency
from stoker.errors import (
    LambdaError,
    RecursiveInvocationException,
    ResourceConflictException,
    ServiceException,
    SnapStartNotReadyException,
)
from stoker.functions.idleness.idleness import Idleness
from stoker.functions.records import FunctionVersion, State
from stoker.functions.registry import FunctionRegistry
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.concurrency import Concurrency
from stoker.invocations.lineage import INVOCATIONS_MAX, invocations_of, with_invocation_of
from stoker.invocations.request_rate import RequestRate
from stoker.vigil import Vigil


class Invoker:
    """Resolves a call's target, reserves its place, and runs it in an environment."""

    def __init__(
        self,
        functions: FunctionRegistry,
        provisioned: ProvisionedConcurrency,
        concurrency: Concurrency,
        request_rate: RequestRate,
        environments: EnvironmentPool,
        idleness: Idleness,
    ) -> None:
        self._functions = functions
        self._provisioned = provisioned
        self._concurrency = concurrency
        self._request_rate = request_rate
        self._environments = environments
        self._idleness = idleness
        self._vigil = Vigil()
        self._is_stopping = False

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Raises LambdaError for what AWS refuses; a handler's failure is a result."""
        version = self.resolve(invocation)
        if invocation.sink is not None:
            invocation.sink.run_by(version.version)
        invocation = self._counted(invocation)
        self._request_rate.take(version)
        self._idleness.note(version)
        since_s = self._vigil.keep()
        result = await self._run(version, invocation)
        self._vigil.answered(since_s)
        return result

    async def _run(self, version: FunctionVersion, invocation: Invocation) -> InvocationResult:
        allocation = self._provisioned.idle(version, invocation.target.qualifier)
        if allocation is not None:  # such an environment is a place, too
            with allocation.lease() as environment:
                return await environment.run(invocation)
        with self._concurrency.reserve(version):
            async with self._environments.lease(version) as environment:
                return await environment.run(invocation)

    def resolve(self, invocation: Invocation) -> FunctionVersion:
        """The version that is to run. Raises ResourceNotFoundException, ResourceConflictException."""
        if self._is_stopping:
            raise ServiceException("The node is stopping.")
        version = self._functions.resolve(invocation.target, names_latest=True)
        if version.state is not State.ACTIVE:
            if version.state is State.INACTIVE:
                self._idleness.wake(version)
            raise _not_active(version)
        return version

    def _counted(self, invocation: Invocation) -> Invocation:
        """With this invocation in its lineage. Raises RecursiveInvocationException at the end of a chain."""
        arn = invocation.target.function_arn
        if invocations_of(invocation.trace_id, arn) >= INVOCATIONS_MAX:
            function = self._functions.find(invocation.target.key)
            if function is None or function.recursive_loop == "Terminate":
                raise RecursiveInvocationException(
                    "Lambda detected that the function is invoked in a recursive loop, and stopped its invocation."
                )
        return invocation._replace(trace_id=with_invocation_of(invocation.trace_id, arn))

    def stop(self) -> None:
        """Take no new work; what runs may finish."""
        self._is_stopping = True


def _not_active(version: FunctionVersion) -> LambdaError:
    if version.is_snap_started and version.state is not State.FAILED:
        return SnapStartNotReadyException(
            "Lambda is initializing your function. You can invoke the function when the function state becomes Active."
        )
    return ResourceConflictException(
        "The operation cannot be performed at this time. "
        f"The function is currently in the following state: {version.state}"
    )
