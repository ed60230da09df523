"""A package store in a fresh directory, and a runtime that the tests' own interpreter plays."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stoker.code.store import CodeStore
from stoker.limits import Limits
from stoker.runtimes.records import RuntimeBuild
from stoker.supervision import Background


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    async with Background() as background:
        yield background


@pytest.fixture
async def code_store(tmp_path: Path, background: Background) -> AsyncIterator[CodeStore]:
    store = CodeStore(tmp_path / "code", background, Limits().unzipped_bytes_max)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def python_build() -> RuntimeBuild:
    return RuntimeBuild(
        name="python3.x",
        language="python",
        version="python:3.x.v1",
        source="the interpreter of the tests",
        lang_dir=None,
        runtime_dir=None,
        interpreter=None,
        command=(),
        host_interpreter=sys.executable,
        host_command=(),
        can_fork=False,
    )
