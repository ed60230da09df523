"""AddPermission, GetPolicy and RemovePermission (reference: control plane, 6)."""

from dataclasses import replace

from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.policies.change import with_statement, without_statement
from stoker.functions.policies.document import policy_text, statement_text
from stoker.functions.policies.records import Policy
from stoker.functions.policies.statement import requested_statement
from stoker.functions.records import LATEST, UNQUALIFIED, Function, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import target_of
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class PoliciesApi:
    """Resource policies of functions, versions and aliases."""

    def __init__(self, registry: FunctionRegistry, policy_bytes_max: int) -> None:
        self._registry = registry
        self._policy_bytes_max = policy_bytes_max

    def operations(self) -> dict[str, Operation]:
        return {
            "AddPermission": self.add_permission,
            "GetPolicy": self.get_policy,
            "RemovePermission": self.remove_permission,
        }

    async def add_permission(self, call: ApiCall) -> ApiAnswer:
        target = target_of(call)
        if target.qualifier == LATEST:
            raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
        revision_id = call.members.get("RevisionId")

        def add(function: Function) -> Function:
            _check_qualifier(function, target)
            statement = requested_statement(call.members)
            policy = with_statement(
                _policy(function, target), statement, target.arn, revision_id, self._policy_bytes_max
            )
            return _with_policy(function, target, policy)

        missing = ResourceNotFoundException(f"Function not found: {target.function_arn}")
        function = await self._registry.change_existing(target.key, add, missing)
        added = function.policies[target.qualifier or UNQUALIFIED].statements[-1]
        return ApiAnswer({"Statement": statement_text(added, target.arn)})

    async def get_policy(self, call: ApiCall) -> ApiAnswer:
        target = target_of(call)
        function = self._registry.find(target.key)
        policy = _policy(function, target) if function is not None else None
        if policy is None:
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return ApiAnswer({"Policy": policy_text(policy, target.arn), "RevisionId": policy.revision_id})

    async def remove_permission(self, call: ApiCall) -> ApiAnswer:
        target = target_of(call)
        sid, revision_id = call.members["StatementId"], call.members.get("RevisionId")

        def remove(function: Function) -> Function:
            _check_qualifier(function, target)
            policy = without_statement(_policy(function, target), sid, revision_id)
            return _with_policy(function, target, policy)

        missing = ResourceNotFoundException(f"No policy found for: {target.function_arn}")
        await self._registry.change_existing(target.key, remove, missing)
        return ApiAnswer(status=204)


def _check_qualifier(function: Function, target: FunctionTarget) -> None:
    qualifier = target.qualifier
    if qualifier is None or function.version(qualifier) is not None:
        return
    if qualifier.isdecimal() or qualifier.startswith("$"):
        raise ResourceNotFoundException(f"Function not found: {target.arn}")
    raise ResourceNotFoundException(f"Cannot find alias arn: {target.arn}")


def _policy(function: Function, target: FunctionTarget) -> Policy | None:
    return function.policies.get(target.qualifier or UNQUALIFIED)


def _with_policy(function: Function, target: FunctionTarget, policy: Policy | None) -> Function:
    qualifier = target.qualifier or UNQUALIFIED
    policies = {other: present for other, present in function.policies.items() if other != qualifier}
    if policy is not None:
        policies[qualifier] = policy
    return replace(function, policies=policies)
