"""How a Java or a Ruby of this host is found, and what is said where there is none."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stoker.config import Settings, SettingsError
from stoker.runtimes.java import client
from stoker.runtimes.java.jvm import Jvm, find_jvm, outside_links, read_jvm
from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.records import RuntimeInstallError, RuntimeNotReadyError
from stoker.runtimes.ruby.interpreter import RubyInterpreter, find_ruby
from stoker.runtimes.ruby.runtime import RubyRuntime
from stoker.sandbox.recipe import BASE_ENVIRONMENT
from tests.catalogues import catalogue_of


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def jdk(home: Path, version: str) -> Path:
    """As much of a JDK as is looked at to find one."""
    script(home / "bin" / "java", "exit 1")
    (home / "release").write_text(f'IMPLEMENTOR="N/A"\nJAVA_VERSION="{version}"\n')
    return home


def ruby(prefix: Path, version: str, engine: str = "ruby") -> Path:
    """A program that answers as a Ruby does that is asked what it is."""
    answer = json.dumps([engine, version, str(prefix / "bin" / "ruby"), str(prefix)])
    return script(prefix / "bin" / "ruby", f"echo '{answer}'").parents[1]


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No interpreter but those that the test makes, and the system's JVMs."""
    for name in ("PATH", "HOME", "RBENV_ROOT", "SDKMAN_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.parametrize(
    ("version", "release"),
    [("17.0.15", "17"), ("21", "21"), ("25-ea", "25"), ("25.0.3+9", "25"), ("1.8.0_412", "8"), ("11.0.2", "11")],
)
def test_a_jvm_is_known_by_its_release_file(tmp_path: Path, version: str, release: str) -> None:
    jvm = read_jvm(jdk(tmp_path, version), "x")
    assert jvm is not None
    assert (jvm.version, jvm.release, jvm.home) == (version, release, tmp_path)


def test_a_directory_without_a_jvm_is_none(tmp_path: Path) -> None:
    assert read_jvm(tmp_path, "x") is None
    (tmp_path / "release").write_text('JAVA_VERSION="21"')
    assert read_jvm(tmp_path, "x") is None


@pytest.mark.usefixtures("nothing_else")
def test_java_home_comes_before_path_and_must_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home, other = jdk(tmp_path / "a", "99.0.1"), jdk(tmp_path / "b", "99.0.2")
    monkeypatch.setenv("PATH", str(other / "bin"))
    assert find_jvm("99", None, ()) == Jvm("99.0.2", other, "PATH")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_jvm("99", None, ()) == Jvm("99.0.1", home, "JAVA_HOME")
    assert find_jvm("98", None, ()) is None
    # What lies in the installation would be seen inside every sandbox.
    assert find_jvm("99", None, (home / "data",)) == Jvm("99.0.2", other, "PATH")


@pytest.mark.usefixtures("nothing_else")
def test_the_settings_name_an_interpreter_and_a_wrong_one_is_told(settings: Settings, tmp_path: Path) -> None:
    named = {"java21": str(jdk(tmp_path / "jdk", "21.0.4")), "ruby3.3": str(ruby(tmp_path / "ruby", "3.3.5"))}
    statuses = {status.name: status for status in catalogue_of(replace(settings, interpreters=named)).list()}
    for name, version in (("java21", "21.0.4"), ("ruby3.3", "3.3.5")):
        assert statuses[name].version == version
        assert statuses[name].source.startswith("the settings")
        assert statuses[name].hint == f"Type: stoker runtimes install {name}"
    wrong = {"java25": named["java21"], "ruby3.4": named["ruby3.3"]}
    catalogue = catalogue_of(replace(settings, interpreters=wrong))
    for name, text in (("java25", "for Java 25, but that is Java 21.0.4"), ("ruby3.4", "3.4, but that is Ruby 3.3.5")):
        with pytest.raises(RuntimeNotReadyError, match=text):
            catalogue.find(name)


@pytest.mark.parametrize("name", ["java99", "python3.12", "provided.al2023", "dotnet8"])
def test_a_setting_for_a_runtime_that_does_not_use_it_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(SettingsError, match=f"'interpreters': '{name}' is not a Java or Ruby runtime"):
        catalogue_of(replace(settings, interpreters={name: "/x"}))


