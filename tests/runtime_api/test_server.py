"""The Runtime API's HTTP on a real socket, asked by clients that know the rules and by others."""

import asyncio
import base64
import json
import socket

import pytest

from stoker.runtime_api.exchange import Failed, Responded, ResponseTooLarge, RuntimeState, Truncated
from stoker.runtime_api.metadata import availability_zone_id
from stoker.runtime_api.server import CONNECTIONS_MAX, HEAD_BYTES_MAX

from .runtime import EVENT, LIMIT_S, NEXT, PING, RESPONSE_BYTES_MAX, Server, chunked, post


async def test_an_event_is_fetched_and_answered(server: Server) -> None:
    client, answer = await server.running()
    response = await client.ask(post("invocation/r1/response", b'"done"', "Content-Type: application/json"))
    assert (response.status, response.body) == (202, b'{"status":"OK"}\n')
    assert response.headers["content-type"] == "application/json"
    assert await answer == Responded(b'"done"', "application/json")


async def test_an_error_is_passed_on_byte_for_byte(server: Server) -> None:
    client, answer = await server.running()
    header = "Lambda-Runtime-Function-Error-Type: Runtime.X"
    assert (await client.ask(post("invocation/r1/error", b"no json at all", header))).status == 202
    assert await answer == Failed(b"no json at all", "Runtime.X")


async def test_an_init_error_ends_the_init_phase(server: Server) -> None:
    client = await server.connect()
    assert (await client.ask(post("init/error", b'{"errorMessage":"x"}'))).status == 202
    assert await server.exchange.wait_init() == Failed(b'{"errorMessage":"x"}', "")
    assert (await client.ask(NEXT)).error_type == "InvalidStateTransition"


async def test_what_comes_out_of_order_is_refused_and_the_connection_goes_on(server: Server) -> None:
    """Reference: runtime side, 2.2."""
    client = await server.connect()
    early = await client.ask(post("invocation/r1/response"))
    assert (early.status, early.error_type) == (400, "InvalidRequestID")
    client, answer = await server.running()
    for request, status, error_type in (
        (NEXT, 403, "InvalidStateTransition"),
        (post("invocation/r2/response"), 400, "InvalidRequestID"),
        (post("invocation/r2/error"), 400, "InvalidRequestID"),
        (post("init/error"), 403, "InvalidStateTransition"),
    ):
        refused = await client.ask(request)
        assert (refused.status, refused.error_type) == (status, error_type)
    assert not answer.done()
    assert (await client.ask(post("invocation/r1/response"))).status == 202
    second = await client.ask(post("invocation/r1/response"))
    assert second.status == 403
    assert second.body == (
        b'{"errorMessage":"State transition from ResponseSent to InvocationResponse failed for runtime. '
        b'Error: State transition is not allowed","errorType":"InvalidStateTransition"}\n'
    )


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /2018-06-01/ping", 200),
        ("GET /", 404),
        ("GET /2018-06-01/runtime/invocation/next/more", 404),
        ("GET /2018-06-01/runtime/restore/next", 404),
        ("GET /2020-01-01/extension/event", 404),
        ("POST /2018-06-01/runtime/invocation/next", 405),
        ("GET /2018-06-01/runtime/invocation/r1/response", 405),
        ("GET /2018-06-01/runtime/init/error", 405),
        ("DELETE /2018-06-01/runtime/invocation/r1/error", 405),
    ],
)
async def test_paths_and_methods_that_are_not_there_are_refused(server: Server, request_line: str, status: int) -> None:
    client = await server.connect()
    response = await client.ask(f"{request_line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert response.status == status
    assert (await client.ask(PING)).body == b"pong"


async def test_a_response_of_just_the_limit_is_taken(server: Server) -> None:
    client, answer = await server.running()
    assert (await client.ask(post("invocation/r1/response", b"x" * RESPONSE_BYTES_MAX))).status == 202
    assert await answer == Responded(b"x" * RESPONSE_BYTES_MAX, "")


async def test_a_response_beyond_the_limit_is_refused_and_the_connection_goes_on(server: Server) -> None:
    """Reference: runtime side, 2.2."""
    client, answer = await server.running()
    response = await client.ask(post("invocation/r1/response", b"x" * (RESPONSE_BYTES_MAX + 1)))
    assert response.status == 413
    assert response.body == (
        b'{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).",'
        b'"errorType":"RequestEntityTooLarge"}\n'
    )
    assert await answer == ResponseTooLarge(RESPONSE_BYTES_MAX)
    assert (await client.ask(PING)).body == b"pong"


async def test_a_client_that_expects_100_continue_is_told_to_go_on(server: Server) -> None:
    client, answer = await server.running()
    request = post("invocation/r1/response", b'"later"', "Expect: 100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    assert (await client.ask(head + b"\r\n\r\n")).status == 100
    assert (await client.ask(body)).status == 202
    assert await answer == Responded(b'"later"', "")


async def test_a_chunked_body_is_put_together(server: Server) -> None:
    client, answer = await server.running()
    mode = "Lambda-Runtime-Function-Response-Mode: streaming"
    assert (await client.ask(chunked("invocation/r1/response", [b"one ", b"two"], "", mode))).status == 202
    assert await answer == Responded(b"one two", "")


async def test_an_error_in_the_middle_of_a_stream_is_the_answer(server: Server) -> None:
    """Reference: runtime side, 2.4: announced in trailers, the document as base64."""
    client, answer = await server.running()
    document = b'{"errorMessage":"broke"}'
    trailers = (
        "Lambda-Runtime-Function-Error-Type: Runtime.X\r\n"
        f"Lambda-Runtime-Function-Error-Body: {base64.b64encode(document).decode()}\r\n"
    )
    assert (await client.ask(chunked("invocation/r1/response", [b"half"], trailers))).status == 202
    assert await answer == Failed(document, "Runtime.X")


async def test_a_request_may_come_in_any_pieces(server: Server) -> None:
    client, answer = await server.running()
    request = post("invocation/r1/response", b'"in pieces"')
    for position in range(0, len(request), 7):
        client.send(request[position : position + 7])
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.read()).status == 202
    assert await answer == Responded(b'"in pieces"', "")


async def test_pipelined_requests_are_answered_in_turn(server: Server) -> None:
    client, _ = await server.running()
    client.send(PING + post("invocation/r1/response") + PING + post("invocation/r1/response"))
    assert [(await client.read()).status for _ in range(4)] == [200, 202, 200, 403]


async def test_a_request_behind_a_waiting_one_costs_the_connection(server: Server) -> None:
    """Answered at once, it would be taken for the event that the first one waits for."""
    client = await server.connect()
    client.send(NEXT + PING)
    assert await client.is_closed()
    client, answer = await server.running()
    assert (await client.ask(post("invocation/r1/response"))).status == 202
    assert answer.done()


async def test_the_last_request_of_a_client_is_answered_and_the_connection_closed(server: Server) -> None:
    client = await server.connect()
    assert (await client.ask(PING.replace(b"Host: x", b"Host: x\r\nConnection: close"))).body == b"pong"
    assert await client.is_closed()
    client = await server.connect()
    client.send(NEXT.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    while server.exchange.state is not RuntimeState.READY:
        await asyncio.sleep(0.001)
    server.exchange.offer(EVENT)
    assert (await client.read()).body == EVENT.payload
    assert await client.is_closed()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET /x HTTP/9.9\r\n\r\n",
        b"GET /x HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
    ],
)
async def test_garbage_costs_its_connection_and_nothing_else(server: Server, garbage: bytes) -> None:
    other, answer = await server.running()
    client = await server.connect()
    client.send(garbage)
    async with asyncio.timeout(LIMIT_S):
        said = await client.reader.read()
    assert said == b"" or said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    assert not answer.done()
    assert (await other.ask(post("invocation/r1/response"))).status == 202


