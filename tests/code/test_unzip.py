import contextlib
import os
import stat
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoker.code.entries import EMPTY_ZIP, NOT_A_ZIP
from stoker.code.unzip import unzip
from stoker.errors import InvalidParameterValueException
from stoker.limits import MIB, PACKAGE_ENTRIES_MAX
from tests.code.archives import RawEntry, archive, deflate, file, link, raw_archive

GOOD = archive({"app.py": "print('hello')", "lib/data.bin": bytes(range(256)) * 100})

UNZIPPED_BYTES_MAX = 262_144_000
UNZIPPED_TOO_LARGE = "Unzipped size must be smaller than 262144000 bytes"


def refusal(zip_bytes: bytes, tmp_path: Path) -> str:
    """The text of the refusal, after checking that nothing was written outside the tree."""
    with pytest.raises(InvalidParameterValueException) as raised:
        unzip(zip_bytes, tmp_path / "package" / "tree", UNZIPPED_BYTES_MAX)
    assert raised.value.code == "InvalidParameterValueException"
    assert {path.name for path in tmp_path.iterdir()} == {"package"}
    assert {path.name for path in (tmp_path / "package").iterdir()} <= {"tree"}
    return str(raised.value)


@pytest.fixture(autouse=True)
def package(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    return tmp_path / "package"


def test_files_keep_their_content_in_stored_and_deflated_archives(package: Path) -> None:
    for number, compression in enumerate((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)):
        tree = package / str(number)
        unzip(
            archive({"a.txt": "alpha", "deep/er/b.bin": b"\0" * 300_000, "empty": ""}, compression),
            tree,
            UNZIPPED_BYTES_MAX,
        )
        assert (tree / "a.txt").read_text() == "alpha"
        assert (tree / "deep/er/b.bin").read_bytes() == b"\0" * 300_000
        assert (tree / "empty").read_bytes() == b""


def test_modes_are_readable_for_all_and_executable_where_the_archive_says_so(package: Path) -> None:
    old_umask = os.umask(0o077)
    try:
        unzip(
            raw_archive(
                RawEntry(b"bin/", mode=stat.S_IFDIR | 0o700),
                RawEntry(b"bin/bootstrap", b"#!", stat.S_IFREG | 0o700),
                RawEntry(b"secret", b"s", stat.S_IFREG | 0o600),
                RawEntry(b"setuid", b"s", stat.S_IFREG | 0o6755),
                RawEntry(b"from-windows", b"s", mode=0),
                RawEntry(b"META-INF/", mode=0xFFFF),  # by Maven
            ),
            package / "tree",
            UNZIPPED_BYTES_MAX,
        )
    finally:
        os.umask(old_umask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (package / "tree").rglob("*")}
    files = {"bootstrap": 0o755, "secret": 0o644, "setuid": 0o755, "from-windows": 0o644}
    assert modes == {"bin": 0o755, "META-INF": 0o755, **files}
    assert stat.S_IMODE((package / "tree").stat().st_mode) == 0o755


def test_files_keep_their_modification_times(package: Path) -> None:
    unzip(raw_archive(file("a"), RawEntry(b"b", b"x", date=0)), package / "tree", UNZIPPED_BYTES_MAX)
    assert (package / "tree/a").stat().st_mtime == 1_749_945_600  # 2025-06-15
    assert (package / "tree/b").stat().st_mtime == 315_532_800  # no date: 1980-01-01, where zip begins


def test_links_that_stay_inside_are_kept(package: Path) -> None:
    unzip(
        raw_archive(
            file("lib/v2/lib.so", b"binary"),
            link("lib/current", "v2"),
            link("lib.so", "lib/current/../current/./lib.so"),
            link("dangling", "no/such/file"),
        ),
        package / "tree",
        UNZIPPED_BYTES_MAX,
    )
    assert (package / "tree/lib.so").read_bytes() == b"binary"
    assert os.readlink(package / "tree/lib/current") == "v2"
    assert (package / "tree/dangling").is_symlink()


@pytest.mark.parametrize(
    "entries",
    [
        [link("out", "/etc/passwd")],
        [link("out", "../tree-of-another")],
        [link("a/out", "b/../../../x")],
        [link("up", "a/b"), link("a/b", "../.."), file("c")],
        [link("dir", "."), link("out", "dir/dir/../x")],
        [link("a", "b"), link("b", "a")],
        [link("self", "self/x")],
        [RawEntry(b"empty", b"", stat.S_IFLNK | 0o777)],
        [RawEntry(b"nul", b"a\0b", stat.S_IFLNK | 0o777)],
        [RawEntry(b"latin", b"\xff", stat.S_IFLNK | 0o777)],
        [link("long", "a/" * 2_000)],
    ],
)
def test_links_that_lead_out_or_round_in_circles_are_refused(entries: list[RawEntry], tmp_path: Path) -> None:
    assert "symbolic link" in refusal(raw_archive(*entries), tmp_path)


def test_thousands_of_winding_links_are_refused_quickly(tmp_path: Path) -> None:
    winding = "a/../" * 200 + "b"
    links = [link(f"l{number}", winding) for number in range(20_000)]
    assert "too many or too long" in refusal(raw_archive(*links), tmp_path)


@pytest.mark.parametrize("names", [["link", "link/file"], ["link/", "link"]])
def test_nothing_is_written_through_a_link(names: list[str], tmp_path: Path) -> None:
    entries = (
        [link("link", "."), file(names[1])] if names[0] == "link" else [RawEntry(b"link/", mode=0), link("link", ".")]
    )
    assert "used as a directory" in refusal(raw_archive(*entries), tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"../escape", "leaves the package"),
        (b"a/../../escape", "leaves the package"),
        (b"a/..", "leaves the package"),
        (b"/etc/cron.d/evil", "not relative"),
        (b"//host/share", "not relative"),
        (b"C:/Windows/evil.dll", "not relative"),
        (b"c:evil", "not relative"),
        (b"..\\escape", "backslash"),
        (b"a\\b", "backslash"),
        (b"app.py\0.txt", "NUL"),
        (b"", "not relative"),
        (b".", "names nothing"),
        (b"x" * 256, "longer than 255 bytes"),
        ("é".encode() * 128, "longer than 255 bytes"),
        (b"a/" * 600 + b"b", "longer than 1024 bytes"),
        (b"caf\xe9.py", "not UTF-8"),
    ],
)
@pytest.mark.parametrize("flags", [0, 0x800], ids=["unflagged", "flagged UTF-8"])
def test_names_that_are_not_plainly_inside_are_refused(name: bytes, reason: str, flags: int, tmp_path: Path) -> None:
    text = refusal(raw_archive(file("fine"), RawEntry(name, b"x", flags=flags)), tmp_path)
    assert text.startswith(NOT_A_ZIP)
    assert reason in text


def test_names_are_utf_8_with_and_without_the_flag(package: Path) -> None:
    unzip(
        raw_archive(RawEntry("é".encode(), flags=0), RawEntry("ü".encode(), flags=0x800)),
        package / "tree",
        UNZIPPED_BYTES_MAX,
    )
    assert {path.name for path in (package / "tree").iterdir()} == {"é", "ü"}


def test_dots_and_doubled_slashes_in_names_mean_nothing(package: Path) -> None:
    unzip(raw_archive(RawEntry(b"./", mode=0), file("./a"), file("b//c")), package / "tree", UNZIPPED_BYTES_MAX)
    assert sorted(str(path.relative_to(package / "tree")) for path in package.rglob("tree/**/*")) == ["a", "b", "b/c"]


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([file("a"), file("a")], "same name"),
        ([file("a"), file("./a")], "same name"),
        ([file("a"), link("a", "b")], "used as a directory"),
        ([file("a"), file("a/b")], "used as a directory"),
        ([file("a/b"), file("a")], "used as a directory"),
        ([RawEntry(b"a/", mode=0), file("a")], "used as a directory"),
    ],
)
def test_names_that_collide_are_refused(entries: list[RawEntry], reason: str, tmp_path: Path) -> None:
    assert reason in refusal(raw_archive(*entries), tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_devices_and_pipes_are_refused(kind: int, tmp_path: Path) -> None:
    assert "neither a file" in refusal(raw_archive(RawEntry(b"device", mode=kind | 0o666)), tmp_path)


def test_a_directory_that_says_it_is_something_else_is_refused(tmp_path: Path) -> None:
    assert "by name" in refusal(raw_archive(RawEntry(b"d/", mode=stat.S_IFLNK | 0o777)), tmp_path)


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2000])
def test_encrypted_entries_are_refused(flags: int, tmp_path: Path) -> None:
    assert "encrypted" in refusal(raw_archive(RawEntry(b"a", b"secret", flags=flags)), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 9, 93, 99])
def test_other_compression_methods_are_refused(method: int, tmp_path: Path) -> None:
    assert f"method {method}" in refusal(raw_archive(RawEntry(b"a", b"x", method=method)), tmp_path)


@pytest.mark.parametrize(
    "zip_bytes", [b"P", b"PK", b"not a zip" * 100, b"\x1f\x8b" + b"\0" * 200, GOOD[:-1], GOOD[:-30]]
)
def test_what_is_not_a_whole_zip_gets_awss_text(zip_bytes: bytes, tmp_path: Path) -> None:
    assert refusal(zip_bytes, tmp_path) == NOT_A_ZIP


def test_an_archive_without_entries_gets_awss_text(tmp_path: Path) -> None:
    assert refusal(archive({}), tmp_path) == EMPTY_ZIP
    assert refusal(b"", tmp_path) == EMPTY_ZIP


def test_a_damaged_entry_is_refused(tmp_path: Path) -> None:
    assert "damaged" in refusal(raw_archive(RawEntry(b"a", b"content", crc=1)), tmp_path)


@pytest.mark.parametrize("declared", [0, 1, 5_000, 0xFFFFFFFE])
def test_an_entry_of_another_size_than_declared_is_refused(declared: int, tmp_path: Path) -> None:
    lie = RawEntry(b"a", b"x" * 4_000, method=zipfile.ZIP_DEFLATED, declared_bytes=declared)
    refusal(raw_archive(lie), tmp_path)


@pytest.mark.parametrize("packed", [deflate(bytes(range(256)))[:100], b"\xff" * 100, b""])
def test_broken_deflated_data_are_refused(packed: bytes, tmp_path: Path) -> None:
    refusal(raw_archive(RawEntry(b"a", bytes(range(256)), method=8, packed=packed)), tmp_path)


def test_a_bomb_with_honest_sizes_is_refused_without_being_unpacked(tmp_path: Path) -> None:
    bomb = archive({"zeros": bytes(UNZIPPED_BYTES_MAX + 1)})
    assert refusal(bomb, tmp_path) == UNZIPPED_TOO_LARGE
    assert not (tmp_path / "package" / "tree").exists()


def test_a_bomb_that_lies_about_its_size_is_stopped_at_the_limit_with_little_memory(tmp_path: Path) -> None:
    zeros = deflate(bytes(UNZIPPED_BYTES_MAX + 1_000_000))
    bomb = raw_archive(RawEntry(b"zeros", b"x", method=8, packed=zeros))
    tracemalloc.start()
    try:
        assert refusal(bomb, tmp_path) == UNZIPPED_TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    assert (tmp_path / "package" / "tree" / "zeros").stat().st_size <= UNZIPPED_BYTES_MAX


def test_many_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    part = deflate(bytes(70_000_000))
    parts = [RawEntry(b"%d" % number, b"x", method=8, packed=part) for number in range(4)]
    # Only the last of them is over the limit, so the first three must tell the truth.
    for entry in parts[:3]:
        entry.declared_bytes, entry.crc = 70_000_000, zlib.crc32(bytes(70_000_000))
    assert refusal(raw_archive(*parts), tmp_path) == UNZIPPED_TOO_LARGE


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    kernel = RawEntry(b"a", b"x" * 1_000)
    assert "overlap" in refusal(raw_archive(kernel, RawEntry(b"a", b"x" * 1_000, at=0)), tmp_path)


def test_an_entry_described_in_two_ways_is_refused(tmp_path: Path) -> None:
    assert "two ways" in refusal(raw_archive(RawEntry(b"a.py", b"x", local_name=b"b.py")), tmp_path)


@pytest.mark.parametrize("offset", [1, 10_000, 0xFFFFFFF0])
def test_an_entry_that_points_nowhere_is_refused(offset: int, tmp_path: Path) -> None:
    refusal(raw_archive(file("a"), RawEntry(b"b", b"x", at=offset)), tmp_path)


def test_too_many_entries_are_refused_before_they_are_read(tmp_path: Path) -> None:
    directory = b"PK\x01\x02" * (PACKAGE_ENTRIES_MAX + 1)
    assert "more than 200000 entries" in refusal(directory + archive({"a": "x"}), tmp_path)


def test_too_many_implied_directories_are_refused(tmp_path: Path) -> None:
    deep = [file(f"{number}/" + "d/" * 500 + "f") for number in range(450)]
    assert "more than 200000 entries" in refusal(raw_archive(*deep), tmp_path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutilated_archive_is_unpacked_or_refused_and_never_anything_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mutilated = bytearray(raw_archive(file("a/b", b"1" * 50), link("l", "a"), RawEntry(b"c", b"2" * 99, method=8)))
    for _ in range(data.draw(st.integers(1, 6))):
        mutilated[data.draw(st.integers(0, len(mutilated) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(mutilated), data.draw(st.integers(0, len(mutilated)))]))
    directory = tmp_path_factory.mktemp("fuzz")
    with contextlib.suppress(InvalidParameterValueException):
        unzip(bytes(mutilated[:cut]), directory / "tree", UNZIPPED_BYTES_MAX)
    assert {path.name for path in directory.iterdir()} <= {"tree"}
