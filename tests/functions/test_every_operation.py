"""For every operation: any input that keeps the model's rules is answered as the model says; any that breaks one is
refused in the words of that rule.

Invocations are tested where there are environments.
"""

import asyncio
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoker.lambda_model.recorded import (
    ENUMS_CHECKED_LATER,
    MAXIMUMS,
    NAMESPACED,
    NAMESPACED_LENGTH_MAX,
    NAMESPACED_LENGTHS_MAX,
    UNBOUNDED,
    maxima_of,
)
from stoker.limits import Limits
from tests.functions.constrained_values import broken, structures
from tests.functions.node import APP, ARN, ROLE, running_node
from tests.functions.wire import MODEL, WireNode, operation_model

LAYER = "arn:aws:lambda:eu-west-1:000000000000:layer:l"
QUEUE = "arn:aws:sqs:eu-west-1:000000000000:q"
PROFILE = "arn:aws:signer:eu-west-1:000000000000:/signing-profiles/p/0123456789"
# What is there, so that not every call misses; the rest is drawn from the model.
EXAMPLES: dict[str, list[Any]] = {
    "FunctionName": ["f", "f", f"{ARN}f", "000000000000:function:f", "f:1", "f:live", "unknown"],
    "Qualifier": ["$LATEST", "1", "live", "9"],
    "Name": ["live", "new"],
    "FunctionVersion": ["1", "$LATEST"],
    "Role": [ROLE],
    "Runtime": ["provided.al2023"],
    "Handler": ["h"],
    "Code": [{"ZipFile": APP}, {"ZipFile": b"no zip"}, {"S3Bucket": "bucket", "S3Key": "key"}, {}],
    "ZipFile": [APP, b"", b"no zip"],
    "Content": [{"ZipFile": APP}, {"ZipFile": b"no zip"}, {}],
    "Layers": [[f"{LAYER}:1"], [], [f"{LAYER}:2"]],
    "Timeout": [1, 900],
    "MemorySize": [128, 10_240],
    "LayerName": ["l", LAYER, "unknown"],
    "VersionNumber": [1, 2, 0],
    "Arn": [f"{LAYER}:1", f"{LAYER}:2"],
    "StatementId": ["s"],
    "Principal": ["*", "000000000000", "s3.amazonaws.com"],
    "Resource": [f"{ARN}f", f"{ARN}unknown"],
    "TagKeys": [["a"], ["b"]],
    "EventSourceArn": [QUEUE],
    "Enabled": [False],
    "AllowedPublishers": [{"SigningProfileVersionArns": [PROFILE]}],
    # The last one nests deeper than a parser can follow.
    "Marker": ["", "W10=", "WzFd", "WyJmIiwgMF0=", "no marker", "W1t7fV1d", "W1tb" * 3000],
}
# For calls that break one rule: all others are kept by these.
SIMPLEST: dict[str, Any] = {
    **{name: examples[0] for name, examples in EXAMPLES.items()},
    "Tags": {"a": "b"},
    "AuthType": "NONE",
    "UpdateRuntimeOn": "Auto",
    "RecursiveLoop": "Allow",
    "Qualifier": "live",
    "ReservedConcurrentExecutions": 1,
    "ProvisionedConcurrentExecutions": 1,
    "CodeSigningConfigArn": "arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-0123456789abcdef0",
    "UUID": "01234567-89ab-cdef-0123-456789abcdef",
}
OPERATIONS = [
    name
    for name in MODEL.operation_names
    if "Invoke" not in name.replace("EventInvoke", "") and "Durable" not in name and "CapacityProvider" not in name
]


@dataclass(frozen=True, slots=True)
class World:
    """A node with one of everything, in an event loop of its own, that lives through all examples."""

    runner: asyncio.Runner
    wire: WireNode
    examples: dict[str, list[Any]]

    def call(self, operation: str, members: dict[str, Any]) -> Any:
        return self.runner.run(self.wire.call(operation, **members))

    def restore(self) -> None:
        """What an example may have deleted."""
        if self.call("GetFunction", {"FunctionName": "f"}).status == 404:
            code = {"Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Code": {"ZipFile": APP}}
            self.call("CreateFunction", {"FunctionName": "f", "Publish": True, **code})


