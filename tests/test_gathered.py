import pytest

from stoker.gathered import Gathered


@pytest.mark.parametrize("pieces", [[], [b"whole"], [b"", b"one"], [b"one", b""], [b"one", b"two"], [b"x"] * 1000])
def test_pieces_come_out_as_they_went_in(pieces: list[bytes]) -> None:
    gathered = Gathered()
    for piece in pieces:
        gathered.add(piece)
    assert gathered.whole() == b"".join(pieces)
    assert gathered.size_bytes == sum(map(len, pieces))


def test_a_single_piece_is_not_copied() -> None:
    gathered = Gathered()
    piece = b"x" * 100
    gathered.add(piece)
    assert gathered.whole() is piece


def test_more_may_follow_what_was_taken() -> None:
    gathered = Gathered()
    gathered.add(b"one")
    gathered.add(b"two")
    taken = gathered.whole()
    gathered.add(b"three")
    assert (taken, gathered.whole()) == (b"onetwo", b"onetwothree")
