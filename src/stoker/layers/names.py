"""Which layer, or version of one, a request means: a name of the caller's own, or an ARN of anybody's."""

import re

from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.lambda_model.call import ApiCall, Caller
from stoker.layers.records import LayerTarget

_ARN = re.compile(
    r"arn:[a-zA-Z0-9-]+:lambda:(?P<region>[a-z0-9-]+):(?P<account_id>\d{12})"
    r":layer:(?P<name>[a-zA-Z0-9-_]+)(?::(?P<version>[0-9]+))?",
    re.ASCII,
)
VERSION_MAX = 2**31 - 1  # of the database's column; no layer gets there


def split_layer_arn(text: str) -> LayerTarget | None:
    """The parts of a layer's ARN or a layer version's, None for any other text."""
    match = _ARN.fullmatch(text)
    if match is None:
        return None
    version = None if match["version"] is None else min(int(match["version"]), VERSION_MAX)
    return LayerTarget(match["account_id"], match["region"], match["name"], version)


def layer_of(call: ApiCall) -> LayerTarget:
    """The layer that `LayerName` names."""
    return _target(call.members["LayerName"], call.caller)


def layer_version_of(call: ApiCall) -> LayerTarget:
    """The version that `LayerName` and `VersionNumber` name. Raises InvalidParameterValueException below 1."""
    number: int = call.members["VersionNumber"]
    if number < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")
    target = layer_of(call)
    return LayerTarget(target.account_id, target.region, target.name, min(number, VERSION_MAX))


def not_found() -> ResourceNotFoundException:
    """AWS's answer for a layer version that is not there."""
    return ResourceNotFoundException("The resource you requested does not exist.")


def _target(text: str, caller: Caller) -> LayerTarget:
    if ":" not in text:
        return LayerTarget(caller.account_id, caller.region, text)
    target = split_layer_arn(text)
    if target is None or target.region != caller.region:
        # Each region answers for its own layers only.
        raise not_found()
    return target
