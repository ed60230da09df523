"""What all floors stand on."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from stoker.clock import Clock
from stoker.config import Settings
from stoker.supervision import Background


@dataclass(frozen=True, slots=True)
class Ground:
    """`background` has the tasks of everybody; what is entered into `parts` is left when the node ends."""

    settings: Settings
    clock: Clock
    background: Background
    parts: AsyncExitStack
