"""The operations on queues themselves: parse, ask the registry, render. Those on messages: `messages_api.py`.

Source: Amazon SQS API Reference.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stoker.clock import Clock
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.queues import attributes, errors
from stoker.queues.commits import Commits
from stoker.queues.live_queues import LiveQueues
from stoker.queues.permissions import with_permission, without_permission
from stoker.queues.records import Queue
from stoker.queues.redrive_policy import check_redrive_policy, read_redrive_policy, redrive_policy_of
from stoker.queues.registry import QueueRegistry
from stoker.queues.requests import check_access, integer, queue_of, queue_url
from stoker.queues.sweeper import Sweeper

PAGE_QUEUES_MAX = 1_000
PURGE_EVERY_S = 60
TAGS_MAX = 50
TAG_KEY_LENGTH_MAX = 128
TAG_VALUE_LENGTH_MAX = 256


class QueuesApi:
    """Queues, their attributes, tags and policies."""

    def __init__(
        self, registry: QueueRegistry, live: LiveQueues, commits: Commits, sweeper: Sweeper, clock: Clock
    ) -> None:
        self._registry = registry
        self._live = live
        self._commits = commits
        self._sweeper = sweeper
        self._clock = clock
        self._purged_s: dict[int, float] = {}

    def operations(self) -> Mapping[str, Operation]:
        """By the operation's name."""
        return {
            "AddPermission": self.add_permission,
            "CreateQueue": self.create_queue,
            "DeleteQueue": self.delete_queue,
            "GetQueueAttributes": self.get_queue_attributes,
            "GetQueueUrl": self.get_queue_url,
            "ListDeadLetterSourceQueues": self.list_dead_letter_source_queues,
            "ListQueueTags": self.list_queue_tags,
            "ListQueues": self.list_queues,
            "PurgeQueue": self.purge_queue,
            "RemovePermission": self.remove_permission,
            "SetQueueAttributes": self.set_queue_attributes,
            "TagQueue": self.tag_queue,
            "UntagQueue": self.untag_queue,
        }

    async def create_queue(self, call: ApiCall) -> ApiAnswer:
        name, given = call.members["QueueName"], _texts(call.members.get("Attributes"))
        attributes.check_name(name, {key: value.lower() for key, value in given.items()})
        kept = attributes.checked(given, is_fifo=name.endswith(".fifo"))
        kept = attributes.changed({}, kept)
        attributes.check_together(kept)
        now_s = int(self._clock.now_s())
        queue = Queue(
            account_id=call.caller.account_id,
            region=call.caller.region,
            name=name,
            content_id=self._commits.next_number(),
            created_s=now_s,
            modified_s=now_s,
            attributes=kept,
            tags=_checked_tags(_texts(call.members.get("tags"))),
        )
        self._check_redrive(queue)
        present = await self._registry.create(queue)
        if present is not queue and (attribute := attributes.different(present, kept)) is not None:
            raise errors.queue_exists(attribute)
        return ApiAnswer({"QueueUrl": queue_url(call.endpoint, queue)})

    async def delete_queue(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry)
        if not await self._registry.delete(queue.key):
            raise errors.no_queue()
        self._live.deleted(queue.key)
        self._sweeper.leftovers()
        return ApiAnswer()

    async def get_queue_url(self, call: ApiCall) -> ApiAnswer:
        owner = call.members.get("QueueOwnerAWSAccountId") or call.caller.account_id
        queue = self._registry.find((owner, call.caller.region, call.members["QueueName"]))
        if queue is None:
            raise errors.no_queue()
        check_access(call, queue, "GetQueueUrl")
        return ApiAnswer({"QueueUrl": queue_url(call.endpoint, queue)})

    async def list_queues(self, call: ApiCall) -> ApiAnswer:
        prefix = call.members.get("QueueNamePrefix") or ""
        queues = self._registry.of(call.caller.account_id, call.caller.region)
        urls, token = _page(call, [queue for queue in queues if queue.name.startswith(prefix)])
        return ApiAnswer({"QueueUrls": urls or None, "NextToken": token})

    async def list_dead_letter_source_queues(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "ListDeadLetterSourceQueues")
        urls, token = _page(call, sources_of(self._registry, queue))
        return ApiAnswer({"queueUrls": urls, "NextToken": token})

    async def get_queue_attributes(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "GetQueueAttributes")
        wanted = call.members.get("AttributeNames") or []
        counted: dict[str, str] = {}
        if attributes.ALL in wanted or any(name in attributes.COUNTED for name in wanted):
            counts = await (await self._live.of(queue)).counts()
            counted = dict(zip(attributes.COUNTED, map(str, counts), strict=True))
        told = attributes.told(queue, wanted, counted)
        return ApiAnswer({"Attributes": told or None})

    async def set_queue_attributes(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry)
        given = attributes.checked(_texts(call.members["Attributes"]), is_fifo=queue.is_fifo)
        if "FifoQueue" in given and not queue.is_fifo:
            raise errors.unknown_attribute("FifoQueue")

        def change(present: Queue) -> Queue:
            kept = attributes.changed(present.attributes, given)
            attributes.check_together(kept)
            changed = self._modified(present, attributes=kept)
            if "RedrivePolicy" in given:
                self._check_redrive(changed)
            return changed

        await self._change(queue, change)
        return ApiAnswer()

    async def purge_queue(self, call: ApiCall) -> ApiAnswer:
        queue = queue_of(call, self._registry, "PurgeQueue")
        now_s = self._clock.now_s()
        self._purged_s = {key: s for key, s in self._purged_s.items() if s + PURGE_EVERY_S > now_s}
        if queue.content_id in self._purged_s:
            raise errors.purge_in_progress(queue.name)
        changed = await self._change(queue, lambda present: replace(present, content_id=self._commits.next_number()))
        self._purged_s[changed.content_id] = now_s
        self._sweeper.leftovers()
        return ApiAnswer()

    async def list_queue_tags(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer({"Tags": queue_of(call, self._registry).tags or None})

    async def tag_queue(self, call: ApiCall) -> ApiAnswer:
        queue, tags = queue_of(call, self._registry), _texts(call.members["Tags"])
        await self._change(queue, lambda present: replace(present, tags=_checked_tags({**present.tags, **tags})))
        return ApiAnswer()

    async def untag_queue(self, call: ApiCall) -> ApiAnswer:
        queue, keys = queue_of(call, self._registry), frozenset(call.members["TagKeys"])

        def untag(present: Queue) -> Queue:
            return replace(present, tags={key: value for key, value in present.tags.items() if key not in keys})

        await self._change(queue, untag)
        return ApiAnswer()

    async def add_permission(self, call: ApiCall) -> ApiAnswer:
        queue, members = queue_of(call, self._registry), call.members
        label, account_ids, actions = members["Label"], members["AWSAccountIds"], members["Actions"]
        await self._change(
            queue, lambda present: self._with_policy(present, with_permission(present, label, account_ids, actions))
        )
        return ApiAnswer()

    async def remove_permission(self, call: ApiCall) -> ApiAnswer:
        queue, label = queue_of(call, self._registry), call.members["Label"]
        await self._change(queue, lambda present: self._with_policy(present, without_permission(present, label)))
        return ApiAnswer()

    async def _change(self, queue: Queue, change: Callable[[Queue], Queue]) -> Queue:
        changed = await self._registry.change(queue.key, change)
        if changed is None:
            raise errors.no_queue()
        self._live.changed(changed)
        return changed

    def _modified(self, queue: Queue, **changes: Any) -> Queue:
        return replace(queue, modified_s=int(self._clock.now_s()), **changes)

    def _with_policy(self, queue: Queue, policy: str) -> Queue:
        return self._modified(queue, attributes=attributes.changed(queue.attributes, {"Policy": policy}))

    def _check_redrive(self, queue: Queue) -> None:
        text = queue.attributes.get("RedrivePolicy")
        if text:
            target = self._registry.by_arn(read_redrive_policy(text).target_arn)
            check_redrive_policy(text, queue, target)


def sources_of(registry: QueueRegistry, queue: Queue) -> list[Queue]:
    """The queues whose dead-letter queue it is, by name."""
    others = registry.of(queue.account_id, queue.region)
    policies = ((other, redrive_policy_of(other)) for other in others)
    return [other for other, policy in policies if policy is not None and policy.target_arn == queue.arn]


def _page(call: ApiCall, queues: Sequence[Queue]) -> tuple[list[str], str | None]:
    """The URLs of a page, and the token of the next one: the name of the last queue, given only if a size was asked
    for."""
    size = integer(call, "MaxResults", range(1, PAGE_QUEUES_MAX + 1), PAGE_QUEUES_MAX)
    after = call.members.get("NextToken") or ""
    rest = [queue for queue in queues if queue.name > after]
    page = rest[:size]
    token = page[-1].name if len(rest) > size and call.members.get("MaxResults") is not None else None
    return [queue_url(call.endpoint, queue) for queue in page], token


def _texts(given: Mapping[str, str | None] | None) -> dict[str, str]:
    """Without those that are null."""
    return {name: value for name, value in (given or {}).items() if value is not None}


def _checked_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Raises QueueErrors."""
    if len(tags) > TAGS_MAX:
        raise errors.invalid_value(f"Too many tags added for queue. Maximum allowed is {TAGS_MAX}.")
    for key, value in tags.items():
        if not 1 <= len(key) <= TAG_KEY_LENGTH_MAX or key.startswith("aws:"):
            raise errors.invalid(key[:256], "TagKey", f"1 to {TAG_KEY_LENGTH_MAX} characters, not beginning with aws:")
        if len(value) > TAG_VALUE_LENGTH_MAX:
            raise errors.invalid(value[:300], "TagValue", f"At most {TAG_VALUE_LENGTH_MAX} characters.")
    return tags
