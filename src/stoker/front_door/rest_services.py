"""Services of AWS beside Lambda that speak REST with JSON, found by what a request is signed for (X-Ray)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from stoker.errors import NotImplementedByStokerException, ValidationException
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import ErrorStyle, rest_error
from stoker.lambda_model.call import ApiCall, Operation
from stoker.lambda_model.encoding import WireAnswer
from stoker.lambda_model.routes import Match
from stoker.lambda_model.service import OperationModel, load_service, parse_query
from stoker.limits import CONTROL_REQUEST_BYTES_MAX


@dataclass(frozen=True, slots=True)
class RestService:
    """A service by botocore's name for it, and the operations that exist here.

    `validation_code` is what the service calls a broken constraint. `path_prefix` tells services apart that sign alike:
    both APIs of API Gateway do.
    """

    name: str
    operations: Mapping[str, Operation] = field(default_factory=dict)
    validation_code: str = "InvalidRequestException"
    path_prefix: str = "/"


class RestEndpoint:
    """One such service."""

    error_style: ErrorStyle = staticmethod(rest_error)

    def __init__(self, service: RestService) -> None:
        self._service = service
        self._model = load_service(service.name)
        unknown = service.operations.keys() - self._model.operations.keys()
        if unknown:
            raise ValueError(f"not operations of {service.name}: {', '.join(sorted(unknown))}")

    def is_for(self, signing_name: str | None, raw_path: str) -> bool:
        """Whether a request with that path, signed for `signing_name`, is for this service."""
        return signing_name == self._model.name and raw_path.startswith(self._service.path_prefix)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises UnknownOperationException and NotImplementedByStokerException."""
        query = parse_query(request.query_string)
        match = self._model.find(request.method, request.raw_path, query)
        operation = self._service.operations.get(match.target.name)
        if operation is None:
            raise NotImplementedByStokerException(f"{self._service.name}:{match.target.name}")
        return Asked(
            limit=BodyLimit(CONTROL_REQUEST_BYTES_MAX, match.target.name),
            answer=partial(self._answer, match, query, operation),
            service=self._model.name,
        )

    async def _answer(
        self,
        match: Match[OperationModel],
        query: Mapping[str, list[str]],
        operation: Operation,
        received: Received,
    ) -> WireAnswer:
        model, request = match.target, received.request
        members = model.read(match.path_values, query, request.headers, received.body)
        try:
            model.validate(members)
        except ValidationException as error:
            error.code = self._service.validation_code
            raise
        answer = await operation(
            ApiCall(model.name, received.caller, received.request_id, members, request.endpoint, request.headers)
        )
        return model.encode(answer)
