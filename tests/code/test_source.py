from typing import Any

import pytest
from botocore.exceptions import ClientError

from stoker.code.source import Complaints, ObjectStorageError, ObjectTooLargeError, PackageSource
from stoker.errors import InvalidParameterValueException, LambdaError, RequestTooLargeException
from stoker.limits import Limits

COMPLAINTS = Complaints("no source", "two sources")
IN_S3 = {"S3Bucket": "b", "S3Key": "k"}


class Bucket:
    """One object, or the error that S3 answers instead."""

    def __init__(self, answer: bytes | Exception) -> None:
        self._answer = answer
        self.asked: tuple[object, ...] = ()

    async def download(self, *asked: object) -> bytes:
        self.asked = asked
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def read(source: dict[str, Any], answer: bytes | Exception = b"from s3") -> tuple[bytes, Bucket]:
    bucket = Bucket(answer)
    return await PackageSource(bucket, Limits()).read(source, "000000000000", "eu-west-1", COMPLAINTS), bucket


async def refused(source: dict[str, Any], answer: bytes | Exception = b"from s3") -> LambdaError:
    with pytest.raises(LambdaError) as raised:
        await read(source, answer)
    return raised.value


async def test_a_zip_in_the_request_is_taken_as_it_is() -> None:
    assert (await read({"ZipFile": b"zip"}))[0] == b"zip"


async def test_a_zip_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    largest = bytes(Limits().zipped_bytes_max)
    assert len((await read({"ZipFile": largest}))[0]) == Limits().zipped_bytes_max
    error = await refused({"ZipFile": largest + b"x"})
    assert isinstance(error, RequestTooLargeException)
    assert error.message == "Zipped size must be smaller than 52428800 bytes"


async def test_an_object_is_asked_for_by_bucket_key_and_version() -> None:
    zip_bytes, bucket = await read({**IN_S3, "S3ObjectVersion": "v"})
    assert zip_bytes == b"from s3"
    assert bucket.asked == ("000000000000", "eu-west-1", "b", "k", "v", Limits().unzipped_bytes_max)


async def test_an_error_of_s3_is_told_in_awss_words() -> None:
    """Section 4.1."""
    missing = ClientError({"Error": {"Code": "NoSuchKey", "Message": "The specified key does not exist."}}, "GetObject")
    error = await refused(IN_S3, missing)
    assert isinstance(error, InvalidParameterValueException)
    assert error.message == (
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
    )


async def test_an_s3_that_cannot_be_asked_says_what_to_do() -> None:
    error = await refused(IN_S3, ObjectStorageError("S3 is off: set it in [neighbours]."))
    assert error.message == "Error occurred while GetObject. S3 is off: set it in [neighbours]."


async def test_an_object_that_could_never_be_unpacked_is_refused() -> None:
    error = await refused(IN_S3, ObjectTooLargeError("too large"))
    assert error.message == "Unzipped size must be smaller than 262144000 bytes"


@pytest.mark.parametrize("source", [{}, {"S3Bucket": "b"}, {"S3Key": "k"}, {"S3Bucket": "", "S3Key": ""}])
async def test_half_a_source_is_none(source: dict[str, str]) -> None:
    assert (await refused(source)).message == "no source"


async def test_two_sources_are_one_too_many() -> None:
    assert (await refused({"ZipFile": b"zip", **IN_S3})).message == "two sources"
