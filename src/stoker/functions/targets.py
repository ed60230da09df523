"""Which function a request means."""

from stoker.errors import InvalidParameterValueException
from stoker.functions.records import LATEST, FunctionTarget
from stoker.lambda_model.call import ApiCall
from stoker.lambda_model.names import parse_function_name


def target_of(call: ApiCall) -> FunctionTarget:
    """By `FunctionName` and, where the operation has one, `Qualifier`. Raises what `parse_function_name` raises."""
    return parse_function_name(call.members["FunctionName"], call.members.get("Qualifier"), call.caller)


def whole_function_of(call: ApiCall) -> FunctionTarget:
    """For operations on a function as a whole. Raises InvalidParameterValueException for a version or an alias."""
    target = target_of(call)
    if target.qualifier not in (None, LATEST):
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return FunctionTarget(target.account_id, target.region, target.name)
