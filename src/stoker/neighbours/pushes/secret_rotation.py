"""Secrets Manager: rotation by a function, in four steps that follow each other while RotateSecret has long answered,
and again when the secret's rules say so.

Source: AWS Secrets Manager User Guide, "Rotation by Lambda function" and "Lambda rotation functions". moto runs the
steps while the caller waits, makes the new version current whatever came of them, and rotates nothing by itself.
Secrets are in its memory, and so is when they are due.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from uuid import uuid4

from stoker.neighbours.pushes import request
from stoker.neighbours.pushes.due_times import DueTimes
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.records import Kind, Push
from stoker.neighbours.pushes.rotation_rules import RotationRules, RotationRulesError, rotation_rules
from stoker.neighbours.telling import tell

SERVICE = "secretsmanager.amazonaws.com"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def attach(line: Line, now_s: Callable[[], float] = time.time) -> None:
    """Change moto's Secrets Manager, in this process. `now_s` is replaced by tests."""
    from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

    rotations = _Rotations(line, now_s)
    FakeSecret.to_dict = _with_rules(FakeSecret.to_dict)
    SecretsManagerBackend.rotate_secret = rotations.in_place_of(SecretsManagerBackend.rotate_secret)
    SecretsManagerBackend.update_secret_version_stage = _following(SecretsManagerBackend.update_secret_version_stage)


class _Rotations:
    """Those under way, by the secret's ARN, and those to come."""

    def __init__(self, line: Line, now_s: Callable[[], float]) -> None:
        self._line = line
        self._now_s = now_s
        self._times = DueTimes(self._rotate_due, now_s)
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def in_place_of(self, rotate_secret: Callable[..., str]) -> Callable[..., str]:
        @wraps(rotate_secret)
        def rotate(
            backend: Any,
            secret_id: str,
            client_request_token: str | None = None,
            rotation_lambda_arn: str | None = None,
            rotation_rules: dict[str, Any] | None = None,
            rotate_immediately: bool = True,
        ) -> str:
            """The names of the arguments are moto's."""
            secret = backend.secrets[secret_id] if backend._is_valid_identifier(secret_id) else None
            function = rotation_lambda_arn or getattr(secret, "rotation_lambda_arn", "")
            if secret is None or not function:  # moto's refusals, and its rotation without a function
                return rotate_secret(
                    backend, secret_id, client_request_token, rotation_lambda_arn, rotation_rules, rotate_immediately
                )
            rules = _checked_rules(backend, secret, client_request_token, rotation_rules)
            self._begin(secret, function)
            token = client_request_token or str(uuid4())
            _configure(secret, function, rules)
            self._await_next(backend, secret, rules)
            _add_pending(secret, token, is_test=not rotate_immediately)
            steps = STEPS if rotate_immediately else ("testSecret",)
            threading.Thread(
                target=self._rotate,
                args=(secret, function, token, steps, request.trace()),
                name="rotation",
                daemon=True,
            ).start()
            return str(secret.to_short_dict(version_id=token))

        return rotate

    def _begin(self, secret: Any, function: str) -> None:
        """Raises what AWS says of a function that cannot be invoked, and of a secret that is being rotated."""
        from moto.secretsmanager.exceptions import (
            InvalidRequestException,
            ResourceNotFoundException,
            SecretsManagerClientError,
        )

        asked = self._line.push(_push("DryRun", secret, function))
        if asked.error == "AccessDeniedException":
            raise SecretsManagerClientError(
                "AccessDeniedException",
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
                f"access to the principal {SERVICE}.",
            )
        if asked.is_refused:
            raise ResourceNotFoundException(f"Resource not found for ARN '{function}'.")
        with self._lock:
            if secret.arn in self._running:
                raise InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")
            self._running.add(secret.arn)

    def _await_next(self, backend: Any, secret: Any, rules: RotationRules) -> None:
        next_s = rules.next_s(self._now_s())
        secret.next_rotation_date = None if next_s is None else int(next_s)
        if next_s is not None:
            self._times.set(secret.next_rotation_date, (backend, secret, secret.next_rotation_date))

    def _rotate_due(self, due: object) -> None:
        """Unless the secret has gone, is not to be rotated any more, or at another time."""
        assert isinstance(due, tuple)
        backend, secret, due_s = due
        is_there = backend.secrets.get(secret.secret_id) is secret and not secret.is_deleted()
        if not is_there or not secret.rotation_enabled or secret.next_rotation_date != due_s:
            return
        try:
            if self._now_s() > due_s + _rules_of(secret).window_s:
                raise TimeoutError("nobody was there while its window was open")
            backend.rotate_secret(secret.secret_id)
        except Exception as error:  # whatever it is, the next time comes
            tell(f"{secret.arn} was not rotated when it was due: {error}")
            self._await_next(backend, secret, _rules_of(secret))

    def _rotate(self, secret: Any, function: str, token: str, steps: Sequence[str], trace: str) -> None:
        """A step that fails is the last: the pending version stays, as the function left it."""
        try:
            for step in steps:
                event = json.dumps({"Step": step, "SecretId": secret.arn, "ClientRequestToken": token})
                pushed = self._line.push(_push("RequestResponse", secret, function, event, trace))
                if pushed.is_refused or pushed.function_error:
                    why = pushed.message or pushed.payload[:500]
                    tell(f"the rotation of {secret.arn} ended with {step} of {function}: {why}")
                    return
            if "finishSecret" in steps:
                secret.last_rotation_date = int(time.time())
        finally:
            if "finishSecret" not in steps:
                secret.versions.pop(token, None)  # it was there for the test only
            with self._lock:
                self._running.discard(secret.arn)


