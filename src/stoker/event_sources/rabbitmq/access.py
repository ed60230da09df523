"""What a mapping says about logging in to its broker: pure (reference: event sources, 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoker.errors import InvalidParameterValueException

SECRET = "BASIC_AUTH"  # noqa: S105 (the name of the member, not a secret)
VIRTUAL_HOST = "VIRTUAL_HOST"
VIRTUAL_HOST_DEFAULT = "/"


@dataclass(frozen=True, slots=True)
class Access:
    """`secret` is what Secrets Manager knows the user's name and password by."""

    secret: str
    virtual_host: str


def access_of(settings: Mapping[str, Any]) -> Access:
    """That of a mapping's settings, as `check_access` has let them pass."""
    given = {one["Type"]: one["URI"] for one in settings["SourceAccessConfigurations"]}
    return Access(given[SECRET], given.get(VIRTUAL_HOST, VIRTUAL_HOST_DEFAULT))


def check_access(configurations: Sequence[Mapping[str, str]] | None) -> None:
    """Raise InvalidParameterValueException for anything but a secret and, if need be, a virtual host.

    The texts are not in the reference, but for the first, which is Kafka's.
    """
    if not configurations:
        raise InvalidParameterValueException("Required 'sourceAccessConfigurations' parameter is missing.")
    kinds = [one.get("Type") or "" for one in configurations]
    for kind in kinds:
        if kind not in (SECRET, VIRTUAL_HOST):
            raise InvalidParameterValueException(f"Amazon MQ does not know the source access configuration {kind}.")
        if kinds.count(kind) > 1:
            raise InvalidParameterValueException(f"The source access configuration {kind} is given more than once.")
    if SECRET not in kinds or not all(one.get("URI") for one in configurations):
        raise InvalidParameterValueException(
            f"Amazon MQ needs the source access configuration {SECRET} with the ARN of a secret as its URI."
        )
