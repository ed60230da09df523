"""Services of AWS that speak JSON, named by `X-Amz-Target: Logs_20140328.DescribeLogGroups`.

Source: Smithy specification, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stoker.errors import (
    NotImplementedByStokerException,
    SerializationException,
    UnknownOperationException,
    ValidationException,
)
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import ErrorStyle, json_error
from stoker.lambda_model.call import ApiCall, Operation
from stoker.lambda_model.encoding import WireAnswer
from stoker.lambda_model.service import OperationModel, load_service
from stoker.limits import CONTROL_REQUEST_BYTES_MAX

Validate = Callable[[OperationModel, Mapping[str, Any]], None]
"""Raises a LambdaError for members that the service does not take."""


@dataclass(frozen=True, slots=True)
class JsonService:
    """A service by botocore's name for it, and the operations that exist here.

    `validation_code` is what the service calls a broken constraint; CloudWatch Logs says InvalidParameterException.
    `validate` is for a service that has words of its own, and rules, instead of the model's.
    """

    name: str
    operations: Mapping[str, Operation] = field(default_factory=dict)
    validation_code: str = "InvalidParameterException"
    validate: Validate | None = None


class JsonEndpoint:
    """One such service."""

    def __init__(self, service: JsonService) -> None:
        self._service = service
        self._model = load_service(service.name)
        if self._model.target_prefix is None:
            raise ValueError(f"{service.name} does not speak JSON by X-Amz-Target")
        unknown = service.operations.keys() - self._model.operations.keys()
        if unknown:
            raise ValueError(f"not operations of {service.name}: {', '.join(sorted(unknown))}")

    @property
    def target_prefix(self) -> str:
        """What comes before the dot in `X-Amz-Target`."""
        assert self._model.target_prefix is not None
        return self._model.target_prefix

    @property
    def error_style(self) -> ErrorStyle:
        """With the version of the protocol that this service speaks."""
        return partial(json_error, version=self._model.json_version)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises UnknownOperationException and NotImplementedByStokerException."""
        name = request.headers["x-amz-target"].partition(".")[2]
        model = self._model.operations.get(name)
        if model is None or request.method != "POST":
            raise UnknownOperationException(None)
        operation = self._service.operations.get(name)
        if operation is None:
            raise NotImplementedByStokerException(f"{self._service.name}:{name}")
        return Asked(
            limit=BodyLimit(CONTROL_REQUEST_BYTES_MAX, name),
            answer=partial(self._answer, model, operation),
            service=self._model.name,
        )

    async def _answer(self, model: OperationModel, operation: Operation, received: Received) -> WireAnswer:
        members = model.read({}, {}, {}, received.body)
        self._validate(model, members)
        request = received.request
        answer = await operation(
            ApiCall(
                model.name,
                received.caller,
                received.request_id,
                members,
                request.endpoint,
                request.headers,
                received.client,
            )
        )
        return model.encode(answer)

    def _validate(self, model: OperationModel, members: Mapping[str, Any]) -> None:
        if self._service.validate is not None:
            self._service.validate(model, members)
            return
        try:
            model.validate(members)
        except ValidationException as error:
            error.code = self._service.validation_code
            raise


def target_prefix(request: HttpRequest) -> str | None:
    """The service part of `X-Amz-Target`, None without that header. Raises SerializationException."""
    target = request.headers.get("x-amz-target")
    if target is None:
        return None
    prefix, dot, _ = target.partition(".")
    if not dot:
        raise SerializationException("X-Amz-Target must be <service>.<operation>")
    return prefix
