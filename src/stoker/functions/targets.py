"""Which function a request means."""

from stoker.errors import InvalidParameterValueException
from stoker.functions.records import LATEST, FunctionTarget
from stoker.lambda_model.call import ApiCall
from stoker.lambda_model.names import parse_function_name


def target_of(call: ApiCall) -> FunctionTarget:
    """By `FunctionName` and, where the operation has one, `Qualifier`. Raises what `parse_function_name` raises."""
    return parse_function_name(call.members["FunctionName"], call.members.get("Qualifier"), call.caller)


def whole_function_of(call: ApiCall, *, latest_is_a_version: bool = False) -> FunctionTarget:
    """For operations on a function as a whole. Raises InvalidParameterValueException for a version or an alias.

    Most take `$LATEST` for the function; where `latest_is_a_version`, no name with a qualifier will do.
    """
    target = target_of(call)
    if target.qualifier is not None and (latest_is_a_version or target.qualifier != LATEST):
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return FunctionTarget(target.account_id, target.region, target.name)
