"""What a client of Elastic Load Balancing can be told went wrong; `front_door/wire.py` alone makes responses of it.

Names are from the Elastic Load Balancing API Reference, version 2015-12-01; where AWS's words are not known they are
our own.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stoker.errors import LambdaError, ValidationException
from stoker.lambda_model.service import OperationModel

_DOCUMENTED = "See docs/load-balancers.md."


class BalancerError(LambdaError):
    """An error of this API, by the name it has on the wire."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)


class AccessDeniedError(BalancerError):
    status = 403


def invalid(message: str) -> BalancerError:
    """The request asks for something that cannot be."""
    return BalancerError("ValidationError", message)


def unsupported(what: str) -> BalancerError:
    """AWS has it, and Stoker has not."""
    return BalancerError("InvalidConfigurationRequest", f"Stoker does not support {what}. {_DOCUMENTED}")


def refuse(members: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raises InvalidConfigurationRequest for a member that would be kept and do nothing."""
    for name in names:
        if members.get(name):
            raise unsupported(name)


def validate(model: OperationModel, members: Mapping[str, Any]) -> None:
    """The model's constraints, in this API's words. Raises ValidationError."""
    try:
        model.validate(members)
    except ValidationException as error:
        raise invalid(error.message or "") from None


def no_load_balancer(which: str) -> BalancerError:
    return BalancerError("LoadBalancerNotFound", f"Load balancers '[{which}]' not found")


def no_target_group(which: str) -> BalancerError:
    return BalancerError("TargetGroupNotFound", f"Target groups '{which}' not found")


def no_listener(which: str) -> BalancerError:
    return BalancerError("ListenerNotFound", f"Listeners '[{which}]' not found")


def no_rule(which: str) -> BalancerError:
    return BalancerError("RuleNotFound", f"Rules '[{which}]' not found")


def not_permitted(message: str) -> BalancerError:
    return BalancerError("OperationNotPermitted", message)
