from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.config import Settings, default_runtimes_dir
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeBuild
from tests.catalogues import catalogue_of

from .java_code import ready
from .runtime_api import RuntimeApi


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", runtimes_dir=tmp_path / "runtimes")


@pytest.fixture
def catalogue(settings: Settings) -> RuntimeCatalogue:
    return catalogue_of(settings)


@pytest.fixture(scope="session")
def installed() -> RuntimeCatalogue:
    """What this machine's user has installed, whatever that is."""
    return catalogue_of(Settings(data=Path("/nonexistent"), runtimes_dir=default_runtimes_dir()))


@pytest.fixture(scope="session")
def java(installed: RuntimeCatalogue) -> RuntimeBuild:
    """One Java, for what does not depend on the release."""
    return ready(installed, "java17")


@pytest.fixture
def runtime_api() -> Iterator[RuntimeApi]:
    with RuntimeApi(b'{"number":1}') as api:
        yield api
