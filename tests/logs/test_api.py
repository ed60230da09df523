from typing import Any

import pytest

from stoker.logs.errors import LogsError
from stoker.logs.store import LogStore

from .conftest import GROUP, Logs, StillClock

NAME = GROUP.name


@pytest.fixture
async def spoken(store: LogStore, clock: StillClock) -> int:
    """Ten events in two streams, one a millisecond; returns the first's time."""
    first_ms = int(clock.now_s() * 1000)
    for number in range(10):
        store.append(GROUP, f"stream-{number % 2}", first_ms + number, f"event {number}\n")
    return first_ms


def texts(answer: Any) -> str:
    return "".join(event["message"].removeprefix("event ").strip() for event in answer["events"])


async def refusal(logs: Logs, operation: str, **members: Any) -> tuple[str, str | None]:
    with pytest.raises(LogsError) as refused:
        await logs(operation, **members)
    assert refused.value.status == 400
    return refused.value.code, refused.value.message


async def test_filter_interleaves_streams_by_time(logs: Logs, spoken: int) -> None:
    answer = await logs("FilterLogEvents", logGroupName=NAME)
    assert texts(answer) == "0123456789"
    assert answer["searchedLogStreams"] == []
    assert "nextToken" not in answer
    event = answer["events"][3]
    assert (event["logStreamName"], event["timestamp"]) == ("stream-1", spoken + 3)
    assert len({event["eventId"] for event in answer["events"]}) == 10


async def test_filter_selects_streams_times_and_text(logs: Logs, spoken: int) -> None:
    assert texts(await logs("FilterLogEvents", logGroupName=NAME, logStreamNames=["stream-1"])) == "13579"
    assert texts(await logs("FilterLogEvents", logGroupName=NAME, logStreamNamePrefix="stream-0")) == "02468"
    assert texts(await logs("FilterLogEvents", logGroupName=NAME, logStreamNamePrefix="STREAM")) == ""
    within = await logs("FilterLogEvents", logGroupName=NAME, startTime=spoken + 2, endTime=spoken + 4)
    assert texts(within) == "234"
    assert texts(await logs("FilterLogEvents", logGroupName=NAME, filterPattern='"event 7"')) == "7"
    assert texts(await logs("FilterLogEvents", logGroupIdentifier=f"{GROUP.arn}:*", filterPattern="?3 ?4")) == "34"


async def test_filter_pages_end_without_a_token(logs: Logs, spoken: int) -> None:
    pages = []
    token: dict[str, str] = {}
    while True:
        answer = await logs("FilterLogEvents", logGroupName=NAME, limit=4, **token)
        pages.append(texts(answer))
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert pages == ["0123", "4567", "89"]


async def test_filter_begins_with_the_newest_when_asked_to(logs: Logs, spoken: int) -> None:
    first = await logs("FilterLogEvents", logGroupName=NAME, limit=6, startFromHead=False)
    rest = await logs("FilterLogEvents", logGroupName=NAME, limit=6, nextToken=first["nextToken"])
    assert (texts(first), texts(rest)) == ("987654", "3210")
    assert "nextToken" not in rest


async def test_filter_answers_with_a_token_when_the_answer_is_full(logs: Logs, store: LogStore) -> None:
    for number in range(5):
        store.append(GROUP, "s", number, "x" * 400_000)
    first = await logs("FilterLogEvents", logGroupName=NAME)
    rest = await logs("FilterLogEvents", logGroupName=NAME, nextToken=first["nextToken"])
    assert [len(first["events"]), len(rest["events"])] == [2, 2]


async def test_filter_looks_at_a_bounded_number_of_events(logs: Logs, store: LogStore) -> None:
    for number in range(25_000):
        store.append(GROUP, "s", number, "needle" if number == 24_000 else "hay")
    pages = 0
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = await logs("FilterLogEvents", logGroupName=NAME, filterPattern="needle", **token)
        pages += 1
        found += [event["message"] for event in answer["events"]]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert (pages, found) == (3, ["needle"])


