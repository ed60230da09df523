"""Reference: runtime side, 2.4."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.http_events.prelude import DELIMITER, PRELUDE_BYTES_MAX, read_prelude
from stoker.http_events.records import InvalidAnswerError


async def arriving(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


HEAD = b'{"statusCode":418,"headers":{"A":"b"},"cookies":["c=d"]}'


@given(cuts=st.sets(st.integers(1, len(HEAD) + 8 + 10)), body=st.binary(min_size=3, max_size=20))
async def test_it_is_found_however_it_is_cut(cuts: set[int], body: bytes) -> None:
    whole = HEAD + DELIMITER + body
    edges = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    pieces = arriving([whole[start:end] for start, end in pairwise(edges)])
    answer = await read_prelude(pieces)
    assert answer[:3] == (418, {"a": "b"}, ("c=d",))
    assert answer.body + b"".join([piece async for piece in pieces]) == body


async def test_an_empty_object_says_two_hundred() -> None:
    assert await read_prelude(arriving([b"{}", DELIMITER])) == (200, {}, (), b"")


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [HEAD],
        [HEAD, DELIMITER[1:]],
        [b"[]" + DELIMITER],
        [b"no json" + DELIMITER],
        [b'{"statusCode":99}' + DELIMITER],
        [b" " * (PRELUDE_BYTES_MAX + 1)],
        [HEAD + b" " * PRELUDE_BYTES_MAX + DELIMITER],
    ],
    ids=range(8),
)
async def test_what_is_none_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(InvalidAnswerError):
        await read_prelude(arriving(pieces))
