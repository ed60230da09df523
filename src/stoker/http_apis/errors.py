"""What a client of the API can be told went wrong; `front_door/wire.py` alone makes responses of it."""

from stoker.errors import LambdaError
from stoker.http_apis.records import Kind


class ApiGatewayError(LambdaError):
    """An error of API Gateway's, by the name it has on the wire."""

    status = 400
    message_member = "message"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, has_type=False, code=code)


class ApiNotFoundError(ApiGatewayError):
    status = 404


class ApiConflictError(ApiGatewayError):
    status = 409


_NAMES: dict[Kind, str] = {
    "route": "Route",
    "integration": "Integration",
    "authorizer": "Authorizer",
    "stage": "Stage",
    "deployment": "Deployment",
}


def invalid(message: str) -> ApiGatewayError:
    return ApiGatewayError("BadRequestException", message)


def conflict(message: str) -> ApiGatewayError:
    return ApiConflictError("ConflictException", message)


def not_found(message: str) -> ApiGatewayError:
    return ApiNotFoundError("NotFoundException", message)


def refused(what: str) -> ApiGatewayError:
    """Something that AWS has, and Stoker does not."""
    return invalid(f"Stoker does not support {what}. See docs/compatibility.md.")


def no_api(api_id: str, account_id: str) -> ApiGatewayError:
    return not_found(f"Invalid API identifier specified {account_id}:{api_id}")


def no_part(kind: Kind) -> ApiGatewayError:
    return not_found(f"Invalid {_NAMES[kind]} identifier specified")
