from stoker.async_invocations.congestion import Congestion

NOW = 1_000.0


def test_a_lane_that_was_never_refused_has_all_its_places() -> None:
    assert Congestion().room(100, 30, NOW) == 70


def test_the_window_closes_to_what_runs_and_opens_step_by_step() -> None:
    congestion = Congestion()
    for running in range(99, 1, -1):  # 98 of 100 are refused in the same moment
        congestion.refused(running, NOW)
    assert congestion.room(100, 2, NOW) == 0
    congestion.went_well()
    assert congestion.room(100, 1, NOW) == 1
    for _ in range(6):
        congestion.went_well()
    assert congestion.room(100, 0, NOW) == 4


def test_a_lane_of_which_nothing_runs_pauses_longer_each_time() -> None:
    congestion, now_s, pauses = Congestion(), NOW, []
    for _ in range(12):
        congestion.refused(0, now_s)
        congestion.refused(0, now_s)
        pauses.append(congestion.paused_until_s - now_s)
        assert congestion.room(100, 0, now_s) == 0
        now_s = congestion.paused_until_s
        assert congestion.room(100, 0, now_s) == 1
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_success_ends_the_pause() -> None:
    congestion = Congestion()
    congestion.refused(1, NOW)
    congestion.went_well()
    assert congestion.room(100, 0, NOW) == 2
    congestion.refused(1, NOW)
    assert congestion.paused_until_s == NOW + 1


def test_what_was_refused_is_forgotten_when_something_has_changed() -> None:
    congestion = Congestion()
    congestion.refused(0, NOW)
    congestion.forget()
    assert congestion.room(100, 0, NOW) == 100
