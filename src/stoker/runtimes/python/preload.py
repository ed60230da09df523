"""Packages whose modules a zygote may import ahead (setting `preload`): fetched, surveyed, and kept as the files that
importing them takes.

A function gets such modules only if it has all these files itself; who compares them is `environments/preloads.py`.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build
from stoker.runtimes.pip import install_wheels
from stoker.runtimes.python.zygote import CLIENT, LIBRARIES
from stoker.runtimes.records import RuntimeBuild, RuntimeInstallError

SURVEY = Path(__file__).parent / "inside" / "survey.py"
SURVEY_LIMIT_S = 120.0
TREE, NOTES = "tree", "survey.json"
# PEP 508's names, extras and versions, without what would make pip look anywhere but in its index.
_PACKAGE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*?)(\[[\w.,-]+\])?(?P<version>(===?|[<>~!]=|[<>])[\w.*+!<>=~,-]+)?")
_NOT_WORTH_IT = frozenset({"test", "tests", "docs", "doc", "examples", "benchmarks"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """`packages` are what pip installs together; `modules` are imported, if empty the packages' own top ones."""

    packages: tuple[str, ...]
    modules: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "&".join(self.packages) + (":" + ",".join(self.modules) if self.modules else "")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the packages, without their versions."""
        return tuple(match["name"] for match in map(_PACKAGE.fullmatch, self.packages) if match)


def requirements_of(setting: str) -> tuple[Requirement, ...]:
    """The setting `preload`, read. Raises ValueError."""
    found = []
    for text in setting.split():
        packages, colon, modules = text.partition(":")
        requirement = Requirement(tuple(packages.split("&")), tuple(modules.split(",")) if colon else ())
        is_known = all(map(_PACKAGE.fullmatch, requirement.packages)) and all(map(_is_module, requirement.modules))
        if not is_known:
            raise ValueError(f"{text!r} is not a package such as 'pandas==2.2.3' or 'scipy:scipy.stats'")
        found.append(requirement)
    return tuple(dict.fromkeys(found))


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


@dataclass(frozen=True, slots=True)
class PreloadFile:
    """What has to be in a function's package, byte by byte."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class PreloadPackage:
    """One that is ready, equal to itself only: `label` is "pandas 2.2.3", `modules` are imported in their order.

    `files` by their path below `tree` are all that this loads. `names` are top-level modules that it imported or looked
    for: where a function brings one of these, and not as one of `files`, it would have loaded something else. The same
    with `absent`, which were not there, and with `variables`, which it looked at.
    """

    label: str
    modules: tuple[str, ...]
    tree: Path
    files: Mapping[str, PreloadFile]
    names: frozenset[str]
    absent: tuple[str, ...]
    variables: frozenset[str]


@dataclass(frozen=True, slots=True)
class PreloadStore:
    """What of the setting there is for one runtime. Everything here may take long, and belongs into a thread."""

    build: RuntimeBuild
    place: Path
    requirements: tuple[Requirement, ...]

    def ready(self) -> list[PreloadPackage]:
        """Those that `install` has made."""
        return [_read(path) for path in map(self._path, self.requirements) if is_built(path)]

    def missing(self) -> list[Requirement]:
        return [requirement for requirement in self.requirements if not is_built(self._path(requirement))]

    def install(self, progress: Callable[[str], None]) -> list[str]:
        """Fetch and survey what is missing. Answers with what cannot be had, and why: functions do without it."""
        failures = []
        for requirement in self.missing():
            progress(f"Fetching {requirement}, to be preloaded")
            try:
                filling = _Filling(self.build, requirement, self._constraints())
                make_build(self._path(requirement), filling.fill)
            except RuntimeInstallError as error:
                failures.append(f"{requirement} cannot be preloaded for {self.build.name}: {error}")
        return failures

    def joined(self, packages: Sequence[PreloadPackage]) -> Path:
        """One tree of the files of several. Packages whose files are all in one function's do not differ in any."""
        if len(packages) == 1:
            return packages[0].tree
        path = build_path(self.place, {str(number): str(package.tree) for number, package in enumerate(packages)})
        make_build(path, lambda directory: _join(packages, directory / TREE))
        return path / TREE

    def _path(self, requirement: Requirement) -> Path:
        # The runtime's own directory is named after its interpreter and all that lies in it.
        recipe = {"requirement": str(requirement), "runtime": str(self.build.runtime_dir)}
        return build_path(self.place, recipe | {"survey": SURVEY.read_text(), "others": " ".join(self._constraints())})

    def _constraints(self) -> list[str]:
        """What is named with its version is what comes along with others, too, unless several versions are named."""
        packages = {package for requirement in self.requirements for package in requirement.packages}
        found = [match for match in map(_PACKAGE.fullmatch, sorted(packages)) if match]
        names = Counter(match["name"] for match in found)
        return [match["name"] + match["version"] for match in found if match["version"] and names[match["name"]] == 1]


