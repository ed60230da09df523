"""The other services of AWS as pollers need them, and how their errors are told apart."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from stoker.arn import Arn
from stoker.neighbours.errors import NeighbourError


class SourceProblem(Exception):  # noqa: N818 - it is the source that has it
    """What keeps a source from being read, in the words that LastProcessingResult has for it."""


SOURCE_ERRORS = (ClientError, BotoCoreError, NeighbourError, SourceProblem)
"""What a source can answer instead of records: it is not there, not reachable, switched off, overloaded."""


class Services(Protocol):
    """The services, wherever they are.

    All of it raises botocore's ClientError for what a service refuses, NeighbourError and BotoCoreError when it cannot
    answer.
    """

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> Mapping[str, Any]:
        """One operation by its name in AWS's model; the answer as botocore parses it."""
        ...

    async def call_patiently(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> Mapping[str, Any]:
        """The same for an operation that may wait for a long time at the service."""
        ...


async def call_for(services: Services, service: str, arn: Arn, operation: str, **parameters: Any) -> Mapping[str, Any]:
    """An operation in the account and region of the source `arn`."""
    return await services.call(service, arn.account_id, arn.region, operation, **parameters)


async def texts_of_secret(services: Services, arn: Arn, secret: str) -> Mapping[str, str]:
    """The members of a secret that are texts; none of one that is no JSON object. `secret` is its name or ARN, and is
    asked for in the account and region of `arn`. Raises as `Services` says."""
    answer = await call_for(services, "secretsmanager", arn, "GetSecretValue", SecretId=secret)
    try:
        members: Any = json.loads(answer.get("SecretString") or "")
    except ValueError:
        return {}
    if not isinstance(members, dict):
        return {}
    return {name: value for name, value in members.items() if isinstance(value, str)}


def error_code(error: ClientError) -> str:
    """AWS's name of the error: `ResourceNotFoundException`."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code
