"""What a client of X-Ray can be told went wrong; `front_door/wire.py` alone turns it into responses."""

from stoker.errors import LambdaError


class TracesError(LambdaError):
    """An error of this API, by the name it has on the wire."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, has_type=False, code=code)


def invalid_request(message: str) -> TracesError:
    """The request asks for something that cannot be."""
    return TracesError("InvalidRequestException", message)
