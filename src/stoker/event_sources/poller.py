"""The one loop of every mapping: read from its source until told to stop, and come back after each problem."""

import asyncio
import logging
from typing import Protocol

from botocore.exceptions import ClientError

from stoker.event_sources.calls import FunctionMissingError, back_off_s
from stoker.event_sources.processing_result import ProcessingResult
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.services import SOURCE_ERRORS, SourceProblem, error_code
from stoker.event_sources.stopping import Stopping
from stoker.supervision import supervise

log = logging.getLogger("stoker.event_sources")

BACK_OFF_S_MAX = 5.0
CALM_S = 60.0  # after so long without a problem, the next one is the first again


class Reader(Protocol):
    """Reads one source for one function."""

    async def run(self) -> None:
        """Until it is told to stop. Raises one of SOURCE_ERRORS or FunctionMissingError when it cannot go on."""
        ...

    async def drain(self) -> None:
        """Wait for what is with the function."""
        ...


class Poller:
    """One mapping that is enabled. It says in LastProcessingResult what keeps it from working."""

    def __init__(
        self, mapping: EventSourceMapping, reader: Reader, result: ProcessingResult, stopping: Stopping
    ) -> None:
        self._mapping = mapping
        self._reader = reader
        self._result = result
        self._stopping = stopping

    def stop(self) -> None:
        """Read nothing more; `run` returns when what was read has been worked on."""
        self._stopping.set()

    async def run(self) -> None:
        await supervise(self._read, f"poller of the event source mapping {self._mapping.uuid}")
        await self._reader.drain()

    async def _read(self) -> None:
        problems = 0
        while not self._stopping.is_set:
            begun_s = asyncio.get_running_loop().time()
            try:
                await self._reader.run()
            except (*SOURCE_ERRORS, FunctionMissingError) as error:
                is_first = asyncio.get_running_loop().time() - begun_s > CALM_S
                problems = 1 if is_first else problems + 1
                await self._tell(error, problems)
                await self._stopping.pause(min(back_off_s(problems), BACK_OFF_S_MAX))

    async def _tell(self, error: Exception, problems: int) -> None:
        text = said_of(error)
        if problems == 1:
            log.warning("event source mapping %s: %s", self._mapping.uuid, text)
        await self._result.problem(text)


def said_of(error: Exception) -> str:
    """What keeps a poller from working, in one line."""
    if isinstance(error, FunctionMissingError):
        return "Function not found"
    if isinstance(error, SourceProblem):
        return str(error)
    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message", "")
        return f"{error.operation_name} failed: {error_code(error)}: {message}"
    return f"Connection error. {error}"
