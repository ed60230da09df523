"""What an account uses in one region: every version counts its package, also where versions share one."""

from collections.abc import Iterable

from stoker.errors import CodeStorageExceededException
from stoker.functions.records import Function


def code_bytes(functions: Iterable[Function]) -> int:
    """Bytes of all packages, zipped (reference: control plane, 13, GetAccountSettings)."""
    return sum(version.code.size_bytes for function in functions for version in function.versions)


def check_code_storage(used_bytes: int, added_bytes: int, bytes_max: int) -> None:
    """Raise CodeStorageExceededException if so much more would be too much."""
    if used_bytes + added_bytes > bytes_max:
        raise CodeStorageExceededException("Code storage limit exceeded.")
