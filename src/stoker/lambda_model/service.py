"""A service's operations, compiled at start from the description that botocore ships: no network, no generated code.

Lambda (REST with JSON) and the services that speak JSON by `X-Amz-Target` (CloudWatch Logs) share all of this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from botocore.loaders import Loader

from stoker.errors import SerializationException
from stoker.lambda_model.call import ApiAnswer
from stoker.lambda_model.constraints import constraints_of, for_bare_names
from stoker.lambda_model.decoding import decode_members, decode_text, parse_json
from stoker.lambda_model.encoding import OutputPlan, WireAnswer, encode_answer, output_plan
from stoker.lambda_model.query_names import with_query_names
from stoker.lambda_model.recorded import (
    ENUMS_CHECKED_LATER,
    NAMESPACED,
    NAMESPACED_LENGTH_MAX,
    NAMESPACED_LENGTHS_MAX,
    STATUSES,
    maxima_of,
)
from stoker.lambda_model.routes import Match, Route, Routes
from stoker.lambda_model.shapes import Constraint, Member, Shape, Shapes
from stoker.lambda_model.validation import validate
from stoker.limits import Limits

QUERY_FIELDS_MAX = 1000


@dataclass(frozen=True, slots=True)
class OperationModel:
    """One operation: where its input members come from and where its output members go."""

    name: str
    method: str
    path: str
    fixed_query: Mapping[str, str]
    input: Shape | None
    path_members: tuple[Member, ...]
    query_members: tuple[Member, ...]
    header_members: tuple[tuple[Member, str], ...]
    payload: Member | None
    has_body: bool
    validated: tuple[Member, ...]
    names_function: bool
    output: OutputPlan
    # The lower-case names of the headers that are members; and whether the body is a member of which nothing is asked.
    header_names: frozenset[str]
    takes_anything: bool

    def read(
        self,
        path_values: Mapping[str, str],
        query: Mapping[str, list[str]],
        headers: Mapping[str, str],
        body: bytes,
    ) -> dict[str, Any]:
        """The members of a request; `headers` have lower-case names. Nothing is validated but types.

        Raises SerializationException. A payload member is the body itself, never a copy.
        """
        members: dict[str, Any] = {}
        for member in self.path_members:
            members[member.name] = decode_text(member.shape, path_values[member.wire_name])
        if query:
            self._read_query(query, members)
        for member, header in self.header_members:
            if header in headers:
                members[member.name] = decode_text(member.shape, headers[header])
        if self.payload is not None:
            self._read_payload(body, members)
        elif self.has_body and body:
            assert self.input is not None
            members.update(_decode(self.input, parse_json(body)))
        return members

    def _read_query(self, query: Mapping[str, list[str]], members: dict[str, Any]) -> None:
        for member in self.query_members:
            if member.shape.kind == "map":  # all that no other member is
                names = {other.wire_name for other in self.query_members} | self.fixed_query.keys()
                members[member.name] = {name: texts[-1] for name, texts in query.items() if name not in names}
                continue
            texts = query.get(member.wire_name)
            if not texts:
                continue
            if member.shape.kind == "list":
                assert member.shape.element is not None
                members[member.name] = [decode_text(member.shape.element, text) for text in texts]
            else:
                members[member.name] = decode_text(member.shape, texts[-1])

    def _read_payload(self, body: bytes, members: dict[str, Any]) -> None:
        assert self.payload is not None
        if self.payload.shape.kind == "structure":
            if body:
                members[self.payload.name] = _decode(self.payload.shape, parse_json(body))
        else:
            members[self.payload.name] = body

    def validate(self, members: Mapping[str, Any]) -> None:
        """Raise ValidationException when members break the model's constraints."""
        validate(self.validated, members)

    def encode(self, answer: ApiAnswer) -> WireAnswer:
        """`answer` for the wire. Raises ValueError for a member the output does not have."""
        return encode_answer(self.output, answer)


def _decode(shape: Shape, value: Any) -> dict[str, Any]:
    try:
        return decode_members(shape, value)
    except RecursionError:
        raise SerializationException("The request body is nested too deeply.") from None


