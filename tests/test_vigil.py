"""How long the event loop stays awake for an answer, on a clock that only the watch itself moves."""

import asyncio
from itertools import pairwise

from stoker.vigil import LEFT_OUT_MAX, TAKEN_S, WATCH_S, Vigil


class Processor:
    """Its time passes while somebody looks; `taken_s` is how long others have it then."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looks = 0
        self.taken_s = TAKEN_S / 2

    def give_way(self) -> None:
        self.looks += 1
        self.now_s += self.taken_s

    def vigil(self) -> Vigil:
        return Vigil(lambda: self.now_s, self.give_way)


async def _rest() -> None:
    """Long enough for any watch to be over: a round of the event loop is a look."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_a_watch_ends_when_its_time_is_over() -> None:
    processor = Processor()
    vigil = processor.vigil()
    vigil.keep()
    await _rest()
    assert processor.looks > 4
    assert WATCH_S <= processor.now_s < WATCH_S + TAKEN_S


async def test_a_watch_ends_as_soon_as_somebody_else_takes_the_processor() -> None:
    processor = Processor()
    processor.taken_s = TAKEN_S * 2
    vigil = processor.vigil()
    vigil.keep()
    await _rest()
    assert processor.looks == 1


async def test_another_occasion_in_time_makes_the_watch_longer() -> None:
    processor = Processor()
    vigil = processor.vigil()
    vigil.keep()
    await asyncio.sleep(0)
    vigil.keep()
    began_s = processor.now_s
    await _rest()
    assert processor.now_s >= began_s + WATCH_S


async def _is_watched(vigil: Vigil, processor: Processor, answer_after_s: float) -> bool:
    """An invocation that takes so long, and the end of all that it began."""
    before, began_s = processor.looks, processor.now_s
    since_s = vigil.keep()
    await _rest()
    processor.now_s = began_s + answer_after_s
    vigil.answered(since_s)
    return processor.looks > before


async def test_for_answers_that_take_longer_few_watches_are_kept() -> None:
    processor = Processor()
    vigil = processor.vigil()
    watched = [number for number in range(40) if await _is_watched(vigil, processor, 10 * WATCH_S)]
    gaps = [later - earlier - 1 for earlier, later in pairwise(watched)]
    assert gaps[:4] == [1, 2, 4, LEFT_OUT_MAX]
    assert set(gaps[3:]) == {LEFT_OUT_MAX}


async def test_an_answer_in_time_brings_the_watch_back() -> None:
    processor = Processor()
    vigil = processor.vigil()
    for _ in range(2 * LEFT_OUT_MAX):
        await _is_watched(vigil, processor, 10 * WATCH_S)
    while not await _is_watched(vigil, processor, WATCH_S / 2):
        pass
    assert await _is_watched(vigil, processor, WATCH_S / 2)
    assert await _is_watched(vigil, processor, WATCH_S / 2)
