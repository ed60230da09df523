"""A directory with a function in it: what its files say about runtime and handler, and what `function.toml` states.

Everything stated wins over everything guessed; a guess that is not clear becomes a question, never a coin toss.
"""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from stoker.cli.failures import usage_error
from stoker.cli.java_project import guess_java_handler, guess_java_runtime, is_java_project

STATEMENTS = ("function.toml", "stoker.json")
PYTHON_FILES = ("lambda_function", "app", "main", "handler", "index", "function")
NODE_FILES = ("index", "app", "main", "handler")
NODE_SUFFIXES = (".mjs", ".js", ".cjs")
RUBY_FILES = ("lambda_function", "app", "main", "handler", "index", "function")
DEFAULT_RUBY_RELEASE = "3.4"
HANDLER_NAMES = ("lambda_handler", "handler", "lambdaHandler", "main")
DEFAULT_NODE_RELEASE = 22

_EXPORT = re.compile(
    r"^\s*(?:module\.)?exports\.(\w+)\s*=|^\s*export\s+(?:const|let|var|(?:async\s+)?function\*?)\s+(\w+)", re.MULTILINE
)

_RUBY_METHOD = re.compile(r"^def\s+(?:self\.)?(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said about a function, in a file or on the command line; None where nothing is."""

    name: str | None = None
    runtime: str | None = None
    handler: str | None = None
    role: str | None = None
    description: str | None = None
    memory_mb: int | None = None
    timeout_s: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def over(self, other: "Statement") -> "Statement":
        """This one, completed by `other`."""
        gaps = {name: getattr(other, name) for name in _names() if getattr(self, name) is None}
        return replace(self, **gaps, environment={**other.environment, **self.environment})


def read_statement(directory: Path) -> Statement:
    """`function.toml` or `stoker.json` in `directory`. Raises CommandError for what cannot be used."""
    found = [directory / name for name in STATEMENTS if (directory / name).is_file()]
    if not found:
        return Statement()
    if len(found) > 1:
        raise usage_error(f"{directory} has both {' and '.join(STATEMENTS)}", "keep one of them")
    file = found[0]
    try:
        values = tomllib.loads(file.read_text()) if file.suffix == ".toml" else json.loads(file.read_text())
    except ValueError as error:
        raise usage_error(f"{file} cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise usage_error(f"{file} must hold an object")
    return _checked(file, values)


def _names() -> list[str]:
    return [field.name for field in fields(Statement) if field.name != "environment"]


def _checked(file: Path, values: dict[str, Any]) -> Statement:
    known = [*_names(), "environment"]
    hints = get_type_hints(Statement)
    for name, value in values.items():
        if name not in known:
            raise usage_error(f"{file}: unknown key {name!r}", f"known: {', '.join(known)}")
        if name == "environment":
            if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
                raise usage_error(f"{file}: environment must hold texts")
        elif type(value) not in get_args(hints[name]):
            raise usage_error(f"{file}: {name} must be of type {get_args(hints[name])[0].__name__}")
    return Statement(**values)


def default_name(directory: Path) -> str:
    """The directory's name, with what Lambda does not allow in a name replaced."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", directory.resolve().name).strip("-")[:64] or "function"


def guess_runtime(directory: Path, node_release: int | None) -> str:
    """By the files in `directory`; Python's release is that of the interpreter that runs this. Raises CommandError."""
    if is_java_project(directory):
        return guess_java_runtime(directory)
    if (directory / "package.json").is_file() or any(_files(directory, NODE_SUFFIXES)):
        return f"nodejs{node_release or DEFAULT_NODE_RELEASE}.x"
    if (directory / "requirements.txt").is_file() or any(_files(directory, (".py",))):
        return f"python{sys.version_info.major}.{sys.version_info.minor}"
    if (directory / "Gemfile").is_file() or any(_files(directory, (".rb",))):
        return f"ruby{DEFAULT_RUBY_RELEASE}"
    if (directory / "bootstrap").is_file():
        return "provided.al2023"
    raise usage_error(
        f"no function was found in {directory}",
        "there should be a *.py, *.js, *.rb, *.jar or a bootstrap; or --runtime",
    )


def guess_handler(directory: Path, runtime: str) -> str:
    """`file.function`, where exactly one place offers itself. Raises CommandError."""
    if runtime.startswith("provided"):
        return "bootstrap"
    if runtime.startswith("java"):
        return guess_java_handler(directory)
    files, names_in = _sources(directory, runtime)
    for file in files:
        offered = names_in(file)
        for name in HANDLER_NAMES:
            if name in offered:
                return f"{file.stem}.{name}"
    raise usage_error(f"no handler was found in {directory}", "say which function it is: --handler FILE.FUNCTION")


def _sources(directory: Path, runtime: str) -> tuple[list[Path], Callable[[Path], set[str]]]:
    """The files of the runtime's language that may hold the handler, likely ones first, and what reads one."""
    if runtime.startswith("python"):
        return _usual(directory, PYTHON_FILES, (".py",)), _python_names
    if runtime.startswith("ruby"):
        return _usual(directory, RUBY_FILES, (".rb",)), _ruby_names
    return _usual(directory, NODE_FILES, NODE_SUFFIXES), _node_names


def _files(directory: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    return (file for file in sorted(directory.iterdir()) if file.suffix in suffixes and file.is_file())


def _usual(directory: Path, names: tuple[str, ...], suffixes: tuple[str, ...]) -> list[Path]:
    """The usual names first; another name only when it is the only file."""
    usual = [file for name in names for end in suffixes if (file := directory / f"{name}{end}").is_file()]
    every = list(_files(directory, suffixes))
    return usual + (every if len(every) == 1 else [])


def _python_names(file: Path) -> set[str]:
    """What the module defines at its top level."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise usage_error(f"{file} is not valid Python: {error}") from None
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def _node_names(file: Path) -> set[str]:
    return {name for pair in _EXPORT.findall(file.read_text(errors="replace")) for name in pair if name}


def _ruby_names(file: Path) -> set[str]:
    return set(_RUBY_METHOD.findall(file.read_text(errors="replace")))
