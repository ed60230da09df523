"""Models as JSON schemas (draft 4), by the library `jsonschema`, which comes with the extra `apis`.

A model may refer to others of its API by their URL, and to nothing else: no schema is ever fetched.
"""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from stoker.rest_apis.records import Model

_DRAFT_4 = "http://json-schema.org/draft-04/schema#"


class SchemaError(Exception):
    """What is no schema, or cannot be checked here."""


def check_schema(schema: Any) -> None:
    """Raises SchemaError. The empty schema, which lets all pass, needs no library."""
    if not _says_anything(schema):
        return
    jsonschema = _library("jsonschema")
    try:
        jsonschema.Draft4Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise SchemaError(f"Invalid model schema specified: {error.message}") from None


def checker(model: Model, models: Mapping[str, Model]) -> Callable[[Any], str | None]:
    """What is wrong with a JSON value by `model`, as a function; None for nothing. Raises SchemaError."""
    schema = json.loads(model.schema) if model.schema else {}
    if not _says_anything(schema):
        return _not_an_object if schema.get("type") == "object" else _nothing_wrong
    jsonschema, referencing = _library("jsonschema"), _library("referencing")
    draft_4 = _library("referencing.jsonschema").DRAFT4

    def retrieve(uri: str) -> Any:
        name = uri.rpartition("/models/")[2] if "/models/" in uri else ""
        found = models.get(name)
        if found is None:
            raise referencing.exceptions.NoSuchResource(ref=uri)
        return referencing.Resource.from_contents(json.loads(found.schema or "{}"), default_specification=draft_4)

    registry = referencing.Registry(retrieve=retrieve)
    validator = jsonschema.Draft4Validator({**schema, "$schema": _DRAFT_4}, registry=registry)

    def wrong(value: Any) -> str | None:
        try:
            found = next(validator.iter_errors(value), None)
        except referencing.exceptions.Unresolvable as error:
            return f"unresolvable reference: {error.ref}"
        return None if found is None else found.message

    return wrong


def _nothing_wrong(_: Any) -> str | None:
    return None


def _not_an_object(value: Any) -> str | None:
    return None if isinstance(value, dict) else f"{value!r} is not of type 'object'"


def _says_anything(schema: Any) -> bool:
    """Whether it is more than a title, and that it wants an object, as the model `Empty` does that every API has."""
    if not isinstance(schema, dict):
        return True
    return bool(schema.keys() - {"$schema", "title", "type"}) or schema.get("type", "object") != "object"


def _library(name: str) -> Any:
    """Imported when the first schema needs it, since most nodes have none. Raises SchemaError."""
    try:
        return import_module(name)
    except ImportError:
        text = "Stoker needs the library jsonschema for models with a schema: install stoker[apis]"
        raise SchemaError(text) from None