def preload_store(build: RuntimeBuild, place: Path, requirements: tuple[Requirement, ...]) -> PreloadStore | None:
    """That of `build`, below the directory `place` of all; None if nothing can or shall be preloaded for it."""
    if not requirements or build.language != "python" or not build.can_fork or build.host_interpreter is None:
        return None
    return PreloadStore(build, place / build.name, requirements)


@dataclass(frozen=True, slots=True)
class _Filling:
    """Makes the directory of one requirement."""

    build: RuntimeBuild
    requirement: Requirement
    constraints: Sequence[str]

    def fill(self, directory: Path) -> Mapping[str, str]:
        interpreter, release = self.build.host_interpreter, self.build.name.removeprefix("python")
        assert interpreter is not None
        site, tree = directory.resolve() / "site", directory / TREE
        install_wheels([sys.executable, interpreter], release, self.requirement.packages, site, self.constraints)
        installed = [_installed(name, site) for name in self.requirement.names]
        modules = self.requirement.modules or tuple(top for it in installed for top in _top_modules(it, site))
        label = " and ".join(f"{it.name} {it.version}" for it in installed)
        report = self._survey(interpreter, site, modules)
        files = {}
        for path in report["files"]:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(site / path, tree / path)
            files[path] = [(tree / path).stat().st_size, _sha256(tree / path)]
        # The dynamic linker of a zygote remembers for all its children that this directory of its search path is not
        # there (`sandbox/recipe.py`).
        (tree / "lib").mkdir(parents=True, exist_ok=True)
        shutil.rmtree(site)
        # Bytecode only saves time.
        command = [interpreter, "-I", "-m", "compileall", "-qq", "--invalidation-mode=unchecked-hash", str(tree)]
        subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
        (directory / NOTES).write_text(json.dumps({**report, "label": label, "modules": modules, "files": files}))
        return {"requirement": str(self.requirement), "label": label}

    def _survey(self, interpreter: str, site: Path, modules: Sequence[str]) -> dict[str, list[str]]:
        order = {"site": str(site), "runtime": str(self.build.runtime_dir), "modules": modules}
        with tempfile.TemporaryDirectory() as scratch:
            told, report = Path(scratch, "order"), Path(scratch, "report")
            told.write_text(json.dumps({**order, "client": CLIENT, "libraries": LIBRARIES}))
            try:
                ended = subprocess.run(
                    [interpreter, "-I", "-S", "-B", str(SURVEY), str(told), str(report)],
                    capture_output=True,
                    text=True,
                    timeout=SURVEY_LIMIT_S,
                    stdin=subprocess.DEVNULL,
                    env={"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "LANG": "en_US.UTF-8", "TZ": ":UTC"},
                    cwd=scratch,
                )
            except subprocess.TimeoutExpired:
                raise RuntimeInstallError(f"importing it took longer than {SURVEY_LIMIT_S:.0f} seconds") from None
            if not report.exists():
                raise RuntimeInstallError(f"importing it ended the interpreter:\n{ended.stderr.strip()[-1000:]}")
            found: dict[str, list[str]] = json.loads(report.read_text())
        if error := found.pop("error"):
            raise RuntimeInstallError(str(error))
        return found


def _installed(name: str, site: Path) -> metadata.Distribution:
    for distribution in metadata.distributions(name=name, path=[str(site)]):
        return distribution
    raise RuntimeInstallError(f"pip installed no {name}")


def _top_modules(distribution: metadata.Distribution, site: Path) -> Iterator[str]:
    """What a user of the package imports, as far as its files tell."""
    tops = {file.parts[0].partition(".")[0]: file.parts[0] for file in distribution.files or ()}
    for name, entry in sorted(tops.items()):
        is_module = (site / entry / "__init__.py").is_file() or entry.endswith((".py", ".so"))
        if name.isidentifier() and not name.startswith("_") and name not in _NOT_WORTH_IT and is_module:
            yield name


def _read(path: Path) -> PreloadPackage:
    notes = json.loads((path / NOTES).read_text())
    return PreloadPackage(
        label=notes["label"],
        modules=tuple(notes["modules"]),
        tree=path / TREE,
        files={name: PreloadFile(*file) for name, file in notes["files"].items()},
        names=frozenset(notes["names"]),
        absent=tuple(notes["absent"]),
        variables=frozenset(notes["variables"]),
    )


def _join(packages: Sequence[PreloadPackage], tree: Path) -> Mapping[str, str]:
    for package in packages:
        shutil.copytree(package.tree, tree, copy_function=_link, dirs_exist_ok=True)
    return {}


def _link(source: str, target: str) -> None:
    if not os.path.exists(target):  # noqa: PTH110 - what copytree gives are texts
        try:
            os.link(source, target)
        except OSError:  # a file system without links, or with too many to one file (link(2))
            shutil.copyfile(source, target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
