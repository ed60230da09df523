"""Who may invoke: the account that a function belongs to, and whom its resource policy lets in.

Each qualifier has a policy of its own; none is inherited (reference: control plane, 6).
"""

from stoker.errors import AccessDeniedException
from stoker.functions.policies.evaluation import Asker, allows
from stoker.functions.records import UNQUALIFIED, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.lambda_model.call import Caller

INVOKE = "lambda:InvokeFunction"
INVOKE_URL = "lambda:InvokeFunctionUrl"
# Policies name these by `logs.us-east-1.amazonaws.com`, too.
_ALSO_BY_REGION = frozenset({"logs.amazonaws.com"})


class Authorisation:
    """Asks the policies."""

    def __init__(self, functions: FunctionRegistry) -> None:
        self._functions = functions

    def check(self, caller: Caller, target: FunctionTarget) -> None:
        """Raise AccessDeniedException unless `caller` may invoke `target`, whether or not there is such a function."""
        if caller.account_id == target.account_id:
            return
        if not self._is_let_in(Asker(account_id=caller.account_id), target):
            raise AccessDeniedException(
                f"User: arn:aws:iam::{caller.account_id}:root is not authorized to perform: {INVOKE} on resource: "
                f"{target.arn} because no resource-based policy allows the {INVOKE} action"
            )

    def check_url(self, account_id: str | None, auth_type: str, target: FunctionTarget) -> None:
        """Raise AccessDeniedException unless `account_id`, None for anybody, may call the URL of `target`.

        As for URLs made since October 2025, both actions must be allowed (reference: invocation, 5.4). An account may
        do what it likes with its own functions: there are no users and roles whose policies could say otherwise.
        """
        if account_id == target.account_id:
            return
        facts = {"lambda:functionurlauthtype": auth_type, "lambda:invokedviafunctionurl": "true"}
        asker = Asker(account_id=account_id, facts=facts)
        for action in (INVOKE_URL, INVOKE):
            if not self._is_let_in(asker, target, action):
                raise AccessDeniedException

    def check_service(self, service: str, source_arn: str, source_account: str, target: FunctionTarget) -> None:
        """Raise AccessDeniedException unless the policy of `target` lets `service` (`s3.amazonaws.com`) invoke it for
        that resource of that account: a service is let in by nothing else, also within an account."""
        facts = {"aws:sourcearn": source_arn, "aws:sourceaccount": source_account}
        names = [service]
        if service in _ALSO_BY_REGION:
            name, _, domain = service.partition(".")
            names.append(f"{name}.{target.region}.{domain}")
        if not any(self._is_let_in(Asker(service=known, facts=facts), target) for known in names):
            raise AccessDeniedException(
                f"User: {service} is not authorized to perform: {INVOKE} on resource: {target.arn} because no "
                f"resource-based policy allows the {INVOKE} action"
            )

    def _is_let_in(self, asker: Asker, target: FunctionTarget, action: str = INVOKE) -> bool:
        function = self._functions.find(target.key)
        policy = function.policies.get(target.qualifier or UNQUALIFIED) if function is not None else None
        return allows(policy, action, asker)
