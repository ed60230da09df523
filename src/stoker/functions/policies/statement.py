"""From the members of AddPermission to a statement (reference: control plane, 6)."""

import re
from collections.abc import Mapping
from typing import Any

from stoker.errors import InvalidParameterValueException
from stoker.functions.policies.records import Condition, Statement

BAD_PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."
INVOKE_URL = "lambda:InvokeFunctionUrl"

# Alexa's two services are in the domain `amazon.com`; all others are in AWS's own.
_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com)", re.IGNORECASE)
_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
_IDENTITY = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::[^:\s]+:[^\s]+", re.ASCII)

# The member, the operator and the key. The order is that of a Java hash map with all of them, which agrees with every
# order that was recorded.
_CONDITIONS = (
    ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
    ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
    ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
    ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ("InvokedViaFunctionUrl", "Bool", "lambda:InvokedViaFunctionUrl"),
    ("SourceArn", "ArnLike", "AWS:SourceArn"),
)


def requested_statement(members: Mapping[str, Any]) -> Statement:
    """The statement that AddPermission asks for. Raises InvalidParameterValueException."""
    if members.get("FunctionUrlAuthType") and members["Action"] != INVOKE_URL:
        raise InvalidParameterValueException(f"FunctionUrlAuthType is only supported for {INVOKE_URL} action")
    return Statement(
        sid=members["StatementId"],
        principal=principal_of(members["Principal"]),
        action=members["Action"],
        condition=_condition(members),
    )


def principal_of(text: str) -> str | Mapping[str, str]:
    """`text` as a policy puts it. Raises InvalidParameterValueException.

    Whether that principal exists is not asked: AWS asks IAM.
    """
    if text == "*":
        return "*"
    if _ACCOUNT_ID.fullmatch(text):
        return {"AWS": f"arn:aws:iam::{text}:root"}
    if _IDENTITY.fullmatch(text):
        return {"AWS": text}
    if _SERVICE.fullmatch(text):
        return {"Service": text}
    raise InvalidParameterValueException(BAD_PRINCIPAL)


def _condition(members: Mapping[str, Any]) -> Condition:
    condition: dict[str, dict[str, str]] = {}
    for member, operator, key in _CONDITIONS:
        value = members.get(member)
        if value:
            condition.setdefault(operator, {})[key] = "true" if value is True else value
    return condition
