"""Which processor a package is made for: told by its programs and libraries, if it has any.

A package without machine code runs on every processor that its interpreter runs on.
"""

import os
from pathlib import Path

# elf(5): e_ident[EI_MAG0..3], and e_machine in the byte order of e_ident[EI_DATA].
_MAGIC = b"\x7fELF"
_DATA_AT, _BIG_ENDIAN = 5, 2
_MACHINE_AT = 18
_MACHINES = {62: "x86_64", 183: "arm64"}


def machine_code_for_others(tree: Path, architecture: str) -> str | None:
    """The path inside `tree` of a file with machine code that is not for `architecture`; None if there is none."""
    for directory, _, names in os.walk(tree):
        for name in names:
            path = Path(directory) / name
            if path.is_file() and _machine(path) not in (None, architecture):
                return str(path.relative_to(tree))
    return None


def _machine(path: Path) -> str | None:
    """By AWS's name, or by number; None for what is not machine code."""
    with path.open("rb") as file:
        head = file.read(_MACHINE_AT + 2)
    if len(head) < _MACHINE_AT + 2 or not head.startswith(_MAGIC):
        return None
    number = int.from_bytes(head[_MACHINE_AT:], "big" if head[_DATA_AT] == _BIG_ENDIAN else "little")
    return _MACHINES.get(number, f"machine {number}")
