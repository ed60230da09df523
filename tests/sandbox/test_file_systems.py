"""Directories of the host in sandboxes: who writes them, and what cannot be lent."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.config import Settings, SettingsError
from stoker.limits import Limits
from stoker.sandbox.file_systems import check_mappable, declared_file_systems
from stoker.sandbox.host import examine
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.plain import PlainSandboxes
from stoker.sandbox.sandbox import FileSystemError, HostDirectory, SandboxError, SandboxSpec

from .conftest import Exits, printed, shell

ARN = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
IS_PRIVILEGED = os.geteuid() == 0
# A user that nobody is.
OWNER = 54321 if IS_PRIVILEGED else os.geteuid()
AGAIN_LIMIT_S = 60
needs_root = pytest.mark.skipif(not IS_PRIVILEGED, reason="needs root: others have nothing to exchange owners with")


@pytest.fixture(autouse=True, scope="module")
def namespaces() -> None:
    if (report := examine()).isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")


@pytest.fixture
def directories(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "first", tmp_path / "second"]
    for path in made:
        make(path)
    return made


def make(path: Path) -> None:
    path.mkdir()
    (path / "of_the_host").write_text(path.name)
    if IS_PRIVILEGED:
        for one in (path, path / "of_the_host"):
            os.chown(one, OWNER, OWNER)


@pytest.fixture
async def maker(tmp_path: Path, spec: SandboxSpec, directories: list[Path]) -> AsyncIterator[NamespaceSandboxes]:
    data = tmp_path / "data"
    async with NamespaceSandboxes(data, data / "code", limits=Limits(), directories=directories) as maker:
        yield maker


async def told(maker: NamespaceSandboxes, spec: SandboxSpec, directory: Path | None, script: str) -> str:
    """What a script prints in a new sandbox with `directory` at /mnt/shared."""
    mounted = () if directory is None else (HostDirectory(directory, "/mnt/shared"),)
    sandbox = await maker.make(replace(spec, directories=mounted), shell(f"{script}; echo end"), Exits())
    text = await printed(sandbox.output, "end\n")
    sandbox.kill()
    await sandbox.wait_closed()
    sandbox.close_output()
    return text.removesuffix("end\n")


async def test_what_one_sandbox_writes_the_next_one_and_the_owner_may_change(
    maker: NamespaceSandboxes, spec: SandboxSpec, directories: list[Path]
) -> None:
    # At the same time, so that they are different users of the host.
    mounted = replace(spec, directories=(HostDirectory(directories[0], "/mnt/shared"),))
    first = await maker.make(mounted, shell("umask 077; echo 1 > /mnt/shared/file; echo end; sleep 100"), Exits())
    await printed(first.output, "end\n")
    script = "cd /mnt/shared; echo 2 >> file; echo 3 >> of_the_host; stat -c %u . file of_the_host"
    assert await told(maker, spec, directories[0], script) == "993\n993\n993\n"
    file = directories[0] / "file"
    assert file.read_text() == "1\n2\n"
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (OWNER, os.stat(file).st_gid, 0o600)
    assert (directories[0] / "of_the_host").read_text() == "first3\n"
    first.kill()
    await first.wait_closed()
    first.close_output()


@needs_root
async def test_whoever_else_owns_files_there_is_nobody_inside(
    maker: NamespaceSandboxes, spec: SandboxSpec, directories: list[Path]
) -> None:
    for name, user in (("roots", 0), ("anothers", OWNER + 1)):
        (directories[0] / name).write_text("")
        os.chown(directories[0] / name, user, user)
    script = "cd /mnt/shared; stat -c %u roots anothers; for f in roots anothers; do echo x >> $f; done 2> /dev/null"
    assert await told(maker, spec, directories[0], script) == "65534\n65534\n"
    assert (directories[0] / "roots").read_text() == (directories[0] / "anothers").read_text() == ""


async def test_a_sandbox_has_its_own_directory_and_no_other(
    maker: NamespaceSandboxes, spec: SandboxSpec, directories: list[Path]
) -> None:
    # Not below /usr, which is the host's own and a hundred thousand files on some.
    find = "find / '(' -path /proc -o -path /usr ')' -prune -o -name of_the_host -print 2> /dev/null"
    assert await told(maker, spec, directories[1], f"{find}; cat /mnt/shared/of_the_host; echo") == (
        "/mnt/shared/of_the_host\nsecond\n"
    )
    assert await told(maker, spec, None, f"{find}; ls -A /mnt") == ""
    mounts = await told(maker, spec, directories[1], "cat /proc/self/mountinfo")
    assert str(directories[0]) not in mounts


async def test_the_mount_has_neither_set_uid_programs_nor_devices_and_its_place_is_read_only(
    maker: NamespaceSandboxes, spec: SandboxSpec, directories: list[Path]
) -> None:
    mounts = await told(maker, spec, directories[0], "grep ' /mnt' /proc/self/mounts; touch /mnt/file 2>&1")
    options = {line.split()[1]: set(line.split()[3].split(",")) for line in mounts.splitlines()[:2]}
    assert {"rw", "nosuid", "nodev"} <= options["/mnt/shared"]
    assert {"ro", "nosuid", "nodev"} <= options["/mnt"]
    assert "Read-only file system" in mounts


async def test_a_directory_that_is_gone_or_replaced_is_not_taken_for_another(
    maker: NamespaceSandboxes, spec: SandboxSpec, directories: list[Path], tmp_path: Path
) -> None:
    assert await told(maker, spec, directories[0], "cat /mnt/shared/of_the_host") == "first"
    directories[0].rename(tmp_path / "away")
    with pytest.raises(FileSystemError, match="first cannot be opened: No such file or directory"):
        await told(maker, spec, directories[0], "true")
    directories[0].symlink_to("/")
    with pytest.raises(FileSystemError, match="first cannot be opened: Not a directory"):
        await told(maker, spec, directories[0], "true")
    directories[0].unlink()
    make(directories[0])
    (directories[0] / "new").touch()
    if IS_PRIVILEGED:
        assert await told(maker, spec, directories[0], "ls /mnt/shared") == "new\nof_the_host\n"
    else:
        with pytest.raises(FileSystemError, match="replaced while the node ran, which has to be restarted"):
            await told(maker, spec, directories[0], "true")
    # It harms nobody else.
    assert await told(maker, spec, directories[1], "cat /mnt/shared/of_the_host") == "second"


@needs_root
async def test_a_directory_that_became_roots_is_not_lent(
    maker: NamespaceSandboxes, spec: SandboxSpec, directories: list[Path]
) -> None:
    os.chown(directories[0], 0, OWNER)
    with pytest.raises(FileSystemError, match="first belongs to root; give it to the user"):
        await told(maker, spec, directories[0], "true")


async def test_nothing_of_a_sandbox_that_could_not_be_made_stays_open(
    maker: NamespaceSandboxes, spec: SandboxSpec, directories: list[Path]
) -> None:
    await told(maker, spec, directories[0], "true")
    # Two wait, made ahead; their number settles first.
    await asyncio.sleep(0.3)
    before = len(os.listdir("/proc/self/fd"))
    # A place that is taken: made, opened, refused inside.
    twice = (HostDirectory(directories[0], "/mnt/shared"), HostDirectory(directories[1], "/mnt/shared"))
    for _ in range(5):
        with pytest.raises(FileSystemError, match=r"6\. the function's file systems: .*File exists"):
            await maker.make(replace(spec, directories=twice), shell("true"), Exits())
    await asyncio.sleep(0.3)
    assert len(os.listdir("/proc/self/fd")) <= before + 2


async def test_plain_isolation_refuses_a_file_system(
    tmp_path: Path, spec: SandboxSpec, directories: list[Path]
) -> None:
    async with PlainSandboxes(tmp_path / "plain") as maker:
        with pytest.raises(SandboxError, match="FileSystemConfigs need a sandbox"):
            await maker.make(
                replace(spec, directories=(HostDirectory(directories[0], "/mnt/shared"),)), shell("true"), Exits()
            )


@pytest.mark.parametrize(
    ("arn", "text", "said"),
    [
        ("fsap-1", "/", r"'fsap-1' is no access point; write arn:aws:elasticfilesystem:us-east-1:"),
        (ARN, "relative", "'relative' is no absolute path"),
        (ARN, "/no/such/directory", "there is no directory /no/such/directory"),
        (ARN, "/", "must not lie in one another"),
        (ARN, "{data}/code", "must not lie in one another"),
    ],
)
def test_what_the_settings_say_is_checked(tmp_path: Path, arn: str, text: str, said: str) -> None:
    (tmp_path / "data/code").mkdir(parents=True)
    text = text.format(data=tmp_path / "data")
    with pytest.raises(SettingsError, match=said):
        declared_file_systems(Settings(data=tmp_path / "data", file_systems={arn: text}))


def test_a_symbolic_link_is_followed_at_start(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    declared = declared_file_systems(Settings(data=tmp_path / "data", file_systems={ARN: str(tmp_path / "link")}))
    assert declared == {ARN: tmp_path / "real"}


@needs_root
def test_a_file_system_that_cannot_exchange_owners_is_named(tmp_path: Path, directories: list[Path]) -> None:
    check_mappable(directories)
    mounted = tmp_path / "with space"
    for name in ("lower", "upper", "work", "with space"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(mounted)], check=False)
    if done.returncode:
        pytest.skip("needs a file system that cannot: overlay")
    try:
        os.chown(mounted, OWNER, OWNER)
        with pytest.raises(
            SettingsError, match="with space lies on overlay, which cannot be mounted under another owner"
        ):
            check_mappable([mounted])
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
    with pytest.raises(SettingsError, match="belongs to root; give it to"):
        check_mappable([mounted])


@needs_root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare(1)")
def test_all_this_holds_without_privileges(tmp_path: Path) -> None:
    """The tests above, by somebody who is not root."""
    command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", sys.executable, "-m", "pytest", __file__]
    options = ["-q", "-x", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'again'}"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=AGAIN_LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout, done.stdout
