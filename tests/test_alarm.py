"""An alarm that rings when its time has come, and only then, however often it is set anew."""

import asyncio

from stoker.alarm import Alarm


class Rung:
    """Notes when it rang, in loop time."""

    def __init__(self) -> None:
        self.at_s: list[float] = []
        self.alarm = Alarm(lambda: self.at_s.append(asyncio.get_running_loop().time()))


def soon(after_s: float) -> float:
    return asyncio.get_running_loop().time() + after_s


async def test_it_rings_once_and_not_before_its_time() -> None:
    rung = Rung()
    due_s = soon(0.05)
    rung.alarm.set(due_s)
    await asyncio.sleep(0.15)
    assert len(rung.at_s) == 1
    assert rung.at_s[0] >= due_s - 0.001  # the loop's clock has whole milliseconds


async def test_what_is_put_off_rings_at_the_later_time_only() -> None:
    rung = Rung()
    rung.alarm.set(soon(0.02))
    later_s = soon(0.1)
    rung.alarm.set(later_s)
    await asyncio.sleep(0.2)
    assert len(rung.at_s) == 1
    assert rung.at_s[0] >= later_s - 0.001


async def test_an_earlier_time_counts_at_once() -> None:
    rung = Rung()
    rung.alarm.set(soon(30))
    rung.alarm.set(soon(0.02))
    await asyncio.sleep(0.1)
    assert len(rung.at_s) == 1


async def test_what_was_cleared_may_be_set_again() -> None:
    rung = Rung()
    rung.alarm.set(soon(0.02))
    rung.alarm.clear()
    await asyncio.sleep(0.06)
    assert rung.at_s == []
    rung.alarm.set(soon(0.02))
    await asyncio.sleep(0.06)
    assert len(rung.at_s) == 1


async def test_what_was_closed_never_rings() -> None:
    rung = Rung()
    rung.alarm.set(soon(0.02))
    rung.alarm.close()
    await asyncio.sleep(0.06)
    assert rung.at_s == []
