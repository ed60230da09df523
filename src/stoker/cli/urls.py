"""URLs of functions on the command line: made for anybody to call, as the console of AWS makes them, and shown."""

from contextlib import suppress
from typing import Any


def public_url(client: Any, name: str) -> str:
    """The URL of a function as a whole, made if there is none. Whoever knows it may call it, unless it has a
    configuration of its own that says otherwise."""
    try:
        configuration = client.get_function_url_config(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        configuration = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    if configuration["AuthType"] == "NONE":
        _allow(client, name, "FunctionURLAllowPublicAccess", "lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
        _allow(client, name, "FunctionURLInvokeAllowPublicAccess", "lambda:InvokeFunction", InvokedViaFunctionUrl=True)
    return str(configuration["FunctionUrl"])


def url_if_any(client: Any, name: str, qualifier: str | None) -> str | None:
    """The URL of the function, or of its alias `qualifier`. Versions have none."""
    members = {"FunctionName": name, "Qualifier": qualifier} if qualifier else {"FunctionName": name}
    absent = client.exceptions.ResourceNotFoundException
    try:
        return str(client.get_function_url_config(**members)["FunctionUrl"])
    except absent:
        return None
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":  # a version's number, or $LATEST
            return None
        raise


def _allow(client: Any, name: str, sid: str, action: str, **condition: Any) -> None:
    with suppress(client.exceptions.ResourceConflictException):  # it may be there from an earlier time
        client.add_permission(FunctionName=name, StatementId=sid, Principal="*", Action=action, **condition)
