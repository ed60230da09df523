"""Amazon API Gateway Developer Guide, "Control access to HTTP APIs with JWT authorizers"."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.http_apis.conftest import ACCOUNT, ApiClient, Apis
from tests.http_apis.identity_provider import IdentityProvider, identity_provider
from tests.http_apis.test_stage_settings import read_lines
from tests.plain_http import Reply


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def guarded(apis: Apis, function: str, provider: IdentityProvider) -> ApiClient:
    """An API whose routes want a token: `/scoped` one with a scope; `/1` is of format 1.0."""
    api = apis.new()
    authorizer = authorizer_of(apis, api, provider.issuer)
    wanted = {"AuthorizationType": "JWT", "AuthorizerId": authorizer}
    target = apis.integration(api, function)
    apis.route(api, "GET /", target, **wanted)
    apis.route(api, "GET /scoped", target, **wanted, AuthorizationScopes=["read", "write"])
    apis.route(api, "GET /1", apis.integration(api, function, "1.0"), **wanted)
    return api


def authorizer_of(apis: Apis, api: ApiClient, issuer: str, **members: Any) -> str:
    made = apis.client.create_authorizer(
        **{
            "ApiId": api.id,
            "AuthorizerType": "JWT",
            "Name": "tokens",
            "IdentitySource": ["$request.header.Authorization"],
            "JwtConfiguration": {"Issuer": issuer, "Audience": ["me", "you"]},
            **members,
        }
    )
    return str(made["AuthorizerId"])


def asked(api: ApiClient, token: str | None, path: str = "/") -> Reply:
    return api.ask(path=path, headers={} if token is None else {"Authorization": f"Bearer {token}"})


def test_a_good_token_passes_and_the_function_hears_what_it_says(
    guarded: ApiClient, provider: IdentityProvider
) -> None:
    token = provider.token(groups=["a", "b"], admin=True, level=3)
    event = asked(guarded, token).document
    jwt = event["requestContext"]["authorizer"]["jwt"]
    assert {name: jwt["claims"][name] for name in ("sub", "groups", "admin", "level")} == {
        "sub": "somebody",
        "groups": "[a b]",
        "admin": "true",
        "level": "3",
    }
    assert jwt["claims"]["exp"].isdecimal()
    assert jwt["scopes"] is None
    authorizer = asked(guarded, token, "/1").document["requestContext"]["authorizer"]
    assert authorizer["claims"]["sub"] == "somebody"
    # Without the word Bearer it is a token, too.
    assert guarded.ask(headers={"Authorization": token}).status == 200


def test_a_token_of_an_audience_by_its_client_passes(guarded: ApiClient, provider: IdentityProvider) -> None:
    assert asked(guarded, provider.token(aud=None, client_id="you")).status == 200
    assert asked(guarded, provider.token(aud=["x", "me"])).status == 200


def test_without_a_token_nobody_passes(guarded: ApiClient) -> None:
    reply = asked(guarded, None)
    assert (reply.status, reply.document) == (401, {"message": "Unauthorized"})
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": int(time.time()) - 1}, "the token has expired"),
        ({"exp": None}, "expiration"),
        ({"nbf": int(time.time()) + 86_400}, "not valid yet"),
        ({"iat": int(time.time()) + 86_400}, "before issued"),
        ({"aud": "others"}, "valid audience"),
        ({"aud": None}, "valid audience"),
        ({"aud": "others", "client_id": "me"}, "valid audience"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"key_id": "two"}, "key"),
        ({"key": "secret" * 8, "algorithm": "HS256"}, "signing method HS256 is invalid"),
    ],
)
def test_a_bad_token_does_not_pass(
    guarded: ApiClient, provider: IdentityProvider, claims: dict[str, Any], why: str
) -> None:
    reply = asked(guarded, provider.token(**claims))
    assert (reply.status, reply.document) == (401, {"message": "Unauthorized"})
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]
    assert why in reply.headers["www-authenticate"]


def test_a_token_that_others_signed_or_changed_does_not_pass(guarded: ApiClient, provider: IdentityProvider) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert asked(guarded, provider.token(key=stranger)).status == 401
    head, claims, signature = provider.token().split(".")
    other_claims = provider.token(sub="root").split(".")[1]
    assert asked(guarded, f"{head}.{other_claims}.{signature}").status == 401
    assert asked(guarded, f"{head}.{claims}.").status == 401
    assert asked(guarded, "no token").status == 401
    assert asked(guarded, f"{head}.{claims}.{signature}").status == 200


def test_a_route_with_scopes_wants_one_of_them(guarded: ApiClient, provider: IdentityProvider) -> None:
    for claims in ({}, {"scope": "delete"}):
        reply = asked(guarded, provider.token(**claims), "/scoped")
        assert (reply.status, reply.document) == (403, {"message": "Forbidden"})
        assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]
    event = asked(guarded, provider.token(scope="write delete"), "/scoped").document
    assert event["requestContext"]["authorizer"]["jwt"]["scopes"] == ["write"]
    assert asked(guarded, provider.token(scp=["read"]), "/scoped").status == 200


def test_the_keys_of_an_issuer_are_kept(guarded: ApiClient, provider: IdentityProvider) -> None:
    assert asked(guarded, provider.token()).status == 200
    before = len(provider.asked)
    assert asked(guarded, provider.token()).status == 200
    assert len(provider.asked) == before


def test_an_issuer_that_cannot_be_asked_lets_nobody_pass(apis: Apis, function: str, provider: IdentityProvider) -> None:
    api = apis.new()
    issuer = "http://127.0.0.1:9/nobody"
    authorizer = authorizer_of(apis, api, issuer)
    apis.route(api, "$default", apis.integration(api, function), AuthorizationType="JWT", AuthorizerId=authorizer)
    reply = asked(api, provider.token(iss=issuer))
    assert reply.status == 401
    assert "OIDC discovery endpoint communication error" in reply.headers["www-authenticate"]


def test_a_token_may_be_in_the_query(apis: Apis, function: str, provider: IdentityProvider) -> None:
    api = apis.new()
    authorizer = authorizer_of(apis, api, provider.issuer, IdentitySource=["$request.querystring.token"])
    apis.route(api, "$default", apis.integration(api, function), AuthorizationType="JWT", AuthorizerId=authorizer)
    assert api.ask(path=f"/?token={provider.token()}").status == 200
    assert api.ask(path="/").status == 401


def test_what_a_token_says_is_in_the_access_log(
    apis: Apis, function: str, provider: IdentityProvider, logs_client: Any
) -> None:
    api, group = apis.new(), f"access-{uuid.uuid4().hex[:8]}"
    authorizer = authorizer_of(apis, api, provider.issuer)
    target = apis.integration(
        api, function, RequestParameters={"append:header.x-sub": "$context.authorizer.claims.sub"}
    )
    apis.route(api, "$default", target, AuthorizationType="JWT", AuthorizerId=authorizer)
    form = json.dumps({"who": "$context.authorizer.claims.sub", "status": "$context.status"})
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    settings = {"DestinationArn": arn, "Format": form}
    apis.client.update_stage(ApiId=api.id, StageName="$default", AccessLogSettings=settings)
    assert asked(api, provider.token()).document["headers"]["x-sub"] == "somebody"
    assert asked(api, "none").status == 401
    lines = read_lines(logs_client, group, 2)
    assert lines == [{"who": "somebody", "status": "200"}, {"who": "-", "status": "401"}]
