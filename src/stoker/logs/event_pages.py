"""Reading events page by page: GetLogEvents and FilterLogEvents, and the tokens between their pages.

A token is a position in the order of events, so a page costs the same wherever it is, and an event that arrives while
one reads is neither repeated nor does it move the others.
"""

import re
from dataclasses import replace
from typing import Any

from stoker.lambda_model.call import ApiAnswer, ApiCall
from stoker.logs import errors
from stoker.logs.filter_pattern import parse_filter_pattern
from stoker.logs.queries import EventSearch
from stoker.logs.records import LogEvent, LogGroupName, LogPosition
from stoker.logs.requests import group_of
from stoker.logs.store import LogStore

EVENTS_MAX = 10_000
# Below every position: the place before a stream's first event.
ORIGIN = LogPosition(0, 0)

_TOKEN = re.compile(r"([fb])/(\d{1,18})\.(\d{1,18})/s")


class EventPages:
    """The two operations that read events."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    async def get_log_events(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        group = await self._existing_group(call)
        stream = members["logStreamName"]
        if await self._store.find_stream(group, stream) is None:
            raise errors.no_stream()
        search = EventSearch(
            group,
            streams=(stream,),
            start_ms=members.get("startTime"),
            end_ms=members.get("endTime"),
            limit=members.get("limit", EVENTS_MAX),
        )
        direction, place = _parse_token(members.get("nextToken"))
        if direction == "f" or (direction is None and members.get("startFromHead", False)):
            events = (await self._store.find_events(replace(search, after=place))).events
        else:
            newest = await self._store.find_events(replace(search, before=place, newest_first=True))
            events = newest.events[::-1]
        forward, backward = _tokens(events, direction, place)
        return ApiAnswer(
            {
                "events": [_output_event(event) for event in events],
                "nextForwardToken": forward,
                "nextBackwardToken": backward,
            }
        )

    async def filter_log_events(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        if members.get("logStreamNames") and members.get("logStreamNamePrefix"):
            raise errors.invalid("logStreamNames and logStreamNamePrefix are mutually exclusive.")
        matches = parse_filter_pattern(members.get("filterPattern", ""))
        search = _filter_search(call, await self._existing_group(call))
        page = await self._store.find_events(search, matches)
        answer: dict[str, Any] = {
            "events": [_filtered_event(event) for event in page.events],
            # AWS lists no streams here any more.
            "searchedLogStreams": [],
        }
        if page.last is not None:
            answer["nextToken"] = _token("b" if search.newest_first else "f", page.last)
        return ApiAnswer(answer)

    async def _existing_group(self, call: ApiCall) -> LogGroupName:
        group = await self._store.find_group(group_of(call))
        if group is None:
            raise errors.no_group()
        return group.group


def _filter_search(call: ApiCall, group: LogGroupName) -> EventSearch:
    members = call.members
    direction, place = _parse_token(members.get("nextToken"))
    newest_first = direction == "b" or (direction is None and not members.get("startFromHead", True))
    end_ms = members.get("endTime")
    return EventSearch(
        group,
        streams=tuple(members.get("logStreamNames", ())),
        stream_prefix=members.get("logStreamNamePrefix", ""),
        start_ms=members.get("startTime"),
        # An event at endTime itself is returned here, and not by GetLogEvents.
        end_ms=None if end_ms is None else end_ms + 1,
        after=None if newest_first else place,
        before=place if newest_first else None,
        newest_first=newest_first,
        limit=members.get("limit", EVENTS_MAX),
    )


def _parse_token(token: str | None) -> tuple[str | None, LogPosition | None]:
    if token is None:
        return None, None
    found = _TOKEN.fullmatch(token)
    if not found:
        raise errors.invalid("The specified nextToken is invalid.")
    return found[1], LogPosition(int(found[2]), int(found[3]))


def _token(direction: str, place: LogPosition) -> str:
    return f"{direction}/{place.timestamp_ms}.{place.id}/s"


def _tokens(events: list[LogEvent], direction: str | None, place: LogPosition | None) -> tuple[str, str]:
    """Forward and backward. At an end the token of that direction is the one that came in, which tells the reader."""
    if events:
        return _token("f", events[-1].position), _token("b", events[0].position)
    place = place or ORIGIN
    if direction == "b":
        return _token("f", LogPosition(place.timestamp_ms, max(place.id - 1, 0))), _token("b", place)
    return _token("f", place), _token("b", LogPosition(place.timestamp_ms, place.id + 1))


def _filtered_event(event: LogEvent) -> dict[str, Any]:
    return {
        "logStreamName": event.stream,
        "timestamp": event.position.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": f"{event.position.timestamp_ms:020d}{event.position.id:036d}",
    }


def _output_event(event: LogEvent) -> dict[str, Any]:
    return {
        "timestamp": event.position.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
    }
