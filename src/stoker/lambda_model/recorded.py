"""Where AWS's answers, as recorded, differ from what its published service model alone would give.

Enum sets print in the fixed order of a Java hash set; some names follow rules of their own. Sources: reference, control
plane, 1.1, 2, 3.1 and 4.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stoker.errors import InvalidParameterValueException
from stoker.limits import Limits

RUNTIMES = (
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
)

# How the longer list for layers begins (control plane, 1.1); the order of the rest is not known. Functions have theirs
# checked later, in `refuse_by_other_names`, so that this is what the shape itself says.
LAYER_RUNTIMES_START = ("ruby3.5", "ruby2.6", "dotnetcore1.0", "python3.7")

_ENUM_ORDERS: Mapping[str, Sequence[str]] = {
    "InvokeMode": ("RESPONSE_STREAM", "BUFFERED"),
    "RecursiveLoop": ("Terminate", "Allow"),
    "EventSourcePosition": ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"),
    "Architecture": ("x86_64", "arm64"),
    "SnapStartApplyOn": ("PublishedVersions", "None"),
    "Runtime": LAYER_RUNTIMES_START,
}
# Values that AWS lists and its model does not have.
ENUM_ADDITIONS: Mapping[str, Sequence[str]] = {"Runtime": ("ruby3.5", "ruby2.6")}

_NAME_START = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
)
_REGION = r"[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}"
_OLDER_REGION = r"[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}"
# The patterns of AWS's messages (control plane, 2 and 15); releases of the model word them in one way and another. What
# the model lets pass beyond them passes.
PATTERNS: Mapping[str, str] = {
    "FunctionName": _NAME_START + r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
    "NamespacedFunctionName": _NAME_START + r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    "UnqualifiedFunctionName": rf"(arn:(aws[a-zA-Z-]*)?:lambda:)?({_REGION}:)?(\d{{12}}:)?(function:)?([a-zA-Z0-9-_]+)",
    "LayerName": r"(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+",
    "LayerVersionArn": r"arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+",
    "CodeSigningConfigArn": (
        rf"arn:(aws[a-zA-Z-]*)?:lambda:{_OLDER_REGION}:\d{{12}}:code-signing-config:csc-[a-z0-9]{{17}}"
    ),
    "RuntimeVersionArn": rf"arn:(aws[a-zA-Z-]*):lambda:{_OLDER_REGION}::runtime:.+",
    "DestinationArn": (
        r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|"
        rf"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:({_REGION})?:(\d{{12}})?:(.*)"
    ),
    "FileSystemArn": (
        rf"arn:aws[a-zA-Z-]*:elasticfilesystem:{_OLDER_REGION}:\d{{12}}:access-point/fsap-[a-f0-9]{{17}}$|"
        r"^arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}"
    ),
    "TaggableResource": (
        rf"arn:(aws[a-zA-Z-]*):lambda:{_REGION}:\d{{12}}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|"
        r"code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"
        r"[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
    ),
    "MasterRegion": r"ALL|[a-z]{2}(-gov)?-[a-z]+-\d{1}",
}

# What AWS looks up whatever its form, where newer releases of the model bound its length (control plane, 12).
UNBOUNDED = frozenset({"UUIDString"})

# Maximums of AWS's messages where newer releases of the model state more (control plane, 15).
MAXIMUMS: Mapping[str, int] = {
    "LayerVersionArn": 140,
    "TaggableResource": 256,
    "SourceAccessConfigurations": 22,
    "MaximumNumberOfPollers": 2000,
}

# A name that breaks this shape's pattern is reported for the pattern only, however long it is (control plane, 2).
PATTERN_ALONE = frozenset({"NamespacedFunctionName"})

# The model says 200, AWS answers 204 (control plane, 3.1).
STATUSES: Mapping[str, int] = {"DeleteFunction": 204}

# Unknown runtimes are refused after everything else and in other words, by `refuse_by_other_names`.
ENUMS_CHECKED_LATER: Mapping[str, frozenset[str]] = {
    "CreateFunction": frozenset({"Runtime"}),
    "UpdateFunctionConfiguration": frozenset({"Runtime"}),
}

BARE_NAME_LENGTH_MAX = 64
# How long a function's name may be in AWS's messages, where its model says 256: by operation, and for all others. The
# model's number still holds for ARNs: with the longest alias one has more (control plane, 2).
NAMESPACED = "NamespacedFunctionName"
NAMESPACED_LENGTHS_MAX: Mapping[str, int] = {"DeleteFunction": 140}
NAMESPACED_LENGTH_MAX = 170


def enum_set_text(shape_name: str, values: Sequence[str]) -> str:
    """`[A, B]`, in AWS's order where it is known; values whose place is not known come last."""
    order = _ENUM_ORDERS.get(shape_name, ())
    known = [value for value in order if value in values]
    others = [value for value in values if value not in order]
    return f"[{', '.join([*known, *others])}]"


def maxima_of(limits: Limits) -> Mapping[str, int]:
    """The largest values by shape: the model states those of managed instances, 32,768 MB and no longest time."""
    return {
        "MemorySize": limits.memory_mb_max,
        "Timeout": limits.timeout_s_max,
        "EphemeralStorageSize": limits.ephemeral_storage_mb_max,
    }


def refuse_by_other_names(operation: str, members: Mapping[str, Any], runtimes: Sequence[str]) -> None:
    """The constraints that AWS reports as InvalidParameterValueException instead of ValidationException.

    Raises InvalidParameterValueException: a bare name over 64 characters at creation, and a runtime that never was
    (reference: control plane, 1.1 and 4.1). `runtimes` are all that the service model has ever known.
    """
    if operation not in ENUMS_CHECKED_LATER:
        return
    name = members["FunctionName"]
    if operation == "CreateFunction" and ":" not in name and len(name) > BARE_NAME_LENGTH_MAX:
        raise InvalidParameterValueException(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {BARE_NAME_LENGTH_MAX}",
        )
    runtime = members.get("Runtime")
    if runtime is not None and runtime not in runtimes and not runtime.startswith("arn:"):
        raise InvalidParameterValueException(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(RUNTIMES)}] or be a valid ARN"
        )
