"""The end of a function or of one version (reference: control plane, 4.6)."""

from dataclasses import replace

from stoker.errors import InvalidParameterValueException
from stoker.functions.records import LATEST, Function


def without(function: Function, qualifier: str | None) -> Function | None:
    """None without a qualifier, else `function` without that version; one that is gone already is no mistake.

    Raises InvalidParameterValueException for `$LATEST` and for aliases.
    """
    if not qualifier:
        return None
    if qualifier == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if not qualifier.isdecimal():
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    if qualifier not in function.published:
        return function
    return replace(function, published={number: v for number, v in function.published.items() if number != qualifier})
