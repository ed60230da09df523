"""Runtimes whose root directory is not the host's: Debian's packages, base images, directories."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stoker.config import Settings, SettingsError
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeInstallError, RuntimeNotReadyError
from stoker.runtimes.roots.apt import Apt
from tests.catalogues import catalogue_of
from tests.conftest import NodeProcess, deployer, zip_of
from tests.end_to_end.calls import invoke
from tests.images.building import BASH_RUNTIME, PYTHON, bash_base, files, image, layer, python_base, write_layout

BOOTSTRAP = "var/runtime/bootstrap"
# As AWS's base images have it: the wrapper is the bootstrap's business.
PYTHON_BOOTSTRAP = f'#!/bin/bash\nexec $AWS_LAMBDA_EXEC_WRAPPER /usr/local/bin/{PYTHON} -m awslambdaric "$_HANDLER"\n'
LOOKING = """
import os
def handler(event, context):
    names = ("PATH", "TZ", "AWS_EXECUTION_ENV", "OF_THE_IMAGE", "LAMBDA_TASK_ROOT", "_HANDLER", "WRAPPED")
    return {
        "variables": {name: os.environ.get(name) for name in names},
        "etc": sorted(os.listdir("/etc")), "usr": sorted(os.listdir("/usr")), "opt": os.listdir("/opt"),
        "here": os.getcwd(), "users": open("/etc/passwd").read(),
    }
"""


@dataclass(frozen=True)
class Rooted:
    """A node whose settings name roots, and where the images lie that they name."""

    client: Any
    images_dir: Path
    environment: dict[str, str]


def stoker(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stoker", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def rooted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooted]:
    place = tmp_path_factory.mktemp("rooted")
    bash = bash_base()
    own = layer(files({BOOTSTRAP: PYTHON_BOOTSTRAP, "etc/of-the-image": ""}))
    variables = ["PATH=/usr/local/bin:/bin", "TZ=:/etc/localtime", "OF_THE_IMAGE=yes"]
    base = image(bash, python_base(), own, Env=variables, Cmd=["never looked at"])
    (place / "images").mkdir()
    write_layout(place / "images" / "base", {"1": base, "custom": image(bash, Env=["OF_THE_IMAGE=yes"])})
    named = {"dotnet8": "localhost/base:1", "provided.al2023": "localhost/base:custom", "dotnet6": str(place / "none")}
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(place),
        "STOKER_RUNTIME_ROOTS": json.dumps(named),
        "STOKER_IMAGES_DIR": str(place / "images"),
        "STOKER_RUNTIMES_DIR": str(place / "runtimes"),
    }
    for name in ("dotnet8", "provided.al2023"):
        done = stoker(environment, "runtimes", "install", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{name} is ready ({named[name]})\n"
    with NodeProcess(place / "data", **environment) as node:
        yield Rooted(node.client("lambda"), place / "images", environment)


def test_a_package_runs_in_a_base_image_as_it_would_on_aws(rooted: Rooted) -> None:
    """With nothing of the host's system: its interpreter, its variables but for the time zone, its files."""
    deploy, clean_up = deployer(rooted.client)
    try:
        code = {"index.py": LOOKING, "wrapper": '#!/bin/bash\nexport WRAPPED=yes\nexec "$@"\n'}
        version = rooted.client.publish_layer_version(LayerName="l", Content={"ZipFile": zip_of({"in-a-layer": ""})})
        wrapped = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}}
        layers = [version["LayerVersionArn"]]
        name = deploy("looks", code, "dotnet8", "index.handler", Layers=layers, Environment=wrapped, MemorySize=256)
        seen = invoke(rooted.client, name).value
    finally:
        clean_up()
    assert seen["variables"] == {
        "PATH": "/usr/local/bin:/bin",
        "TZ": ":UTC",
        "AWS_EXECUTION_ENV": "AWS_Lambda_dotnet8",
        "OF_THE_IMAGE": "yes",
        "LAMBDA_TASK_ROOT": "/var/task",
        "_HANDLER": "index.handler",
        "WRAPPED": "yes",
    }
    assert seen["etc"] == ["group", "hosts", "nsswitch.conf", "of-the-image", "passwd", "resolv.conf"]
    assert "in-a-layer" in seen["opt"]
    assert seen["here"] == "/var/task"
    assert "sbx_user1051" in seen["users"]
    assert "share" not in seen["usr"]


