"""Amazon API Gateway Developer Guide, "Customize HTTP API access logs"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.gateways.access_logs import log_group_of, render
from stoker.logs.records import LogGroupName


def test_variables_are_put_in_and_what_has_no_value_is_a_hyphen() -> None:
    form = '$context.identity.sourceIp - "$context.httpMethod $context.path" $context.status $context.none.'
    variables = {"identity.sourceIp": "1.2.3.4", "httpMethod": "GET", "path": '/"a\\', "status": 200, "none": None}
    assert render(form, variables) == '1.2.3.4 - "GET /"a\\" 200 -.'


def test_a_text_that_is_quoted_already_stays() -> None:
    form = '{"error": $context.error.messageString}'
    assert render(form, {"error.messageString": '"a \\"b\\""'}) == '{"error": "a \\"b\\""}'


@given(st.text())
def test_whatever_a_client_sends_is_one_line_and_one_text_of_json(agent: str) -> None:
    line = render('{"agent": "$context.agent", "more": "x"}', {"agent": agent})
    assert json.loads(line) == {"agent": agent, "more": "x"}
    assert "\n" not in render("$context.agent", {"agent": agent})
    assert "\r" not in render("$context.agent", {"agent": agent})


def test_a_destination_is_a_log_group() -> None:
    arn = "arn:aws:logs:eu-west-1:000000000000:log-group:/a/b"
    assert log_group_of(arn) == log_group_of(f"{arn}:*") == LogGroupName("000000000000", "eu-west-1", "/a/b")
    for wrong in ("", "arn:aws:firehose:a:b:c", "arn:aws:logs:a:b:log-group:", f"{arn}:log-stream:x"):
        with pytest.raises(ValueError, match="log group"):
            log_group_of(wrong)
