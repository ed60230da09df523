"""TLS on the one port: whom it serves, what its certificate is for, and what becomes of those who speak it badly."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509

from stoker.config import Settings, SettingsError, load_settings
from stoker.front_door.tls import certificates as certificates_module
from stoker.front_door.tls import connection as connection_module
from stoker.front_door.tls.authority import Authority
from stoker.front_door.tls.certificates import Certificates
from stoker.front_door.tls.names import names_of, regions_of
from stoker.lambda_model.call import ApiAnswer, ApiCall

from .conftest import ACCESS_KEY_ID, ONCE, SECRET_ACCESS_KEY, Door, door_of

INVOKE = b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
MIB = 1024 * 1024


async def nothing(_: ApiCall) -> ApiAnswer:
    return ApiAnswer()


@pytest.fixture
def authority(door: Door, data: Path) -> str:
    """The file that clients are told to trust."""
    with urllib.request.urlopen(f"{door.url}/_stoker/tls/authority.pem", timeout=30) as response:
        assert response.read() == (data / "tls/authority.pem").read_bytes()
    return str(data / "tls/authority.pem")


@pytest.fixture(autouse=True)
def _still_serving(door: Door) -> Iterator[None]:
    """After whatever a test did, the next client is served."""
    yield
    with urllib.request.urlopen(f"{door.url}/_stoker/health", timeout=5) as response:
        assert response.status == 200


def connected(door: Door, authority: str, name: str = "localhost", **changes: Any) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=authority)
    for attribute, value in changes.items():
        setattr(context, attribute, value)
    return context.wrap_socket(door.connect(), server_hostname=name)


def received(connection: socket.socket) -> bytes:
    answer = b""
    while chunk := connection.recv(65536):
        answer += chunk
    return answer


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_boto3_calls_by_https_and_verifies(locked_door: Door, authority: str, host: str) -> None:
    locked_door.outcomes["Invoke"] = lambda call: ApiAnswer({"Payload": call.members["Payload"]})
    client = boto3.client(
        "lambda",
        endpoint_url=f"https://{host}:{locked_door.port}",
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        verify=authority,
        config=ONCE,
    )
    assert client.invoke(FunctionName="f", Payload=b'{"a": 1}')["Payload"].read() == b'{"a": 1}'
    client.close()


def test_the_aws_cli_calls_by_https_and_verifies(door: Door, authority: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_CA_BUNDLE": authority,
        "AWS_ENDPOINT_URL": f"https://localhost:{door.port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    program = Path(sys.executable).with_name("aws")
    command = [sys.executable, str(program), "lambda", "list-functions"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_who_does_not_trust_the_authority_does_not_call(door: Door, authority: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(door.connect(), server_hostname="localhost")
    assert door.calls == []


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "::1",
        "abc.lambda-url.us-east-1.localhost",
        "abc.lambda-url.eu-west-3.localhost",
        "abc.execute-api.ap-southeast-2.localhost",
    ],
)
def test_the_certificate_is_for_every_name_of_the_node(door: Door, authority: str, name: str) -> None:
    with connected(door, authority, name) as connection:
        assert connection.version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["example.com", "localhost.example.com", "192.0.2.1"])
def test_the_certificate_is_for_no_other_name(door: Door, authority: str, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(door, authority, name)


def test_tls_is_1_2_or_newer(door: Door, authority: str) -> None:
    with connected(door, authority, maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(door.connect())


def test_answers_of_many_records_arrive_whole(door: Door, authority: str) -> None:
    body = os.urandom(2 * MIB)
    door.outcomes["Invoke"] = lambda call: ApiAnswer({"Payload": call.members["Payload"]})
    head = b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    payload = json.dumps({"a": body.hex()}).encode()
    with connected(door, authority) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(payload) + payload)
        assert received(connection).partition(b"\r\n\r\n")[2] == payload


def test_a_client_that_does_not_read_is_not_answered_further(door: Door, authority: str) -> None:
    door.outcomes["Invoke"] = lambda _: ApiAnswer({"Payload": b"x" * MIB})
    with connected(door, authority) as connection:
        connection.sendall(INVOKE * 100)
        calls, deadline_s = -1, time.monotonic() + 10
        while calls != len(door.calls) and time.monotonic() < deadline_s:
            calls = len(door.calls)
            time.sleep(0.3)
        assert 0 < len(door.calls) < 50
        size = 0
        while size < 100 * MIB:
            size += len(connection.recv(MIB))
    assert len(door.calls) == 100


def test_endpoints_that_answers_name_have_the_clients_scheme(door: Door, authority: str) -> None:
    seen: list[str] = []

    def note(call: ApiCall) -> ApiAnswer:
        seen.append(call.endpoint)
        return ApiAnswer()

    door.outcomes["Invoke"] = note
    with connected(door, authority) as connection:
        connection.sendall(INVOKE)
        connection.recv(100)
    with door.connect() as plain:
        plain.sendall(INVOKE)
        plain.recv(100)
    assert seen == ["https://localhost", "http://localhost"]


@pytest.mark.parametrize(
    "garbage",
    [HELLO + b"\x00" * 505, b"\x16" * 5000, b"\x16\x03\x01\x40\x00" + b"\xff" * 16384, b"\x16\x03\x03\x00\x00"],
)
def test_what_is_no_tls_gets_a_closed_connection(door: Door, authority: str, garbage: bytes) -> None:
    with door.connect() as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = received(connection)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer[0] == 21  # an alert


def test_garbage_after_the_handshake_ends_the_connection_alone(door: Door, authority: str) -> None:
    with connected(door, authority) as other:
        broken = connected(door, authority)
        with socket.socket(fileno=broken.detach()) as raw:
            raw.sendall(b"\x17\x03\x03\x00\x20" + os.urandom(32))
            raw.settimeout(5)
            while raw.recv(65536):
                pass
        other.sendall(INVOKE)
        assert other.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_hello_byte_by_byte_is_understood(door: Door, authority: str) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile=authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with door.connect() as connection:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    connection.sendall(bytes([byte]))
                incoming.write(connection.recv(65536))
        connection.sendall(outgoing.read())


async def test_a_handshake_that_takes_too_long_is_cut_off(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "HANDSHAKE_TIMEOUT_S", 0.2)
    front_door, port = await door_of(nothing, Settings(data=data))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HELLO)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await front_door.stop(1)


async def test_without_the_library_a_client_is_hung_up_on_and_the_log_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(certificates_module, "find_spec", lambda _: None)
    front_door, port = await door_of(nothing, Settings(data=tmp_path))
    for _ in range(2):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
    with pytest.raises(urllib.error.HTTPError, match="404"):
        await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/_stoker/tls/authority.pem")
    await front_door.stop(1)
    told = [record.getMessage() for record in caplog.records if "TLS" in record.getMessage()]
    assert len(told) == 1
    assert "pip install 'stoker[tls]'" in told[0]


async def test_a_certificate_of_the_settings_is_shown_and_read_again_when_it_changes(tmp_path: Path) -> None:
    own = tmp_path / "own"
    settings = Settings(data=tmp_path, tls_certificate=own / "certificate.pem", tls_key=own / "certificate.key")
    names = names_of(Settings())
    Authority(own).issue(names, ["localhost"])
    front_door, port = await door_of(nothing, settings)
    context = ssl.create_default_context(cafile=str(own / "authority.pem"))

    async def serial() -> int:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(shown).serial_number

    first = await serial()
    assert first == await serial()
    Authority(own).issue(names, ["localhost"])
    second = await serial()
    assert second != first
    (own / "certificate.pem").write_text("nonsense")
    assert await serial() == second
    await front_door.stop(1)
    assert not (tmp_path / "tls").exists()


def test_a_certificate_that_cannot_be_used_is_named_at_the_start(tmp_path: Path) -> None:
    missing = Settings(data=tmp_path, tls_certificate=tmp_path / "no.pem", tls_key=tmp_path / "no.key")
    with pytest.raises(SettingsError, match=r"'tls_certificate' and 'tls_key' cannot be used"):
        Certificates(missing)
    with pytest.raises(SettingsError, match="go together"):
        load_settings(None, {"STOKER_TLS_KEY": "/k.pem"}, {})


async def test_a_certificate_is_kept_over_restarts_and_made_anew_for_new_names(tmp_path: Path) -> None:
    first = Settings(data=tmp_path)
    pem = await Certificates(first).authority()
    certificate = (tmp_path / "tls/certificate.pem").read_bytes()
    assert await Certificates(first).authority() == pem
    assert (tmp_path / "tls/certificate.pem").read_bytes() == certificate
    # A region is a name below a domain that the authority signs for already.
    assert await Certificates(replace(first, region="local-1")).authority() == pem
    renewed = (tmp_path / "tls/certificate.pem").read_bytes()
    assert renewed != certificate
    assert "*.lambda-url.local-1.localhost" in _names(renewed)
    # A domain is not.
    named = replace(first, function_url_domains="urls.example.org", allowed_hosts="box 192.0.2.7")
    assert await Certificates(named).authority() != pem
    names = _names((tmp_path / "tls/certificate.pem").read_bytes())
    assert {"urls.example.org", "*.execute-api.us-east-1.urls.example.org", "box", "192.0.2.7"} <= set(names)


def test_keys_are_their_owners_alone(data: Path, authority: str) -> None:
    assert {(data / "tls" / name).stat().st_mode & 0o777 for name in ("authority.key", "certificate.key")} == {0o600}


def test_the_authority_signs_for_nothing_else(tmp_path: Path, door: Door) -> None:
    """Also when somebody makes it: a client that trusts it does not take such a certificate."""
    settings = Settings()
    authority = Authority(tmp_path)
    authority.issue(names_of(settings), regions_of(settings))
    authority.issue(names_of(settings), ["example.com"])
    context = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "certificate.key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = context.wrap_bio(to_client, to_server, server_hostname="example.com")
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client_side.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        server_side.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        client_side.do_handshake()


def _names(pem: bytes) -> list[str]:
    extensions = x509.load_pem_x509_certificate(pem).extensions
    found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]