class _Errors(logging.Handler):
    """What the node thinks is wrong with itself."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@asynccontextmanager
async def _populated(data: Path) -> AsyncIterator[tuple[WireNode, dict[str, list[Any]]]]:
    async with running_node(data) as node:
        await node.create("f", Publish=True)
        await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
        await node.call("PublishLayerVersion", LayerName="l", Content={"ZipFile": APP})
        signing = await node.call("CreateCodeSigningConfig", AllowedPublishers=SIMPLEST["AllowedPublishers"])
        mapping = await node.call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=QUEUE, Enabled=False)
        made = {
            "CodeSigningConfigArn": [signing["CodeSigningConfig"]["CodeSigningConfigArn"]],
            "UUID": [mapping["UUID"]],
        }
        yield WireNode(node), {**EXAMPLES, **made}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    errors = _Errors()
    logging.getLogger("stoker").addHandler(errors)
    with tempfile.TemporaryDirectory() as data, asyncio.Runner() as runner:
        populated = _populated(Path(data))
        yield World(runner, *runner.run(populated.__aenter__()))
        runner.run(populated.__aexit__(None, None, None))
    logging.getLogger("stoker").removeHandler(errors)
    assert errors.texts == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_input_that_keeps_the_rules_is_answered_as_the_model_says(operation: str, world: World) -> None:
    shape = operation_model(operation).input_shape

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.just({}) if shape is None else structures(shape, world.examples))
    def ask(members: dict[str, Any]) -> None:
        answer = world.call(operation, members)  # looks at the answer itself
        assert answer.status < 500, answer.body
        if answer.status >= 400:
            assert answer.error[2] != ""
        world.restore()

    ask()


@dataclass(frozen=True, slots=True)
class Violation:
    """A call that breaks one rule, at `path`; `words` are AWS's for that rule."""

    operation: str
    members: dict[str, Any]
    path: str
    words: str


def violations() -> Iterator[Violation]:
    """One for each rule of each member of each operation."""
    for operation in OPERATIONS:
        shape = operation_model(operation).input_shape
        for name, member in shape.members.items() if shape is not None else ():
            if name in ENUMS_CHECKED_LATER.get(operation, ()):
                continue  # refused in other words: reference, control plane, 1.1
            lines = broken(member, f"{name[:1].lower()}{name[1:]}", SIMPLEST)
            if name in shape.required_members and member.serialization.get("location") != "uri":
                lines.append((None, f"{name[:1].lower()}{name[1:]}", "Member must not be null", member.name))
            for value, path, words, broken_shape in lines:
                if broken_shape in UNBOUNDED:
                    continue
                members = {**{other: _simplest(operation, other) for other in shape.required_members}, name: value}
                given = {key: value for key, value in members.items() if value is not None}
                yield Violation(operation, given, path, _recorded(operation, broken_shape, words))


def _simplest(operation: str, name: str) -> Any:
    if name == "Action":
        return "lambda:GetLayerVersion" if "Layer" in operation else "lambda:InvokeFunction"
    return SIMPLEST[name]


def _recorded(operation: str, shape: str, words: str) -> str:
    """reference: control plane, 2, 4.1 and 15: some maximums are not what releases of the model say"""
    most = {**MAXIMUMS, **maxima_of(Limits())}.get(shape)
    if shape == NAMESPACED:
        most = NAMESPACED_LENGTHS_MAX.get(operation, NAMESPACED_LENGTH_MAX)
    return words if most is None else re.sub(r"(less than or equal to) \d+", rf"\1 {most}", words)


def test_each_broken_rule_of_each_operation_is_refused_in_the_words_of_that_rule(world: World) -> None:
    """reference: control plane, 1.1"""
    all_violations = list(violations())
    wrong = []
    for violation in all_violations:
        answer = world.call(violation.operation, violation.members)
        text = str(answer.document.get("message"))
        is_told = f"at '{violation.path}' failed to satisfy constraint: " in text and violation.words in text
        is_a_validation_exception = answer.error[:2] == (400, "ValidationException") if answer.status >= 400 else False
        if not (is_told and is_a_validation_exception and answer.document.keys() == {"message"}):
            wrong.append((violation, answer))
    assert wrong == []
    assert len(all_violations) > 400
