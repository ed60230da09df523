"""Whether an environment may begin with an interpreter that was started before its function was known.

Pure, but for a look at which libraries a package brings. What such an interpreter is: `sandbox/ahead.py`.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from stoker.environments.variables import may_start_ahead
from stoker.functions.records import FunctionVersion
from stoker.runtimes.records import RuntimeBuild

# Where LD_LIBRARY_PATH leads to before it leads to the system's own libraries (`sandbox/recipe.py`).
_LIBRARIES = ("", "lib")


def command_ahead(
    version: FunctionVersion, build: RuntimeBuild, argv: Sequence[str], task: Path, opt: Path | None
) -> tuple[str, ...]:
    """That of an interpreter that may have been started ahead for `version`, which asks for `argv`; () if none may."""
    if build.cover is None or not may_start_ahead(version):
        return ()
    return () if _brings_libraries(task, opt) else build.cover.command(tuple(argv))


@lru_cache(maxsize=4096)
def _brings_libraries(task: Path, opt: Path | None) -> bool:
    """Whether the dynamic linker may find libraries there instead of the interpreter's usual ones.

    Both directories are named after what is in them, so the answer stays true.
    """
    places = [task / name for name in _LIBRARIES] + ([] if opt is None else [opt / "lib"])
    try:
        return any(".so" in entry.name for place in places if place.is_dir() for entry in place.iterdir())
    except OSError:  # a link, which leads elsewhere inside the sandbox
        return True
