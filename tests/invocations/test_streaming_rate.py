"""The token bucket, on a time of the tests' own."""

import pytest

from stoker.invocations.streaming_rate import TokenBucket
from stoker.limits import KIB, MIB


def sent_after_s(sizes: list[int], bytes_per_s: int = 2 * MIB, idle_s: float = 0.0) -> float:
    """When the last of these pieces leaves, each written as soon as the one before has left."""
    bucket, now_s = TokenBucket(6 * MIB, bytes_per_s, 100.0), 100.0 + idle_s
    for size in sizes:
        now_s += bucket.take(size, now_s)
    return now_s - 100.0 - idle_s


def test_the_burst_costs_no_time() -> None:
    """Reference: runtime side, 2.4."""
    assert sent_after_s([64 * KIB] * 96) == 0.0
    assert sent_after_s([6 * MIB]) == 0.0


@pytest.mark.parametrize("piece_bytes", [1 * KIB, 64 * KIB, 1 * MIB, 20 * MIB])
def test_what_is_beyond_the_burst_takes_its_time_however_it_is_cut(piece_bytes: int) -> None:
    assert sent_after_s([piece_bytes] * (20 * MIB // piece_bytes)) == pytest.approx(7.0)


def test_time_in_which_nothing_is_sent_fills_the_bucket_no_more_than_full() -> None:
    assert sent_after_s([6 * MIB, 2 * MIB], idle_s=3600.0) == pytest.approx(1.0)
    bucket = TokenBucket(6 * MIB, 2 * MIB, 0.0)
    assert bucket.take(6 * MIB, 0.0) == 0.0
    assert bucket.take(2 * MIB, 1.0) == 0.0
    assert bucket.take(6 * MIB, 4.0) == 0.0
    assert bucket.take(1, 4.0) > 0.0


def test_a_raised_rate_is_a_shorter_time() -> None:
    assert sent_after_s([1 * MIB] * 70, bytes_per_s=64 * MIB) == pytest.approx(1.0)
