"""Every API of the node in memory, so that a request finds its route without waiting for anything.

The registry is the one door for changes: a change is worked out on the record, committed, and only then shown.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

from stoker.errors import LambdaError
from stoker.http_apis.errors import no_api
from stoker.http_apis.records import Api, ApiKey
from stoker.http_apis.store import ApiStore
from stoker.supervision import Background

Change = Callable[[Api], Api | None]
"""Works out what becomes of an API (None: it goes). It may raise, and then nothing changes."""


class ApiRegistry:
    """To be used from the event loop's thread only."""

    def __init__(self, store: ApiStore, background: Background) -> None:
        self._store = store
        self._background = background
        self._apis: dict[str, Api] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._followers: list[Callable[[Api], None]] = []

    async def load(self) -> None:
        """Read everything from the database; once, at start."""
        self._apis = {api.key.api_id: api for api in await self._store.load()}

    def follow(self, follower: Callable[[Api], None]) -> None:
        """Call `follower` with each API, as it was, that has changed or gone."""
        self._followers.append(follower)

    def find(self, api_id: str) -> Api | None:
        """Whoever's it is."""
        return self._apis.get(api_id)

    def existing(self, key: ApiKey) -> Api:
        """Raises NotFoundException."""
        api = self._apis.get(key.api_id)
        if api is None or api.key != key:
            raise no_api(key.api_id, key.account_id)
        return api

    def of(self, account_id: str, region: str) -> list[Api]:
        """In the order of their ids."""
        found = (api for api in self._apis.values() if api.key[:2] == (account_id, region))
        return sorted(found, key=lambda api: api.key.api_id)

    async def add(self, api: Api) -> None:
        """A new one, whose id nobody has."""
        await asyncio.shield(self._background.start(self._add(api), f"creation of the API {api.key.api_id}"))

    async def _add(self, api: Api) -> None:
        await self._store.save(None, api)
        self._apis[api.key.api_id] = api

    async def change(self, key: ApiKey, change: Change) -> Api:
        """What `change` made of it; of one that goes, what it was. Raises NotFoundException, and what `change` raises.

        A caller that goes away does not stop a change half-way between the database and the memory.
        """
        work = self._change(key, change)
        outcome = await asyncio.shield(self._background.start(work, f"change of the API {key.api_id}"))
        if isinstance(outcome, LambdaError):
            raise outcome
        return outcome

    async def _change(self, key: ApiKey, change: Change) -> Api | LambdaError:
        async with self._turns.setdefault(key.api_id, asyncio.Lock()):
            try:
                before = self.existing(key)
                after = change(before)
            except LambdaError as refusal:  # as a value: the background logs what it sees raised
                return refusal
            if after is before:
                return before
            await self._store.save(before, after)
            if after is None:
                del self._apis[key.api_id]
            else:
                self._apis[key.api_id] = after
            for follower in self._followers:
                follower(before)
            return after or before