def test_a_custom_runtime_runs_on_the_system_that_the_settings_name(rooted: Rooted) -> None:
    deploy, clean_up = deployer(rooted.client)
    try:
        name = deploy("custom", {"bootstrap": BASH_RUNTIME}, "provided.al2023", "x")
        seen = invoke(rooted.client, name).value
    finally:
        clean_up()
    variables = base64.b64decode(seen["variables"]).decode().splitlines()
    assert "OF_THE_IMAGE=yes" in variables
    assert "LAMBDA_TASK_ROOT=/var/task" in variables
    assert seen["directory"] == "/var/task"
    assert not [line for line in variables if line.startswith("AWS_EXECUTION_ENV")]


def test_what_is_not_fetched_is_told_with_what_to_type(rooted: Rooted) -> None:
    for runtime, source in (("dotnet10", "public.ecr.aws/lambda/dotnet:10"), ("dotnet6", "none")):
        with pytest.raises(rooted.client.exceptions.InvalidParameterValueException) as raised:
            rooted.client.create_function(
                FunctionName="f",
                Runtime=runtime,
                Handler="A::B::C",
                Role="arn:aws:iam::000000000000:role/r",
                Code={"ZipFile": zip_of({"a": ""})},
            )
        message = raised.value.response["Error"]["Message"]
        assert source in message
        assert message.endswith(f"Type: stoker runtimes install {runtime}")
    table = json.loads(stoker(rooted.environment, "runtimes", "--output", "json").stdout)
    listed = {status["name"]: status for status in table}
    assert listed["dotnet8"]["is_ready"]
    assert listed["dotnet8"]["source"] == "localhost/base:1"
    assert not listed["dotnet10"]["is_ready"]
    missing = stoker(rooted.environment, "runtimes", "install", "dotnet6")
    assert missing.returncode == 1
    assert missing.stderr.endswith("none is no directory\n")


def test_a_directory_is_copied_and_copied_again_when_it_has_changed(settings: Settings, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "var" / "runtime").mkdir(parents=True)
    (root / "etc").symlink_to("/etc")
    bootstrap = root / BOOTSTRAP
    catalogue = catalogue_of(replace(settings, runtime_roots={"ruby3.4": str(root)}))
    with pytest.raises(RuntimeInstallError, match=r"has no program /var/runtime/bootstrap"):
        catalogue.install("ruby3.4", lambda _: None)
    bootstrap.write_text("#!/bin/sh\n")
    bootstrap.chmod(0o700)
    first = catalogue.install("ruby3.4", lambda _: None)
    assert (first.command, first.language, first.starts_itself) == (("/var/runtime/bootstrap",), "ruby", True)
    assert first.root is not None
    # What the node writes goes through no link of somebody else's, and nothing of theirs is changed.
    assert (first.root / "etc").is_dir()
    assert not (first.root / "etc").is_symlink()
    assert bootstrap.stat().st_mode & 0o777 == 0o700
    assert catalogue.install("ruby3.4", lambda _: None).root == first.root
    bootstrap.write_text("#!/bin/sh\nexit 1\n")
    second = catalogue.install("ruby3.4", lambda _: None)
    assert second.root is not None
    assert second.root != first.root
    assert (first.root / BOOTSTRAP).read_text() == "#!/bin/sh\n"


def test_a_link_to_a_directory_is_followed_and_nothing_is_written_through_it(
    settings: Settings, tmp_path: Path
) -> None:
    root, link = tmp_path / "root", tmp_path / "link"
    (root / "var" / "runtime").mkdir(parents=True)
    (root / BOOTSTRAP).write_text("#!/bin/sh\n")
    (root / BOOTSTRAP).chmod(0o755)
    link.symlink_to(root)
    build = catalogue_of(replace(settings, runtime_roots={"ruby3.4": str(link)})).install("ruby3.4", lambda _: None)
    assert build.root is not None
    assert not build.root.is_symlink()
    assert (build.root / "etc" / "hosts").is_file()
    assert [path.name for path in root.iterdir()] == ["var"]


