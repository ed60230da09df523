"""Whether a request has what its method's validator asks for: parameters, and a body that fits a model.

Source: API Gateway Developer Guide, "Request validation for REST APIs in API Gateway".
"""

import json
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.records import Model
from stoker.rest_apis.requests import ApiRequest
from stoker.rest_apis.schemas import SchemaError, checker
from stoker.rest_apis.variables import request_value

log = logging.getLogger("stoker.rest_apis")

JSON_TYPE = "application/json"
DEFAULT_MODEL = "$default"


def check_request(asked: ApiRequest) -> None:
    """Raises RequestRefusedError."""
    validator = asked.plan.validator(asked.method)
    if validator is None:
        return
    if validator.validate_request_parameters:
        _check_parameters(asked)
    if validator.validate_request_body:
        _check_body(asked)


def _check_parameters(asked: ApiRequest) -> None:
    """One that is there and empty is missing, too."""
    wanted = [name for name, is_required in (asked.method.request_parameters or {}).items() if is_required]
    missing = [name.split(".", 3)[3] for name in wanted if not request_value(asked, name)]
    if missing:
        raise RequestRefusedError(
            "BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{', '.join(missing)}]"
        )


def _check_body(asked: ApiRequest) -> None:
    models = asked.method.request_models or {}
    content_type = asked.request.headers.get("content-type", JSON_TYPE).partition(";")[0].strip().lower()
    name = models.get(content_type, models.get(DEFAULT_MODEL))
    model = None if name is None else asked.plan.definition.models.get(name)
    if model is None:
        return
    try:
        value = json.loads(asked.body)
        wrong = _checker(_Models(asked.plan.definition.models), model.name)(value)
    except (ValueError, RecursionError):
        wrong = "it is not JSON"
    except SchemaError as error:
        log.warning("the model %s of %s cannot be checked: %s", model.name, asked.plan.api_id, error)
        raise RequestRefusedError("API_CONFIGURATION_ERROR") from None
    if wrong is not None:
        raise RequestRefusedError("BAD_REQUEST_BODY", detail=f"[{wrong}]")


class _Models:
    """Models as the key of a cache: those of one deployment are one object as long as its plan is."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self.models = models

    def __hash__(self) -> int:
        return id(self.models)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Models) and other.models is self.models


@lru_cache(maxsize=256)
def _checker(models: _Models, name: str) -> Callable[[Any], str | None]:
    """Raises SchemaError."""
    return checker(models.models[name], models.models)
