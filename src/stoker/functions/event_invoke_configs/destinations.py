"""Where outcomes of asynchronous invocations may go (reference: control plane, 10)."""

from collections.abc import Callable, Mapping
from typing import Any

from stoker.arn import split_arn, split_function_name
from stoker.errors import InvalidParameterValueException
from stoker.functions.records import LATEST, Function, FunctionKey

Find = Callable[[FunctionKey], Function | None]

SERVICES = frozenset({"sqs", "sns", "events"})
FAILURE_ONLY = "s3"


def destination(config: Mapping[str, Any], outcome: str) -> str | None:
    """What a request says for `OnSuccess` or `OnFailure`: an ARN, "" to have none, or None for nothing at all."""
    arn: str | None = (config.get(outcome) or {}).get("Destination")
    return arn


def check_destinations(config: Mapping[str, Any], key: FunctionKey, find: Find) -> None:
    """Raise InvalidParameterValueException unless events of the function `key` can have these destinations."""
    on_success, on_failure = destination(config, "OnSuccess"), destination(config, "OnFailure")
    # Both are looked at before either is refused by its service.
    failure_is_fine = _is_possible(on_failure, key, find) or _service(on_failure) == FAILURE_ONLY
    if not (_is_possible(on_success, key, find) and failure_is_fine):
        raise InvalidParameterValueException(
            "The provided destination config DestinationConfig("
            f"onSuccess={_shown('OnSuccess', on_success)}, onFailure={_shown('OnFailure', on_failure)}) is invalid."
        )


def _is_possible(arn: str | None, key: FunctionKey, find: Find) -> bool:
    if not arn:
        return True
    service = _service(arn)
    if service == "lambda":
        _check_function(arn, key, find)
        return True
    # Of queues and topics, Lambda sends only to those without order (Developer Guide, "Retain records of asynchronous
    # invocations"); AWS's text for the others is not known.
    return service in SERVICES and not arn.endswith(".fifo")


def _check_function(arn: str, key: FunctionKey, find: Find) -> None:
    parts = split_function_name(arn)
    if parts is None or parts.account_id is None or parts.region is None:
        raise InvalidParameterValueException(f"The destination ARN {arn} is invalid.")
    function = find((parts.account_id, parts.region, parts.name))
    if function is None or function.version(parts.qualifier or LATEST) is None:
        raise InvalidParameterValueException(f"The destination ARN {arn} is invalid.")
    if function.key == key:
        raise InvalidParameterValueException("You can't specify the function as a destination for itself.")


def _service(arn: str | None) -> str | None:
    parts = split_arn(arn) if arn else None
    return parts.service if parts is not None else None


def _shown(outcome: str, arn: str | None) -> str:
    return f"{outcome}(destination={arn})" if arn else "null"