def test_settings_for_roots_that_mean_nothing_are_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="'runtime_roots': 'cobol1' is not a runtime"):
        catalogue_of(replace(settings, runtime_roots={"cobol1": "/x"}))
    with pytest.raises(SettingsError, match="both name 'java21'"):
        catalogue_of(replace(settings, runtime_roots={"java21": "/x"}, interpreters={"java21": "/y"}))
    with pytest.raises(RuntimeInstallError, match="neither the absolute path of a directory nor the name of an image"):
        catalogue_of(replace(settings, runtime_roots={"java21": "x"})).install("java21", lambda _: None)


def test_isolation_plain_refuses_a_root_when_it_is_called(rooted: Rooted, tmp_path: Path) -> None:
    process = NodeProcess(tmp_path / "plain", **rooted.environment, STOKER_ISOLATION="plain")
    try:
        client = process.wait_ready().client("lambda")
        deploy, clean_up = deployer(client)
        name = deploy("f", {"bootstrap": BASH_RUNTIME}, "provided.al2023", "x")
        with pytest.raises(client.exceptions.InvalidRuntimeException, match="isolation 'plain' has no roots"):
            client.invoke(FunctionName=name)
        clean_up()
    finally:
        process.stop()


# Debian's packages


def test_a_python_that_only_debian_has_runs_forked_and_fresh_in_its_root(
    installed: RuntimeCatalogue, node: Any, lambda_client: Any, deploy: Any
) -> None:
    runtime = "python3.14"
    build = installed.install(runtime, lambda _: None)
    if build.root is None:
        pytest.skip(f"this machine has a Python of its own: {build.source}")
    assert build.source.startswith("Debian forky (3.14.")
    code = {
        "index.py": "import os, ssl, sys, boto3\n"
        "def handler(event, context):\n"
        "    certificates = len(ssl.create_default_context().get_ca_certs())\n"
        "    return [sys.version_info[:2], sys.executable, certificates > 50, os.path.exists('/usr/lib/python3.14')]\n"
    }
    for variables in ({}, {"PYTHONHASHSEED": "1"}):  # one that only a fresh interpreter can read
        name = deploy(None, code, runtime, "index.handler", MemorySize=256, Environment={"Variables": variables})
        seen = invoke(lambda_client, name).value
        assert seen[0] == [3, 14]
        assert seen[2:] == [True, True]
    # The package was compiled by that Python too, when it was deployed.
    assert list((node.data / "code").rglob("__pycache__/index.cpython-314.pyc"))


def test_without_debians_keys_or_archive_it_is_said_what_is_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("stoker.runtimes.roots.apt._OS_RELEASE", tmp_path / "none")
    with pytest.raises(RuntimeInstallError, match="name one in the setting 'debian_mirror'"), Apt("trixie", ""):
        pass
    with (
        Apt("no-such-release", "http://127.0.0.1:1/debian") as apt,
        pytest.raises(RuntimeInstallError, match="apt-get"),
    ):
        apt.unpack(("bash",), tmp_path)
    monkeypatch.setattr("stoker.runtimes.roots.apt.KEYRING", tmp_path / "none")
    with pytest.raises(RuntimeInstallError, match="apt-get install -y debian-archive-keyring"), Apt("trixie", ""):
        pass


def test_a_runtime_of_debians_is_not_ready_until_it_is_installed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PATH", "HOME", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    catalogue = catalogue_of(settings)
    with pytest.raises(RuntimeNotReadyError, match=r"Type: stoker runtimes install python3\.9"):
        catalogue.find("python3.9")
    [status] = [status for status in catalogue.list() if status.name == "python3.9"]
    assert status.hint == "None on this machine; Debian has it. Type: stoker runtimes install python3.9"
