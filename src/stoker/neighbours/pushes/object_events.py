"""S3's records, whole, in the form of notifications and in that of EventBridge. moto's own lack half of the members.

Source: Amazon S3 User Guide, "Event message structure" and "Using EventBridge".
"""

import base64
import os
import threading
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

from stoker.neighbours.pushes.times import iso_ms

# Where the request came from: the front door does not pass it on.
SOURCE_IP_ADDRESS = "127.0.0.1"
_EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"

# What has been added to the structure since has a version of its own.
_VERSIONS = {
    "Replication": "2.2",
    "ObjectAcl": "2.3",
    "ObjectTagging": "2.3",
    "LifecycleExpiration": "2.3",
    "LifecycleTransition": "2.3",
    "IntelligentTiering": "2.3",
}
_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "ObjectAcl": "Object ACL Updated",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
    "ObjectRestore:Delete": "Object Restore Expired",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}
_DELETIONS = {
    "ObjectRemoved:Delete": "Permanently Deleted",
    "ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}


class _Sequence:
    """Numbers that only grow, as hexadecimal digits: later events of a key compare as greater."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return f"{self._last:018X}"


_sequence = _Sequence()


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """Something that happened to an object. `name` is without `s3:`; `size_bytes` and `etag` are None where AWS does
    not tell them, `version_id` in buckets without versions."""

    name: str
    bucket: str
    bucket_arn: str
    account_id: str
    region: str
    key: str
    size_bytes: int | None = None
    etag: str | None = None
    version_id: str | None = None
    at_s: float = field(default_factory=time.time)
    request_id: str = field(default_factory=lambda: uuid4().hex[:16].upper())
    extended_id: str = field(default_factory=lambda: base64.b64encode(os.urandom(57)).decode())
    sequencer: str = field(default_factory=_sequence.next)

    @property
    def full_name(self) -> str:
        return f"s3:{self.name}"

    @property
    def _kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def _is_ordered(self) -> bool:
        """Only what creates and deletes objects has a sequencer."""
        return self._kind in ("ObjectCreated", "ObjectRemoved")

    def notification(self, configuration_id: str) -> dict[str, Any]:
        """`{"Records": [one]}`."""
        object_members: dict[str, Any] = {"key": quote_plus(self.key, safe="/")}
        if self.size_bytes is not None:
            object_members["size"] = self.size_bytes
        if self.etag is not None:
            object_members["eTag"] = self.etag
        if self.version_id is not None:
            object_members["versionId"] = self.version_id
        if self._is_ordered:
            object_members["sequencer"] = self.sequencer
        record = {
            "eventVersion": _VERSIONS.get(self._kind, "2.1"),
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": iso_ms(self.at_s),
            "eventName": self.name,
            "userIdentity": {"principalId": f"AWS:{_principal(self.account_id)}"},
            "requestParameters": {"sourceIPAddress": SOURCE_IP_ADDRESS},
            "responseElements": {"x-amz-request-id": self.request_id, "x-amz-id-2": self.extended_id},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration_id,
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": {"principalId": _principal(self.account_id)},
                    "arn": self.bucket_arn,
                },
                "object": object_members,
            },
        }
        return {"Records": [record]}

    def event(self) -> dict[str, Any] | None:
        """For EventBridge, with the time as moto keeps it, in seconds; None for what is not sent there."""
        detail_type = _DETAIL_TYPES.get(self.name) or _DETAIL_TYPES.get(self._kind)
        if detail_type is None:
            return None
        object_members: dict[str, Any] = {
            "key": self.key,
            "size": self.size_bytes,
            "etag": self.etag,
            "version-id": self.version_id,
            "sequencer": self.sequencer if self._is_ordered else None,
        }
        detail = {
            "version": "0",
            "bucket": {"name": self.bucket},
            "object": {name: value for name, value in object_members.items() if value is not None},
            "request-id": self.request_id,
            "requester": self.account_id,
            "source-ip-address": SOURCE_IP_ADDRESS,
            "reason": _REASONS.get(self.name),
            "deletion-type": _DELETIONS.get(self.name),
        }
        return {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": detail_type,
            "source": "aws.s3",
            "account": self.account_id,
            "time": self.at_s,
            "region": self.region,
            "resources": [self.bucket_arn],
            "detail": {name: value for name, value in detail.items() if value is not None},
        }


def event_of(name: str, bucket: Any, key: Any) -> ObjectEvent:
    """Of moto's bucket and key."""
    return ObjectEvent(
        name=name,
        bucket=bucket.name,
        bucket_arn=bucket.arn,
        account_id=bucket.account_id,
        region=bucket.region_name,
        key=key.name,
        size_bytes=key.size,
        etag=key.etag.replace('"', ""),
        version_id=str(key.version_id) if bucket.is_versioned and key.version_id is not None else None,
    )


def deletion_of(bucket: Any, key_name: str, version_id: str | None, *, leaves_marker: bool) -> ObjectEvent:
    """Of a deletion, which says no size."""
    return ObjectEvent(
        name="ObjectRemoved:DeleteMarkerCreated" if leaves_marker else "ObjectRemoved:Delete",
        bucket=bucket.name,
        bucket_arn=bucket.arn,
        account_id=bucket.account_id,
        region=bucket.region_name,
        key=key_name,
        etag=_EMPTY_ETAG if leaves_marker else None,
        version_id=version_id,
    )


def _principal(account_id: str) -> str:
    """An id in AWS's form, always the same for an account: here an account has no other identities."""
    return "A" + base64.b32encode(sha256(account_id.encode()).digest()).decode()[:13]
