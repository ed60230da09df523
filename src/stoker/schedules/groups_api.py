"""EventBridge Scheduler's operations on schedule groups, and their tags. The group "default" is always there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from stoker.arn import split_arn
from stoker.clock import Clock
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.schedules.errors import already_there, invalid, no_group
from stoker.schedules.pages import PAGE_MAX, place_of, token_of
from stoker.schedules.records import DEFAULT_GROUP, Group, GroupKey
from stoker.schedules.store import ScheduleStore

TAGS_MAX = 200

TagChange = Callable[[Mapping[str, str]], dict[str, str]]


class GroupsApi:
    """By their names."""

    def __init__(self, store: ScheduleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # Since when the default group is there: it is not kept.
        self._default_s = clock.now_s()

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateScheduleGroup": self.create_schedule_group,
            "GetScheduleGroup": self.get_schedule_group,
            "DeleteScheduleGroup": self.delete_schedule_group,
            "ListScheduleGroups": self.list_schedule_groups,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
        }

    async def create_schedule_group(self, call: ApiCall) -> ApiAnswer:
        key, now_s = _key(call), self._clock.now_s()
        tags = _tags(call.members.get("Tags") or ())

        def create(before: Group | None) -> Group:
            if before is not None or key.name == DEFAULT_GROUP:
                raise already_there("Schedule group", key.name)
            return Group(key, now_s, now_s, tags)

        await self._store.change_group(key, create)
        return ApiAnswer({"ScheduleGroupArn": key.arn})

    async def get_schedule_group(self, call: ApiCall) -> ApiAnswer:
        key = _key(call)
        return ApiAnswer(_shown(self._default(key) if key.name == DEFAULT_GROUP else await self._find(key)))

    async def delete_schedule_group(self, call: ApiCall) -> ApiAnswer:
        """With all its schedules, at once."""
        key = _key(call)
        if key.name == DEFAULT_GROUP:
            raise invalid("The default schedule group cannot be deleted.")

        def delete(before: Group | None) -> None:
            if before is None:
                raise no_group(key.name)

        await self._store.change_group(key, delete)
        return ApiAnswer()

    async def list_schedule_groups(self, call: ApiCall) -> ApiAnswer:
        members, caller = call.members, call.caller
        default = self._default(GroupKey(caller.account_id, caller.region, DEFAULT_GROUP))
        groups = [*await self._store.groups(caller.account_id, caller.region), default]
        prefix, after = members.get("NamePrefix") or "", place_of(members.get("NextToken"))[0]
        found = sorted(
            (group for group in groups if group.key.name.startswith(prefix) and group.key.name > after),
            key=lambda group: group.key.name,
        )
        size = min(members.get("MaxResults") or PAGE_MAX, PAGE_MAX)
        token = token_of(found[size - 1].key.name, "") if len(found) > size else None
        return ApiAnswer({"ScheduleGroups": [_shown(group) for group in found[:size]], "NextToken": token})

    async def tag_resource(self, call: ApiCall) -> ApiAnswer:
        added = _tags(call.members["Tags"])
        await self._change_tags(call, lambda tags: {**tags, **added})
        return ApiAnswer()

    async def untag_resource(self, call: ApiCall) -> ApiAnswer:
        gone = frozenset(call.members["TagKeys"])
        await self._change_tags(call, lambda tags: {name: value for name, value in tags.items() if name not in gone})
        return ApiAnswer()

    async def list_tags_for_resource(self, call: ApiCall) -> ApiAnswer:
        key = _tagged(call)
        tags: Mapping[str, str] = {} if key.name == DEFAULT_GROUP else (await self._find(key)).tags
        return ApiAnswer({"Tags": [{"Key": name, "Value": value} for name, value in tags.items()]})

    async def _change_tags(self, call: ApiCall, change: TagChange) -> None:
        key, now_s = _tagged(call), self._clock.now_s()
        if key.name == DEFAULT_GROUP:
            raise invalid("Stoker keeps no tags of the default schedule group. See docs/compatibility.md.")

        def changed(before: Group | None) -> Group:
            if before is None:
                raise no_group(key.name)
            return replace(before, tags=_within_limit(change(before.tags)), modified_s=now_s)

        await self._store.change_group(key, changed)

    async def _find(self, key: GroupKey) -> Group:
        group = await self._store.find_group(key)
        if group is None:
            raise no_group(key.name)
        return group

    def _default(self, key: GroupKey) -> Group:
        return Group(key, self._default_s, self._default_s)


def _key(call: ApiCall) -> GroupKey:
    return GroupKey(call.caller.account_id, call.caller.region, call.members["Name"])


def _tagged(call: ApiCall) -> GroupKey:
    """Schedules have no tags, on AWS neither."""
    arn = split_arn(call.members["ResourceArn"])
    kind, _, name = ("", "", "") if arn is None else arn.resource.partition("/")
    if arn is None or arn.service != "scheduler" or kind != "schedule-group" or not name:
        raise invalid(f"Invalid resource ARN {call.members['ResourceArn'][:256]}.")
    if (arn.account_id, arn.region) != (call.caller.account_id, call.caller.region):
        raise no_group(name)
    return GroupKey(arn.account_id, arn.region, name)


def _tags(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return _within_limit({tag["Key"]: tag["Value"] for tag in given})


def _within_limit(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > TAGS_MAX:
        raise invalid(f"A schedule group has at most {TAGS_MAX} tags.")
    return tags


def _shown(group: Group) -> dict[str, object]:
    return {
        "Arn": group.key.arn,
        "Name": group.key.name,
        "State": "ACTIVE",
        "CreationDate": group.created_s,
        "LastModificationDate": group.modified_s,
    }
