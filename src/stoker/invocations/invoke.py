"""The narrow waist: every trigger, whatever it is, comes through `Invoker.invoke`."""

from stoker.environments.pool import EnvironmentPool
from stoker.environments.provisioned import ProvisionedConcurrency
from stoker.errors import ResourceConflictException, ServiceException
from stoker.functions.records import FunctionVersion, State
from stoker.functions.registry import FunctionRegistry
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.concurrency import Concurrency


class Invoker:
    """Resolves a call's target, reserves its place, and runs it in an environment."""

    def __init__(
        self,
        functions: FunctionRegistry,
        provisioned: ProvisionedConcurrency,
        concurrency: Concurrency,
        environments: EnvironmentPool,
    ) -> None:
        self._functions = functions
        self._provisioned = provisioned
        self._concurrency = concurrency
        self._environments = environments
        self._is_stopping = False

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Raises LambdaError for what AWS refuses; a handler's failure is a result."""
        version = self.resolve(invocation)
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
            raise ResourceConflictException(
                "The operation cannot be performed at this time. "
                f"The function is currently in the following state: {version.state}"
            )
        return version

    def stop(self) -> None:
        """Take no new work; what runs may finish."""
        self._is_stopping = True