async def test_get_reads_one_stream_forward_until_the_token_stays(logs: Logs, spoken: int, store: LogStore) -> None:
    where = {"logGroupName": NAME, "logStreamName": "stream-0"}
    page = await logs("GetLogEvents", **where, limit=2, startFromHead=True)
    assert texts(page) == "02"
    page = await logs("GetLogEvents", **where, limit=2, nextToken=page["nextForwardToken"])
    assert texts(page) == "46"
    back = await logs("GetLogEvents", **where, limit=2, nextToken=page["nextBackwardToken"])
    assert texts(back) == "02"
    page = await logs("GetLogEvents", **where, limit=2, nextToken=page["nextForwardToken"])
    end = await logs("GetLogEvents", **where, limit=2, nextToken=page["nextForwardToken"])
    assert texts(end) == ""
    assert end["nextForwardToken"] == page["nextForwardToken"]
    store.append(GROUP, "stream-0", spoken + 20, "event new\n")
    later = await logs("GetLogEvents", **where, nextToken=end["nextForwardToken"])
    assert texts(later) == "new"
    again = await logs("GetLogEvents", **where, nextToken=end["nextBackwardToken"])
    assert texts(again) == "02468"


async def test_get_begins_with_the_newest_events_by_default(logs: Logs, spoken: int) -> None:
    where = {"logGroupName": NAME, "logStreamName": "stream-1"}
    page = await logs("GetLogEvents", **where, limit=2)
    assert texts(page) == "79"
    page = await logs("GetLogEvents", **where, limit=2, nextToken=page["nextBackwardToken"])
    assert texts(page) == "35"
    assert texts(await logs("GetLogEvents", **where, endTime=spoken + 3)) == "1"


async def test_an_empty_stream_has_tokens_that_find_what_comes(logs: Logs, store: LogStore) -> None:
    await logs("CreateLogGroup", logGroupName=NAME)
    await logs("CreateLogStream", logGroupName=NAME, logStreamName="s")
    page = await logs("GetLogEvents", logGroupName=NAME, logStreamName="s")
    store.append(GROUP, "s", 5, "event 1\n")
    page = await logs("GetLogEvents", logGroupName=NAME, logStreamName="s", nextToken=page["nextForwardToken"])
    assert texts(page) == "1"


async def test_groups_are_listed_by_name_in_pages(logs: Logs) -> None:
    for name in ("/aws/lambda/b", "/aws/lambda/a", "/other/LAMBDA"):
        await logs("CreateLogGroup", logGroupName=name)

    async def names(**members: Any) -> list[str]:
        return [group["logGroupName"] for group in (await logs("DescribeLogGroups", **members))["logGroups"]]

    assert await names() == ["/aws/lambda/a", "/aws/lambda/b", "/other/LAMBDA"]
    assert await names(logGroupNamePrefix="/aws/") == ["/aws/lambda/a", "/aws/lambda/b"]
    assert await names(logGroupNamePattern="LAMBDA") == ["/other/LAMBDA"]
    assert await names(logGroupIdentifiers=["arn:aws:logs:eu-west-1:000000000000:log-group:/other/LAMBDA"]) == [
        "/other/LAMBDA"
    ]
    page = await logs("DescribeLogGroups", limit=2)
    rest = await logs("DescribeLogGroups", limit=2, nextToken=page["nextToken"])
    assert [group["logGroupName"] for group in rest["logGroups"]] == ["/other/LAMBDA"]
    assert page["logGroups"][0]["arn"] == "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/a:*"


async def test_streams_are_listed_by_name_or_last_event(logs: Logs, spoken: int) -> None:
    async def names(**members: Any) -> list[str]:
        answer = await logs("DescribeLogStreams", logGroupName=NAME, **members)
        return [stream["logStreamName"] for stream in answer["logStreams"]]

    assert await names() == ["stream-0", "stream-1"]
    assert await names(orderBy="LastEventTime", descending=True) == ["stream-1", "stream-0"]
    page = await logs("DescribeLogStreams", logGroupName=NAME, limit=1)
    assert await names(limit=1, nextToken=page["nextToken"]) == ["stream-1"]
    assert page["logStreams"][0]["lastEventTimestamp"] == spoken + 8


