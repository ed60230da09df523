"""Services that take forms and answer in XML, found by what a request is signed for: the query protocol.

The operation and the service's own rules are those that its clients reach in JSON, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl

from stoker.errors import LambdaError, NotImplementedByStokerException, SerializationException
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.json_services import Validate
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import ErrorStyle, query_error
from stoker.lambda_model.call import ApiCall, Operation
from stoker.lambda_model.encoding import WireAnswer
from stoker.lambda_model.query_protocol import answer_xml, read_form
from stoker.lambda_model.service import OperationModel, load_query_service
from stoker.limits import CONTROL_REQUEST_BYTES_MAX

# Ten entries with ten attributes each, and as much again.
FIELDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class QueryService:
    """A service by botocore's name for it, and the operations that exist here.

    `url_member` is the input member that the request's own URL stands for when it is not among the fields. `version`
    is for a service that is signed like another, of which requests can only be told by the version of their API.
    """

    name: str
    namespace: str
    validate: Validate
    operations: Mapping[str, Operation] = field(default_factory=dict)
    url_member: str | None = None
    version: str | None = None


class QueryEndpoint:
    """One such service."""

    def __init__(self, service: QueryService) -> None:
        self._service = service
        self._model = load_query_service(service.name)
        unknown = service.operations.keys() - self._model.operations.keys()
        if unknown:
            raise ValueError(f"not operations of {service.name}: {', '.join(sorted(unknown))}")

    @property
    def signing_name(self) -> str:
        return self._model.name

    @property
    def error_style(self) -> ErrorStyle:
        return partial(query_error, namespace=self._service.namespace)

    def ask(self, request: HttpRequest) -> Asked:
        """What is asked for stands in the body, so that any request is taken up to a limit."""
        return Asked(
            limit=BodyLimit(CONTROL_REQUEST_BYTES_MAX, self._service.name),
            answer=self._answer,
            service=self._model.name,
        )

    async def _answer(self, received: Received) -> WireAnswer:
        request = received.request
        fields = _fields(received.body) if request.method == "POST" else {}
        fields = _fields(request.query_string) | fields
        model = self._operation(fields)
        members = read_form(model.input, fields)
        url_member = self._service.url_member
        if url_member is not None and model.input is not None and url_member in model.input.members:
            members.setdefault(url_member, f"{request.endpoint}{request.raw_path}" if request.raw_path != "/" else None)
        self._service.validate(model, members)
        call = ApiCall(
            model.name,
            received.caller,
            received.request_id,
            members,
            request.endpoint,
            request.headers,
            received.client,
        )
        answer = await self._service.operations[model.name](call)
        text = answer_xml(model.name, model.output.shape, answer.members, self._service.namespace, received.request_id)
        return WireAnswer(200, {"content-type": "text/xml"}, text.encode())

    def _operation(self, fields: Mapping[str, list[str]]) -> OperationModel:
        """Raises MissingAction, InvalidAction and NotImplementedException."""
        name = fields.get("Action", [""])[-1]
        if not name:
            raise QueryError("MissingAction", "The request must contain the parameter Action.")
        version = fields.get("Version", [""])[-1]
        if self._service.version not in (None, version):
            raise NotImplementedByStokerException(f"{self._model.name}:{name[:128]} of the API version {version[:32]}")
        model = self._model.operations.get(name)
        if model is None:
            raise QueryError(
                "InvalidAction", f"The action {name[:128]} is not valid for this endpoint. (version {version[:32]})"
            )
        if name not in self._service.operations:
            raise NotImplementedByStokerException(f"{self._service.name}:{name}")
        return model


class QueryError(LambdaError):
    """A form that asks for nothing that there is (Amazon SQS API Reference, "Common Errors")."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)


def _fields(form: bytes) -> dict[str, list[str]]:
    """Raises SerializationException for bad UTF-8 and far too many fields."""
    fields: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(form.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise SerializationException("The form cannot be decoded.") from None
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields
