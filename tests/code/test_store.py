import asyncio
import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stoker.code.records import CodePackage
from stoker.code.store import FLUSHED, CodeStore
from stoker.errors import InvalidParameterValueException
from stoker.supervision import Background
from tests.code.archives import archive

UNZIPPED_BYTES_MAX = 262_144_000
APP = archive({"app.py": "def handler(event, context): return event\n"})

# Stores packages one after the other, saying each digest once it is acknowledged, until it is killed.
STORER = """
import asyncio, sys
from pathlib import Path
from stoker.code.store import CodeStore
from stoker.supervision import Background
from tests.code.archives import archive

async def main():
    async with Background() as background:
        store = CodeStore(Path(sys.argv[1]), background, 262_144_000)
        await store.open()
        for number in range(1_000_000):
            files = {f"{place}.txt": f"{number} {place}" for place in range(20)}
            print((await store.put(archive(files))).sha256, flush=True)

asyncio.run(main())
"""


def places(store_root: Path) -> set[str]:
    return {path.name for path in store_root.iterdir()}


async def wait_until_flushed(tmp_path: Path, package: CodePackage) -> None:
    async with asyncio.timeout(20):
        while not (tmp_path / "code" / package.sha256 / FLUSHED).exists():
            await asyncio.sleep(0.01)


async def test_a_package_is_named_by_its_bytes_and_unpacked(code_store: CodeStore) -> None:
    package = await code_store.put(APP)
    assert package == CodePackage(hashlib.sha256(APP).hexdigest(), len(APP))
    assert code_store.zip_file(package.sha256).read_bytes() == APP
    assert (code_store.tree(package) / "app.py").read_text().startswith("def handler")


async def test_the_same_bytes_are_kept_once_however_often_they_come_at_once(
    code_store: CodeStore, tmp_path: Path
) -> None:
    packages = await asyncio.gather(*(code_store.put(APP) for _ in range(20)))
    assert len(set(packages)) == 1
    assert places(tmp_path / "code") == {packages[0].sha256}


async def test_a_second_put_does_not_touch_what_is_there(code_store: CodeStore) -> None:
    package = await code_store.put(APP)
    before = (code_store.tree(package) / "app.py").stat()
    await code_store.put(APP)
    assert (code_store.tree(package) / "app.py").stat().st_ino == before.st_ino


async def test_a_refused_package_leaves_nothing_behind(code_store: CodeStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterValueException):
        await code_store.put(archive({"fine": "x", "../escape": "x"}))
    assert places(tmp_path / "code") == set()


async def test_packages_survive_a_restart(code_store: CodeStore, tmp_path: Path, background: Background) -> None:
    package = await code_store.put(APP)
    await wait_until_flushed(tmp_path, package)
    again = CodeStore(tmp_path / "code", background, UNZIPPED_BYTES_MAX)
    await again.open()
    assert again.contains(package)
    assert (again.tree(package) / "app.py").exists()


async def test_left_overs_of_a_crash_are_swept_at_start(tmp_path: Path, background: Background) -> None:
    (tmp_path / "code/.temporary-0123/tree").mkdir(parents=True)
    (tmp_path / "code/.temporary-0123/tree/app.py").touch()
    store = CodeStore(tmp_path / "code", background, UNZIPPED_BYTES_MAX)
    await store.open()
    assert places(tmp_path / "code") == set()


async def test_a_tree_that_a_power_cut_may_have_damaged_is_made_anew(
    code_store: CodeStore, tmp_path: Path, background: Background
) -> None:
    package = await code_store.put(APP)
    await wait_until_flushed(tmp_path, package)
    (tmp_path / "code" / package.sha256 / FLUSHED).unlink()
    (code_store.tree(package) / "app.py").write_bytes(b"")
    (tmp_path / "code" / package.sha256 / "bytecode-python3.x").write_text("python:3.x.v1")
    again = CodeStore(tmp_path / "code", background, UNZIPPED_BYTES_MAX)
    await again.open()
    assert (again.tree(package) / "app.py").read_text().startswith("def handler")
    assert {path.name for path in (tmp_path / "code" / package.sha256).iterdir()} == {"package.zip", "tree", FLUSHED}


async def test_a_damaged_zip_is_reported_and_does_not_stop_the_start(
    tmp_path: Path, background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "code" / ("0" * 64)
    place.mkdir(parents=True)
    (place / "package.zip").write_bytes(APP)
    await CodeStore(tmp_path / "code", background, UNZIPPED_BYTES_MAX).open()
    assert "damaged" in caplog.text


async def test_only_packages_out_of_use_are_deleted(
    code_store: CodeStore, tmp_path: Path, background: Background
) -> None:
    kept = await code_store.put(APP)
    await code_store.put(archive({"old.py": ""}))
    again = CodeStore(tmp_path / "code", background, UNZIPPED_BYTES_MAX)
    await again.open()
    assert await again.delete_unused({kept.sha256}) == 1
    assert places(tmp_path / "code") == {kept.sha256}


async def test_a_package_whose_function_is_not_written_down_yet_is_not_deleted(
    code_store: CodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = await code_store.put(APP)
    assert await code_store.delete_unused(set()) == 0
    assert code_store.contains(package)
    monkeypatch.setattr("stoker.code.store.FRESH_S", 0.0)
    assert await code_store.delete_unused(set()) == 1


def test_every_acknowledged_package_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORER, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as storer:
        assert storer.stdout is not None
        acknowledged = [next(storer.stdout).strip() for _ in range(30)]
        storer.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in storer.stdout if line.endswith("\n")]

    async def check() -> None:
        async with Background() as background:
            store = CodeStore(tmp_path, background, UNZIPPED_BYTES_MAX)
            await store.open()
            for digest in acknowledged:
                assert hashlib.sha256(store.zip_file(digest).read_bytes()).hexdigest() == digest
                assert len(list(store.tree(CodePackage(digest, 0)).iterdir())) == 20
            await store.close()

    asyncio.run(check())
    assert not [name for name in places(tmp_path) if name.startswith(".")]
