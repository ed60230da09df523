"""Aliases in the database."""

from typing import Any

from sqlalchemy import Row

from stoker.functions.aliases.records import Alias
from stoker.functions.aliases.tables import function_aliases
from stoker.functions.parts import Part


def _row(alias: Alias) -> dict[str, Any]:
    return {
        "function_version": alias.function_version,
        "description": alias.description,
        "additional_weights": dict(alias.additional_weights),
        "revision_id": alias.revision_id,
    }


def _alias(row: Row[Any]) -> Alias:
    return Alias(row.qualifier, row.function_version, row.description, row.additional_weights, row.revision_id)


ALIASES = Part(function_aliases, lambda function: function.aliases, _row, _alias)
