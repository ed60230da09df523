import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stoker.sandbox import host
from stoker.sandbox.host import ControlGroupSupport, examine, examine_control_groups

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes namespaces and gives up its rights")


def test_a_host_is_examined_within_two_seconds_and_the_report_is_json() -> None:
    began = time.monotonic()
    report = examine()
    assert time.monotonic() - began < 2
    assert json.loads(json.dumps(report.as_json()))["isolation"] in ("namespaces", "plain")
    assert {support.kind for support in report.namespaces} == set(host.NAMESPACE_KINDS)
    assert report.reason


@pytest.mark.alone
def test_examining_leaves_nothing_behind() -> None:
    mounts, groups = Path("/proc/self/mountinfo").read_text(), _probe_groups()
    examine()
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert _probe_groups() == groups == []


def test_every_lack_says_what_it_costs_and_what_to_do() -> None:
    for lack in examine().lacks:
        assert lack.what
        assert lack.consequence
        assert lack.remedy


def test_plain_isolation_comes_with_the_reason_and_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_try_everything", dict)
    report = examine()
    assert report.isolation == "plain"
    assert "could not be tried" in report.reason
    assert any("plain processes" in lack.consequence for lack in report.lacks)


def test_a_restricted_ubuntu_is_told_which_setting_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ubuntu 24.04: the user namespace can be made, and is worth nothing.
    tried = {"unprivileged user": 0, "unprivileged mount": 1, "seccomp": 0, "pidfd": 0, "clone3": 0}
    settings = {"kernel.apparmor_restrict_unprivileged_userns": "1"}
    monkeypatch.setattr(host, "_try_everything", lambda: tried)
    monkeypatch.setattr("stoker.sandbox.host_remedies._sysctl", settings.get)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    report = examine()
    assert report.isolation == "plain"
    assert report.reason == "sandboxes need mount, which this host refuses (Operation not permitted)"
    assert "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in report.lacks[0].remedy


def test_a_host_without_control_groups_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_cgroup_mounts", lambda _: {})
    assert examine_control_groups() == ControlGroupSupport("none", {})


def test_a_hidden_proc_is_a_host_without_control_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object) -> str:
        raise PermissionError(self)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert examine_control_groups() == ControlGroupSupport("none", {})


def test_a_probe_that_hangs_is_ended_and_what_it_found_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text('import time; print(\'{"what": "seccomp", "errno": 0}\', flush=True); time.sleep(60)')
    monkeypatch.setattr(host, "PROBE", probe)
    monkeypatch.setattr(host, "PROBE_LIMIT_S", 0.3)
    began = time.monotonic()
    report = examine()
    assert time.monotonic() - began < 2
    assert {feature.name: feature.is_available for feature in report.features}["seccomp"]


@pytest.mark.parametrize(
    ("mountinfo", "version"),
    [
        ("30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate", "v2"),
        ("31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", "v1"),
        (
            "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
            "32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
            "hybrid",
        ),
        ("22 1 0:20 / /proc rw - proc proc rw", "none"),
        ("", "none"),
        ("garbage", "none"),
    ],
)
def test_the_version_of_control_groups_follows_from_what_is_mounted(mountinfo: str, version: str) -> None:
    assert host._version(host._cgroup_mounts(mountinfo)) == version


@needs_root
def test_root_on_a_modern_kernel_gets_namespaces() -> None:
    report = examine()
    assert report.isolation == "namespaces"
    assert all(support.privileged for support in report.namespaces if support.kind in host.NEEDED)


@needs_root
@pytest.mark.skipif(not Path("/usr/bin/setpriv").exists(), reason="needs setpriv (util-linux)")
def test_a_process_without_any_rights_is_reported_as_it_is() -> None:
    """The probe as it would run for an ordinary user without capabilities."""
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    source = host.PROBE.read_text()
    interpreter = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    ended = subprocess.run([*command, interpreter, "-I", "-"], input=source, capture_output=True, text=True)
    if ended.returncode == 126:
        pytest.skip("no Python that an ordinary user may run")
    results = dict(host._results(ended.stdout))
    assert "privileged mount" not in results
    assert results["seccomp"] == 0


def _probe_groups() -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob("**/stoker-probe-*"))
