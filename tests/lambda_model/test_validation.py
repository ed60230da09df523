"""AWS's wording of broken constraints, counts and order. Each case names where it was recorded or documented."""

from typing import Any

import pytest

from stoker.errors import InvalidParameterValueException, ValidationException
from stoker.lambda_model.constraints import java_pattern
from stoker.lambda_model.recorded import RUNTIMES, refuse_by_other_names
from stoker.lambda_model.service import ServiceModel

NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
)
CREATE_PATTERN = NAME_PATTERN + r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
INVOKE_PATTERN = NAME_PATTERN + r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
UNQUALIFIED_PATTERN = NAME_PATTERN.replace("(eusc-)?", "") + "([a-zA-Z0-9-_]+)"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:l"
LAYER_VERSION_PATTERN = r"arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+"
QUALIFIER_PATTERN = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
ROLE_PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
ROLE = "arn:aws:iam::123456789012:role/r"
CREATE = {"FunctionName": "f", "Role": ROLE, "Code": {}}
LAYER_VERSION = {"LayerName": "l", "Content": {}}
WEIGHTS = "routingConfig.additionalVersionWeights"


def pattern(value: str, member: str, expected: str) -> str:
    return (
        f"Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {expected}"
    )


def message_of(model: ServiceModel, operation: str, members: dict[str, Any]) -> str:
    with pytest.raises(ValidationException) as caught:
        model.operations[operation].validate(members)
    assert caught.value.message is not None
    return caught.value.message