@pytest.mark.parametrize(
    "endless",
    [
        (b"GET /", b"x" * 65536),
        (b"GET / HTTP/1.1\r\n", b"X-Name: " + b"x" * 60000 + b"\r\n"),
        (b"GET / HTTP/1.1\r\nX-Name: ", b"x" * 65536),
        (post("invocation/r1/response")[: -len(b"\r\n{}")] + b"\r\n", b"X-Name: " + b"x" * 60000 + b"\r\n"),
        (chunked("invocation/r1/response", [b"half"])[: -len(b"\r\n")], b"X-Name: " + b"x" * 60000 + b"\r\n"),
        (chunked("invocation/r1/response", [b"half"])[: -len(b"\r\n")] + b"X-Name: ", b"x" * 65536),
    ],
    ids=["path", "headers", "one header", "headers of a post", "trailers", "one trailer"],
)
async def test_a_head_without_end_costs_its_connection(server: Server, endless: tuple[bytes, bytes]) -> None:
    """Nothing that a function sends may grow in the node's memory without a limit."""
    await server.running()
    client = await server.connect()
    begin, more = endless
    client.send(begin)
    with pytest.raises(ConnectionError):  # noqa: PT012 - the connection ends while it is being written to
        for _ in range(10 * HEAD_BYTES_MAX // len(more)):
            client.send(more)
            await client.writer.drain()
            await asyncio.sleep(0)


async def test_answers_that_nobody_reads_do_not_pile_up(server: Server) -> None:
    """Far less than this fits into the two sockets: at some point the server must stop to listen."""
    many = PING * 1000
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setblocking(False)
        assert await _taken_bytes(client, many) < 100 * 1024 * 1024
    assert (await (await server.connect()).ask(PING)).body == b"pong"


async def _taken_bytes(client: socket.socket, data: bytes) -> int:
    """How much of an endless repetition of `data` the other side takes before it takes no more for a second."""
    sent_bytes = 0
    while sent_bytes < 100 * 1024 * 1024:
        try:
            async with asyncio.timeout(1):
                await asyncio.get_running_loop().sock_sendall(client, data)
        except TimeoutError:
            break
        sent_bytes += len(data)
    return sent_bytes


async def test_connections_beyond_the_limit_are_closed_and_places_become_free(server: Server) -> None:
    clients = [await server.connect() for _ in range(CONNECTIONS_MAX)]
    for client in clients:
        assert (await client.ask(PING)).status == 200
    assert await (await server.connect()).is_closed()
    clients[0].writer.close()
    await clients[0].writer.wait_closed()
    await asyncio.sleep(0.05)
    assert (await (await server.connect()).ask(PING)).status == 200


async def test_a_connection_that_drops_while_it_waits_gets_no_event(server: Server) -> None:
    client = await server.connect()
    client.send(NEXT)
    while server.exchange.state is not RuntimeState.READY:
        await asyncio.sleep(0.001)
    client.writer.close()
    await client.writer.wait_closed()
    await asyncio.sleep(0.05)
    answer = server.exchange.offer(EVENT)
    assert server.exchange.has_undelivered_event
    again = await server.connect()
    assert (await again.ask(NEXT)).body == EVENT.payload
    assert (await again.ask(post("invocation/r1/response"))).status == 202
    assert answer.done()


async def test_a_body_that_breaks_off_is_no_answer(server: Server) -> None:
    client, answer = await server.running()
    other = await server.connect()
    other.send(post("invocation/r1/response", b"x" * 1000)[:-1])
    await other.writer.drain()
    other.writer.close()
    await other.writer.wait_closed()
    await asyncio.sleep(0.05)
    assert not answer.done()
    assert (await client.ask(post("invocation/r1/response", b"whole"))).status == 202
    assert await answer == Responded(b"whole", "")


async def test_a_runtime_whose_response_breaks_off_is_told_and_so_is_the_caller(server: Server) -> None:
    """Reference: runtime side, 2.2."""
    _, answer = await server.running()
    other = await server.connect()
    other.send(post("invocation/r1/response", b"x" * 1000)[:-1])
    other.writer.write_eof()
    response = await other.read()
    assert response.status == 400
    assert response.body == (
        b'{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}\n'
    )
    async with asyncio.timeout(LIMIT_S):
        assert await answer == Truncated()


async def test_a_runtime_whose_response_broke_off_may_go_on(server: Server) -> None:
    client, answer = await server.running()
    other = await server.connect()
    other.send(post("invocation/r1/response", b"x" * 1000)[:-1])
    other.writer.write_eof()
    assert (await other.read()).status == 400
    client.send(NEXT)
    async with asyncio.timeout(LIMIT_S):
        assert await answer == Truncated()
    assert server.exchange.state is RuntimeState.READY


async def test_an_error_and_its_cause_may_come_in_one_document(server: Server) -> None:
    """Reference: runtime side, 2.3."""
    client, answer = await server.running()
    document = b'{"errorMessage":"m","errorType":"T","stackTrace":[],"errorCause":{"exceptions":[]}}'
    kind = "Content-Type: application/vnd.aws.lambda.error.cause+json"
    assert (await client.ask(post("invocation/r1/error", document, kind))).status == 202
    assert await answer == Failed(b'{"errorMessage":"m","errorType":"T","stackTrace":[]}', "", b'{"exceptions":[]}')


async def test_the_metadata_endpoint_tells_where_it_is_to_whoever_has_the_token(server: Server) -> None:
    """Reference: runtime side, 1."""
    client = await server.connect()
    request = b"GET /2026-01-15/metadata/execution-environment HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\n\r\n"
    found = await client.ask(request % b"Bearer token")
    assert (found.status, json.loads(found.body)) == (200, {"AvailabilityZoneID": "use1-az1"})
    assert found.headers["cache-control"] == "private, max-age=43200, immutable"
    for wrong in (b"token", b"Bearer other", b""):
        assert (await client.ask(request % wrong)).status == 401
    post_it = request.replace(b"GET", b"POST") % b"Bearer token"
    refused = await client.ask(post_it.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"))
    assert (refused.status, refused.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("us-east-1", "use1-az1"),
        ("ap-northeast-1", "apne1-az1"),
        ("ap-southeast-2", "apse2-az1"),
        ("eu-central-1", "euc1-az1"),
        ("us-gov-west-1", "usgw1-az1"),
        ("cn-northwest-1", "cnnw1-az1"),
        ("me-south-1", "mes1-az1"),
        ("local", "local-az1"),
    ],
)
def test_a_zones_id_is_made_of_the_regions_name(region: str, zone: str) -> None:
    assert availability_zone_id(region) == zone


async def test_a_request_id_may_be_percent_encoded(server: Server) -> None:
    client, answer = await server.running()
    assert (await client.ask(post("invocation/%72%31/response"))).status == 202
    assert answer.done()
