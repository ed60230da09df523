"""Members of operations that come from elsewhere than a request: read and checked by AWS's model, as those are."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stoker.errors import SerializationException, ValidationException
from stoker.http_apis.errors import invalid
from stoker.lambda_model.decoding import decode_members
from stoker.lambda_model.service import OperationModel, ServiceModel, load_service

SERVICE = "apigatewayv2"


def members_of(operation: str, wire: Mapping[str, Any]) -> dict[str, Any]:
    """The members of `operation` in `wire`, by the names they have in requests (`integrationUri`). Members that are
    part of a path may be missing. Raises BadRequestException."""
    model = _operation(operation)
    assert model.input is not None
    try:
        members = decode_members(model.input, dict(wire))
        model.validate({**{member.name: "1" for member in model.path_members}, **members})
    except (SerializationException, ValidationException) as error:
        raise invalid(f"{operation}: {error.message}") from None
    except RecursionError:
        raise invalid("The document is nested too deeply") from None
    return members


def _operation(name: str) -> OperationModel:
    return _model().operations[name]


@lru_cache(maxsize=1)
def _model() -> ServiceModel:
    return load_service(SERVICE)
