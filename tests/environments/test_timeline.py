from stoker.environments.timeline import timeline_of
from stoker.sandbox.sandbox import Step


def test_what_was_made_ahead_is_told_apart_and_waiting_is_nobodys_time() -> None:
    ahead = [Step("asked for", 1.0), Step("clone", 1.002), Step("network", 1.003)]
    phases = timeline_of(10.0, 10.0, [*ahead, Step("order", 10.001), Step("mounts", 10.003)], 10.004, 10.010)
    told = [(phase.name, round(phase.began_ms), round(phase.duration_ms, 3), phase.is_ahead) for phase in phases]
    assert told == [
        ("clone", -9000, 2.0, True),
        ("network", -8998, 1.0, True),
        ("order", 0, 1.0, False),
        ("mounts", 1, 2.0, False),
        ("node told", 3, 1.0, False),
        ("runtime, code and first /next", 4, 6.0, False),
    ]


def test_without_one_that_waits_every_step_is_the_calls() -> None:
    phases = timeline_of(
        10.0, 10.0, [Step("asked for", 10.001), Step("clone", 10.003), Step("order", 10.004)], 10.005, 10.006
    )
    assert [(phase.name, phase.is_ahead) for phase in phases][:2] == [("clone", False), ("order", False)]
    assert round(phases[0].began_ms) == 1


def test_an_isolation_that_tells_no_steps_has_one() -> None:
    assert [phase.name for phase in timeline_of(10.0, 10.0, [], 10.005, 10.006)] == [
        "process",
        "runtime, code and first /next",
    ]
