"""Where the time of a cold start went: pure, from the moments that an environment and its sandbox noted."""

from collections.abc import Sequence
from dataclasses import dataclass

from stoker.sandbox.sandbox import Step


@dataclass(frozen=True, slots=True)
class Phase:
    """From `began_ms` for `duration_ms`, since a beginning of the reader's choice.

    What was done `is_ahead` of the call cost it nothing: its moments lie before that beginning.
    """

    name: str
    began_ms: float
    duration_ms: float
    is_ahead: bool = False


def timeline_of(asked_s: float, began_s: float, steps: Sequence[Step], made_s: float, ended_s: float) -> list[Phase]:
    """The phases of an init that somebody waited for since `asked_s`, which `began_s`, had its sandbox `made_s`, and
    `ended_s`: all of time.perf_counter, which is the kernel's monotonic clock, as the steps' is.

    Milliseconds count from `asked_s`.
    """
    phases: list[Phase] = []
    # The first one is the moment in which the sandbox was asked for.
    since_s = steps[0].ended_s if steps else began_s
    for step in steps[1:]:
        if step.name == "order" or (since_s < began_s < step.ended_s):
            # Before it a sandbox that was made ahead only waited.
            since_s = max(since_s, began_s)
        phases.append(_phase(step.name, since_s, step.ended_s, asked_s))
        since_s = step.ended_s
    if steps:
        phases.append(_phase("node told", since_s, made_s, asked_s))
    else:
        phases.append(_phase("process", began_s, made_s, asked_s))
    # The interpreter, or its copy, and all that the handler's module imports.
    phases.append(_phase("runtime, code and first /next", made_s, ended_s, asked_s))
    return phases


def _phase(name: str, from_s: float, to_s: float, asked_s: float) -> Phase:
    return Phase(name, (from_s - asked_s) * 1000, max(0.0, to_s - from_s) * 1000, is_ahead=to_s <= asked_s)
