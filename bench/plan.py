"""How much is measured: the full sizes, and small ones that only show that it works."""

from dataclasses import dataclass
from pathlib import Path

CALLERS = (1, 8, 32)
# One whole vCPU, so that a serial caller is never throttled by its function's share of the processor.
MEMORY_MB = 1769
HANDLER = "index.handler"
HANDLERS = Path(__file__).parent / "handlers"


@dataclass(frozen=True, slots=True)
class ColdCase:
    """A function whose first calls are measured."""

    name: str
    label: str

    @property
    def folder(self) -> Path:
        return HANDLERS / self.name


ECHO = ColdCase("echo", "echo")
WAITS = HANDLERS / "waits"
IMPORTS_BOTO3 = ColdCase("imports_boto3", "imports boto3")


@dataclass(frozen=True, slots=True)
class Plan:
    """`rounds` times: every leg of warm calls, then `cold_calls` first calls of each kind.

    A leg ends after `leg_s` seconds or `calls_max` calls, whichever comes first; each caller's first `warm_up` calls
    are made and checked, but not counted. `large_calls` of `large_bytes` are made by one caller. Reading the control
    plane is measured with so many `functions`; endurance with so many slices of so many calls, and so many events that
    wait; a crowd with so many first calls in one `burst`, `idle` environments, `provisioned` ones, and
    `crowd_functions`.
    """

    rounds: int = 5
    callers: tuple[int, ...] = CALLERS
    leg_s: float = 2.0
    calls_max: int = 50_000
    warm_up: int = 20
    cold_calls: int = 5
    cold_cases: tuple[ColdCase, ...] = (ECHO, IMPORTS_BOTO3)
    functions: int = 1000
    # Just less than the largest payload there may be.
    large_bytes: int = 6 * 1024 * 1024 - 1024
    large_calls: int = 15
    slices: int = 8
    slice_calls: int = 5_000
    events: int = 300
    burst: int = 300
    idle: int = 1000
    provisioned: int = 100
    crowd_functions: int = 5000


QUICK = Plan(
    rounds=2,
    leg_s=0.3,
    calls_max=2_000,
    warm_up=5,
    cold_calls=2,
    functions=60,
    large_calls=2,
    slices=2,
    slice_calls=320,
    events=10,
    burst=20,
    idle=40,
    provisioned=5,
    crowd_functions=60,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`rounds` times, each contender has a turn: `cold_calls` first calls of each kind, a leg for each number of
    callers, a burst of first calls. Legs as in `Plan`; before each, every caller makes `first_calls` that do not
    count, which start environments."""

    rounds: int = 5
    callers: tuple[int, ...] = CALLERS
    leg_s: float = 2.0
    calls_max: int = 50_000
    warm_up: int = 5
    first_calls: int = 20
    cold_calls: int = 5


QUICK_COMPARISON = Comparison(rounds=2, leg_s=0.7, calls_max=5_000, cold_calls=2)
