"""What a client of the CloudWatch Logs API can be told went wrong; all of it is status 400 with a `message`."""

from stoker.errors import LambdaError


class LogsError(LambdaError):
    """An error of this API, by the name it has on the wire."""

    status = 400
    message_member = "message"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, has_type=False, code=code)


def no_group() -> LogsError:
    return LogsError("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> LogsError:
    return LogsError("ResourceNotFoundException", "The specified log stream does not exist.")


def group_exists() -> LogsError:
    return LogsError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> LogsError:
    return LogsError("ResourceAlreadyExistsException", "The specified log stream already exists")


def invalid(message: str) -> LogsError:
    return LogsError("InvalidParameterException", message)


def unsupported(what: str) -> LogsError:
    """A member that AWS has and Stoker does not: refused, never stored and ignored."""
    return invalid(f"Stoker does not support {what} yet. See docs/compatibility.md.")
