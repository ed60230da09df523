"""Making a node's groups, and sweeping what a node that was killed left in them."""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.sandbox.cgroup import Cgroup
from stoker.sandbox.cgroup_hierarchies import Hierarchies, find_hierarchies, remove_node_group, sweep


@pytest.fixture
def hierarchies() -> Iterator[Hierarchies]:
    if os.geteuid() != 0:
        pytest.skip("needs root: makes control groups")
    found = find_hierarchies(f"stoker-test-{uuid.uuid4().hex[:8]}")
    if not found.roots:
        pytest.skip("needs control groups that can be written to")
    yield found
    sweep(found)
    remove_node_group(found)


def group_with_process(hierarchies: Hierarchies, name: str) -> tuple[Cgroup, "subprocess.Popen[bytes]"]:
    group = Cgroup(hierarchies, name, processes_max=10)
    process = subprocess.Popen(["sleep", "100"])
    for root in _groups(hierarchies, name):
        (root / "cgroup.procs").write_text(str(process.pid))
    return group, process


def _groups(hierarchies: Hierarchies, name: str) -> list[Path]:
    return [root / name for root in hierarchies.roots if (root / name).is_dir()]


def test_finding_twice_gives_the_same_groups(hierarchies: Hierarchies) -> None:
    assert find_hierarchies(hierarchies.roots[0].name) == hierarchies
    assert all(root.is_dir() for root in hierarchies.roots)


@pytest.mark.parametrize("is_frozen", [False, True], ids=["running", "frozen"])
def test_a_sweep_ends_what_runs_and_removes_every_group(hierarchies: Hierarchies, is_frozen: bool) -> None:
    made = [group_with_process(hierarchies, f"left-{number}") for number in range(3)]
    empty = Cgroup(hierarchies, "empty", processes_max=10)
    if is_frozen:
        for group, _ in made:
            assert group.freeze() is hierarchies.can_freeze
    assert sweep(hierarchies) == 4
    for group, process in made:
        assert process.wait(5) == -9
        group.close()
    empty.close()
    assert not any(child.is_dir() for root in hierarchies.roots for child in root.iterdir())
    assert sweep(hierarchies) == 0


def test_the_nodes_own_groups_stay_while_something_is_left_in_them(hierarchies: Hierarchies) -> None:
    group = Cgroup(hierarchies, "busy", processes_max=10)
    remove_node_group(hierarchies)
    assert _groups(hierarchies, "busy")
    assert group.remove()
    remove_node_group(hierarchies)
    assert not any(root.exists() for root in hierarchies.roots)
    find_hierarchies(hierarchies.roots[0].name)


def test_a_group_is_not_removed_while_a_process_is_in_it(hierarchies: Hierarchies) -> None:
    group, process = group_with_process(hierarchies, "held")
    assert not group.remove()
    process.kill()
    process.wait()
    deadline_s = time.monotonic() + 2
    while not group.remove():
        assert time.monotonic() < deadline_s
    group.close()
    assert not _groups(hierarchies, "held")


def test_a_group_stops_the_processes_beyond_its_number(hierarchies: Hierarchies) -> None:
    if not hierarchies.has("pids"):
        pytest.skip("needs the pids controller")
    group = Cgroup(hierarchies, "crowd", processes_max=5)
    entries = [str(path / "cgroup.procs") for path in _groups(hierarchies, "crowd")]
    script = f"for file in {' '.join(entries)}; do echo $$ > $file; done; for n in 1 2 3 4 5 6 7 8; do sleep 1 & done"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert "Resource temporarily unavailable" in done.stderr
    sweep(hierarchies)
    group.close()
