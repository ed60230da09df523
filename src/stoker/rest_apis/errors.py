"""What a client of API Gateway can be told went wrong, in AWS's words where they are known."""

from typing import ClassVar, Literal

from stoker.errors import LambdaError


class ApiGatewayError(LambdaError):
    """An error of this API; its body has only `message`."""

    status: ClassVar[int] = 400
    message_member: ClassVar[Literal["Message", "message"]] = "message"
    wire_name: ClassVar[str] = "BadRequestException"

    def __init__(self, message: str) -> None:
        super().__init__(message, has_type=False, code=self.wire_name)


class NotFoundError(ApiGatewayError):
    status = 404
    wire_name = "NotFoundException"


class ConflictError(ApiGatewayError):
    status = 409
    wire_name = "ConflictException"


class BadRequestError(ApiGatewayError):
    """What is asked for cannot be."""


def not_supported(what: str) -> BadRequestError:
    """Something that AWS has and Stoker does not: refused by its name."""
    return BadRequestError(f"Stoker does not support {what} yet. See docs/compatibility.md.")


class RequestRefusedError(LambdaError):
    """A request that an API does not let through, or that came to nothing behind it: answered by a gateway response.

    `response_type` is AWS's name for that response; `answer_status` where it is not the type's own; `detail` is
    `$context.error.validationErrorString`. Without a message it is the type's own.
    """

    def __init__(
        self,
        response_type: str,
        message: str | None = None,
        *,
        answer_status: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message, has_type=False)
        self.response_type = response_type
        self.answer_status = answer_status
        self.detail = detail