class ServiceModel:
    """A service: its operations by name, and its routes if it has paths."""

    def __init__(self, description: Mapping[str, Any], maxima: Mapping[str, int] | None = None) -> None:
        """`maxima` are the largest values of shapes, by name, where the description states others or none."""
        metadata = description["metadata"]
        self.name: str = metadata.get("signingName", metadata["endpointPrefix"])
        self.target_prefix: str | None = metadata.get("targetPrefix")
        self.json_version: str = metadata.get("jsonVersion", "1.1")
        content_type = (
            "application/json" if self.target_prefix is None else f"application/x-amz-json-{self.json_version}"
        )
        self._runtimes: list[str] = description["shapes"].get("Runtime", {}).get("enum", [])
        described = {**description["shapes"]}
        for shape, maximum in (maxima or {}).items():
            described[shape] = {**described[shape], "max": maximum}
        self.shapes = Shapes(described, constraints_of if self.name == "lambda" else _constraints_of_others)
        self.operations: Mapping[str, OperationModel] = {
            name: _operation(name, operation, self.shapes, content_type)
            for name, operation in description["operations"].items()
        }
        self._routes: Routes[OperationModel] = Routes(
            Route(operation.method, operation.path, operation, operation.fixed_query)
            for operation in self.operations.values()
        )

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Every runtime that the Lambda model has ever known."""
        return tuple(self._runtimes)

    def find(self, method: str, raw_path: str, query: Mapping[str, list[str]]) -> Match[OperationModel]:
        """The operation for a request. Raises UnknownOperationException or SerializationException."""
        return self._routes.find(method, raw_path, query)


def load_service(name: str) -> ServiceModel:
    """The service that botocore calls `name` ("logs", "xray"), from the installed package's data."""
    return ServiceModel(Loader().load_service_model(name, "service-2"))


def load_query_service(name: str) -> ServiceModel:
    """The same as clients see it that speak the query protocol."""
    return ServiceModel(with_query_names(name, Loader().load_service_model(name, "service-2")))


def load_lambda(limits: Limits) -> ServiceModel:
    """The Lambda API, version 2015-03-31, for functions as large as `limits` allow."""
    return ServiceModel(Loader().load_service_model("lambda", "service-2", "2015-03-31"), maxima_of(limits))


def _constraints_of_others(_: str, description: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """What was recorded of Lambda's shapes says nothing of other services' shapes of the same name."""
    return constraints_of("", description)


def parse_query(query_string: bytes) -> Mapping[str, list[str]]:
    """A query's values by name, decoded. Raises SerializationException for bad UTF-8 or far too many fields."""
    if not query_string:
        return {}
    query: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX
        )
    except ValueError:
        raise SerializationException("The query string cannot be decoded.") from None
    for name, value in pairs:
        query.setdefault(name, []).append(value)
    return query


def _operation(name: str, description: Mapping[str, Any], shapes: Shapes, content_type: str) -> OperationModel:
    http = description["http"]
    uri = urlsplit(http["requestUri"])
    shape = shapes.get(description["input"]["shape"]) if "input" in description else None
    output = shapes.get(description["output"]["shape"]) if "output" in description else None
    members = tuple(shape.members.values()) if shape is not None else ()
    payload = shape.members[shape.payload] if shape is not None and shape.payload else None
    return OperationModel(
        name=name,
        method=http["method"],
        path=uri.path,
        fixed_query=dict(parse_qsl(uri.query)),
        input=shape,
        path_members=_at(members, "uri"),
        query_members=_at(members, "querystring"),
        header_members=tuple((member, member.wire_name.lower()) for member in _at(members, "header")),
        payload=payload,
        has_body=bool(shape is not None and shape.body_members),
        validated=_in_order_of_validation(name, members),
        names_function=any(member.name == "FunctionName" and member.is_required for member in members),
        output=output_plan(output, STATUSES.get(name, http.get("responseCode", 200)), content_type),
        takes_anything=payload is not None and payload.shape.kind == "blob" and not _is_checked(payload),
        header_names=frozenset(member.wire_name.lower() for member in _at(members, "header")),
    )


def _at(members: tuple[Member, ...], location: str) -> tuple[Member, ...]:
    return tuple(member for member in members if member.location == location)


def _in_order_of_validation(operation: str, members: tuple[Member, ...]) -> tuple[Member, ...]:
    """AWS reports what is in the path last: a bad qualifier comes before a bad name (reference: control plane, 2)."""
    later = ENUMS_CHECKED_LATER.get(operation, frozenset())
    ordered = sorted(members, key=lambda member: member.location == "uri")
    return tuple(
        _as_recorded(operation, member) for member in ordered if member.name not in later and _is_checked(member)
    )


def _as_recorded(operation: str, member: Member) -> Member:
    if member.shape.name != NAMESPACED:
        return member
    bare_length_max = NAMESPACED_LENGTHS_MAX.get(operation, NAMESPACED_LENGTH_MAX)
    return replace(member, shape=replace(member.shape, constraints=for_bare_names(member.shape, bare_length_max)))


def _is_checked(member: Member) -> bool:
    """Whether there is anything to check, so that a call pays for nothing else."""
    return member.is_required or bool(member.shape.constraints) or member.shape.kind in ("structure", "list", "map")
