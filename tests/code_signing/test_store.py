"""The same on both databases."""

from dataclasses import replace

from stoker.code_signing.records import CodeSigningConfig
from stoker.code_signing.store import CodeSigningStore
from stoker.database.engine import Database
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

ARN = "arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-0123456789abcdef0"
CONFIG = CodeSigningConfig(ARN, "d", ("p", "q"), "Enforce", "2026-01-01T00:00:00.000+0000", {"clé": "välue 🔥"})


async def test_configurations_are_read_as_they_were_written(url: str) -> None:
    other = replace(CONFIG, arn=f"{ARN[:-1]}1", tags={})
    changed = replace(CONFIG, untrusted_artifact_on_deployment="Warn", description="")
    async with Database(url) as database:
        store = CodeSigningStore(database)
        await store.add(CONFIG)
        await store.add(other)
        assert sorted(await store.load(), key=lambda config: config.arn) == [CONFIG, other]
        await store.replace(changed)
        await store.delete(other.arn)
    async with Database(url) as database:
        assert await CodeSigningStore(database).load() == [changed]
