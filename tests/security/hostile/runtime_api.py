"""Functions that speak to the Runtime API themselves, badly.

`exchange` sends raw bytes and answers with what came back, through the ordinary response: so the API has survived when
the caller hears of it.
"""

import base64
import contextlib
import json
import os
import socket

HOST, _, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
PREFIX = "/2018-06-01/runtime"
NOTES = "/tmp/notes"


def exchange(event, context):
    return _exchange(base64.b64decode(event["request"]))


def flood(event, context):
    """Many connections that say nothing, one after the other and all at once; then one that speaks."""
    silent = [_connect() for _ in range(event["connections"])]
    answer = _exchange(_request("GET", "/nowhere"))
    for connection in silent:
        connection.close()
    return answer


def next_while_busy(event, context):
    return _exchange(_request("GET", "/invocation/next"))


def answer_another(event, context):
    return _exchange(_request("POST", f"/invocation/{event['id']}/response", b'"stolen"'))


def answer_first(event, context):
    """Answer behind the client's back, twice, and note what the second gets; then the client answers a third time."""
    path = f"/invocation/{context.aws_request_id}/response"
    answers = [_exchange(_request("POST", path, b'"first"')), _exchange(_request("POST", path, b'"second"'))]
    with open(NOTES, "w") as file:
        json.dump(answers, file)
    return "third"


def read_notes(event, context):
    with open(NOTES) as file:
        return json.load(file)


def answer_bytes(event, context):
    """Answer with bytes that are no UTF-8, and end."""
    _exchange(_request("POST", f"/invocation/{context.aws_request_id}/response", base64.b64decode(event["body"])))
    os._exit(0)


def report_init_error_late(event, context):
    return _exchange(_request("POST", "/init/error", b'{"errorMessage":"late","errorType":"Runtime.Late"}'))


def dispatch(event, context):
    """One function for all of them, so that the notes of one call are there for the next."""
    return globals()[event["do"]](event, context)


def _request(method, path, body=b""):
    head = f"{method} {PREFIX}{path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _connect():
    return socket.create_connection((HOST, int(PORT)), timeout=2)


def _exchange(request):
    """{"status", "body"} of the answer, or {"closed": true} when the connection just ends, or {"silent": true}."""
    with _connect() as connection:
        received = b""
        with contextlib.suppress(OSError):  # an answer may have come before all was sent
            connection.sendall(request)
        try:
            while not _is_complete(received):
                piece = connection.recv(65536)
                if not piece:
                    break
                received += piece
        except TimeoutError:
            return {"silent": True}
        except OSError:
            pass
    if not received.startswith(b"HTTP/1."):
        return {"closed": True}
    head, _, body = received.partition(b"\r\n\r\n")
    return {"status": int(head.split()[1]), "body": body.decode(errors="replace")}


def _is_complete(received):
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False
