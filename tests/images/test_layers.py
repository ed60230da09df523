"""Unpacking layers that somebody wrote to do harm, and merging them."""

import contextlib
import gzip
import hashlib
import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from stoker.images.errors import ImageError
from stoker.images.layers import unpack_layer
from stoker.images.roots import build_root
from stoker.images.source import Stop
from tests.images.building import entry, files, tar_of

LIMIT = 10_000_000


def unpack(place: Path, archive: bytes, *, packed: bytes | None = None, limit_bytes: int = LIMIT) -> Path:
    """The tree of the layer `archive`."""
    blob = io.BytesIO(archive if packed is None else packed)
    diff_id = hashlib.sha256(archive).hexdigest()
    unpack_layer(blob, diff_id, place, limit_bytes, Stop(), is_gzip=packed is not None)
    return place / "tree"


def merged(tmp_path: Path, *archives: bytes) -> Path:
    places = []
    for number, archive in enumerate(archives):
        places.append(tmp_path / f"layer{number}")
        unpack(places[-1], archive)
    build_root(tmp_path / "root", places)
    return tmp_path / "root"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A directory of the host that no layer may touch."""
    place = tmp_path / "host"
    place.mkdir()
    (place / "precious").write_text("untouched")
    return place


def assert_untouched(victim: Path) -> None:
    assert [path.name for path in victim.iterdir()] == ["precious"]
    assert (victim / "precious").read_text() == "untouched"
    assert (victim / "precious").stat().st_nlink == 1


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "a/..", "/../evil"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError, match="has the path"):
        unpack(tmp_path / "layer", tar_of((entry(name), b"evil")))
    assert not (tmp_path / "evil").exists()


def test_an_absolute_path_lies_inside(tmp_path: Path) -> None:
    assert (unpack(tmp_path / "layer", tar_of((entry("/etc/a"), b"1"))) / "etc/a").read_text() == "1"


@pytest.mark.parametrize("depth", ["", "../../../../../../../.."])
def test_nothing_is_written_through_a_symbolic_link_to_the_host(tmp_path: Path, victim: Path, depth: str) -> None:
    archive = tar_of(
        entry("out", tarfile.SYMTYPE, target=f"{depth}{victim}"),
        (entry("out/evil"), b"evil"),
        entry("leaf", tarfile.SYMTYPE, target=f"{depth}{victim}/precious"),
        (entry("leaf"), b"evil"),
    )
    tree = unpack(tmp_path / "layer", archive)
    assert_untouched(victim)
    # As if the tree were the root.
    assert (tree / str(victim).lstrip("/") / "evil").read_text() == "evil"
    assert (tree / "leaf").read_text() == "evil"


@pytest.mark.parametrize("target", ["../host/precious", "/etc/passwd", "missing", "out/precious", "self"])
def test_a_hard_link_to_what_the_layer_does_not_hold_is_refused(tmp_path: Path, victim: Path, target: str) -> None:
    links = tar_of(entry("out", tarfile.SYMTYPE, target=str(victim)), entry("self", tarfile.LNKTYPE, target=target))
    with pytest.raises(ImageError, match="hard link"):
        unpack(tmp_path / "layer", links)
    assert_untouched(victim)


def test_hard_links_inside_a_layer_are_one_file(tmp_path: Path) -> None:
    tree = unpack(tmp_path / "layer", tar_of((entry("a"), b"1"), entry("d/b", tarfile.LNKTYPE, target="a")))
    assert (tree / "a").stat().st_ino == (tree / "d/b").stat().st_ino


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    circle = [entry(one, tarfile.SYMTYPE, target=other) for one, other in (("a", "b"), ("b", "a"))]
    with pytest.raises(ImageError, match="circle"):
        unpack(tmp_path / "layer", tar_of(*circle, (entry("a/x"), b"")))


def test_devices_and_pipes_are_left_out_and_rights_cut(tmp_path: Path) -> None:
    archive = tar_of(
        entry("dev/mem", tarfile.CHRTYPE, devmajor=1, devminor=1),
        entry("disk", tarfile.BLKTYPE, devmajor=8),
        entry("pipe", tarfile.FIFOTYPE),
        (entry("su", mode=0o6755, uid=0), b"#!"),
        (entry("secret", mode=0o600, uid=1000), b"1"),
        entry("open", tarfile.DIRTYPE, mode=0o7777),
    )
    tree = unpack(tmp_path / "layer", archive)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tree.iterdir()}
    assert modes == {"su": 0o755, "secret": 0o644, "open": 0o755}


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    archive = tar_of((entry("zeros"), bytes(50_000_000)))
    with pytest.raises(ImageError, match="larger than"):
        unpack(tmp_path / "layer", archive, packed=gzip.compress(archive, 1), limit_bytes=1_000_000)
    assert (tmp_path / "layer/tree/zeros").stat().st_size <= 1_000_000


def test_a_tail_of_zeros_behind_the_archive_counts_too(tmp_path: Path) -> None:
    archive = tar_of((entry("a"), b"1"))
    packed = gzip.compress(archive) + gzip.compress(bytes(50_000_000), 1)
    with pytest.raises(ImageError, match="larger than"):
        unpack(tmp_path / "layer", archive, packed=packed, limit_bytes=1_000_000)


def test_layers_of_several_gzip_members_are_unpacked(tmp_path: Path) -> None:
    archive = files({"a": "1" * 5000})
    packed = b"".join(gzip.compress(archive[start : start + 700]) for start in range(0, len(archive), 700))
    assert (unpack(tmp_path / "layer", archive, packed=packed) / "a").stat().st_size == 5000


def header(kind: bytes, size: int) -> bytes:
    return tarfile.TarInfo.tobuf(entry("x", kind, size=size), tarfile.GNU_FORMAT)


DAMAGED = {
    "an extended header of gigabytes": (header(b"x", 1 << 32), "extended header of more"),
    "a long name of gigabytes": (header(b"L", 1 << 32), "extended header of more"),
    "a sparse file": (header(b"S", 0), "unknown type"),
    "a sparse file by pax": (tar_of((entry("x", pax_headers={"GNU.sparse.major": "1"}), b"")), "sparse"),
    "an unknown type": (header(b"Z", 0), "unknown type"),
    "half a file": (tar_of((entry("x"), b"1" * 2000))[:1500], "middle of a file"),
    "half a header": (header(b"0", 0)[:300], "middle of a header"),
    "noise": (b"no archive at all" * 100, "damaged"),
    "a negative size": (header(b"0", 0)[:124] + b"-0000000001\0" + header(b"0", 0)[136:], "damaged"),
    "a record of length zero": (header(b"x", 8) + b"0 a=b".ljust(512, b"\0"), "extended header"),
    "a name longer than any": (tar_of((entry("a/" * 3000 + "x"), b"")), "too long"),
    "a part longer than any": (tar_of((entry("a" * 300), b"")), "too long"),
    "a tower of directories": (tar_of((entry("a/" * 400 + "x"), b"")), "levels deep"),
    "a file that is a directory": (tar_of((entry("a"), b""), (entry("a/b"), b"")), "a file, and then a directory"),
    "a directory that is a file": (tar_of((entry("a/b"), b""), (entry("a"), b"")), "and then something else"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_an_archive_is_refused_for(tmp_path: Path, what: str) -> None:
    archive, reason = DAMAGED[what]
    with pytest.raises(ImageError, match=reason):
        unpack(tmp_path / "layer", archive)


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_survive_in_every_style(tmp_path: Path, style: int) -> None:
    long = "/".join(["d" * 40, "e" * 40, "f" * 40])
    named = "name-é-ü" if style != tarfile.USTAR_FORMAT else "name"
    members = [
        (entry(f"{long}/x", mtime=1234567890), b"1"),
        (entry(named), b"2"),
        entry("l", tarfile.SYMTYPE, target=long[:90]),
    ]
    tree = unpack(tmp_path / "layer", tar_of(*members, style=style))
    assert (tree / long / "x").read_text() == "1"
    assert (tree / long / "x").stat().st_mtime == 1234567890
    assert (tree / named).read_text() == "2"
    assert os.readlink(tree / "l") == long[:90]


# Merging


def test_whiteouts_take_away_what_lies_below_and_only_that(tmp_path: Path) -> None:
    lower = files({"gone": "1", "kept": "1", "dir/gone": "1", "cleared/a": "1", "cleared/deep/b": "1"})
    upper = files(
        {
            ".wh.gone": "",
            "dir/.wh.gone": "",
            "dir/new": "2",
            "cleared/.wh..wh..opq": "",
            "cleared/c": "2",
            ".wh.none": "",
        }
    )
    root = merged(tmp_path, lower, upper)
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert found == {"kept", "dir/new", "cleared/c", "etc/hosts", "etc/resolv.conf"}


@pytest.mark.parametrize("whiteout", ["out/.wh.precious", "out/.wh..wh..opq", ".wh..", ".wh...", ".wh."])
def test_whiteouts_reach_nothing_outside(tmp_path: Path, victim: Path, whiteout: str) -> None:
    lower = tar_of(entry("out", tarfile.SYMTYPE, target=str(victim)), (entry("a"), b""))
    with contextlib.suppress(ImageError):
        merged(tmp_path, lower, files({whiteout: ""}))
    assert_untouched(victim)


def test_a_higher_layer_writes_nothing_through_links_of_a_lower_one(tmp_path: Path, victim: Path) -> None:
    lower = tar_of(
        entry("out", tarfile.SYMTYPE, target=str(victim)),
        entry("etc", tarfile.SYMTYPE, target=str(victim)),
        entry("tmp", tarfile.SYMTYPE, target=str(victim)),
        entry("run", tarfile.SYMTYPE, target=str(victim)),
    )
    root = merged(tmp_path, lower, files({"out/evil": "evil"}))
    assert_untouched(victim)
    assert (root / "out/evil").read_text() == "evil"
    assert (root / "etc/hosts").is_file()


def test_files_and_directories_replace_each_other(tmp_path: Path) -> None:
    root = merged(tmp_path, files({"a": "1", "b/c": "1"}), files({"a/d": "2", "b": "2"}))
    assert ((root / "a/d").read_text(), (root / "b").read_text()) == ("2", "2")


def test_what_a_sandbox_needs_is_written_beside_the_layers_not_into_them(tmp_path: Path) -> None:
    root = merged(tmp_path, files({"etc/hosts": "the image's", "proc": "a file"}))
    assert "127.0.0.1" in (root / "etc/hosts").read_text()
    assert (tmp_path / "layer0/tree/etc/hosts").read_text() == "the image's"
    assert (root / "proc").is_dir()
