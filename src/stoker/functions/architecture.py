"""Which processor a function is for, and whether this host's will do.

A package without machine code of its own runs on either: the interpreter is Stoker's, and made for this host. What the
function sees of the processor (`uname -m`) is then the host's. Packages and layers with machine code for another
processor are refused, by the name of the file.
"""

import platform
from collections.abc import Iterable, Mapping
from typing import Any

from stoker.code.records import CodePackage
from stoker.code.store import CodeStore
from stoker.errors import InvalidParameterValueException


def host_architecture() -> str:
    """This machine's architecture, by AWS's name for it."""
    machine = platform.machine()
    return {"aarch64": "arm64", "AMD64": "x86_64"}.get(machine, machine)


def requested_architecture(members: Mapping[str, Any], otherwise: str) -> str:
    """AWS's default is x86_64; ours, `otherwise`, is what the host has when the function is created."""
    architecture: str = (members.get("Architectures") or [otherwise])[0]
    return architecture


async def check_runs_here(architecture: str, packages: Iterable[CodePackage], code_store: CodeStore) -> None:
    """Raise InvalidParameterValueException if one of the packages cannot run on this host's processor."""
    host = host_architecture()
    if architecture == host:
        return
    for package in packages:
        path = await code_store.machine_code_for_others(package, host)
        if path is not None:
            raise InvalidParameterValueException(
                f"Stoker does not support the architecture {architecture} on this {host} host for packages with "
                f"machine code: {path}. See docs/compatibility.md."
            )
