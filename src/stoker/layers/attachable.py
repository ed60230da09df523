"""What functions need of layers: the versions they may be given, and what these use of the account's storage."""

from stoker.functions.layers import LayerVersions
from stoker.functions.records import AttachedLayer
from stoker.lambda_model.call import Caller
from stoker.layers.access import check_access
from stoker.layers.names import split_layer_arn
from stoker.layers.store import LayerStore


class AttachableLayers(LayerVersions):
    """The layer versions of the node, as functions look them up."""

    def __init__(self, store: LayerStore) -> None:
        self._store = store

    async def find(self, arn: str, caller: Caller) -> AttachedLayer | None:
        target = split_layer_arn(arn)
        if target is None or target.version is None:
            return None
        is_here = target.region == caller.region
        version = await self._store.find(target.key, target.version) if is_here else None
        check_access(version, target, caller)
        return None if version is None else AttachedLayer(version.arn, version.code)

    async def code_bytes(self, account_id: str, region: str) -> int:
        return await self._store.code_bytes(account_id, region)
