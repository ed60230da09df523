"""File systems that functions can have: access points that the settings give a directory of this host."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stoker.errors import EFSMountFailureException, InvalidParameterValueException
from stoker.functions.records import FileSystem
from stoker.functions.unsupported import SEE
from stoker.sandbox.sandbox import HostDirectory

# All texts are ours: the reference has none.
NOT_DECLARED = (
    'Stoker has no directory for the access point {arn}. Add "{arn}" = "/a/directory/of/this/host" to '
    "[file_systems] in stoker.toml and start Stoker again."
)
ONLY_ISOLATED = f"Stoker does not support FileSystemConfigs with isolation plain. {SEE}"
NOT_MOUNTED = "The function couldn't mount the file system of the access point {arn}. The log of Stoker says why."


class FileSystems:
    """All that the settings name, in every account and region."""

    def __init__(self, directories: Mapping[str, Path], *, has_isolation: bool) -> None:
        """`directories` by the ARN of their access point; `has_isolation`: functions are in sandboxes, which alone can
        mount something."""
        self._directories = directories
        self._has_isolation = has_isolation

    def check(self, wanted: Sequence[FileSystem]) -> None:
        """Whether a function may have these. Raises InvalidParameterValueException."""
        for file_system in wanted:
            if not self._has_isolation:
                raise InvalidParameterValueException(ONLY_ISOLATED)
            if file_system.arn not in self._directories:
                raise InvalidParameterValueException(NOT_DECLARED.format(arn=file_system.arn))

    def directories(self, wanted: Sequence[FileSystem]) -> tuple[HostDirectory, ...]:
        """What its environments mount. Raises EFSMountFailureException for what the settings name no longer."""
        for file_system in wanted:
            if file_system.arn not in self._directories:
                raise EFSMountFailureException(NOT_DECLARED.format(arn=file_system.arn))
        return tuple(HostDirectory(self._directories[one.arn], one.local_mount_path) for one in wanted)


def mount_failure(file_systems: Sequence[FileSystem]) -> EFSMountFailureException:
    """What callers are told when a function's directory has gone."""
    return EFSMountFailureException(NOT_MOUNTED.format(arn=", ".join(one.arn for one in file_systems)))
