"""RFC 7239; Amazon API Gateway Developer Guide, "Create HTTP proxy integrations for HTTP APIs"."""

import pytest

from stoker.gateways.servers import forwarded_headers
from stoker.http_events.records import HttpCall


@pytest.mark.parametrize(("tls", "scheme"), [(None, "http"), (("TLSv1.3", "TLS_AES_256_GCM_SHA384"), "https")])
def test_a_server_is_told_who_asked_and_how(tls: tuple[str, str] | None, scheme: str) -> None:
    headers = [(b"Host", b"api:4566"), (b"X-A", b"1"), (b"Connection", b"close"), (b"Content-Length", b"3")]
    call = HttpCall("GET", "/", "", headers, b"abc", "203.0.113.9", "4566", tls)
    assert dict(forwarded_headers(call)) == {
        "X-A": "1",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-port": "4566",
        "x-forwarded-proto": scheme,
        "forwarded": f"for=203.0.113.9;host=api:4566;proto={scheme}",
        "accept-encoding": "identity",
    }
