"""The operations of a node behind its front door, without a socket: requests as botocore writes them, answers as bytes.

What comes back is checked on the way: it has to fit the operation's output shape, as botocore reads it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import RestJSONParser
from botocore.serialize import create_serializer

from stoker.clock import SystemClock
from stoker.config import Settings
from stoker.front_door.application import Application
from stoker.front_door.request import IncomingBody, RequestHead, new_request_id
from stoker.front_door.response import response_head
from tests.functions.node import Node

MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2", "2015-03-31"), "lambda")
# Members are checked by the node, not by the client.
_SERIALIZER = create_serializer("rest-json", include_validation=False)


# What AWS answers although its own model asks for more (reference: control plane, 13).
SHORTER_THAN_REQUIRED = frozenset({"GetFunctionCodeSigningConfig"})


@cache
def operation_model(name: str) -> OperationModel:
    return MODEL.operation_model(name)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body else {}

    @property
    def error(self) -> tuple[int, str, str | None]:
        """Status, code and message of a refusal."""
        message = self.document.get("message", self.document.get("Message"))
        return self.status, self.headers["x-amzn-errortype"], message


class WireNode:
    """A node as HTTP clients see it, one per account and region."""

    def __init__(self, node: Node, account_id: str = "000000000000", region: str = "eu-west-1") -> None:
        self._application = Application(Settings(), node.operations, {}, {}, SystemClock())
        scope = f"{account_id}/20250101/{region}/lambda/aws4_request"
        self._authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"

    async def send(self, method: str, path: str, query: str = "", body: bytes = b"") -> Answer:
        """One request, and its whole answer."""
        headers = [(b"host", b"localhost"), (b"authorization", self._authorization.encode())]
        head = RequestHead(method, path, query.encode("ascii"), headers, "localhost:4566")
        incoming = IncomingBody(on_wanted=lambda: None)
        incoming.feed(body)
        incoming.end()
        request_id = new_request_id()
        answer = await self._application.answer(head, incoming, request_id)
        assert isinstance(answer.body, bytes)
        sent = response_head(answer, request_id, is_last=False, may_chunk=True)
        _, *lines = sent.data.decode("latin-1").strip().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Answer(answer.status, fields, answer.body[: sent.length_bytes])

    async def call(self, operation: str, **members: Any) -> Answer:
        """One operation. The answer fits the service model, be it a success or a refusal."""
        model = operation_model(operation)
        request = _SERIALIZER.serialize_to_request(members, model)
        path, _, fixed = request["url_path"].partition("?")
        varying = request["query_string"]
        pairs = varying.items() if isinstance(varying, Mapping) else varying
        query = "&".join(part for part in (fixed, urlencode(list(pairs), doseq=True)) if part)
        body = request["body"] if isinstance(request["body"], bytes) else str(request["body"] or "").encode()
        answer = await self.send(request["method"], urlsplit(path).path, query, body)
        check(model, answer)
        return answer


def check(model: OperationModel, answer: Answer) -> None:
    """Raise AssertionError for an answer that the service model does not describe."""
    assert answer.headers["x-amzn-requestid"]
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-amzn-errortype"]
        assert len({"Message", "message"} & answer.document.keys()) == 1
        return
    assert "x-amzn-errortype" not in answer.headers
    shape = model.output_shape
    response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    parsed = RestJSONParser().parse(response, shape)
    if shape is None or answer.status == 204:
        assert answer.body == b""
        return
    assert answer.headers["content-type"] == "application/json"
    _fits(shape, answer.document, parsed, model.name)


def _fits(shape: Shape, document: Any, parsed: Any, path: str) -> None:
    """Nothing that the shape lacks, no null, and all that it requires."""
    assert document is not None, path
    if shape.type_name == "structure":
        wire_names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        assert document.keys() <= wire_names.keys(), path
        assert path in SHORTER_THAN_REQUIRED or set(shape.required_members) <= parsed.keys(), path
        for wire_name, inner in document.items():
            name = wire_names[wire_name]
            _fits(shape.members[name], inner, parsed[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for inner, read in zip(document, parsed, strict=True):
            _fits(shape.member, inner, read, path)
    elif shape.type_name == "map":
        for key, inner in document.items():
            _fits(shape.value, inner, parsed[key], f"{path}.{key}")
    else:
        types = {"string": str, "integer": int, "long": int, "boolean": bool, "double": float | int}
        assert isinstance(document, types.get(shape.type_name, object)), f"{path}: {document!r}"
