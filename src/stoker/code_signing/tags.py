"""The tags of code signing configurations."""

from dataclasses import replace

from stoker.code_signing.registry import CodeSigningConfigs
from stoker.functions.tags import TaggedResources, Tags, TagVerb
from stoker.lambda_model.call import Caller


class CodeSigningTags(TaggedResources):
    def __init__(self, configs: CodeSigningConfigs) -> None:
        self._configs = configs

    async def tags(self, arn: str, caller: Caller) -> Tags | None:
        config = self._configs.find(arn)
        return config.tags if config is not None and _is_callers(arn, caller) else None

    async def change_tags(self, arn: str, caller: Caller, verb: TagVerb) -> Tags | None:
        if not _is_callers(arn, caller):
            return None
        config = await self._configs.change(arn, lambda present: replace(present, tags=verb(present.tags)))
        return None if config is None else config.tags


def _is_callers(arn: str, caller: Caller) -> bool:
    return f":{caller.region}:{caller.account_id}:" in arn
