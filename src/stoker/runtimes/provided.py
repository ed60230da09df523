"""Custom runtimes, which the function brings itself."""

from collections.abc import Callable
from dataclasses import dataclass

from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.records import InterpreterStatus, RuntimeBuild


@dataclass(frozen=True, slots=True)
class ProvidedRuntime:
    """A custom runtime has nothing of ours: the sandbox looks for the customer's bootstrap."""

    known: KnownRuntime

    def find(self) -> RuntimeBuild:
        return RuntimeBuild(
            name=self.known.name,
            language="provided",
            version=f"provided:{self.known.release}.v1",
            source=self.status().source,
            lang_dir=None,
            runtime_dir=None,
            interpreter=None,
            command=(),
            host_interpreter=None,
            host_command=(),
            can_fork=False,
        )

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        progress("Nothing to do: a custom runtime is the function's own")
        return self.find()

    def status(self) -> InterpreterStatus:
        return InterpreterStatus("", "the function's own bootstrap", is_ready=True)