async def test_retention_is_set_shown_and_removed(logs: Logs) -> None:
    await logs("CreateLogGroup", logGroupName=NAME)
    await logs("PutRetentionPolicy", logGroupName=NAME, retentionInDays=14)
    assert (await logs("DescribeLogGroups"))["logGroups"][0]["retentionInDays"] == 14
    await logs("DeleteRetentionPolicy", logGroupName=NAME)
    assert "retentionInDays" not in (await logs("DescribeLogGroups"))["logGroups"][0]
    code, _ = await refusal(logs, "PutRetentionPolicy", logGroupName=NAME, retentionInDays=2)
    assert code == "InvalidParameterException"


async def test_put_events_are_read_back(logs: Logs, clock: StillClock) -> None:
    now_ms = int(clock.now_s() * 1000)
    await logs("CreateLogGroup", logGroupName=NAME)
    await logs("CreateLogStream", logGroupName=NAME, logStreamName="s")
    day_ms = 86_400_000
    times = [now_ms - 15 * day_ms, now_ms - 1, now_ms, now_ms + day_ms]
    events = [{"timestamp": time, "message": f"event {place}\0\ud800"} for place, time in enumerate(times)]
    answer = await logs("PutLogEvents", logGroupName=NAME, logStreamName="s", logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    assert texts(await logs("FilterLogEvents", logGroupName=NAME)) == "1\ufffd?2\ufffd?"
    code, message = await refusal(logs, "PutLogEvents", logGroupName=NAME, logStreamName="s", logEvents=events[::-1])
    assert (code, "chronological" in str(message)) == ("InvalidParameterException", True)


async def test_deleting_takes_streams_and_events_along(logs: Logs, spoken: int) -> None:
    await logs("DeleteLogStream", logGroupName=NAME, logStreamName="stream-0")
    assert texts(await logs("FilterLogEvents", logGroupName=NAME)) == "13579"
    await logs("DeleteLogGroup", logGroupName=NAME)
    assert (await logs("DescribeLogGroups"))["logGroups"] == []
    await logs("CreateLogGroup", logGroupName=NAME)
    assert texts(await logs("FilterLogEvents", logGroupName=NAME)) == ""


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DescribeLogStreams", {}),
        ("FilterLogEvents", {}),
        ("GetLogEvents", {"logStreamName": "s"}),
        ("DeleteLogGroup", {}),
        ("DeleteLogStream", {"logStreamName": "s"}),
        ("CreateLogStream", {"logStreamName": "s"}),
        ("PutRetentionPolicy", {"retentionInDays": 7}),
        ("DeleteRetentionPolicy", {}),
        ("PutLogEvents", {"logStreamName": "s", "logEvents": []}),
    ],
)
async def test_a_group_that_is_not_there(logs: Logs, operation: str, members: dict[str, Any]) -> None:
    expected = ("ResourceNotFoundException", "The specified log group does not exist.")
    assert await refusal(logs, operation, logGroupName="nowhere", **members) == expected


async def test_other_refusals(logs: Logs) -> None:
    await logs("CreateLogGroup", logGroupName=NAME)
    await logs("CreateLogStream", logGroupName=NAME, logStreamName="s")
    assert await refusal(logs, "CreateLogGroup", logGroupName=NAME) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert await refusal(logs, "CreateLogStream", logGroupName=NAME, logStreamName="s") == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    assert await refusal(logs, "GetLogEvents", logGroupName=NAME, logStreamName="t") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
    for token in ("nonsense", "f/1", "b/1.1", "x/1.1/s"):
        code, _ = await refusal(logs, "FilterLogEvents", logGroupName=NAME, nextToken=token)
        assert code == "InvalidParameterException"
    code, message = await refusal(logs, "CreateLogGroup", logGroupName="tagged", tags={"a": "b"})
    assert (code, "tags" in str(message)) == ("InvalidParameterException", True)
