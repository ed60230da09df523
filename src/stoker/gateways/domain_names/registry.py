"""Every custom domain name of the node in memory, and where a request for one leads."""

import asyncio
from collections.abc import Callable, Collection

from stoker.errors import LambdaError
from stoker.gateways.addresses import Addressed
from stoker.gateways.domain_names.records import ApiMapping, DomainName
from stoker.gateways.domain_names.store import DomainNameStore
from stoker.supervision import Background

Change = Callable[[DomainName | None], DomainName | None]
"""Works out what becomes of a name (None: there is, or shall be, none). It may raise, and then nothing changes."""


class DomainNames:
    """To be used from the event loop's thread only."""

    def __init__(self, store: DomainNameStore, background: Background, own_names: Collection[str]) -> None:
        """`own_names` are those by which the node itself is called: they lead nowhere else."""
        self._own_names = frozenset(name.lower() for name in own_names)
        self._store = store
        self._background = background
        self._names: dict[str, DomainName] = {}
        self._turn = asyncio.Lock()

    def is_own(self, name: str) -> bool:
        """Whether the node itself is called by that name."""
        return name.lower() in self._own_names

    async def load(self) -> None:
        """Read everything from the database; once, at start."""
        self._names = {known.key.name: known for known in await self._store.load()}

    def find(self, name: str) -> DomainName | None:
        """Whoever's it is."""
        return self._names.get(name.lower())

    def of(self, account_id: str, region: str) -> list[DomainName]:
        """In the order of their names."""
        found = (known for known in self._names.values() if known.key[:2] == (account_id, region))
        return sorted(found, key=lambda known: known.key.name)

    def mapped_to(self, api_id: str, stage: str | None = None) -> bool:
        """Whether some name leads to that API, or that stage of it."""
        return any(
            mapping.api_id == api_id and stage in (None, mapping.stage)
            for known in self._names.values()
            for mapping in known.mappings.values()
        )

    async def change(self, name: str, change: Change) -> DomainName | None:
        """What `change` made of it. A caller that goes away does not stop it half-way."""
        work = self._change(name.lower(), change)
        outcome = await asyncio.shield(self._background.start(work, f"change of the domain name {name[:64]}"))
        if isinstance(outcome, LambdaError):
            raise outcome
        return outcome

    async def _change(self, name: str, change: Change) -> DomainName | LambdaError | None:
        async with self._turn:
            try:
                after = change(self._names.get(name))
            except LambdaError as refusal:  # as a value: the background logs what it sees raised
                return refusal
            await self._store.save(name, after)
            if after is None:
                self._names.pop(name, None)
            else:
                self._names[name] = after
            return after

    def lead(self, host: str, raw_path: str) -> Addressed | None:
        """The API and stage that a request with this Host and path is for, by the longest path that is mapped.

        None when the host is no custom domain name; an id that no API has when nothing is mapped to that path.
        """
        if not self._names:
            return None
        name = host.partition(":")[0].lower()
        if name in self._own_names:
            return None
        known = self._names.get(name) or self._names.get(f"*.{name.partition('.')[2]}")
        if known is None:
            return None
        mapping = _longest(known, raw_path)
        if mapping is None:
            return Addressed("", None, name, raw_path)
        rest = raw_path[len(mapping.path) + 1 :] if mapping.path else raw_path
        return Addressed(mapping.api_id, None, name, rest or "/", mapping.stage, mapping.path)


def _longest(known: DomainName, raw_path: str) -> ApiMapping | None:
    fitting = (
        mapping
        for mapping in known.mappings.values()
        if not mapping.path or f"{raw_path}/".startswith(f"/{mapping.path}/")
    )
    return max(fitting, key=lambda mapping: len(mapping.path), default=None)
