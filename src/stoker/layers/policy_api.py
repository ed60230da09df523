"""AddLayerVersionPermission, GetLayerVersionPolicy and RemoveLayerVersionPermission (reference: control plane, 8)."""

from stoker.errors import AccessDeniedException, ResourceNotFoundException
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.layers.names import layer_version_of
from stoker.layers.policy import policy_text, statement_text, with_statement, without_statement
from stoker.layers.records import LayerStatement, LayerTarget, LayerVersion
from stoker.layers.store import LayerStore


class LayerPolicyApi:
    """The resource policies of layer versions; only their own account may look at them."""

    def __init__(self, store: LayerStore, policy_bytes_max: int) -> None:
        self._store = store
        self._policy_bytes_max = policy_bytes_max

    def operations(self) -> dict[str, Operation]:
        return {
            "AddLayerVersionPermission": self.add_layer_version_permission,
            "GetLayerVersionPolicy": self.get_layer_version_policy,
            "RemoveLayerVersionPermission": self.remove_layer_version_permission,
        }

    async def add_layer_version_permission(self, call: ApiCall) -> ApiAnswer:
        target, members = _own_version_of(call), call.members
        statement = LayerStatement(members["StatementId"], members["Principal"], members.get("OrganizationId") or None)

        def add(version: LayerVersion | None) -> LayerVersion:
            revision_id = members.get("RevisionId")
            return with_statement(_known(version, target), statement, revision_id, self._policy_bytes_max)

        version = _known(await self._store.change(target.key, target.version or 0, add), target)
        revision_id = version.policy.revision_id if version.policy else None
        return ApiAnswer({"Statement": statement_text(version, statement), "RevisionId": revision_id})

    async def get_layer_version_policy(self, call: ApiCall) -> ApiAnswer:
        target = _own_version_of(call)
        version = _known(await self._store.find(target.key, target.version or 0), target)
        revision_id = version.policy.revision_id if version.policy else None
        return ApiAnswer({"Policy": policy_text(version), "RevisionId": revision_id})

    async def remove_layer_version_permission(self, call: ApiCall) -> ApiAnswer:
        target, members = _own_version_of(call), call.members

        def remove(version: LayerVersion | None) -> LayerVersion:
            return without_statement(_known(version, target), members["StatementId"], members.get("RevisionId"))

        await self._store.change(target.key, target.version or 0, remove)
        return ApiAnswer(status=204)


def _own_version_of(call: ApiCall) -> LayerTarget:
    target = layer_version_of(call)
    if target.account_id != call.caller.account_id:
        raise AccessDeniedException(None)
    return target


def _known(version: LayerVersion | None, target: LayerTarget) -> LayerVersion:
    if version is None:
        raise ResourceNotFoundException(f"Layer version {target.arn} does not exist.")
    return version
