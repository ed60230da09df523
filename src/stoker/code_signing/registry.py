"""Every code signing configuration of the node in memory, so that giving one to a function needs no waiting.

Without a wait between looking and writing down, no function can be given a configuration that is being deleted.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from stoker.code_signing.records import CodeSigningConfig
from stoker.code_signing.store import CodeSigningStore
from stoker.errors import LambdaError
from stoker.supervision import Background

T = TypeVar("T")
Verb = Callable[[CodeSigningConfig], CodeSigningConfig]


class CodeSigningConfigs:
    """To be used from the event loop's thread only."""

    def __init__(self, store: CodeSigningStore, background: Background) -> None:
        self._store = store
        self._background = background
        self._configs: dict[str, CodeSigningConfig] = {}
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Read everything from the database; once, at start."""
        self._configs = {config.arn: config for config in await self._store.load()}

    def find(self, arn: str) -> CodeSigningConfig | None:
        return self._configs.get(arn)

    def configs_of(self, account_id: str, region: str) -> list[CodeSigningConfig]:
        """Those of one account in one region, by ARN."""
        place = f":lambda:{region}:{account_id}:"
        return sorted((config for arn, config in self._configs.items() if place in arn), key=lambda config: config.arn)

    async def add(self, config: CodeSigningConfig) -> None:
        """Write a new one down, then show it."""
        await self._to_the_end(self._add(config))

    async def change(self, arn: str, verb: Verb) -> CodeSigningConfig | None:
        """Apply `verb` to the one of `arn`; when this returns, the result is on disk and shown. Raises its errors.

        None when there is none.
        """
        outcome = await self._to_the_end(self._change(arn, verb))
        if isinstance(outcome, LambdaError):
            raise outcome
        return outcome

    async def delete(self, arn: str) -> None:
        """Hide the one of `arn`, then delete it; the caller has seen, without waiting since, that nothing has it."""
        config = self._configs.pop(arn)
        await self._to_the_end(self._delete(config))

    async def _to_the_end(self, change: Coroutine[Any, Any, T]) -> T:
        """A caller that goes away does not stop a change half-way between the database and the memory."""
        return await asyncio.shield(self._background.start(change, "change of a code signing configuration"))

    async def _add(self, config: CodeSigningConfig) -> None:
        await self._store.add(config)
        self._configs[config.arn] = config

    async def _change(self, arn: str, verb: Verb) -> CodeSigningConfig | LambdaError | None:
        async with self._turn:
            before = self._configs.get(arn)
            if before is None:
                return None
            try:
                after = verb(before)
            except LambdaError as refusal:  # as a value: the background logs what it sees raised
                return refusal
            if after != before:
                await self._store.replace(after)
                if arn in self._configs:  # not deleted meanwhile
                    self._configs[arn] = after
            return after

    async def _delete(self, config: CodeSigningConfig) -> None:
        async with self._turn:
            try:
                await self._store.delete(config.arn)
            except BaseException:
                self._configs[config.arn] = config
                raise
