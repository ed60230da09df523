"""The node's own calls to services that it has itself: to the operation, as a client would, without the way by HTTP."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from stoker.errors import LambdaError
from stoker.front_door.request import new_request_id
from stoker.lambda_model.call import ApiCall, Caller, Operation

# Where nobody connects: what an operation says of its endpoint is only read by the node itself.
_ENDPOINT = "http://localhost"


async def call_own(
    operations: Mapping[str, Operation], caller: Caller, operation: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The answer as botocore parses it, and what was refused as botocore raises it: ClientError."""
    call = ApiCall(operation, caller, new_request_id(), parameters, _ENDPOINT)
    try:
        answer = await operations[operation](call)
    except LambdaError as error:
        details = {"Code": error.query_code or error.code, "Message": error.message or ""}
        metadata = {"HTTPStatusCode": error.status, "RequestId": call.request_id}
        raise ClientError({"Error": details, "ResponseMetadata": metadata}, operation) from None
    return {name: value for name, value in answer.members.items() if value is not None}
