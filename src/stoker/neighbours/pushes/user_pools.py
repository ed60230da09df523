"""Cognito's user pools: the triggers around signing up and signing in, which wait for the function's answer.

Source: Amazon Cognito Developer Guide, "Customizing user pool workflows with Lambda triggers". A function gets
five seconds; it is asked once, where AWS asks three times.
"""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from stoker.neighbours.pushes import request
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.records import Push

SERVICE = "cognito-idp.amazonaws.com"
ANSWER_LIMIT_S = 5.0


def attach(line: Line) -> None:
    """Change moto's Cognito, in this process."""
    from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUserPool

    triggers = _Triggers(line)
    CognitoIdpBackend.sign_up = triggers.around_sign_up(CognitoIdpBackend.sign_up)
    CognitoIdpBackend.admin_create_user = triggers.around_admin_create_user(CognitoIdpBackend.admin_create_user)
    CognitoIdpBackend.confirm_sign_up = triggers.around_confirm_sign_up(CognitoIdpBackend.confirm_sign_up)
    CognitoIdpBackend.admin_confirm_sign_up = triggers.around_admin_confirm(CognitoIdpBackend.admin_confirm_sign_up)
    CognitoIdpUserPool.create_refresh_token = triggers.around_sign_in(CognitoIdpUserPool.create_refresh_token)
    CognitoIdpUserPool.create_jwt = triggers.around_token(CognitoIdpUserPool.create_jwt)


