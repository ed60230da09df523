"""Tags of load balancers, target groups, listeners and rules."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from stoker.lambda_model.call import ApiAnswer, ApiCall, Caller, Operation
from stoker.load_balancers.errors import (
    BalancerError,
    invalid,
    no_listener,
    no_load_balancer,
    no_rule,
    no_target_group,
)
from stoker.load_balancers.names import place, read_tags, within_limit
from stoker.load_balancers.records import Listener, LoadBalancer, Record, Rule, TargetGroup, place_of
from stoker.load_balancers.registry import LoadBalancerRegistry

_KINDS: Mapping[str, tuple[type[Record], Callable[[str], BalancerError]]] = {
    "loadbalancer": (LoadBalancer, no_load_balancer),
    "targetgroup": (TargetGroup, no_target_group),
    "listener": (Listener, no_listener),
    "listener-rule": (Rule, no_rule),
}


class TagsApi:
    """By the ARNs of what has them."""

    def __init__(self, registry: LoadBalancerRegistry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Operation]:
        return {"AddTags": self.add_tags, "RemoveTags": self.remove_tags, "DescribeTags": self.describe_tags}

    async def add_tags(self, call: ApiCall) -> ApiAnswer:
        added = read_tags(call.members["Tags"])
        await self._change(call, lambda tags: {**tags, **added})
        return ApiAnswer()

    async def remove_tags(self, call: ApiCall) -> ApiAnswer:
        gone = frozenset(call.members["TagKeys"])
        await self._change(call, lambda tags: {name: value for name, value in tags.items() if name not in gone})
        return ApiAnswer()

    async def describe_tags(self, call: ApiCall) -> ApiAnswer:
        records = [self._find(arn, call.caller) for arn in call.members["ResourceArns"]]
        descriptions = [
            {
                "ResourceArn": record.arn,
                "Tags": [{"Key": name, "Value": value} for name, value in record.tags.items()],
            }
            for record in records
        ]
        return ApiAnswer({"TagDescriptions": descriptions})

    async def _change(self, call: ApiCall, change: Callable[[Mapping[str, str]], dict[str, str]]) -> None:
        async with self._registry.turn:
            records = [self._find(arn, call.caller) for arn in call.members["ResourceArns"]]
            await self._registry.commit([replace(record, tags=within_limit(change(record.tags))) for record in records])

    def _find(self, arn: str, caller: Caller) -> Record:
        kind, lack = _KINDS.get(arn.split(":")[-1].partition("/")[0], (None, invalid))
        if kind is None or place_of(arn) == ("", ""):
            raise invalid(f"'{arn[:256]}' is not a valid ARN of a load balancer, target group, listener or rule")
        record = self._registry.find(kind, arn, place(caller))
        if record is None:
            raise lack(arn)
        return record
