from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from stoker.code.download import CodeDownload
from stoker.code.records import CodePackage
from stoker.code.store import CodeStore
from stoker.errors import AccessDeniedException, ResourceNotFoundException
from tests.code.archives import archive


class StillClock:
    time_s = 1_767_225_600.5

    def now_s(self) -> float:
        return self.time_s


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def download(code_store: CodeStore, tmp_path: Path, clock: StillClock) -> CodeDownload:
    return CodeDownload(code_store, tmp_path / "code-links.key", clock)


def split(location: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(location)
    return parts.path, dict(parse_qsl(parts.query))


async def test_a_link_leads_to_the_zip_for_ten_minutes(
    download: CodeDownload, code_store: CodeStore, clock: StillClock
) -> None:
    zip_bytes = archive({"app.py": ""})
    package = await code_store.put(zip_bytes)
    location = download.location("http://127.0.0.1:4566", package)
    assert location.startswith(f"http://127.0.0.1:4566/_stoker/code/{package.sha256}?Expires=1767226200&Signature=")
    clock.time_s += 599
    assert (await download.find(*split(location))).read_bytes() == zip_bytes
    clock.time_s += 2
    with pytest.raises(AccessDeniedException, match="expired"):
        await download.find(*split(location))


async def test_a_link_survives_a_restart(
    download: CodeDownload, code_store: CodeStore, tmp_path: Path, clock: StillClock
) -> None:
    location = download.location("", await code_store.put(archive({"app.py": ""})))
    again = CodeDownload(code_store, tmp_path / "code-links.key", clock)
    assert (await again.find(*split(location))).exists()
    assert (tmp_path / "code-links.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        {"Expires": "1767229999"},
        {"Expires": ""},
        {"Expires": "x"},
        {"Signature": "0" * 64},
        {"Signature": ""},
        {"Signature": "é"},
    ],
)
async def test_a_changed_link_is_refused(change: dict[str, str], download: CodeDownload, code_store: CodeStore) -> None:
    path, query = split(download.location("", await code_store.put(archive({"app.py": ""}))))
    with pytest.raises(AccessDeniedException, match="not valid"):
        await download.find(path, query | change)
    with pytest.raises(AccessDeniedException, match="not valid"):
        await download.find(path, {name: value for name, value in query.items() if name not in change})


@pytest.mark.parametrize("path", ["/_stoker/code/", "/_stoker/code/../../etc/passwd", "/_stoker/code/" + "0" * 64])
async def test_another_path_is_refused(path: str, download: CodeDownload, code_store: CodeStore) -> None:
    _, query = split(download.location("", await code_store.put(archive({"app.py": ""}))))
    with pytest.raises(AccessDeniedException):
        await download.find(path, query)


async def test_a_link_to_deleted_code_says_so(download: CodeDownload) -> None:
    with pytest.raises(ResourceNotFoundException, match="deleted"):
        await download.find(*split(download.location("", CodePackage("0" * 64, 1))))
