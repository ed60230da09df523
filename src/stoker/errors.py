"""What a client of the Lambda API can be told went wrong, by AWS's own names.

Rooms raise these with AWS's message; `front_door/wire.py` alone turns them into responses. Each class says the status,
the body's message member (`Message` or `message`, which AWS mixes: reference, control plane, 3.2) and who is at fault.
A handler that fails is not here: that is data, an `InvocationResult` with `function_error`.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal


class LambdaError(Exception):
    """An error of the Lambda API. `message` may be None: AWS then sends a null."""

    status: ClassVar[int] = 500
    message_member: ClassVar[Literal["Message", "message"]] = "Message"
    fault: ClassVar[Literal["User", "Service"]] = "User"

    def __init__(
        self,
        message: str | None,
        *,
        members: Mapping[str, object] | None = None,
        has_type: bool = True,
        code: str | None = None,
        query_code: str | None = None,
    ) -> None:
        """`members` are further body members; `has_type` is false where AWS sends no `Type`; `code` is the wire name
        where it differs from the class's, `query_code` its name for clients that speak the query protocol."""
        super().__init__(message)
        self.message = message
        self.members: Mapping[str, object] = members or {}
        self.has_type = has_type
        self.code = code or type(self).__name__
        self.query_code = query_code


class ValidationException(LambdaError):
    """The input breaks a constraint of the model. Its body has only `message`."""

    status = 400
    message_member = "message"

    def __init__(self, message: str) -> None:
        super().__init__(message, has_type=False)


class SerializationException(LambdaError):
    """The request body is not what the protocol asks for."""

    status = 400


class AccessDeniedException(LambdaError):
    """Not allowed; AWS often gives no text."""

    status = 403

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, has_type=False)


class MissingAuthenticationTokenException(LambdaError):
    """The request is not signed."""

    status = 403
    message_member = "message"

    def __init__(self, message: str) -> None:
        super().__init__(message, has_type=False)


class InvalidSignatureException(MissingAuthenticationTokenException):
    """The signature does not match."""


class UnrecognizedClientException(MissingAuthenticationTokenException):
    """The access key is not known here."""


class ExpiredTokenException(MissingAuthenticationTokenException):
    """The credentials were good, once."""


class UnknownOperationException(LambdaError):
    """No operation has this method and path."""

    status = 404
    message_member = "message"


class NotImplementedByStokerException(LambdaError):
    """An operation that AWS has and Stoker does not: refused by name, never answered with something made up.

    Of other services than Lambda: their models have no error in common that would say so.
    """

    status = 501
    message_member = "Message"
    fault = "Service"

    def __init__(self, operation: str) -> None:
        super().__init__(_not_implemented(operation), code="NotImplementedException")


class OperationNotImplementedException(LambdaError):
    """The same for the Lambda API, by an error that each of its operations has in its model."""

    status = 400
    message_member = "message"

    def __init__(self, operation: str) -> None:
        super().__init__(_not_implemented(operation), code="InvalidParameterValueException")


def _not_implemented(operation: str) -> str:
    return f"Stoker does not implement the operation {operation} yet. See docs/compatibility.md."


class InvalidParameterValueException(LambdaError):
    status = 400
    message_member = "message"


class EFSMountFailureException(LambdaError):
    """A function's file system cannot be mounted."""

    status = 403


class InvalidRequestContentException(LambdaError):
    status = 400
    message_member = "message"


class InvalidZipFileException(LambdaError):
    status = 502


class InvalidRuntimeException(LambdaError):
    status = 502


class KMSAccessDeniedException(LambdaError):
    """The customer's key may not be used, or KMS cannot be reached."""

    status = 502


class KMSDisabledException(LambdaError):
    status = 502


class KMSInvalidStateException(LambdaError):
    status = 502


class KMSNotFoundException(LambdaError):
    status = 502


class BadGatewayException(LambdaError):
    """At a function's URL: the function failed, or its result is no response. What it said is for its log alone."""

    status = 502

    def __init__(self) -> None:
        super().__init__("Internal Server Error")


class GatewayRefusal(LambdaError):
    """What an API's own gateway answers its clients, with a status of its choice."""

    message_member = "message"

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, has_type=False)
        self.answer_status = status
        self.headers: Mapping[str, str] = headers or {}


class CodeStorageExceededException(LambdaError):
    status = 400
    message_member = "message"


class CodeSigningConfigNotFoundException(LambdaError):
    status = 404


class CodeVerificationFailedException(LambdaError):
    """A package without the signature that the function's code signing configuration asks for."""

    status = 400


class PolicyLengthExceededException(LambdaError):
    status = 400
    message_member = "message"


class PreconditionFailedException(LambdaError):
    status = 412
    message_member = "message"


class ProvisionedConcurrencyConfigNotFoundException(LambdaError):
    status = 404
    message_member = "message"


class RecursiveInvocationException(LambdaError):
    """The function has been invoked too often in one chain of requests."""

    status = 400


class RequestTooLargeException(LambdaError):
    """Its name on the wire is `RequestEntityTooLargeException`, and it has no `Type`."""

    status = 413
    message_member = "message"

    def __init__(self, message: str) -> None:
        super().__init__(message, has_type=False, code="RequestEntityTooLargeException")


class ResourceConflictException(LambdaError):
    status = 409
    message_member = "message"


class ResourceInUseException(LambdaError):
    status = 400


class ResourceNotFoundException(LambdaError):
    status = 404


class ResourceNotReadyException(LambdaError):
    status = 502
    message_member = "message"


class ServiceException(LambdaError):
    status = 500
    fault = "Service"


class SnapStartException(LambdaError):
    """What the function does after a restore failed."""

    status = 400


class SnapStartNotReadyException(LambdaError):
    """The version is being initialised, for its snapshot."""

    status = 409


class SnapStartTimeoutException(LambdaError):
    """What the function does after a restore took too long."""

    status = 408


class TooManyRequestsException(LambdaError):
    """Throttled; `reason` is one of the model's ThrottleReason values."""

    status = 429
    message_member = "message"

    def __init__(self, reason: str, message: str = "Rate Exceeded.") -> None:
        super().__init__(message, members={"Reason": reason})
        self.reason = reason


class UnsupportedMediaTypeException(LambdaError):
    status = 415
    message_member = "message"


class IncompleteSignatureException(MissingAuthenticationTokenException):
    """The signature lacks a part, or is of a kind that is not supported."""


class RequestTimeoutException(LambdaError):
    """The client did not send its request in time."""

    status = 408
    message_member = "message"

    def __init__(self, message: str) -> None:
        super().__init__(message, has_type=False)


class ServiceNotProvidedException(LambdaError):
    """A request for another of AWS's services."""

    status = 501
    fault = "Service"

    def __init__(self, service: str, reason: str = "See docs/compatibility.md.") -> None:
        super().__init__(
            f"Stoker does not provide the service {service[:64]}. {reason}", code="NotImplementedException"
        )


class NeighbourUnavailableException(LambdaError):
    """Another service of AWS that should answer here cannot be reached just now. Clients try again."""

    status = 503
    fault = "Service"

    def __init__(self, message: str) -> None:
        super().__init__(message, code="ServiceUnavailable")