class _Triggers:
    """Each method stands around one of moto's."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def around_sign_up(self, sign_up: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(sign_up)
        def sign_up_and_ask(backend: Any, client_id: str, *rest: Any, **named: Any) -> Any:
            user, delivery = sign_up(backend, client_id, *rest, **named)
            pool = backend.user_pools[user.user_pool_id]
            self._before_sign_up(pool, user, "PreSignUp_SignUp", client_id)
            return user, delivery

        return sign_up_and_ask

    def around_admin_create_user(self, create: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(create)
        def create_and_ask(backend: Any, *rest: Any, **named: Any) -> Any:
            user = create(backend, *rest, **named)
            self._before_sign_up(
                backend.user_pools[user.user_pool_id], user, "PreSignUp_AdminCreateUser", "CLIENT_ID_NOT_APPLICABLE"
            )
            return user

        return create_and_ask

    def _before_sign_up(self, pool: Any, user: Any, source: str, client_id: str) -> None:
        """moto has made the user already: one that the function refuses is gone again."""
        asked = {
            "userAttributes": _attributes(user, with_own=False),
            "validationData": None,
        }
        empty = {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}
        try:
            answer = self._ask("PreSignUp", pool, user.username, source, client_id, asked, empty)
        except Exception:
            pool.users.pop(user.username, None)
            raise
        verified = {"email_verified": "autoVerifyEmail", "phone_number_verified": "autoVerifyPhone"}
        user.update_attributes(
            [{"Name": name, "Value": "true"} for name, member in verified.items() if answer.get(member) is True]
        )
        if answer.get("autoConfirmUser") is True and source == "PreSignUp_SignUp":
            from moto.cognitoidp.models import UserStatus

            user.status = UserStatus.CONFIRMED
            self._after_confirmation(pool, user, client_id)

    def around_confirm_sign_up(self, confirm: Callable[..., str]) -> Callable[..., str]:
        @wraps(confirm)
        def confirm_and_tell(backend: Any, client_id: str, username: str) -> str:
            answer = confirm(backend, client_id, username)
            pool = next(pool for pool in backend.user_pools.values() if client_id in pool.clients)
            self._after_confirmation(pool, backend.admin_get_user(pool.id, username), client_id)
            return answer

        return confirm_and_tell

    def around_admin_confirm(self, confirm: Callable[..., str]) -> Callable[..., str]:
        @wraps(confirm)
        def confirm_and_tell(backend: Any, user_pool_id: str, username: str) -> str:
            answer = confirm(backend, user_pool_id, username)
            user = backend.admin_get_user(user_pool_id, username)
            self._after_confirmation(backend.user_pools[user_pool_id], user, "CLIENT_ID_NOT_APPLICABLE")
            return answer

        return confirm_and_tell

    def _after_confirmation(self, pool: Any, user: Any, client_id: str) -> None:
        asked = {"userAttributes": _attributes(user)}
        self._ask("PostConfirmation", pool, user.username, "PostConfirmation_ConfirmSignUp", client_id, asked, {})

    def around_sign_in(self, create_refresh_token: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(create_refresh_token)
        def ask_and_sign_in(pool: Any, client_id: str, username: str) -> Any:
            """Of all that moto does for one who signs in, this is done once. AWS asks the first of the two before it
            looks at the password."""
            user = pool._get_user(username)
            before = {"userAttributes": _attributes(user), "validationData": None}
            source = "PreAuthentication_Authentication"
            self._ask("PreAuthentication", pool, user.username, source, client_id, before, {})
            token = create_refresh_token(pool, client_id, username)
            after = {"userAttributes": _attributes(user), "newDeviceUsed": False}
            source = "PostAuthentication_Authentication"
            self._ask("PostAuthentication", pool, user.username, source, client_id, after, {})
            return token

        return ask_and_sign_in

    def around_token(self, create: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(create)
        def create_with_claims(pool: Any, client_id: str, username: str, use: str, *rest: Any, **named: Any) -> Any:
            if use == "id" and _function(pool, "PreTokenGeneration"):
                claims = dict(named.get("extra_data") or {})
                named["extra_data"] = self._with_claims(pool, client_id, pool._get_user(username), claims)
            return create(pool, client_id, username, use, *rest, **named)

        return create_with_claims

    def _with_claims(self, pool: Any, client_id: str, user: Any, claims: dict[str, Any]) -> dict[str, Any]:
        """The id token's, as the first version of the event lets a function change them."""
        groups = {
            "groupsToOverride": claims.get("cognito:groups", []),
            "iamRolesToOverride": [],
            "preferredRole": None,
        }
        asked = {"userAttributes": _attributes(user), "groupConfiguration": groups}
        source = "TokenGeneration_Authentication"
        answer = self._ask(
            "PreTokenGeneration", pool, user.username, source, client_id, asked, {"claimsOverrideDetails": None}
        )
        details = answer.get("claimsOverrideDetails") or {}
        claims |= details.get("claimsToAddOrOverride") or {}
        overridden = (details.get("groupOverrideDetails") or {}).get("groupsToOverride")
        if overridden is not None:
            claims["cognito:groups"] = overridden
        for name in details.get("claimsToSuppress") or ():
            claims.pop(name, None)
        return claims

    def _ask(
        self,
        trigger: str,
        pool: Any,
        username: str,
        source: str,
        client_id: str,
        asked: Mapping[str, Any],
        empty: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """The `response` that the function filled in; what it was given where there is no function."""
        function = _function(pool, trigger)
        if not function:
            return empty
        event = {
            "version": "1",
            "region": pool.region,
            "userPoolId": pool.id,
            "userName": username,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client_id},
            "triggerSource": source,
            "request": asked,
            "response": empty,
        }
        push = Push(
            function=function,
            kind="RequestResponse",
            payload=json.dumps(event, ensure_ascii=False),
            service=SERVICE,
            source_arn=pool.arn,
            source_account=pool.account_id,
            trace=request.trace(),
        )
        pushed = self._line.push(push, ANSWER_LIMIT_S)
        if pushed.is_refused:
            raise _refusal("UnexpectedLambdaException", f"{trigger} invocation failed due to error {pushed.error}.")
        if pushed.function_error:
            raise _refusal("UserLambdaValidationException", f"{trigger} failed with error {_message(pushed.payload)}.")
        return _response(pushed.payload)


def _function(pool: Any, trigger: str) -> str:
    configuration = pool.extended_config.get("LambdaConfig") or {}
    versioned = configuration.get(f"{trigger}Config") or {}
    return str(configuration.get(trigger) or versioned.get("LambdaArn") or "")


def _attributes(user: Any, *, with_own: bool = True) -> dict[str, str]:
    """Before a user is there it has neither `sub` nor status."""
    given = {name: value for name, value in user.attribute_lookup.items() if name != "sub"}
    if not with_own:
        return given
    status = getattr(user.status, "value", user.status)
    return {"sub": user.id, "cognito:user_status": status, **given}


def _message(payload: str) -> str:
    try:
        return str(json.loads(payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return payload[:500]


def _response(payload: str) -> Mapping[str, Any]:
    """Raises what AWS says of an answer that is not the event with its response."""
    try:
        response = json.loads(payload)["response"]
    except (ValueError, KeyError, TypeError):
        response = None
    if not isinstance(response, dict):
        raise _refusal("InvalidLambdaResponseException", "Unrecognizable lambda output")
    return response


def _refusal(code: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    error: Exception = JsonRESTError(code, message)
    return error
