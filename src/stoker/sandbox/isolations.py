"""Kinds of isolation that other packages bring (`docs/isolation.md`): found by entry point, given what ours are."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from stoker.limits import Limits
from stoker.sandbox.network.networks import Networks
from stoker.sandbox.sandbox import SandboxMaker

ENTRY_POINTS = "stoker.isolations"


class IsolationError(Exception):
    """A kind of isolation cannot be had; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class MakerContext:
    """What a node has for its sandboxes.

    `data`: the node's directory; what a maker keeps there it keeps in `data/run/<isolation>` and sweeps at its start.
    `code`: below it lie `SandboxSpec.task` and `opt`, which are only to be read. `limits`: the quotas in force.
    `networks`: the ways out of a sandbox, of which the maker takes leases and which it closes; None: there are none.
    `directories`: those of the host that sandboxes can be given (`SandboxSpec.directories`).
    """

    data: Path
    code: Path
    limits: Limits
    networks: Networks | None
    directories: tuple[Path, ...]


Factory = Callable[[MakerContext], SandboxMaker]


def provided_maker(name: str, context: MakerContext) -> SandboxMaker:
    """The maker that an installed package provides for the isolation `name`. Raises IsolationError."""
    found = entry_points(group=ENTRY_POINTS, name=name)
    if not found:
        raise IsolationError(
            f"isolation '{name}' needs a package that provides it (entry point {name} in {ENTRY_POINTS}), and none is "
            "installed. See docs/isolation.md"
        )
    if len(found) > 1:
        values = " and ".join(sorted(entry.value for entry in found))
        raise IsolationError(f"isolation '{name}' is provided more than once: by {values}. Uninstall all but one")
    (entry,) = found
    try:
        maker: SandboxMaker = entry.load()(context)
    except Exception as error:  # somebody else's code: whatever it says is what there is to say
        raise IsolationError(f"isolation '{name}': {entry.value} failed: {type(error).__name__}: {error}") from error
    if maker.isolation != name:
        raise IsolationError(f"isolation '{name}': {entry.value} made sandboxes of isolation '{maker.isolation}'")
    return maker
