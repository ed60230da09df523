"""S3: notifications to functions, with the check of their destinations; and whole records for all other targets.

Source: Amazon S3 User Guide, "Amazon S3 Event Notifications".
"""

import json
from collections.abc import Callable, Iterable
from functools import wraps
from itertools import combinations
from typing import Any

from stoker.neighbours.pushes import request
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.object_events import ObjectEvent, deletion_of, event_of
from stoker.neighbours.pushes.overlaps import Rule, overlap
from stoker.neighbours.pushes.records import Push
from stoker.neighbours.telling import tell

SERVICE = "s3.amazonaws.com"
UNREACHABLE = "Unable to validate the following destination configurations"
_KINDS = {"CloudFunctionConfiguration": "CloudFunction", "QueueConfiguration": "Queue", "TopicConfiguration": "Topic"}


def attach(line: Line) -> None:
    """Change moto's S3, in this process."""
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    def send_event(_account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        name = str(event_name.value).removeprefix("s3:")
        if _is_meant(name):
            _send(line, bucket, event_of(name, bucket, key))

    notifications.send_event = send_event
    S3Backend.delete_object = _telling(line, S3Backend.delete_object)
    S3Backend.put_bucket_notification_configuration = _checking(line, S3Backend.put_bucket_notification_configuration)


def _is_meant(name: str) -> bool:
    """moto makes an object of its parts, and its tags, by operations that tell of themselves; AWS tells of what was
    asked for. Of deletions moto tells some only, and not which version is gone: see `_telling`."""
    match name.partition(":")[0]:
        case "ObjectRemoved":
            return False
        case "ObjectTagging":
            return request.asks_for("tagging")
        case "ObjectAcl":
            return request.asks_for("acl")
        case "ObjectCreated":
            return name == "ObjectCreated:CompleteMultipartUpload" or not request.asks_for("uploadId")
    return True


def _telling(line: Line, delete_object: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(delete_object)
    def delete_and_tell(
        self: Any, bucket_name: str, key_name: str, version_id: Any = None, *rest: Any, **named: Any
    ) -> Any:
        bucket = self.get_bucket(bucket_name)
        versions = bucket.keys.getlist(key_name) if key_name in bucket.keys else []
        was_there = not version_id or any(str(key.version_id) == str(version_id) for key in versions)
        answer = delete_object(self, bucket_name, key_name, version_id, *rest, **named)
        is_done, members = answer
        if is_done and was_there:
            leaves_marker = bool(bucket.is_versioned) and not version_id
            deleted = members.get("version-id") if leaves_marker else version_id
            _send(line, bucket, deletion_of(bucket, key_name, deleted, leaves_marker=leaves_marker))
        return answer

    return delete_and_tell


def _send(line: Line, bucket: Any, event: ObjectEvent) -> None:
    """To all that asked for it. What goes wrong there is no matter of the request's."""
    configuration = bucket.notification_configuration
    if configuration is None:
        return
    from moto.s3 import notifications

    for function in _matching(configuration.cloud_function, event):
        line.push(_push(function.arn, bucket, event, function.id))
    for queue in _matching(configuration.queue, event):
        notifications._send_sqs_message(
            bucket.account_id, event.notification(queue.id), queue.arn.split(":")[-1], queue.arn.split(":")[3]
        )
    for topic in _matching(configuration.topic, event):
        notifications._send_sns_message(
            bucket.account_id, event.notification(topic.id), topic.arn, topic.arn.split(":")[3]
        )
    if configuration.event_bridge is not None:
        _send_to_bus(bucket, event)


def _matching(notifications: Iterable[Any], event: ObjectEvent) -> list[Any]:
    return [notification for notification in notifications if notification.matches(event.full_name, event.key)]


def _push(function: str, bucket: Any, event: ObjectEvent, configuration_id: str) -> Push:
    return Push(
        function=function,
        kind="Event",
        payload=json.dumps(event.notification(configuration_id), separators=(",", ":"), ensure_ascii=False),
        service=SERVICE,
        source_arn=bucket.arn,
        source_account=bucket.account_id,
        trace=request.trace(),
    )


def _send_to_bus(bucket: Any, event: ObjectEvent) -> None:
    """The default one of the bucket's owner."""
    from moto.events.models import events_backends

    message = event.event()
    if message is None:
        return
    bus = events_backends[bucket.account_id][bucket.region_name].event_buses["default"]
    for rule in list(bus.rules.values()):
        try:
            rule.send_to_targets(message, transform_input=False)
        except Exception as error:  # whatever moto's targets do: the object is stored
            tell(f"an event of {bucket.arn} for {rule.arn} was not delivered: {error!r}")


def _checking(line: Line, put_configuration: Callable[..., None]) -> Callable[..., None]:
    @wraps(put_configuration)
    def check_and_put(self: Any, bucket_name: str, notification_config: dict[str, Any]) -> None:
        from moto.s3.exceptions import S3ClientError

        configuration = notification_config or {}
        complaint = _overlap(configuration)
        if complaint is not None:
            raise S3ClientError("InvalidArgument", complaint)
        bucket = self.get_bucket(bucket_name)
        skips = request.header("X-Amz-Skip-Destination-Validation").lower() == "true"
        functions = {entry["CloudFunction"] for entry in configuration.get("CloudFunctionConfiguration") or ()}
        if not skips and any(_is_refused(line, function, bucket) for function in functions):
            raise S3ClientError("InvalidArgument", UNREACHABLE)
        put_configuration(self, bucket_name, notification_config)

    return check_and_put


def _is_refused(line: Line, function: str, bucket: Any) -> bool:
    """Whether there is no such function, or its policy does not let this bucket in."""
    asked = Push(function, "DryRun", "", bucket.account_id, SERVICE, bucket.arn)
    return line.push(asked).is_refused


def _overlap(configuration: dict[str, Any]) -> str | None:
    """What AWS says of two rules of a bucket that one event would meet."""
    rules = [_rule(entry) for kind in _KINDS for entry in configuration.get(kind) or ()]
    return next((complaint for one, other in combinations(rules, 2) if (complaint := overlap(one, other))), None)


def _rule(entry: dict[str, Any]) -> Rule:
    filters = (entry.get("Filter") or {}).get("S3Key", {}).get("FilterRule", ())
    values = {rule["Name"].lower(): rule["Value"] for rule in filters}
    return Rule(tuple(entry["Event"]), values.get("prefix", ""), values.get("suffix", ""))
