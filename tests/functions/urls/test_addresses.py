"""Function URLs as texts. `.example` is a domain that nobody has (RFC 2606)."""

import socket

import pytest

from stoker.functions.urls.addresses import Addressed, UrlAddresses

ID = "0123456789abcdefghijklmnopqrstuv"
HOST = f"{ID}.lambda-url.eu-west-1"
NODE = "http://127.0.0.1:4566"


@pytest.mark.parametrize("host", [f"{HOST}.localhost", f"{HOST}.localhost:80", f"{HOST.upper()}.LocalHost:4566"])
def test_a_host_below_localhost_is_that_of_a_url(host: str) -> None:
    assert UrlAddresses().find(host, "/a%2Fb") == Addressed(ID, "eu-west-1", f"{HOST}.localhost", "/a%2Fb")


def test_other_domains_are_those_of_the_settings() -> None:
    addresses = UrlAddresses(["Urls.Example", "on.aws"])
    for domain in ("urls.example", "on.aws", "localhost"):
        assert addresses.find(f"{HOST}.{domain}", "/") == Addressed(ID, "eu-west-1", f"{HOST}.{domain}", "/")
    assert addresses.find(f"{HOST}.a.urls.example", "/") is None
    assert UrlAddresses().find(f"{HOST}.on.aws", "/") is None


@pytest.mark.parametrize(
    ("path", "left"), [("", "/"), ("/", "/"), ("/a/b", "/a/b"), ("//a", "//a"), ("/%2F", "/%2F"), ("/../x", "/../x")]
)
def test_a_path_is_known_below_that_of_the_node(path: str, left: str) -> None:
    assert UrlAddresses().find("h", f"/_stoker/url/{ID}{path}") == Addressed(ID, None, None, left)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("127.0.0.1:4566", "/2015-03-31/functions"),
        (f"{ID[1:]}.lambda-url.eu-west-1.localhost", "/"),
        (f"x.{HOST}.localhost", "/"),
        (f"{HOST}.localhost.example", "/"),
        (f"{HOST}.localhost:x", "/"),
        ("", "/_stoker/urls"),
    ],
)
def test_what_is_none_is_none(host: str, path: str) -> None:
    assert UrlAddresses().find(host, path) is None


async def test_the_first_domain_of_the_settings_is_shown() -> None:
    addresses = UrlAddresses(["urls.example", "localhost"])
    assert await addresses.url(ID, "eu-west-1", "https://node.example") == f"https://{HOST}.urls.example/"
    assert await addresses.url(ID, "eu-west-1", NODE) == f"http://{HOST}.urls.example:4566/"


@pytest.mark.parametrize("node", [NODE, "http://localhost:4566", "http://[::1]:4566"])
async def test_without_one_the_name_is_shown_where_it_leads_to_this_host(node: str) -> None:
    shown = await UrlAddresses().url(ID, "eu-west-1", node)
    try:
        socket.getaddrinfo(f"{HOST}.localhost", 80)
    except OSError:
        assert shown == f"{node}/_stoker/url/{ID}/"
    else:
        assert shown == f"http://{HOST}.localhost:4566/"


@pytest.mark.parametrize("node", ["http://node.example:4566", "http://192.0.2.1:4566", "http://[::zz"])
async def test_from_elsewhere_the_path_is_shown(node: str) -> None:
    assert await UrlAddresses().url(ID, "eu-west-1", node) == f"{node}/_stoker/url/{ID}/"
