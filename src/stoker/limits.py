"""Lambda's quotas, each with its unit in its name and its source beside it.

Those that an account can have raised, or whose number only says how much AWS lends to one customer, are the fields of
`Limits`: one record, made from the setting `limits` and passed to whom it concerns. The constants are facts of the
protocol, and bounds of our own.

Source, where no other is given: AWS Lambda Developer Guide, "Lambda quotas"; (R) marks a number that AWS's own error
messages state, (M) one of the public service model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# Configuration of a function
MEMORY_MB_DEFAULT = 128
MEMORY_MB_MIN = 128
TIMEOUT_S_DEFAULT = 3
TIMEOUT_S_MIN = 1
EPHEMERAL_STORAGE_MB_DEFAULT = 512
EPHEMERAL_STORAGE_MB_MIN = 512
FUNCTION_NAME_LENGTH_MAX = 64  # of a bare name, on CreateFunction (R)
ALIAS_ADDITIONAL_VERSIONS_MAX = 1  # (R)
TAG_KEY_LENGTH_MAX = 128  # (M)
TAG_VALUE_LENGTH_MAX = 256  # (M)

# Deployment packages. AWS states no numbers for these three; they bound what unpacking one package can cost.
PACKAGE_ENTRIES_MAX = 200_000
PACKAGE_PATH_BYTES_MAX = 1_024
PACKAGE_NAME_BYTES_MAX = 255  # NAME_MAX, limits.h

# Container images
IMAGE_BYTES_MAX = 10 * GIB  # of all layers, uncompressed
IMAGE_SETTINGS_BYTES_MAX = 16 * KIB  # entry point, command, variables and working directory
# AWS states no numbers for these; they bound what reading and unpacking one image can cost.
IMAGE_LAYERS_MAX = 127  # as many as Docker makes
IMAGE_MANIFEST_BYTES_MAX = 4 * MIB
IMAGE_CONFIG_BYTES_MAX = 4 * MIB
IMAGE_LAYER_ENTRIES_MAX = 500_000

# Requests and answers
REQUEST_WITHOUT_PACKAGE_BYTES_MAX = 262_143  # what CreateFunction's 70,167,211 leave beside 50 MB in base64 (R)
CONTROL_REQUEST_BYTES_MAX = 6 * MIB  # with neither a package nor a payload; AWS states no number
HEADERS_BYTES_MAX = 1 * MIB  # request line and headers together
STREAMED_RESPONSE_BURST_BYTES = 6 * MIB  # of a streamed response, as fast as they come

# Concurrency: what the settings of these names are by themselves
CONCURRENT_EXECUTIONS_DEFAULT = 1_000  # per account and region
SCALE_OUT_ENVIRONMENTS_PER_10_S = 1_000  # per function

# A sandbox
MEMORY_MB_PER_VCPU = 1_769
# Up to which memory a function sees how many cores. AWS documents only the time they are good for; these numbers are
# what functions that counted their cores at each memory size reported.
VISIBLE_PROCESSORS = ((3_008, 2), (5_307, 3), (7_076, 4), (8_845, 5))
VISIBLE_PROCESSORS_MAX = 6

# Answers in pages
MAPPINGS_PAGE_ITEMS_MAX = 100  # event source mappings
PAGE_ITEMS_MAX = 50  # functions and versions, although MaxItems up to 10,000 is accepted

# How far a limit can be raised at all
_INTEGER_MAX = 2**31 - 1  # of AWS's clients, and of the database
_LONG_MAX = 2**63 - 1
_HELD_BYTES_MAX = 512 * MIB  # held in memory whole, and more than once
_ARGUMENT_BYTES_MAX = 128 * KIB  # MAX_ARG_STRLEN, execve(2): a variable that is longer starts no program
_ARCHIVE_BYTES_MAX = 4 * GIB - 1  # archives of the ZIP64 format are not read
_PROCESSES_MAX = 4 * MIB  # PID_MAX_LIMIT, proc_pid_max(5)
_STREAM_BYTES_PER_S_MIN = 32 * KIB  # of AWS's runtime interface emulator
# Fewer would let no runtime start.
_FILE_DESCRIPTORS_MIN = 64
_PROCESSES_MIN = 64


def _limit(default: int, least: int = 1, most: int = _INTEGER_MAX) -> Any:
    """A field of `Limits`: what AWS has, and what the settings may say."""
    return field(default=default, metadata={"allowed": range(least, most + 1)})


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be raised, by default as on AWS; `docs/settings.md` has a line for each, and a test looks for it."""

    # Configuration of a function
    memory_mb_max: int = _limit(10_240, MEMORY_MB_MIN)  # the model allows 32,768 for managed instances
    timeout_s_max: int = _limit(900, TIMEOUT_S_DEFAULT)
    ephemeral_storage_mb_max: int = _limit(10_240, EPHEMERAL_STORAGE_MB_MIN)
    environment_bytes_max: int = _limit(4 * KIB, most=_ARGUMENT_BYTES_MAX)  # all variables as compact JSON (R)
    layers_max: int = _limit(5)  # (R)
    tags_max: int = _limit(50)
    policy_bytes_max: int = _limit(20 * KIB)  # of one resource policy, as JSON
    filters_max: int = _limit(5)  # per event source mapping; AWS gives 10 on request
    # Code
    zipped_bytes_max: int = _limit(52_428_800, most=_HELD_BYTES_MAX)  # of a package in a request (R)
    unzipped_bytes_max: int = _limit(262_144_000, most=_ARCHIVE_BYTES_MAX)  # code and layers together (R)
    code_storage_bytes_max: int = _limit(80_530_636_800, most=_LONG_MAX)  # per account and region (R)
    # Invocation
    request_payload_bytes_max: int = _limit(6 * MIB, most=_HELD_BYTES_MAX)  # 6,291,456 (R)
    event_payload_bytes_max: int = _limit(1 * MIB, most=_HELD_BYTES_MAX)  # asynchronous (R)
    # Documented as 6 MB, enforced with 100 bytes more (R).
    response_payload_bytes_max: int = _limit(6_291_556, most=_HELD_BYTES_MAX)
    streamed_response_bytes_max: int = _limit(200 * MIB, most=_LONG_MAX)
    streamed_response_bytes_per_s: int = _limit(2 * MIB, least=_STREAM_BYTES_PER_S_MIN)  # after the burst
    # Concurrency
    unreserved_concurrency_min: int = _limit(100, least=0)  # (R)
    requests_per_s_per_concurrency: int = _limit(10)
    # A sandbox
    file_descriptors_max: int = _limit(1_024, _FILE_DESCRIPTORS_MIN)
    processes_max: int = _limit(1_024, _PROCESSES_MIN, _PROCESSES_MAX)  # and threads

    @property
    def package_request_bytes_max(self) -> int:
        """Of a whole request that carries a package, in base64: 70,167,211 on AWS (R)."""
        return -(-self.zipped_bytes_max // 3) * 4 + REQUEST_WITHOUT_PACKAGE_BYTES_MAX


def limits_of(values: Mapping[str, Any]) -> Limits:
    """AWS's limits with `values` instead of some of them, by name. Raises ValueError, whose text names the limit."""
    allowed = {member.name: member.metadata["allowed"] for member in fields(Limits)}
    for name, value in values.items():
        if name not in allowed:
            raise ValueError(f"unknown limit {name!r}; known: {', '.join(sorted(allowed))}")
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{name!r} must be an integer, not {value!r}")
        if value not in allowed[name]:
            raise ValueError(f"{name!r} must be from {allowed[name].start} to {allowed[name].stop - 1}, not {value}")
    return Limits(**values)


def visible_processors(memory_mb: int) -> int:
    """How many cores a function of that memory sees on AWS."""
    return next((cores for most_mb, cores in VISIBLE_PROCESSORS if memory_mb <= most_mb), VISIBLE_PROCESSORS_MAX)
