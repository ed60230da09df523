"""Amazon API Gateway Developer Guide, "Throttle requests to your HTTP APIs"."""

from hypothesis import given
from hypothesis import strategies as st

from stoker.gateways.throttles import Rate, Throttles


class VirtualTime:
    def __init__(self) -> None:
        self.s = 0.0

    def now_s(self) -> float:
        return self.s


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    time = VirtualTime()
    throttles, rate = Throttles(time.now_s), Rate(2.0, 3)
    assert [throttles.take("a", rate) for _ in range(4)] == [True, True, True, False]
    assert throttles.take("b", rate)
    time.s = 0.5
    assert [throttles.take("a", rate) for _ in range(2)] == [True, False]
    time.s = 100.0
    assert [throttles.take("a", rate) for _ in range(4)] == [True, True, True, False]
    assert throttles.take("a", Rate(2.0, 4))


def test_a_burst_of_zero_lets_nothing_pass() -> None:
    assert not Throttles(VirtualTime().now_s).take("a", Rate(1_000.0, 0))


@given(
    st.floats(0, 100),
    st.integers(0, 20),
    st.lists(st.floats(0, 5), max_size=60),
)
def test_never_more_pass_than_burst_and_rate_allow(per_s: float, burst: int, pauses: list[float]) -> None:
    time = VirtualTime()
    throttles = Throttles(time.now_s)
    passed = 0
    for pause_s in pauses:
        time.s += pause_s
        passed += throttles.take("a", Rate(per_s, burst))
    assert passed <= burst + per_s * time.s + 1e-6
