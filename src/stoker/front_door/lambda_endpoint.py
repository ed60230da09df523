"""The Lambda API: finds the operation by AWS's service model, parses, validates, calls the room, renders its answer."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from stoker.errors import OperationNotImplementedException
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import ErrorStyle, rest_error
from stoker.lambda_model.call import ApiCall, Operation
from stoker.lambda_model.encoding import WireAnswer
from stoker.lambda_model.names import check_region
from stoker.lambda_model.recorded import refuse_by_other_names
from stoker.lambda_model.routes import Match
from stoker.lambda_model.service import OperationModel, load_lambda, parse_query
from stoker.limits import CONTROL_REQUEST_BYTES_MAX, Limits

_WITH_PACKAGE = frozenset({"CreateFunction", "UpdateFunctionCode", "PublishLayerVersion"})
_WITH_PAYLOAD = frozenset({"Invoke", "InvokeWithResponseStream", "InvokeAsync"})
# What is found for a path without a query is kept: of so many paths, and of none that is longer than names may be.
KEPT_PATHS_MAX = 8192
KEPT_PATH_LENGTH_MAX = 320


class LambdaEndpoint:
    """`operations` are those that exist here; every other operation of the model is refused by name."""

    error_style: ErrorStyle = staticmethod(rest_error)

    def __init__(self, operations: Mapping[str, Operation], limits: Limits) -> None:
        self._find = lru_cache(KEPT_PATHS_MAX)(lambda method, path: self._model.find(method, path, {}))
        self._model = load_lambda(limits)
        unknown = operations.keys() - self._model.operations.keys()
        if unknown:
            raise ValueError(f"not operations of the Lambda API: {', '.join(sorted(unknown))}")
        self._operations = operations
        self._body_limits = {name: body_limit(limits, name) for name in operations}
        self._event_limit = BodyLimit(limits.event_payload_bytes_max, "InvokeFunction")
        self._runtimes = self._model.runtimes
        self._plain: dict[tuple[str, str, str], dict[str, Any]] = {}

    def ask(self, request: HttpRequest) -> Asked:
        """Raises UnknownOperationException, OperationNotImplementedException and SerializationException."""
        query = parse_query(request.query_string)
        if query or len(request.raw_path) > KEPT_PATH_LENGTH_MAX:
            match = self._model.find(request.method, request.raw_path, query)
        else:
            match = self._find(request.method, request.raw_path)
        operation = self._operations.get(match.target.name)
        if operation is None:
            raise OperationNotImplementedException(match.target.name)
        is_event = match.target.name == "Invoke" and request.headers.get("x-amz-invocation-type") == "Event"
        return Asked(
            limit=self._event_limit if is_event else self._body_limits[match.target.name],
            answer=partial(self._answer, match, query, operation),
            service="lambda",
        )

    async def _answer(
        self,
        match: Match[OperationModel],
        query: Mapping[str, list[str]],
        operation: Operation,
        received: Received,
    ) -> WireAnswer:
        model, request = match.target, received.request
        is_plain = (
            not query
            and model.takes_anything
            and model.header_names.isdisjoint(request.headers)
            and len(request.raw_path) <= KEPT_PATH_LENGTH_MAX
        )
        members = self._plain_members(match, received) if is_plain else self._members(match, query, received)
        answer = await operation(
            ApiCall(model.name, received.caller, received.request_id, members, request.endpoint, request.headers)
        )
        return model.encode(answer)

    def _members(
        self, match: Match[OperationModel], query: Mapping[str, list[str]], received: Received
    ) -> dict[str, Any]:
        model = match.target
        members = model.read(match.path_values, query, received.request.headers, received.body)
        if model.names_function and "FunctionName" in members:
            check_region(members["FunctionName"], received.caller)
        model.validate(members)
        refuse_by_other_names(model.name, members, self._runtimes)
        return members

    def _plain_members(self, match: Match[OperationModel], received: Received) -> dict[str, Any]:
        """Of a call that names a function, has a payload and says nothing else: its name is read and checked once."""
        model, caller = match.target, received.caller
        assert model.payload is not None
        key = (model.name, received.request.raw_path, caller.region)
        known = self._plain.get(key)
        if known is None:
            if len(self._plain) >= KEPT_PATHS_MAX:
                self._plain.clear()
            known = self._plain[key] = self._members(match, {}, received._replace(body=b""))
        return {**known, model.payload.name: received.body}


def body_limit(limits: Limits, operation: str) -> BodyLimit:
    """How large a request may be (reference: control plane, 3.3 and 4.1), unless it is an Invoke of an event."""
    if operation in _WITH_PACKAGE:
        return BodyLimit(limits.package_request_bytes_max, operation)
    if operation == "InvokeAsync":
        return BodyLimit(limits.event_payload_bytes_max, "InvokeFunction")
    if operation in _WITH_PAYLOAD:
        shown = "InvokeFunction" if operation == "Invoke" else operation
        return BodyLimit(limits.request_payload_bytes_max, shown)
    return BodyLimit(CONTROL_REQUEST_BYTES_MAX, operation)