ONE = "1 validation error detected: "
CASES = [
    # control plane, 1.1: nulls are not quoted
    (
        "UntagResource",
        {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"},
        f"{ONE}Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
    ),
    # control plane, 2: the patterns of each family of operations
    ("CreateFunction", {**CREATE, "FunctionName": "a.b"}, ONE + pattern("a.b", "functionName", CREATE_PATTERN)),
    ("GetFunction", {"FunctionName": "a*b"}, ONE + pattern("a*b", "functionName", INVOKE_PATTERN)),
    ("Invoke", {"FunctionName": "a*b"}, ONE + pattern("a*b", "functionName", INVOKE_PATTERN)),
    ("DeleteFunction", {"FunctionName": "a*b"}, ONE + pattern("a*b", "functionName", INVOKE_PATTERN)),
    # control plane, 2: Get, Invoke and Delete report the pattern alone, after the qualifier
    ("Invoke", {"FunctionName": "*" * 300}, ONE + pattern("*" * 300, "functionName", INVOKE_PATTERN)),
    (
        "GetFunction",
        {"FunctionName": "a*b", "Qualifier": "?"},
        "2 validation errors detected: "
        + pattern("?", "qualifier", QUALIFIER_PATTERN)
        + "; "
        + pattern("a*b", "functionName", INVOKE_PATTERN),
    ),
    # control plane, 2: Create accumulates
    (
        "CreateFunction",
        {**CREATE, "FunctionName": "*" * 141},
        "2 validation errors detected: "
        + pattern("*" * 141, "functionName", CREATE_PATTERN)
        + f"; Value '{'*' * 141}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 140",
    ),
    # control plane, 4.1: role and architectures
    ("CreateFunction", {**CREATE, "Role": "r"}, ONE + pattern("r", "role", ROLE_PATTERN)),
    (
        "CreateFunction",
        {**CREATE, "Architectures": ["x86_64", "arm64"]},
        f"{ONE}Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: "
        "Member must have length less than or equal to 1",
    ),
    (
        "CreateFunction",
        {**CREATE, "Architectures": ["mips"]},
        f"{ONE}Value '[mips]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
    ),
    # control plane, 1.1: enum sets in AWS's order, nested paths in lower camel case
    (
        "CreateFunction",
        {**CREATE, "SnapStart": {"ApplyOn": "Always"}},
        f"{ONE}Value 'Always' at 'snapStart.applyOn' failed to satisfy constraint: "
        "Member must satisfy enum value set: [PublishedVersions, None]",
    ),
    (
        "CreateFunctionUrlConfig",
        {"FunctionName": "f", "AuthType": "NONE", "InvokeMode": "x"},
        f"{ONE}Value 'x' at 'invokeMode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]",
    ),
    (
        "PutFunctionRecursionConfig",
        {"FunctionName": "f", "RecursiveLoop": "x"},
        f"{ONE}Value 'x' at 'recursiveLoop' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Terminate, Allow]",
    ),
    (
        "CreateEventSourceMapping",
        {"FunctionName": "f", "StartingPosition": "x"},
        f"{ONE}Value 'x' at 'startingPosition' failed to satisfy constraint: "
        "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
    ),
    (
        "ListFunctions",
        {"FunctionVersion": "x"},
        f"{ONE}Value 'x' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]",
    ),
    (
        "CreateFunction",
        {**CREATE, "VpcConfig": {"SecurityGroupIds": ["sg-1"] * 6}},
        f"{ONE}Value '[sg-1, sg-1, sg-1, sg-1, sg-1, sg-1]' at 'vpcConfig.securityGroupIds' failed to satisfy "
        "constraint: Member must have length less than or equal to 5",
    ),
    # control plane, 1.1: numbers
    (
        "PutFunctionEventInvokeConfig",
        {"FunctionName": "f", "MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 59},
        "2 validation errors detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must "
        "have value less than or equal to 2; Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: "
        "Member must have value greater than or equal to 60",
    ),
    (
        "ListFunctions",
        {"MaxItems": 10_001},
        f"{ONE}Value '10001' at 'maxItems' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000",
    ),
    # control plane, 9: provisioned concurrency of nought
    (
        "PutProvisionedConcurrencyConfig",
        {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 0},
        f"{ONE}Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    ),
    # control plane, 5: weights and all-digit alias names
    (
        "CreateAlias",
        {
            "FunctionName": "f",
            "Name": "a",
            "FunctionVersion": "1",
            "RoutingConfig": {"AdditionalVersionWeights": {"2": 2.0}},
        },
        f"{ONE}Value '{{2=2.0}}' at '{WEIGHTS}' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, "
        "Member must not be null]",
    ),
    (
        "CreateAlias",
        {
            "FunctionName": "f",
            "Name": "a",
            "FunctionVersion": "1",
            "RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}},
        },
        f"{ONE}Value '{{$LATEST=0.5}}' at '{WEIGHTS}' failed to satisfy constraint: Map keys must satisfy constraint: "
        "[Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, "
        "Member must satisfy regular expression pattern: [0-9]+, Member must not be null]",
    ),
    (
        "CreateAlias",
        {"FunctionName": "f", "Name": "12", "FunctionVersion": "1"},
        ONE + pattern("12", "name", "(?!^[0-9]+$)([a-zA-Z0-9-_]+)"),
    ),
    # control plane, 8: layer permissions
    (
        "AddLayerVersionPermission",
        {
            "LayerName": "l",
            "VersionNumber": 1,
            "StatementId": "s",
            "Action": "lambda:*",
            "Principal": "*",
        },
        ONE + pattern("lambda:*", "action", "lambda:GetLayerVersion"),
    ),
    # environment variables are secret: the value is not repeated
    (
        "CreateFunction",
        {**CREATE, "Environment": {"Variables": {"_A": "hunter2"}}},
        f"{ONE}Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: "
        "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
    ),
    # control plane, 2: the longest names, of Delete and of others
    (
        "DeleteFunction",
        {"FunctionName": "f" * 141},
        f"{ONE}Value '{'f' * 141}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 140",
    ),
    (
        "GetFunction",
        {"FunctionName": "f" * 171},
        f"{ONE}Value '{'f' * 171}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 170",
    ),
    # control plane, 13 and 15: unqualified names only
    ("GetFunctionRecursionConfig", {"FunctionName": "f:1"}, ONE + pattern("f:1", "functionName", UNQUALIFIED_PATTERN)),
    # control plane, 4.1, 8 and 15: layer versions without a number
    ("GetLayerVersionByArn", {"Arn": LAYER}, ONE + pattern(LAYER, "arn", LAYER_VERSION_PATTERN)),
    (
        "UpdateFunctionConfiguration",
        {"FunctionName": "f", "Layers": [LAYER]},
        f"{ONE}Value '[{LAYER}]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: [Member "
        "must have length less than or equal to 140, Member must have length greater than or equal to 1, Member must "
        f"satisfy regular expression pattern: {LAYER_VERSION_PATTERN}, Member must not be null]",
    ),
    # what is missing inside a structure in a list
    (
        "CreateFunction",
        {**CREATE, "FileSystemConfigs": [{"LocalMountPath": "/mnt/x"}]},
        f"{ONE}Value null at 'fileSystemConfigs.1.member.arn' failed to satisfy constraint: Member must not be null",
    ),
    (
        "CreateFunction",
        {},
        "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be "
        "null; Value null at 'role' failed to satisfy constraint: Member must not be null; Value null at 'code' failed "
        "to satisfy constraint: Member must not be null",
    ),
]


@pytest.mark.parametrize(("operation", "members", "expected"), CASES)
def test_a_broken_constraint_is_told_as_aws_tells_it(
    model: ServiceModel, operation: str, members: dict[str, Any], expected: str
) -> None:
    assert message_of(model, operation, members) == expected


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("CreateFunction", CREATE),
        ("CreateFunction", {**CREATE, "FunctionName": "function:f", "KMSKeyArn": "", "Tags": {"Größe é": "ok/ +-@"}}),
        ("GetFunction", {"FunctionName": "a.b", "Qualifier": "$LATEST.PUBLISHED"}),
        ("GetFunction", {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"}),
        ("Invoke", {"FunctionName": "123456789012:function:f:live", "Qualifier": "a$b"}),
        ("CreateAlias", {"FunctionName": "f", "Name": "2024-01-02", "FunctionVersion": "$LATEST"}),
        (
            "PutFunctionEventInvokeConfig",
            {"FunctionName": "f", "DestinationConfig": {"OnFailure": {"Destination": ""}}},
        ),
        ("CreateFunctionUrlConfig", {"FunctionName": "f", "AuthType": "NONE", "Qualifier": "v1"}),
    ],
)
def test_what_aws_accepts_is_accepted(model: ServiceModel, operation: str, members: dict[str, Any]) -> None:
    model.operations[operation].validate(members)


@pytest.mark.parametrize(
    ("operation", "member", "value"),
    [
        ("CreateFunctionUrlConfig", "Qualifier", "1"),
        ("CreateFunctionUrlConfig", "Qualifier", "$LATEST"),
        ("GetFunction", "FunctionName", "f\n"),
        ("GetFunction", "FunctionName", ""),
        ("GetFunction", "FunctionName", "f٣*"),
        ("TagResource", "Tags", {"no*star": "x"}),
    ],
)
def test_what_aws_refuses_is_refused(model: ServiceModel, operation: str, member: str, value: Any) -> None:
    members = {"FunctionName": "f", "AuthType": "NONE", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    assert "failed to satisfy constraint" in message_of(model, operation, {**members, member: value})


def test_the_runtimes_of_layers_are_listed_as_aws_lists_them(model: ServiceModel) -> None:
    """reference: control plane, 1.1, which knows the beginning"""
    beginning = "Member must satisfy enum value set: [ruby3.5, ruby2.6, dotnetcore1.0, python3.7, "
    assert beginning in message_of(model, "ListLayers", {"CompatibleRuntime": "x"})
    assert beginning in message_of(model, "PublishLayerVersion", {**LAYER_VERSION, "CompatibleRuntimes": ["x"]})
    model.operations["ListLayers"].validate({"CompatibleRuntime": "ruby3.5"})


def test_an_arn_with_the_longest_name_and_alias_is_accepted(model: ServiceModel) -> None:
    """reference: control plane, 2: 256 characters in the model"""
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{'f' * 64}:{'a' * 128}"
    for operation in ("GetFunction", "DeleteFunction"):
        model.operations[operation].validate({"FunctionName": arn})


def test_length_is_counted_as_java_counts_it(model: ServiceModel) -> None:
    model.operations["CreateFunction"].validate({**CREATE, "Description": "x" * 256})
    assert "less than or equal to 256" in message_of(model, "CreateFunction", {**CREATE, "Description": "😀" * 129})


def test_a_huge_text_costs_no_pattern(model: ServiceModel) -> None:
    """Such a pattern takes quadratic time; the test's own time limit would notice."""
    endpoint = "a" * 3_000_000
    message = message_of(
        model,
        "CreateEventSourceMapping",
        {"FunctionName": "f", "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [endpoint]}}},
    )
    assert "Member must have length less than or equal to 300" in message


def test_a_hundred_thousand_bad_entries_are_not_all_listed(model: ServiceModel) -> None:
    members = {**CREATE, "FileSystemConfigs": [{}] * 100_000}
    message = message_of(model, "CreateFunction", members)
    assert message.startswith("100 validation errors detected: ")


def test_a_bare_name_over_64_characters_has_another_error_code() -> None:
    """reference: control plane, 1.1"""
    with pytest.raises(InvalidParameterValueException) as caught:
        refuse_by_other_names("CreateFunction", {"FunctionName": "f" * 65}, RUNTIMES)
    assert caught.value.message == (
        f"1 validation error detected: Value '{'f' * 65}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64"
    )
    refuse_by_other_names("CreateFunction", {"FunctionName": "f" * 64}, RUNTIMES)
    refuse_by_other_names("GetFunction", {"FunctionName": "f" * 65}, RUNTIMES)


def test_an_unknown_runtime_is_refused_in_its_own_words(model: ServiceModel) -> None:
    """reference: control plane, 1.1 and 4.1"""
    members = {"FunctionName": "f", "Runtime": "cobol"}
    model.operations["UpdateFunctionConfiguration"].validate(members)
    with pytest.raises(InvalidParameterValueException) as caught:
        refuse_by_other_names("UpdateFunctionConfiguration", members, model.runtimes)
    assert caught.value.message == (
        "Value cobol at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        f"[{', '.join(RUNTIMES)}] or be a valid ARN"
    )
    refuse_by_other_names("UpdateFunctionConfiguration", {"FunctionName": "f", "Runtime": "python3.7"}, model.runtimes)


@pytest.mark.parametrize(
    ("java", "good", "bad"),
    [
        (r"\d+", "12", "٣"),
        (r"[^\s]+", "a\u00a0b", "a b"),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe ٣ x", "a*b"),
        (r"(|[a-z]+)", "", "A"),
        (r"[\w-_]*", "a-_1", "a b"),
        (r"\p{Print}+", "anything", None),
    ],
)
def test_a_pattern_of_javas_dialect_means_the_same_here(java: str, good: str, bad: str | None) -> None:
    matches = java_pattern(java).fullmatch
    assert matches(good) is not None
    assert bad is None or matches(bad) is None
