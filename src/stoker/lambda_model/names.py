"""What a function's name in a request points at, and AWS's refusals of names that point elsewhere."""

from functools import lru_cache

from stoker.arn import split_function_name
from stoker.errors import AccessDeniedException, InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.records import FunctionTarget
from stoker.lambda_model.call import Caller

# The longest name that the service model accepts; nothing longer may enter a cache.
LENGTH_MAX = 256


@lru_cache(maxsize=4096)
def parse_function_name(
    text: str, qualifier: str | None, caller: Caller, *, across_accounts: bool = False
) -> FunctionTarget:
    """The function that `text` (any accepted form) and the `Qualifier` parameter name, for this caller.

    Raises ResourceNotFoundException for another region, AccessDeniedException for another account (unless the operation
    works `across_accounts`, and asks the function's policy) and InvalidParameterValueException when both give a
    qualifier and they differ (reference: control plane, 2).
    """
    parts = split_function_name(text)
    if parts is None:
        raise InvalidParameterValueException(f"{text} is not a function name.")
    check_region(text, caller)
    account_id = parts.account_id or caller.account_id
    if account_id != caller.account_id and not across_accounts:
        raise AccessDeniedException(None)
    if qualifier and parts.qualifier and qualifier != parts.qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionTarget(
        account_id=account_id,
        region=caller.region,
        name=parts.name,
        qualifier=qualifier or parts.qualifier or None,
    )


def check_region(text: str, caller: Caller) -> None:
    """Raise ResourceNotFoundException when `text` names a function of another region.

    AWS asks this before it looks at the rest of the request (reference: control plane, 2).
    """
    if ":" not in text or len(text) > LENGTH_MAX:
        return
    parts = split_function_name(text)
    if parts is not None and parts.region not in (None, caller.region):
        raise ResourceNotFoundException(
            f"Functions from '{parts.region}' are not reachable in this region ('{caller.region}')"
        )
