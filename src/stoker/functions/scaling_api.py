"""PutFunctionScalingConfig and GetFunctionScalingConfig: for functions on managed instances, which there are none of.

Capacity providers are refused by name (see `unsupported.py`), so every function is what AWS calls Lambda Default.
"""

from stoker.errors import InvalidParameterValueException
from stoker.functions.registry import FunctionRegistry
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.lambda_model.names import parse_function_name


class ScalingApi:
    """Refuses what AWS refuses for functions without a capacity provider."""

    def __init__(self, registry: FunctionRegistry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Operation]:
        return {
            "PutFunctionScalingConfig": self.refuse,
            "GetFunctionScalingConfig": self.refuse,
        }

    async def refuse(self, call: ApiCall) -> ApiAnswer:
        """Raises ResourceNotFoundException, InvalidParameterValueException."""
        # The qualifier says which version is to scale; only the function has to exist for this answer.
        self._registry.function(parse_function_name(call.members["FunctionName"], None, call.caller))
        # In the words that AWS has for CapacityProviderConfig (reference: control plane, 13); its text for this member
        # is not known.
        raise InvalidParameterValueException("FunctionScalingConfig isn't supported for Lambda Default functions.")
