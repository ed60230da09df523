"""What a client of the management API can be told went wrong; `front_door/wire.py` alone makes responses of it."""

from stoker.errors import LambdaError


class ManagementError(LambdaError):
    message_member = "message"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, has_type=False)


class GoneException(ManagementError):  # noqa: N818 - AWS's names
    status = 410


class ForbiddenException(ManagementError):  # noqa: N818
    status = 403

    def __init__(self) -> None:
        super().__init__("Forbidden")


class PayloadTooLargeException(ManagementError):  # noqa: N818
    status = 413

    def __init__(self) -> None:
        super().__init__("Message too long")


class LimitExceededException(ManagementError):  # noqa: N818
    """The client does not read what it was sent before."""

    status = 429

    def __init__(self) -> None:
        super().__init__("The client does not read its messages")
