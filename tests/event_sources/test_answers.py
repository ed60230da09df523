"""What counts as a success, a partial and a whole failure. Recorded: reference, event sources, 2 and 3."""

import json

import pytest

from stoker.event_sources.answers import MalformedAnswerError, failed_records, window_answer

BATCH = {"m1", "m2", "m3"}


@pytest.mark.parametrize(
    "payload",
    [
        *("", "null", "{}", '""', "[]", '{"batchItemFailures":[]}', '{"batchItemFailures":null}'),
        '{"statusCode":200}',
    ],
)
def test_the_whole_batch_has_succeeded(payload: str) -> None:
    assert failed_records(payload.encode(), BATCH) == frozenset()


def test_some_records_have_failed() -> None:
    failures = [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}, {"itemIdentifier": "m2"}]
    assert failed_records(json.dumps({"batchItemFailures": failures}).encode(), BATCH) == {"m2", "m3"}


@pytest.mark.parametrize(
    "payload",
    [
        *("{", "nonsense", "1", "true", '"done"', "[1]", '{"batchItemFailures":"m1"}', '{"batchItemFailures":{}}'),
        '{"batchItemFailures":["m1"]}',
        '{"batchItemFailures":[{"itemIdentifier":""}]}',
        '{"batchItemFailures":[{"itemIdentifier":null}]}',
        '{"batchItemFailures":[{"itemIdentifier":1}]}',
        '{"batchItemFailures":[{"ItemIdentifier":"m1"}]}',
        '{"batchItemFailures":[{"itemIdentifier":"m4"}]}',
        '{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m4"}]}',
        '{"batchItemFailures":[null]}',
        "[" * 100_000,
    ],
)
def test_the_whole_batch_has_failed(payload: str) -> None:
    with pytest.raises(MalformedAnswerError):
        failed_records(payload.encode(), BATCH)


def test_a_window_needs_a_state() -> None:
    answer = window_answer(b'{"state":{"n":1}}', BATCH, reports_failures=False)
    assert (answer.state, answer.failed) == ({"n": 1}, frozenset())
    both = b'{"state":{"n":1},"batchItemFailures":[{"itemIdentifier":"m1"}]}'
    assert window_answer(both, BATCH, reports_failures=True).failed == {"m1"}
    assert window_answer(both, BATCH, reports_failures=False).failed == frozenset()
    for payload in (b"", b"null", b"{}", b'{"state":null}', b'{"state":[1]}', b"[]", b"{"):
        with pytest.raises(MalformedAnswerError):
            window_answer(payload, BATCH, reports_failures=False)
