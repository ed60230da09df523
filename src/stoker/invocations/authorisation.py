"""Who may invoke: the account that a function belongs to, and whom its resource policy lets in.

Each qualifier has a policy of its own; none is inherited (reference: control plane, 6).
"""

from stoker.errors import AccessDeniedException
from stoker.functions.policies.evaluation import Asker, allows
from stoker.functions.records import UNQUALIFIED, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.lambda_model.call import Caller

INVOKE = "lambda:InvokeFunction"


class Authorisation:
    """Asks the policies."""

    def __init__(self, functions: FunctionRegistry) -> None:
        self._functions = functions

    def check(self, caller: Caller, target: FunctionTarget) -> None:
        """Raise AccessDeniedException unless `caller` may invoke `target`, whether or not there is such a function."""
        if caller.account_id == target.account_id:
            return
        function = self._functions.find(target.key)
        policy = function.policies.get(target.qualifier or UNQUALIFIED) if function is not None else None
        if not allows(policy, INVOKE, Asker(account_id=caller.account_id)):
            raise AccessDeniedException(
                f"User: arn:aws:iam::{caller.account_id}:root is not authorized to perform: {INVOKE} on resource: "
                f"{target.arn} because no resource-based policy allows the {INVOKE} action"
            )
