"""Compiles a package's Python files; run by the *runtime's* interpreter (3.8 or later), never imported by Stoker.

    python -I -S compile_tree.py TREE SHOWN_AS CPU_S MEMORY_BYTES

Only the standard library, and nothing of the package is imported or executed: source goes to the compiler and its
bytecode goes beside it. A file that does not compile is left alone; its import will say why. Bytecode that the package
brings along and that Python would believe without looking at the source stays as it is.
"""

import contextlib
import importlib.util
import os
import py_compile
import resource
import sys
from pathlib import Path

FILE_BYTES_MAX = 64 * 1024 * 1024
# Of a bytecode file's header (PEP 552): the magic number, then flags.
FLAGS = slice(4, 8)
FLAG_HASH_BASED = 0b01


def compile_tree(tree: Path, shown_as: Path) -> None:
    for directory, _, names in os.walk(tree):
        for name in names:
            if name.endswith(".py"):
                path = Path(directory, name)
                # Whatever is wrong with one file must not keep the others from being compiled.
                with contextlib.suppress(Exception):
                    compile_file(path, shown_as / path.relative_to(tree))


def compile_file(path: Path, shown_as: Path) -> None:
    cached = Path(importlib.util.cache_from_source(str(path)))
    if path.is_symlink() or cached.parent.is_symlink() or is_believed(cached):
        return
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(path), str(cached), str(shown_as), doraise=True, invalidation_mode=unchecked)
    cached.chmod(0o644)


def is_believed(cached: Path) -> bool:
    try:
        header = cached.read_bytes()[:16]
    except OSError:
        return False
    flags = int.from_bytes(header[FLAGS], "little")
    return header[:4] == importlib.util.MAGIC_NUMBER and bool(flags & FLAG_HASH_BASED)


def limit_resources(cpu_s: int, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    os.umask(0o022)
    limit_resources(int(sys.argv[3]), int(sys.argv[4]))
    compile_tree(Path(sys.argv[1]), Path(sys.argv[2]))
