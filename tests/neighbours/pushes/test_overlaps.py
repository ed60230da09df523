"""Which pairs of notifications S3 refuses."""

import pytest

from stoker.neighbours.pushes.overlaps import Rule, overlap

PUT, COPY, CREATED, REMOVED = (
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:*",
    "s3:ObjectRemoved:*",
)


@pytest.mark.parametrize(
    ("one", "other", "does"),
    [
        (Rule((PUT,)), Rule((PUT,)), True),
        (Rule((PUT,)), Rule((CREATED,)), True),
        (Rule((PUT,)), Rule((COPY, REMOVED)), False),
        (Rule((PUT,), "images/"), Rule((PUT,), "texts/"), False),
        (Rule((PUT,), "images"), Rule((PUT,), "images/raw"), True),
        (Rule((PUT,), "images", ".png"), Rule((PUT,), "images/raw", ".jpg"), False),
        (Rule((PUT,), "a", "1.png"), Rule((PUT,), "", ".png"), True),
        (Rule((PUT,), suffix=".png"), Rule((PUT,), "images/"), True),
    ],
)
def test_rules_overlap_by_event_prefix_and_suffix(one: Rule, other: Rule, does: bool) -> None:
    assert bool(overlap(one, other)) is does
    assert bool(overlap(other, one)) is does