@pytest.mark.usefixtures("nothing_else")
def test_no_interpreter_at_all_is_said_so(settings: Settings) -> None:
    missing = [status for status in catalogue_of(settings).list() if not status.version]
    rubies = [status for status in missing if status.language == "ruby"]
    assert len(rubies) == 3
    assert rubies.pop(1).hint.startswith("None on this machine; Debian has it. Type: stoker runtimes install ruby3.3")
    for status in rubies:
        assert status.hint.startswith(f"No Ruby {status.name.removeprefix('ruby')} was found")
    for status in missing:
        if status.name == "java8.al2":
            assert "No Java 8 was found" in status.hint
            assert "openjdk-8-jdk-headless" in status.hint
        elif status.language == "java":
            assert status.hint.endswith(f"yet. Type: stoker runtimes install {status.name}")


@pytest.mark.usefixtures("nothing_else")
def test_a_java_without_maven_is_told_what_to_install(settings: Settings, tmp_path: Path) -> None:
    named = {"java21": str(jdk(tmp_path / "jdk", "21.0.4"))}
    with pytest.raises(RuntimeInstallError, match=r"Maven is needed once.*apt-get install -y maven"):
        catalogue_of(replace(settings, interpreters=named)).install("java21", lambda _: None)
    assert not list(settings.runtimes_dir.rglob("*.jar"))


def test_a_jar_with_another_digest_is_refused(tmp_path: Path) -> None:
    """As a mirror might serve it: nothing of it gets into a build."""
    changed = next(iter(client.JARS))
    (tmp_path / changed).write_bytes(b"changed")
    with pytest.raises(RuntimeInstallError, match="is not what AWS published"):
        client.check_jars(tmp_path)


def test_what_lies_outside_of_a_jvm_is_lent_and_no_more(tmp_path: Path) -> None:
    home = jdk(tmp_path / "jdk", "21")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "beside").write_text("x")
    for name, target in (
        ("own", home / "release"),
        ("usr", Path("/usr/bin/env")),
        ("gone", tmp_path / "nothing"),
        ("beside", tmp_path / "beside"),
    ):
        (home / name).symlink_to(target)
    assert outside_links(home) == (tmp_path / "beside",)


@pytest.mark.usefixtures("nothing_else")
def test_rbenvs_newest_ruby_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RBENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for version in ("3.3.1", "3.3.5", "3.4.0"):
        ruby(tmp_path / "versions" / version, version)
    ruby(tmp_path / "versions" / "3.2.9", "3.2.9", engine="truffleruby")
    found = find_ruby("3.3", None, ())
    assert found is not None
    assert (found.version, found.origin) == ("3.3.5", "rbenv")
    assert find_ruby("3.2", None, ()) is None, "another implementation"


def test_the_variables_of_a_ruby_function_are_awss(tmp_path: Path) -> None:
    """Reference: runtime side, 3.1."""
    known = KnownRuntime("ruby3.4", "ruby", "3.4", date(2028, 3, 31))
    runtime = RubyRuntime(
        known, RubyInterpreter("3.4.1", tmp_path / "bin" / "ruby", tmp_path, "x"), tmp_path / "builds"
    )
    build = runtime.built()
    assert build.command == ("/var/lang/bin/ruby", "/var/runtime/index.rb")
    environment = {**build.environment}
    assert environment.pop("RUBYLIB").startswith("/var/runtime/gems/aws_lambda_ric-")
    assert environment == {
        "AWS_EXECUTION_ENV": "AWS_Lambda_ruby3.4",
        "GEM_HOME": "/var/runtime",
        "GEM_PATH": "/var/task/vendor/bundle/ruby/3.4.0:/opt/ruby/gems/3.4.0:/var/runtime:/var/runtime/ruby/3.4.0",
        "PATH": f"/var/lang/bin:{BASE_ENVIRONMENT['PATH']}",
        "LD_LIBRARY_PATH": f"/var/lang/lib:{BASE_ENVIRONMENT['LD_LIBRARY_PATH']}",
    }
    assert build.lent == (tmp_path,), "a Ruby looks for its library where it was built to lie"


def test_where_no_source_has_the_client_a_mirror_can_be_named(tmp_path: Path) -> None:
    known = KnownRuntime("ruby3.4", "ruby", "3.4", date(2028, 3, 31))
    for said, helps in (
        ("ERROR:  Could not find a valid gem 'aws_lambda_ric'", True),
        ("ERROR:  No space left", False),
    ):
        executable = script(tmp_path / "ruby", f'echo "{said}" >&2; exit 2')
        runtime = RubyRuntime(known, RubyInterpreter("3.4.1", executable, tmp_path, "x"), tmp_path / "builds")
        with pytest.raises(RuntimeInstallError, match=said) as failed:
            runtime.install(lambda _: None)
        assert (":sources: in ~/.gemrc" in str(failed.value)) is helps
