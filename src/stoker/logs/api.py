"""The operations of the CloudWatch Logs API: parse, call the store, render.

Enough for `aws logs tail --follow`, `describe-log-groups`, `filter-log-events`, the SDKs' loggers and the console. What
a member asks for and Stoker lacks is refused by name (`errors.unsupported`).
"""

from collections.abc import Mapping
from typing import Any

from stoker.clock import Clock, epoch_ms
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.logs import errors
from stoker.logs.event_pages import EventPages
from stoker.logs.queries import GroupSearch, StreamSearch
from stoker.logs.records import LogGroup, LogStream
from stoker.logs.requests import group_of, name_of_group
from stoker.logs.store import MS_PER_DAY, LogStore

DESCRIBE_LIMIT = 50
# PutRetentionPolicy, "retentionInDays", in the CloudWatch Logs API reference.
RETENTION_DAYS = frozenset(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)
# PutLogEvents: events more than 14 days old or 2 hours ahead are rejected.
TOO_OLD_MS = 14 * MS_PER_DAY
TOO_NEW_MS = 2 * 3_600_000


class LogsApi:
    """`operations()` gives the front door what it serves under `Logs_20140328`."""

    def __init__(self, store: LogStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pages = EventPages(store)

    def operations(self) -> Mapping[str, Operation]:
        """By the operation's name."""
        return {
            "CreateLogGroup": self.create_log_group,
            "CreateLogStream": self.create_log_stream,
            "DeleteLogGroup": self.delete_log_group,
            "DeleteLogStream": self.delete_log_stream,
            "DeleteRetentionPolicy": self.delete_retention_policy,
            "DescribeLogGroups": self.describe_log_groups,
            "DescribeLogStreams": self.describe_log_streams,
            "FilterLogEvents": self._pages.filter_log_events,
            "GetLogEvents": self._pages.get_log_events,
            "PutLogEvents": self.put_log_events,
            "PutRetentionPolicy": self.put_retention_policy,
        }

    async def describe_log_groups(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        if members.get("logGroupNamePrefix") and members.get("logGroupNamePattern"):
            raise errors.invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        if members.get("logGroupClass", "STANDARD") != "STANDARD" or _other_accounts(call):
            return ApiAnswer({"logGroups": []})
        limit = members.get("limit", DESCRIBE_LIMIT)
        search = GroupSearch(
            call.caller.account_id,
            call.caller.region,
            prefix=members.get("logGroupNamePrefix", ""),
            pattern=members.get("logGroupNamePattern", ""),
            names=tuple(name_of_group(identifier) for identifier in members.get("logGroupIdentifiers", ())),
            after=members.get("nextToken", ""),
            limit=limit + 1,
        )
        groups = await self._store.find_groups(search)
        answer: dict[str, Any] = {"logGroups": [_group_members(group) for group in groups[:limit]]}
        if len(groups) > limit:
            answer["nextToken"] = groups[limit - 1].group.name
        return ApiAnswer(answer)

    async def describe_log_streams(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        group = (await self._existing_group(call)).group
        by_last_event = members.get("orderBy") == "LastEventTime"
        if by_last_event and members.get("logStreamNamePrefix"):
            raise errors.invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        limit = members.get("limit", DESCRIBE_LIMIT)
        offset = _offset(members.get("nextToken"))
        search = StreamSearch(
            group,
            prefix=members.get("logStreamNamePrefix", ""),
            by_last_event=by_last_event,
            is_descending=members.get("descending", False),
            offset=offset,
            limit=limit + 1,
        )
        streams = await self._store.find_streams(search)
        answer: dict[str, Any] = {"logStreams": [_stream_members(stream) for stream in streams[:limit]]}
        if len(streams) > limit:
            answer["nextToken"] = str(offset + limit)
        return ApiAnswer(answer)

    async def create_log_group(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        for member in ("kmsKeyId", "tags", "deletionProtectionEnabled"):
            if members.get(member):
                raise errors.unsupported(f"{member} on log groups")
        if members.get("logGroupClass", "STANDARD") != "STANDARD":
            raise errors.unsupported(f"the log group class {members['logGroupClass']}")
        if not await self._store.create_group(group_of(call)):
            raise errors.group_exists()
        return ApiAnswer()

    async def delete_log_group(self, call: ApiCall) -> ApiAnswer:
        if not await self._store.delete_group(group_of(call)):
            raise errors.no_group()
        return ApiAnswer()

    async def create_log_stream(self, call: ApiCall) -> ApiAnswer:
        group = (await self._existing_group(call)).group
        if not await self._store.create_stream(group, call.members["logStreamName"]):
            raise errors.stream_exists()
        return ApiAnswer()

    async def delete_log_stream(self, call: ApiCall) -> ApiAnswer:
        group = (await self._existing_group(call)).group
        if not await self._store.delete_stream(group, call.members["logStreamName"]):
            raise errors.no_stream()
        return ApiAnswer()

    async def put_retention_policy(self, call: ApiCall) -> ApiAnswer:
        days = call.members["retentionInDays"]
        if days not in RETENTION_DAYS:
            allowed = ", ".join(str(number) for number in sorted(RETENTION_DAYS))
            raise errors.invalid(f"Value '{days}' at 'retentionInDays' must be one of [{allowed}].")
        return await self._set_retention(call, days)

    async def delete_retention_policy(self, call: ApiCall) -> ApiAnswer:
        return await self._set_retention(call, None)

    async def _set_retention(self, call: ApiCall, days: int | None) -> ApiAnswer:
        if not await self._store.set_retention(group_of(call), days):
            raise errors.no_group()
        return ApiAnswer()

    async def put_log_events(self, call: ApiCall) -> ApiAnswer:
        group = await self._existing_group(call)
        stream = call.members["logStreamName"]
        if await self._store.find_stream(group.group, stream) is None:
            raise errors.no_stream()
        events = call.members["logEvents"]
        times = [event["timestamp"] for event in events]
        if times != sorted(times):
            raise errors.invalid("Log events in a single PutLogEvents request must be in chronological order.")
        rejected = _rejected(times, epoch_ms(self._clock), group.retention_days)
        first = max(rejected.get("tooOldLogEventEndIndex", 0), rejected.get("expiredLogEventEndIndex", 0))
        end = rejected.get("tooNewLogEventStartIndex", len(events))
        for event in events[first:end]:
            self._store.append(group.group, stream, event["timestamp"], storable(event["message"]))
        await self._store.flush()
        return ApiAnswer({"nextSequenceToken": call.request_id, "rejectedLogEventsInfo": rejected or None})

    async def _existing_group(self, call: ApiCall) -> LogGroup:
        group = await self._store.find_group(group_of(call))
        if group is None:
            raise errors.no_group()
        return group


def storable(message: str) -> str:
    """JSON can spell half a surrogate pair and NUL, which the database's text cannot hold."""
    return message.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _other_accounts(call: ApiCall) -> bool:
    accounts = call.members.get("accountIdentifiers") or [call.caller.account_id]
    return call.caller.account_id not in accounts


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise errors.invalid("The specified nextToken is invalid.")
    return int(token)


def _rejected(times: list[int], now_ms: int, retention_days: int | None) -> dict[str, int]:
    """Which of the sorted events are not taken, as `rejectedLogEventsInfo` says it."""
    rejected = {}
    if too_old := sum(time < now_ms - TOO_OLD_MS for time in times):
        rejected["tooOldLogEventEndIndex"] = too_old
    if retention_days and (expired := sum(time < now_ms - retention_days * MS_PER_DAY for time in times)):
        rejected["expiredLogEventEndIndex"] = expired
    if too_new := sum(time > now_ms + TOO_NEW_MS for time in times):
        rejected["tooNewLogEventStartIndex"] = len(times) - too_new
    return rejected


def _group_members(group: LogGroup) -> dict[str, Any]:
    arn = group.group.arn
    members = {
        "logGroupName": group.group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "logGroupClass": "STANDARD",
    }
    if group.retention_days is not None:
        members["retentionInDays"] = group.retention_days
    return members


def _stream_members(stream: LogStream) -> dict[str, Any]:
    members = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.first_event_ms,
        "lastEventTimestamp": stream.last_event_ms,
        "lastIngestionTime": stream.last_ingested_ms,
        "arn": f"{stream.group.arn}:log-stream:{stream.name}",
        # AWS answers 0 here since 2019.
        "storedBytes": 0,
    }
    return {name: value for name, value in members.items() if value is not None}
