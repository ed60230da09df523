"""What a client of EventBridge Scheduler can be told went wrong; `front_door/wire.py` alone makes responses of it."""

from stoker.errors import LambdaError, ValidationException


class SchedulerError(LambdaError):
    """An error of this API, by the name it has on the wire."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, has_type=False, code=code)


class SchedulerNotFoundError(SchedulerError):
    status = 404


class SchedulerConflictError(SchedulerError):
    status = 409


def invalid(message: str) -> LambdaError:
    """The request asks for something that cannot be."""
    return ValidationException(message)


def no_schedule(name: str) -> LambdaError:
    return SchedulerNotFoundError("ResourceNotFoundException", f"Schedule {name} does not exist.")


def no_group(name: str) -> LambdaError:
    return SchedulerNotFoundError("ResourceNotFoundException", f"Schedule group {name} does not exist.")


def already_there(what: str, name: str) -> LambdaError:
    return SchedulerConflictError("ConflictException", f"{what} {name} already exists.")
