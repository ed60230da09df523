"""Packages that are to be preloaded: what the setting can say, and what is noted about each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stoker.config import Settings, SettingsError
from stoker.runtimes.python.preload import PreloadStore, preload_store, requirements_of
from stoker.runtimes.records import RuntimeBuild
from tests.catalogues import catalogue_of
from tests.conftest import PYTHON
from tests.wheels import write_wheel

StoreOf = Callable[[str], PreloadStore]
LOOKS = """
import colorsys, os
try:
    import booster
except ImportError:
    booster = None
MODE = os.environ.get("HEAVY_MODE")
TEXT = open(os.path.join(os.path.dirname(__file__), "text.txt")).read()
from . import part
"""
HEAVY = {"heavy/__init__.py": LOOKS, "heavy/part.py": "", "heavy/later.py": "", "heavy/text.txt": "text"}
KEEPS_A_THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> RuntimeBuild:
    directory = tmp_path_factory.mktemp("built")
    return catalogue_of(Settings(data=directory / "data", runtimes_dir=directory / "runtimes")).find(PYTHON)


@pytest.fixture
def store(build: RuntimeBuild, tmp_path: Path) -> StoreOf:
    """That of a setting."""

    def store_of(preload: str) -> PreloadStore:
        found = preload_store(build, tmp_path / "preload", requirements_of(preload))
        assert found is not None
        return found

    return store_of


def test_it_is_noted_what_a_package_loads_and_looks_for(store: StoreOf, index: Path) -> None:
    write_wheel(index, "heavy", "1.0", HEAVY)
    packages = store("heavy==1.0")
    assert packages.ready() == []
    assert packages.install(lambda _: None) == []
    assert packages.missing() == []
    [heavy] = packages.ready()
    assert (heavy.label, heavy.modules) == ("heavy 1.0", ("heavy",))
    assert set(heavy.files) == {"heavy/__init__.py", "heavy/part.py", "heavy/text.txt"}
    assert {"heavy", "booster", "colorsys"} <= heavy.names
    assert "booster" in heavy.absent
    assert "HEAVY_MODE" in heavy.variables
    assert not (heavy.tree / "heavy/later.py").exists()


def test_what_cannot_be_preloaded_is_told_and_the_others_are(store: StoreOf, index: Path) -> None:
    write_wheel(index, "threaded", "1.0", {"threaded.py": KEEPS_A_THREAD})
    write_wheel(index, "opener", "1.0", {"opener.py": "FILE = open('/dev/null')\n"})
    write_wheel(index, "broken", "1.0", {"broken.py": "raise RuntimeError('not here')\n"})
    write_wheel(index, "light", "1.0", {"light.py": ""})
    packages = store("threaded opener broken nowhere light")
    failures = packages.install(lambda _: None)
    assert [failure.partition(" ")[0] for failure in failures] == ["threaded", "opener", "broken", "nowhere"]
    for failure, reason in zip(failures, ("a thread", "open", "RuntimeError: not here", "pip failed"), strict=True):
        assert reason in failure
    assert [package.label for package in packages.ready()] == ["light 1.0"]


def test_a_version_that_is_named_holds_for_what_others_bring_along(store: StoreOf, index: Path) -> None:
    for version in ("1.0", "2.0"):
        write_wheel(index, "base", version, {"base.py": f"VERSION = {version!r}\n"})
    write_wheel(index, "upper", "1.0", {"upper.py": "import base\n"}, requires="base")
    packages = store("base==1.0 upper")
    assert packages.install(lambda _: None) == []
    base, upper = packages.ready()
    assert base.files["base.py"] == upper.files["base.py"]
    joined = packages.joined([base, upper])
    assert {"base.py", "upper.py", "lib"} <= {path.name for path in joined.iterdir()}


def test_packages_that_look_for_one_another_go_together(store: StoreOf, index: Path) -> None:
    write_wheel(index, "heavy", "1.0", HEAVY)
    write_wheel(index, "booster", "1.0", {"booster/__init__.py": "", "booster/turbo.py": ""})
    packages = store("heavy&booster:heavy,booster.turbo")
    assert packages.install(lambda _: None) == []
    [both] = packages.ready()
    assert (both.label, both.modules) == ("heavy 1.0 and booster 1.0", ("heavy", "booster.turbo"))
    assert {"heavy/__init__.py", "booster/turbo.py"} <= set(both.files)
    assert both.absent == ()


@pytest.mark.parametrize("text", ["-r/etc/passwd", "a:b c:", "https://x/y.whl", "./here", "a@b", "a:b-c", "&a"])
def test_what_is_no_package_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="setting 'preload'"):
        catalogue_of(Settings(data=tmp_path, runtimes_dir=tmp_path, preload=text))


def test_a_setting_is_read_as_it_is_written() -> None:
    text = "numpy==2.2.6 pandas[performance]>=2,<3 scipy:scipy.stats,scipy.linalg a&b~=1.0"
    assert " ".join(map(str, requirements_of(text))) == text
