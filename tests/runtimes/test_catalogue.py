import json
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from stoker.config import Settings
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeBuild, RuntimeNotReadyError
from stoker.runtimes.versions import runtime_version_arn
from tests.catalogues import catalogue_of

OWN = f"python3.{sys.version_info[1]}"


def test_the_runtimes_of_lambda_are_known(catalogue: RuntimeCatalogue) -> None:
    names = [status.name for status in catalogue.list()]
    assert names[:6] == [f"python3.{minor}" for minor in range(9, 15)]
    assert names[6:11] == [f"nodejs{major}.x" for major in (16, 18, 20, 22, 24)]
    assert names[11:16] == ["java8.al2", "java11", "java17", "java21", "java25"]
    assert names[16:19] == ["ruby3.2", "ruby3.3", "ruby3.4"]
    assert names[19:22] == ["dotnet6", "dotnet8", "dotnet10"]
    assert names[22:] == ["provided.al2023", "provided.al2"]
    assert all(catalogue.is_known(name) for name in names)


def test_the_python_that_runs_stoker_is_ready_without_installing(catalogue: RuntimeCatalogue) -> None:
    build = catalogue.find(OWN)
    assert build.runtime_dir is not None
    assert (build.runtime_dir / "awslambdaric" / "bootstrap.py").is_file()
    assert list(build.runtime_dir.glob("runtime_client*.so"))
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "simplejson"):
        assert (build.runtime_dir / name / "__init__.py").is_file()
    assert (build.runtime_dir / "six.py").is_file()
    assert (build.runtime_dir / "snapshot_restore_py.py").is_file()
    assert build.command == (f"/var/lang/bin/{OWN}", "/var/runtime/bootstrap.py")
    assert build.environment == {"AWS_EXECUTION_ENV": f"AWS_Lambda_{OWN}", "PYTHONPATH": "/var/runtime"}
    assert build.can_fork


def test_the_interpreter_is_never_a_virtual_environment(catalogue: RuntimeCatalogue) -> None:
    build = catalogue.find(OWN)
    assert build.host_interpreter is not None
    assert not Path(build.host_interpreter).is_relative_to(sys.prefix) or sys.prefix == sys.base_prefix


def test_a_runtime_directory_has_bytecode_and_can_be_read_by_anybody(catalogue: RuntimeCatalogue) -> None:
    runtime_dir = catalogue.find(OWN).runtime_dir
    assert runtime_dir is not None
    assert list((runtime_dir / "botocore" / "__pycache__").glob("session.*.pyc"))
    for path in (runtime_dir, *runtime_dir.rglob("*")):
        mode = path.stat().st_mode
        assert mode & 0o004, path
        assert mode & 0o001 or not path.is_dir(), path


def test_a_build_is_made_once_and_then_found(settings: Settings) -> None:
    first = catalogue_of(settings).find(OWN)
    assert first.runtime_dir is not None
    made = first.runtime_dir.stat().st_ctime_ns
    second = catalogue_of(settings).find(OWN)
    assert second == first
    assert second.runtime_dir is not None
    assert second.runtime_dir.stat().st_ctime_ns == made


def test_two_nodes_that_start_at_once_share_one_build(settings: Settings) -> None:
    found: list[RuntimeBuild] = []
    threads = [threading.Thread(target=lambda: found.append(catalogue_of(settings).find(OWN))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(map(str, found))) == 1
    assert [path.name for path in (settings.runtimes_dir / OWN).iterdir() if not path.name.startswith(".")] == [
        found[0].runtime_dir.parent.name if found[0].runtime_dir else ""
    ]


def test_a_build_of_other_packages_is_not_taken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    old = catalogue_of(settings).find(OWN)
    monkeypatch.setattr("stoker.runtimes.builds.LAYOUT", 99)
    new = catalogue_of(settings).find(OWN)
    assert new.runtime_dir != old.runtime_dir
    assert old.runtime_dir is not None
    assert old.runtime_dir.exists(), "a running node still uses it"


def test_a_runtime_that_is_not_ready_says_what_to_type(catalogue: RuntimeCatalogue) -> None:
    for status in catalogue.list():
        if status.is_ready or not catalogue.is_known(status.name):
            continue
        assert f"stoker runtimes install {status.name}" in status.hint
        with pytest.raises(RuntimeNotReadyError, match=f"stoker runtimes install {status.name}"):
            catalogue.find(status.name)


def test_no_interpreter_at_all_is_said_so(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    other = "python3.10"
    with pytest.raises(RuntimeNotReadyError, match=r"No Python 3\.10 was found.*uv python install 3\.10"):
        catalogue_of(settings).find(other)


def test_custom_runtimes_are_always_ready_and_hold_nothing_of_ours(catalogue: RuntimeCatalogue) -> None:
    for name in ("provided.al2023", "provided.al2"):
        build = catalogue.find(name)
        assert build.lang_dir is None
        assert build.runtime_dir is None
        assert build.command == ()
        assert "AWS_EXECUTION_ENV" not in build.environment


def test_a_runtime_that_aws_no_longer_supports_is_marked(settings: Settings) -> None:
    statuses = catalogue_of(settings, today=lambda: date(2026, 1, 1)).list()
    deprecated = [status.name for status in statuses if status.is_deprecated]
    assert deprecated == ["python3.9", "nodejs16.x", "nodejs18.x", "dotnet6"]


def test_the_version_arn_is_stable_and_the_regions_own(catalogue: RuntimeCatalogue) -> None:
    build = catalogue.find("provided.al2023")
    arn = runtime_version_arn(build, "eu-west-1")
    assert arn.startswith("arn:aws:lambda:eu-west-1::runtime:")
    assert len(arn.rpartition(":")[2]) == 64
    assert runtime_version_arn(build, "us-east-1").rpartition(":")[2] == arn.rpartition(":")[2]
    assert runtime_version_arn(catalogue.find("provided.al2"), "eu-west-1") != arn
    assert build.version == "provided:al2023.v1"


def test_what_a_build_holds_is_noted_beside_it(catalogue: RuntimeCatalogue) -> None:
    build = catalogue.find(OWN)
    assert build.runtime_dir is not None
    stamp = json.loads((build.runtime_dir.parent / "build.json").read_text())
    assert build.client == f"awslambdaric {stamp['awslambdaric']}"
    assert stamp["boto3"]
