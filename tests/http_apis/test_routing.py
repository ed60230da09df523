"""Amazon API Gateway Developer Guide, "Create routes for HTTP APIs"."""

import pytest

from stoker.http_apis.routing import Router

# The guide's own example, and what it says of it.
ROUTES = ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"]


def router(*keys: str) -> Router[str]:
    split = [key.split(" ", 1) if " " in key else [key, key] for key in keys]
    return Router((method, path, key) for (method, path), key in zip(split, keys, strict=True))


@pytest.mark.parametrize(
    ("method", "path", "expected", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        ("POST", "/pets/dog/1", "ANY /{proxy+}", {"proxy": "pets/dog/1"}),
        ("GET", "/", "$default", {}),
        ("GET", "/pets/a%2Fb%20c/d", "GET /pets/{proxy+}", {"proxy": "a/b c/d"}),
        ("GET", "/pets/dog/a%2Fb", "GET /pets/dog/{id}", {"id": "a/b"}),
    ],
)
def test_the_most_specific_route_is_chosen(method: str, path: str, expected: str, parameters: dict[str, str]) -> None:
    found = router(*ROUTES).find(method, path)
    assert found is not None
    assert (found.route, found.path_parameters) == (expected, parameters)


@pytest.mark.parametrize(
    ("keys", "method", "path", "expected"),
    [
        # A full match goes before a greedy one, even if that shares more of the path.
        (["GET /a/{proxy+}", "GET /{x}/b"], "GET", "/a/b", "GET /{x}/b"),
        (["ANY /a", "GET /a"], "GET", "/a", "GET /a"),
        (["ANY /a", "GET /a"], "PUT", "/a", "ANY /a"),
        # A route that matches with another method only stands in nobody's way.
        (["PUT /a/b", "GET /a/{x}"], "GET", "/a/b", "GET /a/{x}"),
        (["GET /{proxy+}", "GET /a/{proxy+}"], "GET", "/a/b/c", "GET /a/{proxy+}"),
        (["GET /a"], "GET", "/a/", None),
        (["GET /a/{x}"], "GET", "/a/", None),
        (["GET /a/{proxy+}"], "GET", "/a/", None),
        (["GET /a/{proxy+}"], "GET", "/a", None),
        (["GET /"], "GET", "/", "GET /"),
        (["GET /a b"], "GET", "/a%20b", "GET /a b"),
        ([], "GET", "/", None),
    ],
)
def test_routes_in_each_others_way(keys: list[str], method: str, path: str, expected: str | None) -> None:
    found = router(*keys).find(method, path)
    assert (None if found is None else found.route) == expected
