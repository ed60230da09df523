"""Packages in S3, wherever S3 is: the neighbour that the settings name."""

from stoker.code.source import ObjectStorageError, ObjectTooLargeError
from stoker.neighbours import clients
from stoker.neighbours.errors import NeighbourError


class ObjectsInS3:
    """What `code/source.py` wants of S3."""

    def __init__(self, aws: clients.AwsClients) -> None:
        self._aws = aws

    async def download(
        self, account_id: str, region: str, bucket: str, key: str, version_id: str | None, limit_bytes: int
    ) -> bytes:
        """Raises botocore's ClientError as it is, ObjectTooLargeError and ObjectStorageError."""
        try:
            return await self._aws.download(account_id, region, bucket, key, version_id, limit_bytes)
        except clients.ObjectTooLargeError as error:
            raise ObjectTooLargeError(str(error)) from None
        except NeighbourError as error:
            raise ObjectStorageError(str(error)) from None
