"""The names that parts have in the query protocol, for services whose published model has turned to JSON.

Such a model says no more how lists and maps are called in a form and in XML; clients that were made before go on to
speak as they did. Source: Amazon SQS API Reference, the request parameters and the example responses of each action.
"""

from collections.abc import Mapping
from typing import Any

_ELEMENTS: Mapping[str, Mapping[str, str]] = {
    "sqs": {
        "AWSAccountIdList": "AWSAccountId",
        "ActionNameList": "ActionName",
        "AttributeNameList": "AttributeName",
        "BatchResultErrorEntryList": "BatchResultErrorEntry",
        "BinaryList": "BinaryListValue",
        "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
        "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
        "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
        "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
        "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
        "MessageAttributeNameList": "MessageAttributeName",
        "MessageList": "Message",
        "MessageSystemAttributeList": "MessageSystemAttributeName",
        "QueueUrlList": "QueueUrl",
        "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
        "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
        "StringList": "StringListValue",
        "TagKeyList": "TagKey",
    }
}
# Of maps: the names of a key and of a value.
_ENTRIES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "sqs": {
        "MessageBodyAttributeMap": ("Name", "Value"),
        "MessageBodySystemAttributeMap": ("Name", "Value"),
        "MessageSystemAttributeMap": ("Name", "Value"),
        "QueueAttributeMap": ("Name", "Value"),
        "TagMap": ("Key", "Value"),
    }
}
# Of members whose maps have another name than the member.
_MEMBERS: Mapping[str, Mapping[str, str]] = {
    "sqs": {
        "Attributes": "Attribute",
        "MessageAttributes": "MessageAttribute",
        "MessageSystemAttributes": "MessageSystemAttribute",
        "Tags": "Tag",
        "tags": "Tag",
    }
}


def with_query_names(service: str, description: Mapping[str, Any]) -> Mapping[str, Any]:
    """The service's description with these names in it; as it is when it still has them."""
    return {
        **description,
        "shapes": {name: _named(service, name, shape) for name, shape in description["shapes"].items()},
    }


def _named(service: str, name: str, shape: Mapping[str, Any]) -> Mapping[str, Any]:
    if name in _ELEMENTS.get(service, {}):
        return {**shape, "member": {"locationName": _ELEMENTS[service][name], **shape["member"]}}
    if name in _ENTRIES.get(service, {}):
        key, value = _ENTRIES[service][name]
        return {
            **shape,
            "key": {"locationName": key, **shape["key"]},
            "value": {"locationName": value, **shape["value"]},
        }
    if shape["type"] == "structure" and service in _MEMBERS:
        names = _MEMBERS[service]
        members = {
            member: {"locationName": names[member], **about} if member in names else about
            for member, about in shape["members"].items()
        }
        return {**shape, "members": members}
    return shape
