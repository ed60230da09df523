"""The `$context` variables of a request that has been answered.

Source: Amazon API Gateway Developer Guide, "Customize HTTP API access logs". What does not apply here (client
certificates, Cognito identities) has no value, which logs show as `-`.
"""

import json

from stoker.errors import LambdaError
from stoker.gateways.authorizers import context_texts
from stoker.http_apis.requests import ApiRequest, Arrival, Authorised
from stoker.http_apis.variables import arrival_variables
from stoker.lambda_model.encoding import WireAnswer


def log_variables(
    arrival: Arrival, asked: ApiRequest | None, answer: WireAnswer, error: LambdaError | None, now_s: float
) -> dict[str, object]:
    """By their names without `$context.`; `asked` is None for a request that found no route."""
    variables = arrival_variables(arrival) | {
        "responseLatency": int((now_s - arrival.begun_s) * 1000),
        "responseLength": len(answer.body) if isinstance(answer.body, bytes) else None,
        "status": answer.status,
    }
    if error is not None and isinstance(answer.body, bytes):
        message = json.loads(answer.body)["message"]
        variables |= {"error.message": message, "error.messageString": json.dumps(message)}
    if asked is None:
        return variables
    trail = asked.trail
    variables |= {
        "authorizer.error": trail.authorizer_error,
        "dataProcessed": len(asked.body),
        "integration.error": trail.integration_error,
        "integration.integrationStatus": trail.integration_status,
        "integration.latency": trail.integration_ms,
        "integration.requestId": asked.request_id or None,
        "integration.status": _service_status(asked),
        "integrationErrorMessage": trail.integration_error,
        "integrationLatency": trail.integration_ms,
        "integrationStatus": trail.integration_status,
        "routeKey": asked.route.key,
    }
    return variables if trail.authorised is None else variables | _authorizer_variables(trail.authorised)


def _service_status(asked: ApiRequest) -> int | None:
    """What was heard from whoever was asked; of a function it is what Lambda said, whatever the function says."""
    status, integration = asked.trail.integration_status, asked.route.integration
    return 200 if status is not None and integration is not None and integration.kind == "AWS_PROXY" else status


def _authorizer_variables(authorised: Authorised) -> dict[str, object]:
    variables: dict[str, object] = {}
    flat = dict(authorised.flat or {})
    for name, claim in (flat.pop("claims", None) or {}).items():
        variables[f"authorizer.claims.{name}"] = claim
    flat.pop("scopes", None)
    for name, text in context_texts(flat).items():
        variables[f"authorizer.{name}"] = text
    caller = authorised.caller
    if caller is not None:
        variables |= {
            "identity.accountId": caller.account_id,
            "identity.caller": caller.user_id,
            "identity.user": caller.user_id,
            "identity.userArn": caller.arn,
        }
    return variables
