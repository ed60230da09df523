"""Imports modules and notes what that loads, looks for and leaves behind: by that a function is told to have the same.

Run as a program of its own in a runtime's interpreter (3.9 too), with two paths: of an order, {"site", "runtime",
"client", "modules", "libraries"}, and of the report that it writes (`main` says what is in it).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


class Watched(dict):  # type: ignore[type-arg] # `dict[bytes, bytes]` is no base class that os.environ would take
    """In the place of the variables' own dict: notes which are looked at, whether or not they are there."""

    def __init__(self, variables: dict[bytes, bytes], seen: set[str]) -> None:
        super().__init__(variables)
        self._seen = seen

    def __getitem__(self, name: bytes) -> bytes:
        self._seen.add(os.fsdecode(name))
        value: bytes = super().__getitem__(name)
        return value

    def __contains__(self, name: object) -> bool:
        if isinstance(name, bytes):
            self._seen.add(os.fsdecode(name))
        return super().__contains__(name)


class LastFinder:
    """Asked for what nobody else has found."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        self.asked.add(name)


def main(order: dict[str, Any]) -> dict[str, Any]:
    """The report: {"files": paths below the site, "names": top-level modules that were imported or looked for,
    "absent": modules that were looked for in vain, "variables": those that were looked at, "error": "" or why these
    modules cannot be preloaded}."""
    site = order["site"]
    sys.path.insert(0, order["runtime"])
    # A zygote has ctypes, with a descriptor that newer releases of libffi keep.
    for name in ("ctypes", *order["client"]):
        importlib.import_module(name)
    sys.path.insert(0, site)
    opened: set[str] = set()
    sys.addaudithook(lambda event, details: _note_open(event, details, opened))
    variables: set[str] = set()
    environ: Any = os.environ
    environ._data = Watched(environ._data, variables)
    finder = LastFinder()
    sys.meta_path.append(finder)
    before, descriptors = set(sys.modules), _descriptors()
    error = ""
    try:
        for name in order["modules"]:
            importlib.import_module(name)
    except Exception as problem:
        error = f"importing it failed: {type(problem).__name__}: {problem}"
    error = error or _what_is_left(descriptors)
    names = {name.partition(".")[0] for name in {*sys.modules, *finder.asked} - before}
    report = {"names": sorted(names), "absent": sorted(finder.asked), "variables": sorted(variables), "error": error}
    # The zygote imports these next, and what they need may be the packages' own.
    for name in order["libraries"]:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    files = {str(getattr(module, "__file__", None)) for module in list(sys.modules.values())} | opened | _mapped()
    inside = {path[len(site) + 1 :] for path in files if path.startswith(site + "/") and os.path.isfile(path)}  # noqa: PTH113
    return {"files": sorted(path for path in inside if not path.endswith(".pyc")), **report}


def _note_open(event: str, details: tuple[Any, ...], opened: set[str]) -> None:
    if event == "open" and isinstance(details[0], str):
        opened.add(details[0])


def _what_is_left(descriptors: set[str]) -> str:
    """Why a fork would not be like a fresh import, or ""."""
    end_threads()
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
        return "importing it leaves a thread behind"
    if _descriptors() - descriptors:
        return "importing it leaves a file or socket open"
    return ""


def end_threads() -> None:
    """A fork lets libraries that can end their threads, and start them again when they need them: OpenBLAS does."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _descriptors() -> set[str]:
    """Without what listing them takes."""
    return {name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}  # noqa: PTH110, PTH208


def _mapped() -> set[str]:
    """Files in this process's memory: libraries that no module is named after (proc(5), maps)."""
    with open("/proc/self/maps") as lines:  # noqa: PTH123
        return {line.split(None, 5)[5].rstrip("\n") for line in lines if "/" in line}


if __name__ == "__main__":
    with open(sys.argv[1]) as order_file:  # noqa: PTH123
        told = json.load(order_file)
    found = main(told)
    with open(sys.argv[2], "w") as report_file:  # noqa: PTH123
        json.dump(found, report_file)