def _checked_rules(backend: Any, secret: Any, token: str | None, given: dict[str, Any] | None) -> RotationRules:
    """Those that are given, else those that the secret has."""
    from moto.secretsmanager.exceptions import (
        InvalidParameterException,
        InvalidRequestException,
        OperationNotPermittedOnReplica,
    )
    from moto.secretsmanager.models import ReplicaSecret

    if isinstance(secret, ReplicaSecret):
        raise OperationNotPermittedOnReplica
    if secret.is_deleted():
        raise InvalidRequestException(
            "You can't perform this operation on the secret because it was marked for deletion."
        )
    if token:
        backend._client_request_token_validator(token)
    if not given:
        return _rules_of(secret)
    try:
        return rotation_rules(given)
    except RotationRulesError as error:
        raise InvalidParameterException(str(error)) from None


def _configure(secret: Any, function: str, rules: RotationRules) -> None:
    secret.rotation_requested = True
    secret.rotation_enabled = True
    secret.rotation_lambda_arn = function
    secret.stoker_rotation_rules = rules
    secret.auto_rotate_after_days = rules.after_days or 0


def _rules_of(secret: Any) -> RotationRules:
    rules: RotationRules = getattr(secret, "stoker_rotation_rules", RotationRules())
    return rules


def _with_rules(to_dict: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    @wraps(to_dict)
    def shown(self: Any) -> dict[str, Any]:
        """moto knows days only."""
        described = to_dict(self)
        if "RotationRules" in described:
            described["RotationRules"] = _rules_of(self).shown()
        return described

    return shown


def _add_pending(secret: Any, token: str, *, is_test: bool) -> None:
    """The version that the function is to fill; for a test of the function it has the present value."""
    secret.remove_version_stages_from_old_versions(["AWSPENDING"])
    version = {"createdate": int(time.time()), "version_id": token, "version_stages": ["AWSPENDING"]}
    current = secret.versions.get(secret.default_version_id, {})
    if is_test:
        version |= {name: current[name] for name in ("secret_string", "secret_binary") if name in current}
    secret.versions.setdefault(token, version)


def _push(kind: Kind, secret: Any, function: str, payload: str = "", trace: str = "") -> Push:
    return Push(function, kind, payload, secret.account_id, SERVICE, secret.arn, trace)


def _following(update_stage: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(update_stage)
    def update_and_follow(self: Any, secret_id: str, version_stage: str, *rest: Any, **named: Any) -> Any:
        """moto goes on to answer with the version that was current before."""
        answer = update_stage(self, secret_id, version_stage, *rest, **named)
        secret = self.secrets[secret_id]
        for version_id, version in secret.versions.items():
            if "AWSCURRENT" in version["version_stages"]:
                secret.set_default_version_id(version_id)
        return answer

    return update_and_follow
