"""What a runtime's root directory holds of the host: as little as it can, all of it read-only."""

from pathlib import Path

import pytest

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.launcher.root import _STEPS
from stoker.sandbox.recipe import BASE_ENVIRONMENT, CODE, LAUNCHER, root_recipe


@pytest.fixture
def lang(tmp_path: Path) -> Path:
    """An interpreter's installation to which somebody has added packages."""
    (tmp_path / "lang/lib/python3.12/site-packages/of_the_host").mkdir(parents=True)
    return tmp_path / "lang"


def steps(language: str = "python", lang: Path | None = None, runtime: Path | None = None) -> list[list[str]]:
    build = RuntimeBuild(language, language, "", "", lang, runtime, None, (), None, (), False)
    recipe = root_recipe(build, Path("/data/run/root"), Path("/data/code"))
    assert recipe["mountpoint"] == "/data/run/root"
    return recipe["steps"]


def bound(all_steps: list[list[str]]) -> dict[str, str]:
    """What of the host is where."""
    return {step[2]: step[1] for step in all_steps if step[0] == "bind"}


def test_every_step_is_one_that_the_launcher_knows(lang: Path) -> None:
    assert {step[0] for step in steps("python", lang, lang)} <= _STEPS.keys()


def test_nothing_of_the_host_is_lent_but_what_programs_need() -> None:
    lent = bound(steps("provided"))
    assert lent.pop(CODE) == "/data/code"
    assert Path(lent.pop(LAUNCHER)).name == "launcher"
    for target, source in lent.items():
        assert target == source
        assert target == "/usr" or target.startswith(("/etc/", "/bin", "/sbin", "/lib"))
    assert not {"/", "/home", "/root", "/var", "/etc", "/run", "/sys", "/dev", "/proc"} & lent.keys()
    secrets = ("shadow", "ssh", "private", "hosts", "resolv.conf", "machine-id", "hostname")
    assert not [target for target in lent for secret in secrets if secret in target]


def test_what_the_hosts_administrator_installed_is_hidden(lang: Path) -> None:
    hidden = [step[1] for step in steps("python", lang) if step[0] == "hide"]
    assert "/var/lang/lib/python3.12/site-packages" in hidden
    if Path("/usr/local").is_dir():
        assert "/usr/local" in hidden


def test_what_is_hidden_was_bound_before(lang: Path) -> None:
    seen: list[str] = []
    for step in steps("python", lang):
        if step[0] == "bind":
            seen.append(step[2])
        elif step[0] == "hide":
            assert any(step[1].startswith(target) for target in seen), step


def test_interpreter_and_client_are_where_aws_has_them(lang: Path, tmp_path: Path) -> None:
    lent = bound(steps("python", lang, tmp_path))
    assert (lent["/var/lang"], lent["/var/runtime"]) == (str(lang), str(tmp_path))
    assert not {"/var/lang", "/var/runtime"} & bound(steps("provided")).keys()


def test_the_sandboxs_own_files_name_only_the_sandbox() -> None:
    files = {step[1]: step[2] for step in steps() if step[0] == "file"}
    assert "sbx_user1051:x:993:990:" in files["/etc/passwd"]
    assert files["/etc/resolv.conf"] == ""
    assert [path for step, path, *_ in steps() if step == "device"] == [
        f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")
    ]


def test_the_basic_variables_are_aws_own() -> None:
    """Reference: runtime side, 3.1 (with the slash after /usr/bin)."""
    assert BASE_ENVIRONMENT["PATH"] == "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    assert BASE_ENVIRONMENT["TZ"] == ":UTC"
