"""What AWS offers for a function and Stoker does not yet: refused by name, never stored and ignored.

One table, from which a later change deletes lines, and from which `docs/compatibility.md` is made. The empty and the
default forms of these members are accepted and answered as AWS does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stoker.errors import InvalidParameterValueException

SEE = "See docs/compatibility.md."


@dataclass(frozen=True, slots=True)
class Unsupported:
    """`member` is a path with dots in an operation's input; `feature` is how an error names it.

    `is_asked_for` tells a value that needs the feature from one that does without it.
    """

    member: str
    feature: str
    is_asked_for: Callable[[Any], bool] = bool


def _is(value: str) -> Callable[[Any], bool]:
    return lambda given: bool(given == value)


UNSUPPORTED = (
    Unsupported("VpcConfig.Ipv6AllowedForDualStack", "VpcConfig with Ipv6AllowedForDualStack"),
    Unsupported("DurableConfig", "DurableConfig"),
    Unsupported("TenancyConfig", "TenancyConfig"),
    Unsupported("CapacityProviderConfig", "CapacityProviderConfig"),
    Unsupported("RuntimeConfig", "RuntimeConfig"),
    Unsupported("AcceleratorConfig", "AcceleratorConfig"),
    Unsupported("PublishTo", "PublishTo"),
    Unsupported("Code.S3ObjectStorageMode", "S3ObjectStorageMode REFERENCE", _is("REFERENCE")),
    Unsupported("Code.SourceKMSKeyArn", "SourceKMSKeyArn"),
    Unsupported("MasterRegion", "Lambda@Edge"),
)

# UpdateFunctionCode has the members of `Code` beside its own.
CODE_MEMBERS = frozenset(
    {"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode", "ImageUri", "SourceKMSKeyArn"}
)

SUPPORTED = frozenset(
    {
        "Architectures",
        "Code",
        "CodeSha256",
        "CodeSigningConfigArn",
        "DeadLetterConfig",
        "Description",
        "DryRun",
        "Environment",
        "EphemeralStorage",
        "FileSystemConfigs",
        "FunctionName",
        "FunctionVersion",
        "Handler",
        "KMSKeyArn",
        "ImageConfig",
        "Layers",
        "LoggingConfig",
        "Marker",
        "MaxItems",
        "MemorySize",
        "PackageType",
        "Publish",
        "RevisionId",
        "Role",
        "Runtime",
        "SnapStart",
        "Tags",
        "Timeout",
        "TracingConfig",
        "VpcConfig",
    }
)


def refuse_unsupported(members: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValueException if the request asks for something that Stoker does not have.

    Members that are in neither list, because AWS added them since, are refused like the others.
    """
    for unsupported in UNSUPPORTED:
        if unsupported.is_asked_for(_value(members, unsupported.member.split("."))):
            raise not_supported(unsupported.feature)
    listed = {unsupported.member for unsupported in UNSUPPORTED}
    for name, value in members.items():
        if value and name not in SUPPORTED and name not in listed:
            raise not_supported(name)


def not_supported(feature: str) -> InvalidParameterValueException:
    """The refusal of a feature, by name."""
    return InvalidParameterValueException(f"Stoker does not support {feature} yet. {SEE}")


def with_code(members: Mapping[str, Any]) -> dict[str, Any]:
    """The input of UpdateFunctionCode, with its code where CreateFunction has it."""
    code = {name: value for name, value in members.items() if name in CODE_MEMBERS}
    return {"Code": code, **{name: value for name, value in members.items() if name not in CODE_MEMBERS}}


def _value(members: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(members, Mapping):
            return None
        members = members.get(name)
    return members
