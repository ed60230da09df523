"""The resource policy of an API: who may call it at all, by account, address and whatever conditions ask for.

Source: API Gateway Developer Guide, "How API Gateway resource policies affect authorization workflow".
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stoker.gateways.policies import allows
from stoker.rest_apis.errors import BadRequestError, RequestRefusedError
from stoker.rest_apis.requests import ApiRequest

# How a policy names its own API: the whole ARN is put in its place.
_OWN = "execute-api:/"


def check_policy(policy: str | None) -> None:
    """Raises BadRequestError for what is no policy document."""
    if not policy:
        return
    try:
        document = json.loads(policy)
        allows(document, "", {})
        for statement in _statements(document):
            if "Principal" not in statement and "NotPrincipal" not in statement:
                raise ValueError("a statement has no Principal")
            if "NotPrincipal" in statement:
                raise ValueError("NotPrincipal is not supported by Stoker")
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"Invalid policy document. Please check the policy syntax: {error}") from None


def check_allowed(asked: ApiRequest, account_id: str | None, caller: str) -> None:
    """Raise RequestRefusedError unless the API's policy lets pass who calls; `account_id` is None for anybody.

    The API's own account needs no statement that lets it in, only none that keeps it out.
    """
    policy = asked.plan.definition.api.policy
    owner_id = asked.plan.place.account_id
    if not policy:
        if account_id not in (None, owner_id):
            raise _refused(asked, caller)
        return
    statements = [
        statement
        for statement in _statements(_parsed(policy.replace(_OWN, f"{asked.plan.execution_arn}/")))
        if _is_principal(statement.get("Principal"), account_id)
    ]
    if account_id == owner_id:
        statements.append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    facts = {
        "aws:sourceip": asked.request.head.source_ip,
        "aws:useragent": asked.request.headers.get("user-agent", ""),
        "aws:referer": asked.request.headers.get("referer", ""),
    }
    if account_id is not None:
        facts["aws:principalaccount"] = account_id
    try:
        is_allowed = allows({"Statement": statements}, asked.method_arn, facts)
    except ValueError:
        raise RequestRefusedError("API_CONFIGURATION_ERROR") from None
    if not is_allowed:
        raise _refused(asked, caller)


def _refused(asked: ApiRequest, caller: str) -> RequestRefusedError:
    return RequestRefusedError(
        "ACCESS_DENIED",
        f"User: {caller} is not authorized to perform: execute-api:Invoke on resource: {asked.method_arn}",
    )


def _statements(document: Any) -> list[Mapping[str, Any]]:
    found = document.get("Statement") or []
    return found if isinstance(found, list) else [found]


@lru_cache(maxsize=256)
def _parsed(policy: str) -> Any:
    return json.loads(policy)


def _is_principal(principal: Any, account_id: str | None) -> bool:
    """Everybody, an account by its id or its root, or one of its users and roles: there are none to tell apart."""
    named = principal.get("AWS", ()) if isinstance(principal, dict) else principal
    for each in named if isinstance(named, list) else [named]:
        if each == "*":
            return True
        if account_id is not None and (each == account_id or f"::{account_id}:" in str(each)):
            return True
    return False
