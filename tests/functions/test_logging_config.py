"""How LoggingConfig merges (reference: control plane, 4.1)."""

from typing import Any

import pytest

from stoker.functions.requested_configuration import LEVEL_WITH_TEXT
from tests.functions.node import Node
from tests.functions.test_create import BASIC

GROUP = "/aws/lambda/f"
JSON = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": GROUP}


@pytest.mark.parametrize(
    ("first", "then", "result"),
    [
        ({"LogFormat": "JSON"}, None, JSON),
        ({"LogFormat": "JSON", "ApplicationLogLevel": "TRACE"}, None, {**JSON, "ApplicationLogLevel": "TRACE"}),
        (
            {"LogFormat": "JSON", "ApplicationLogLevel": "ERROR"},
            {"SystemLogLevel": "WARN"},
            {**JSON, "ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN"},
        ),
        ({"LogFormat": "JSON"}, {"LogGroup": "own"}, {**JSON, "LogGroup": "own"}),
        (
            {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "own"},
            {"LogFormat": "Text"},
            {"LogFormat": "Text", "LogGroup": "own"},
        ),
        (
            {"LogGroup": "own"},
            {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"},
            {**JSON, "SystemLogLevel": "DEBUG", "LogGroup": "own"},
        ),
    ],
)
async def test_the_last_word_on_each_member_counts(
    first: dict[str, Any], then: dict[str, Any] | None, result: dict[str, Any], node: Node
) -> None:
    shown = await node.create(LoggingConfig=first)
    if then is not None:
        shown = await node.call("UpdateFunctionConfiguration", FunctionName="f", LoggingConfig=then)
    assert shown["LoggingConfig"] == result


@pytest.mark.parametrize(
    "config", [{"ApplicationLogLevel": "INFO"}, {"LogFormat": "Text", "SystemLogLevel": "WARN"}], ids=str
)
async def test_text_has_no_levels(config: dict[str, Any], node: Node) -> None:
    expected = ("InvalidParameterValueException", LEVEL_WITH_TEXT)
    assert await node.refusal("CreateFunction", **(BASIC | {"LoggingConfig": config})) == expected
