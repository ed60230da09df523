"""Environment variables under a key of the customer's: what KMS made of them is kept, and nothing else.

They are opened when somebody may see them (an operation that shows them, an environment that starts) and remembered
for minutes, in memory. Texts: AWS's as its users report them; the reference has none.
"""

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from stoker.errors import (
    InvalidParameterValueException,
    KMSAccessDeniedException,
    KMSDisabledException,
    KMSInvalidStateException,
    KMSNotFoundException,
    LambdaError,
)
from stoker.functions.records import FunctionTarget, FunctionVersion
from stoker.neighbours.errors import NeighbourError

OPENED_S = 300.0
OPENED_MAX = 1024
_CANNOT_OPEN = "Lambda was unable to decrypt the environment variables because"
_CHECK_KEY = "Please check the function's KMS key settings."


class AwsCalls(Protocol):
    """Who calls KMS."""

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> dict[str, Any]:
        """Raises botocore's ClientError, NeighbourError."""


@dataclass(frozen=True, slots=True)
class Variables:
    """Of a version: in the open, or sealed, or neither if it has none."""

    environment: Mapping[str, str] | None
    sealed_environment: str | None

    def of(self, version: FunctionVersion) -> FunctionVersion:
        """`version` with these variables instead of its own."""
        return replace(version, environment=self.environment, sealed_environment=self.sealed_environment)


@dataclass(frozen=True, slots=True)
class _Opened:
    variables: Mapping[str, str]
    at_s: float


class Sealing:
    """Seals and opens variables. To be used from the event loop's thread."""

    def __init__(self, aws: AwsCalls) -> None:
        self._aws = aws
        self._opened: OrderedDict[str, _Opened] = OrderedDict()

    async def seal(self, target: FunctionTarget, kms_key_arn: str, environment: Mapping[str, str] | None) -> Variables:
        """Variables as they may be written down. Raises InvalidParameterValueException when the key cannot be used."""
        if not kms_key_arn or environment is None:
            return Variables(environment, None)
        plain = json.dumps(dict(environment), separators=(",", ":"), ensure_ascii=False).encode()
        try:
            answer = await self._kms(target, "Encrypt", KeyId=kms_key_arn, Plaintext=plain)
        except (ClientError, BotoCoreError, NeighbourError) as error:
            code, text = _told(error)
            raise InvalidParameterValueException(
                "Lambda was unable to configure access to your environment variables because the KMS key is invalid "
                f"for CreateGrant. Please check your KMS key settings. KMS Exception: {code} KMS Message: {text}"
            ) from None
        sealed = base64.b64encode(answer["CiphertextBlob"]).decode()
        self._remember(sealed, environment)
        return Variables(None, sealed)

    async def opened(self, version: FunctionVersion) -> FunctionVersion:
        """`version` with its variables in the open. Raises KMSDisabledException and its like."""
        sealed = version.sealed_environment
        if sealed is None:
            return version
        known = self._opened.get(sealed)
        if known is not None and monotonic() - known.at_s < OPENED_S:
            return replace(version, environment=known.variables)
        try:
            answer = await self._kms(_target(version), "Decrypt", CiphertextBlob=base64.b64decode(sealed))
        except (ClientError, BotoCoreError, NeighbourError) as error:
            raise _cannot_open(*_told(error)) from None
        variables: dict[str, str] = json.loads(answer["Plaintext"])
        self._remember(sealed, variables)
        return replace(version, environment=variables)

    async def _kms(self, target: FunctionTarget, operation: str, **parameters: Any) -> dict[str, Any]:
        context = {"aws:lambda:FunctionArn": target.function_arn}
        return await self._aws.call(
            "kms", target.account_id, target.region, operation, EncryptionContext=context, **parameters
        )

    def _remember(self, sealed: str, variables: Mapping[str, str]) -> None:
        self._opened[sealed] = _Opened(variables, monotonic())
        if len(self._opened) > OPENED_MAX:
            self._opened.popitem(last=False)


def _target(version: FunctionVersion) -> FunctionTarget:
    return FunctionTarget(version.account_id, version.region, version.name)


def _told(error: Exception) -> tuple[str, str]:
    """KMS's code and message, or those of what lies in between."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return type(error).__name__, str(error)


def _cannot_open(code: str, text: str) -> LambdaError:
    match code:
        case "DisabledException":
            return KMSDisabledException(f"{_CANNOT_OPEN} the KMS key used is disabled. {_CHECK_KEY}")
        case "KMSInvalidStateException":
            return KMSInvalidStateException(
                f"{_CANNOT_OPEN} the state of the KMS key used is not valid for Decrypt. {_CHECK_KEY}"
            )
        case "NotFoundException":
            return KMSNotFoundException(f"{_CANNOT_OPEN} the KMS key was not found. {_CHECK_KEY}")
    return KMSAccessDeniedException(
        f"{_CANNOT_OPEN} KMS access was denied. {_CHECK_KEY} KMS Exception: {code} KMS Message: {text}"
    )
