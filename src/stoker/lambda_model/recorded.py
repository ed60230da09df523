"""Where AWS's answers, as recorded, differ from what its published service model alone would give.

Enum sets print in the fixed order of a Java hash set; some names follow rules of their own. Sources: reference, control
plane, 1.1, 2, 3.1 and 4.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stoker.errors import InvalidParameterValueException

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

_ENUM_ORDERS: Mapping[str, Sequence[str]] = {
    "InvokeMode": ("RESPONSE_STREAM", "BUFFERED"),
    "RecursiveLoop": ("Terminate", "Allow"),
    "EventSourcePosition": ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"),
    "Architecture": ("x86_64", "arm64"),
    "SnapStartApplyOn": ("PublishedVersions", "None"),
    "Runtime": RUNTIMES,
}

_NAME_START = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
)
# As AWS's messages have them (control plane, 2); releases of the model word them in one way and another.
PATTERNS: Mapping[str, str] = {
    "FunctionName": _NAME_START + r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
    "NamespacedFunctionName": _NAME_START + r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
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


def enum_set_text(shape_name: str, values: Sequence[str]) -> str:
    """`[A, B]`, in AWS's order where it is known; values newer than the recording come last, except runtimes."""
    order = _ENUM_ORDERS.get(shape_name, ())
    known = [value for value in order if value in values]
    newer = [] if shape_name == "Runtime" else [value for value in values if value not in order]
    return f"[{', '.join([*known, *newer])}]"


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
            f"Member must satisfy enum value set: {enum_set_text('Runtime', runtimes)} or be a valid ARN"
        )
