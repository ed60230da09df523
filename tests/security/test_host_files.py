"""Of the host's file system a function sees its own package, the runtime, /tmp and the system's libraries."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import RUNTIME, Answer, Invoke, Neighbour

Attack = Callable[..., Answer]
OUT_OF_REACH = {"ENOENT", "EACCES", "EPERM", "ENOTDIR"}
# Reading nothing is as good: an empty directory stands where the host's was.
NOTHING = OUT_OF_REACH | {"EMPTY", "READ 0 bytes"}


def test_the_hosts_own_files_are_out_of_reach(platform: Any, attack: Attack) -> None:
    checkout = Path(__file__).parent.parent.parent
    paths = [
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/machine-id",
        "/root",
        "/home",
        "/boot",
        "/var/log",
        "/var/lib",
        "/mnt",
        "/srv",
        str(platform.data),
        str(checkout),
        str(Path.home()),
    ]
    answers = attack("files.read", {"paths": paths}).value
    assert {path: answer for path, answer in answers.items() if answer not in NOTHING} == {}


def test_the_hosts_memory_and_disks_are_out_of_reach(attack: Attack) -> None:
    paths = ["/dev/mem", "/dev/kmem", "/dev/port", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/kmsg", "/dev/fuse"]
    paths += ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sysrq-trigger", "/sys/kernel", "/sys/firmware"]
    answers = attack("files.read", {"paths": paths}).value
    assert {path: answer for path, answer in answers.items() if answer not in NOTHING} == {}


def test_another_functions_code_is_nowhere_to_be_found(
    deploy: Callable[..., str], hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour
) -> None:
    secret = f"secret-{os.urandom(16).hex()}"
    source = f"SECRET = {secret!r}\ndef handler(event, context):\n    open('/tmp/mine', 'w').write(SECRET)\n"
    victim = deploy("victim", {"index.py": source}, runtime=RUNTIME, handler="index.handler")
    assert invoke(victim).error is None
    name = hostile("files.search", Timeout=60, MemorySize=1769)
    assert neighbour.answers_during(lambda: invoke(name, {"text": secret})).value == []


def test_no_socket_of_the_node_can_be_seen(attack: Attack) -> None:
    assert attack("files.sockets").value == []


def test_only_the_sandboxs_own_processes_can_be_seen(attack: Attack) -> None:
    seen = attack("files.processes").value
    assert len(seen) <= 3, seen


def test_no_command_line_tells_of_the_host(platform: Any, attack: Attack) -> None:
    told = [command for command in attack("files.processes").value.values() if str(platform.data) in command]
    assert not told


def test_the_control_groups_names_tell_nothing_of_the_host(deploy: Callable[..., str], invoke: Invoke) -> None:
    source = "def handler(event, context): return open('/proc/self/cgroup').read().splitlines()\n"
    lines = invoke(deploy("groups", {"index.py": source}, runtime=RUNTIME, handler="index.handler")).value
    assert {line.rpartition(":")[2] for line in lines} == {"/"}


def test_the_first_process_keeps_its_environment_and_memory_to_itself(attack: Attack) -> None:
    answers = attack("files.environments").value
    secrets = {name: answer for name, answer in answers.items() if not name.endswith(("cwd", "root"))}
    assert {name: answer for name, answer in secrets.items() if answer not in NOTHING} == {}


def test_everything_but_tmp_is_read_only(attack: Attack) -> None:
    paths = [
        "/var/task/x",
        "/var/runtime/x",
        "/var/lang/x",
        "/opt/x",
        "/usr/x",
        "/etc/x",
        "/x",
        "/dev/x",
        "/etc/passwd",
    ]
    paths += ["/var/runtime/bootstrap.py", "/usr/bin/id"]
    answers = attack("files.write", {"paths": paths, "text": "owned"}).value
    assert {path: answer for path, answer in answers.items() if answer not in {"EROFS", "EACCES", "EPERM"}} == {}


def test_kernel_settings_cannot_be_written(attack: Attack) -> None:
    paths = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sysrq-trigger",
        "/proc/1/oom_score_adj",
        "/sys/kernel/uevent_helper",
    ]
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    answers = attack("files.write", {"paths": paths, "text": "0"}).value
    allowed = {path: answer for path, answer in answers.items() if answer not in OUT_OF_REACH | {"EROFS"}}
    # /dev/null may stand where the file was: writing to it does nothing.
    assert allowed in ({}, {"/proc/sysrq-trigger": "WRITTEN"})
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


@pytest.mark.namespaces_only("the filter is gVisor's and stands around its kernel")
def test_a_function_holds_no_right_and_can_get_none(attack: Attack) -> None:
    rights = attack("files.rights").value
    assert {key: int(rights[key], 16) for key in rights if key.startswith("Cap")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
    )
    assert rights["NoNewPrivs"] == "1"
    assert rights["Seccomp"] == "2"
    assert "0" not in rights["Uid"].split()
    assert "0" not in rights["Groups"].split()


def test_a_set_uid_program_runs_as_the_function_itself(attack: Attack) -> None:
    users = attack("files.run_setuid_programs", Timeout=60, MemorySize=1769).value
    assert {path: user for path, user in users.items() if user == "0"} == {}


def test_a_set_uid_program_of_its_own_runs_as_the_function_itself(attack: Attack) -> None:
    assert attack("files.make_setuid_program").value != "0"


@pytest.mark.namespaces_only("mounts are gVisor's own, and no program gains rights in any")
def test_every_mount_refuses_set_uid_programs_and_all_but_tmp_are_read_only(attack: Attack) -> None:
    for line in attack("files.mounts").value:
        place, options = line.split()[4], line.split()[5].split(",")
        if place.startswith(("/dev/", "/proc/")):  # single devices, and /dev/null in place of what is masked
            continue
        assert "nosuid" in options, line
        assert "ro" in options or place in ("/tmp", "/proc"), line


@pytest.mark.namespaces_only("mounts are gVisor's own, and so are devices")
def test_devices_are_refused_where_a_function_can_write(attack: Attack) -> None:
    [tmp] = [line for line in attack("files.mounts").value if line.split()[4] == "/tmp"]
    assert "nodev" in tmp.split()[5].split(",")
