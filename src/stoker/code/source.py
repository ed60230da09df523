"""Where the bytes of a package come from: the request itself, or an object in S3.

Source: reference, control plane, 4.1 (size and S3 errors).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from stoker.errors import InvalidParameterValueException, RequestTooLargeException
from stoker.limits import Limits


class ObjectStorage(Protocol):
    """What this room wants of S3."""

    async def download(
        self, account_id: str, region: str, bucket: str, key: str, version_id: str | None, limit_bytes: int
    ) -> bytes:
        """The object. Raises botocore's ClientError, ObjectTooLargeError beyond `limit_bytes`, ObjectStorageError."""


class ObjectStorageError(Exception):
    """S3 cannot be asked; the text says what to do."""


class ObjectTooLargeError(ObjectStorageError):
    """The object is larger than its reader wants."""


@dataclass(frozen=True, slots=True)
class Complaints:
    """What AWS says of a source that is none, or is two at once; functions and layers have words of their own."""

    missing: str
    ambiguous: str


class PackageSource:
    """Reads packages for functions and layers."""

    def __init__(self, objects: ObjectStorage, limits: Limits) -> None:
        self._objects = objects
        self._limits = limits

    async def read(self, source: Mapping[str, Any], account_id: str, region: str, complaints: Complaints) -> bytes:
        """The zip of `ZipFile`, or of `S3Bucket` and `S3Key`. Raises InvalidParameterValueException.

        A package in a request is held to 50 MB (by default); one in S3 only to what it may be unpacked.
        """
        check_source(source, complaints)
        zip_bytes: bytes | None = source.get("ZipFile")
        if zip_bytes is not None:
            limit = self._limits.zipped_bytes_max
            if len(zip_bytes) > limit:
                raise RequestTooLargeException(f"Zipped size must be smaller than {limit} bytes")
            return zip_bytes
        return await self._download(source, account_id, region)

    async def _download(self, source: Mapping[str, Any], account_id: str, region: str) -> bytes:
        limit = self._limits.unzipped_bytes_max
        try:
            return await self._objects.download(
                account_id, region, source["S3Bucket"], source["S3Key"], source.get("S3ObjectVersion"), limit
            )
        except ClientError as error:
            told = error.response["Error"]
            raise InvalidParameterValueException(
                f"Error occurred while GetObject. S3 Error Code: {told['Code']}. S3 Error Message: {told['Message']}"
            ) from None
        except ObjectTooLargeError:
            raise InvalidParameterValueException(f"Unzipped size must be smaller than {limit} bytes") from None
        except ObjectStorageError as error:
            raise InvalidParameterValueException(f"Error occurred while GetObject. {error}") from None


def check_source(source: Mapping[str, Any], complaints: Complaints) -> None:
    """Raise InvalidParameterValueException unless `source` names exactly one place."""
    others = [name for name, value in source.items() if value and name != "ZipFile"]
    if source.get("ZipFile") is not None:
        if others:
            raise InvalidParameterValueException(complaints.ambiguous)
    elif not (source.get("S3Bucket") and source.get("S3Key")):
        raise InvalidParameterValueException(complaints.missing)
