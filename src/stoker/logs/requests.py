"""What every operation on a log group reads from its request."""

from stoker.lambda_model.call import ApiCall
from stoker.logs import errors
from stoker.logs.records import LogGroupName


def group_of(call: ApiCall) -> LogGroupName:
    """The group that a call names, by name or by identifier (a name or an ARN)."""
    name: str | None = call.members.get("logGroupName")
    identifier: str | None = call.members.get("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise errors.invalid("Specify exactly one of logGroupName and logGroupIdentifier.")
    return LogGroupName(call.caller.account_id, call.caller.region, name or name_of_group(identifier or ""))


def name_of_group(identifier: str) -> str:
    """The name in `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, or the name itself."""
    return identifier.split(":", 6)[6].removesuffix(":*") if identifier.startswith("arn:") else identifier
