"""Pure rules: paths and resources, JSON paths, patches, gateway responses, periods of quotas, escaping."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.rest_apis.errors import BadRequestError, RequestRefusedError
from stoker.rest_apis.gateway_responses import DEFAULTS, refusal
from stoker.rest_apis.json_paths import JsonPathError, find
from stoker.rest_apis.matching import Router
from stoker.rest_apis.patches import operations, patched, paths
from stoker.rest_apis.records import GatewayResponse, Quota, RestApi
from stoker.rest_apis.template_values import escape_javascript
from stoker.rest_apis.usage import first_of_period, used_in_period

ROUTES = Router(
    (path, path)
    for path in (
        "/",
        "/pets",
        "/pets/{id}",
        "/pets/{id}/toys",
        "/pets/all/{kind}",
        "/pets/all/special",
        "/files/{path+}",
        "/files/readme",
        "/x/{a}/y",
        "/{proxy+}",
    )
)


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("", "/", {}),
        ("/pets", "/pets", {}),
        ("/pets/", "/pets", {}),
        ("/pe%74s", "/pets", {}),
        ("/pets/7", "/pets/{id}", {"id": "7"}),
        ("/pets/a%2Fb", "/pets/{id}", {"id": "a%2Fb"}),
        ("/pets/7/toys", "/pets/{id}/toys", {"id": "7"}),
        ("/pets/all", "/pets/{id}", {"id": "all"}),
        ("/pets/all/toys", "/pets/all/{kind}", {"kind": "toys"}),
        ("/pets/all/special", "/pets/all/special", {}),
        ("/pets/7/other", "/{proxy+}", {"proxy": "pets/7/other"}),
        ("/files/readme", "/files/readme", {}),
        ("/files/readme/x", "/files/{path+}", {"path": "readme/x"}),
        ("/files", "/{proxy+}", {"proxy": "files"}),
        ("/x/1/y", "/x/{a}/y", {"a": "1"}),
        ("/x/1/z", "/{proxy+}", {"proxy": "x/1/z"}),
        ("/x//y", "/{proxy+}", {"proxy": "x//y"}),
    ],
)
def test_the_most_special_resource_is_found(path: str, resource: str, parameters: dict[str, str]) -> None:
    assert ROUTES.find(path) == (resource, parameters)


def test_without_a_proxy_nothing_is_found() -> None:
    assert Router([("/a/{b}", 1)]).find("/a/b/c") is None


DOCUMENT = {"a": {"b": [1, {"c": "x"}, {"c": "y"}], "d e": None}, "c": 3}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", DOCUMENT),
        ("$.c", 3),
        ("c", 3),
        ("$.a.b[1].c", "x"),
        ("$['a'][\"b\"][0]", 1),
        ("$.a.b[-1].c", "y"),
        ("$.a['d e']", None),
        ("$.a.b[*].c", ["x", "y"]),
        ("$..c", [3, "x", "y"]),
        ("$.a.*", [[1, {"c": "x"}, {"c": "y"}], None]),
        ("$.nothing.there", None),
        ("$.c.d", None),
        ("$.a.b[9]", None),
        ("$.nothing[*]", []),
    ],
)
def test_a_json_path_finds(path: str, expected: Any) -> None:
    assert find(DOCUMENT, path) == expected


@pytest.mark.parametrize("path", ["$.a[?(@.b)]", "$.a[1:2]", "$.", "$[", "$.a b", "$a"])
def test_a_path_with_more_than_that_is_refused(path: str) -> None:
    with pytest.raises(JsonPathError):
        find(DOCUMENT, path)


API = RestApi(id="x", name="n", created_date=0.0, root_resource_id="r", binary_media_types=["a/b"], tags={"k": "v"})
ALLOWED = paths("name disableExecuteApiEndpoint endpointConfiguration/x", maps="tags", lists="binaryMediaTypes")


def change(op: str, path: str, value: str | None = None) -> RestApi:
    return patched(API, operations([{"op": op, "path": path, "value": value}]), ALLOWED)


def test_patches_change_members_entries_and_items() -> None:
    assert change("replace", "/name", "m").name == "m"
    assert change("replace", "/disableExecuteApiEndpoint", "true").disable_execute_api_endpoint is True
    assert change("replace", "/endpointConfiguration/x", "1").endpoint_configuration == {"types": ["EDGE"], "x": "1"}
    assert change("add", "/tags/a~1b~0c", "1").tags == {"k": "v", "a/b~c": "1"}
    assert change("remove", "/tags/k").tags == {}
    assert change("add", "/binaryMediaTypes/c~1d").binary_media_types == ["a/b", "c/d"]
    assert change("add", "/binaryMediaTypes", "c/d").binary_media_types == ["a/b", "c/d"]
    assert change("replace", "/binaryMediaTypes/a~1b", "c/d").binary_media_types == ["c/d"]
    assert change("remove", "/binaryMediaTypes/a~1b").binary_media_types == []
    assert API.name == "n"


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("move", "/name", "x"),
        ("replace", "/nothing", "x"),
        ("replace", "/tags", "x"),
        ("replace", "/tags/a/b", "x"),
        ("remove", "/tags/nothing", None),
        ("remove", "/name", None),
        ("replace", "/disableExecuteApiEndpoint", "perhaps"),
        ("replace", "", "x"),
    ],
)
def test_what_cannot_be_patched_is_refused(op: str, path: str, value: str | None) -> None:
    with pytest.raises(BadRequestError):
        change(op, path, value)


@given(st.text(max_size=20), st.text(max_size=10))
def test_any_name_of_an_entry_can_be_written_as_a_path(name: str, value: str) -> None:
    path = "/tags/" + name.replace("~", "~0").replace("/", "~1")
    assert change("add", path, value).tags == {"k": "v", name: value}


@pytest.mark.parametrize("kind", sorted(set(DEFAULTS) - {"DEFAULT_4XX", "DEFAULT_5XX"}))
def test_every_refusal_has_a_status_and_an_error_type(kind: str) -> None:
    answer = refusal(RequestRefusedError(kind), {}, lambda _: None)
    assert answer.status == DEFAULTS[kind].status
    assert answer.headers["x-amzn-ErrorType"] == DEFAULTS[kind].error_type


def test_a_gateway_response_puts_variables_in_and_nothing_else() -> None:
    template = "$context.error.message|${context.requestId}|$stageVariables.a|$context.nothing|#if(1)x#end|$other|$5."
    own = {
        "THROTTLED": GatewayResponse(
            response_type="THROTTLED",
            status_code="503",
            response_parameters={
                "gatewayresponse.header.Retry-After": "'1'",
                "gatewayresponse.header.X-A": "stageVariables.a",
                "gatewayresponse.header.X-None": "context.nothing",
            },
            response_templates={"text/plain": template},
        )
    }
    variables = {"context.requestId": "id", "stageVariables.a": "v"}
    answer = refusal(RequestRefusedError("THROTTLED"), own, variables.get)
    assert (answer.status, answer.body) == (503, b"Too Many Requests|id|v||#if(1)x#end|$other|$5.")
    assert answer.headers == {
        "content-type": "text/plain",
        "x-amzn-ErrorType": "TooManyRequestsException",
        "retry-after": "1",
        "x-a": "v",
    }


@pytest.mark.parametrize(
    ("period", "offset", "day", "first"),
    [
        ("DAY", 0, date(2026, 3, 4), date(2026, 3, 4)),
        # A Wednesday: its week began on Sunday.
        ("WEEK", 0, date(2026, 3, 4), date(2026, 3, 1)),
        ("WEEK", 0, date(2026, 3, 1), date(2026, 3, 1)),
        ("WEEK", 3, date(2026, 3, 4), date(2026, 3, 4)),
        ("WEEK", 4, date(2026, 3, 4), date(2026, 2, 26)),
        ("MONTH", 0, date(2026, 3, 31), date(2026, 3, 1)),
        ("MONTH", 9, date(2026, 3, 10), date(2026, 3, 10)),
        ("MONTH", 9, date(2026, 3, 9), date(2026, 2, 10)),
        ("MONTH", 27, date(2026, 3, 1), date(2026, 2, 28)),
        ("MONTH", 0, date(2026, 1, 1), date(2026, 1, 1)),
        ("MONTH", 5, date(2026, 1, 1), date(2025, 12, 6)),
    ],
)
def test_a_period_begins_where_its_plan_says(period: str, offset: int, day: date, first: date) -> None:
    quota = Quota(limit=10, period=period, offset=offset)
    assert first_of_period(quota, day) == first
    assert used_in_period({first: 2, day: 3} if first != day else {day: 5}, quota, day) == 5


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("it's", "it\\'s"),
        ('"a"/\\', '\\"a\\"\\/\\\\'),
        ("a\n\t\x01", "a\\n\\t\\u0001"),
        ("é😀", "\\u00E9\\uD83D\\uDE00"),
    ],
)
def test_text_is_escaped_as_java_does(text: str, escaped: str) -> None:
    assert escape_javascript(text) == escaped
