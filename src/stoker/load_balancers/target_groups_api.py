"""The operations on target groups, their targets and attributes. All targets are functions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.load_balancers.attributes import OF_TARGET_GROUPS, changed_attributes, shown_attributes
from stoker.load_balancers.errors import (
    BalancerError,
    invalid,
    no_load_balancer,
    no_target_group,
    refuse,
    unsupported,
)
from stoker.load_balancers.health import HealthChecks
from stoker.load_balancers.health_settings import changed_health_check, shown_health_check
from stoker.load_balancers.names import check_name, place, read_tags, target_group_arn
from stoker.load_balancers.pages import page
from stoker.load_balancers.records import HealthCheck, LoadBalancer, TargetGroup, place_of
from stoker.load_balancers.registry import LoadBalancerRegistry
from stoker.load_balancers.targets import TargetCalls, function_target

# What groups of functions do not have, on AWS neither.
_OF_OTHER_TYPES = ("Protocol", "ProtocolVersion", "Port", "VpcId", "IpAddressType", "TargetControlPort")


class TargetGroupsApi:
    """By their ARNs."""

    def __init__(self, registry: LoadBalancerRegistry, calls: TargetCalls, health_checks: HealthChecks) -> None:
        self._registry = registry
        self._calls = calls
        self._health_checks = health_checks

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateTargetGroup": self.create_target_group,
            "DescribeTargetGroups": self.describe_target_groups,
            "ModifyTargetGroup": self.modify_target_group,
            "DeleteTargetGroup": self.delete_target_group,
            "DescribeTargetGroupAttributes": self.describe_target_group_attributes,
            "ModifyTargetGroupAttributes": self.modify_target_group_attributes,
            "RegisterTargets": self.register_targets,
            "DeregisterTargets": self.deregister_targets,
            "DescribeTargetHealth": self.describe_target_health,
        }

    async def create_target_group(self, call: ApiCall) -> ApiAnswer:
        """Again with the same settings it is the same target group."""
        members = call.members
        check_name("Target group", members["Name"])
        if (kind := members.get("TargetType") or "instance") != "lambda":
            raise unsupported(f"target groups of the TargetType {kind}")
        for name in _OF_OTHER_TYPES:
            if members.get(name) is not None:
                raise invalid(f"{name} cannot be specified for target groups with target type 'lambda'")
        new = TargetGroup(
            target_group_arn(call.caller, members["Name"]),
            members["Name"],
            changed_health_check(HealthCheck(), members),
            tags=read_tags(members.get("Tags") or ()),
        )
        async with self._registry.turn:
            groups = self._registry.all(TargetGroup, place(call.caller))
            group = next((each for each in groups if each.name == new.name), None)
            if group is None:
                group = new
                await self._registry.commit([new])
            elif group.health_check != new.health_check:
                raise BalancerError(
                    "DuplicateTargetGroupName",
                    f"A target group with the same name '{new.name}' exists, but with different settings",
                )
        return ApiAnswer({"TargetGroups": [self._shown(group)]})

    async def describe_target_groups(self, call: ApiCall) -> ApiAnswer:
        members, here = call.members, place(call.caller)
        found = self._registry.all(TargetGroup, here)
        balancer_arn = members.get("LoadBalancerArn")
        if balancer_arn is not None:
            if self._registry.find(LoadBalancer, balancer_arn, here) is None:
                raise no_load_balancer(balancer_arn)
            found = [group for group in found if balancer_arn in self._registry.balancers_of(group.arn)]
        for member, key in (("TargetGroupArns", "arn"), ("Names", "name")):
            wanted = members.get(member) or ()
            for each in wanted:
                if each not in {getattr(group, key) for group in found}:
                    raise no_target_group(each)
            if wanted:
                found = [group for group in found if getattr(group, key) in wanted]
        return page("TargetGroups", found, members, self._shown)

    async def modify_target_group(self, call: ApiCall) -> ApiAnswer:
        """Its health checks: nothing else of it can change."""
        async with self._registry.turn:
            group = self._find(call)
            changed = replace(group, health_check=changed_health_check(group.health_check, call.members))
            await self._registry.commit([changed])
        return ApiAnswer({"TargetGroups": [self._shown(changed)]})

    async def delete_target_group(self, call: ApiCall) -> ApiAnswer:
        """One that is not there is deleted already."""
        async with self._registry.turn:
            group = self._registry.find(TargetGroup, call.members["TargetGroupArn"], place(call.caller))
            if group is None:
                return ApiAnswer()
            if self._registry.balancers_of(group.arn):
                raise BalancerError(
                    "ResourceInUse", f"Target group '{group.arn}' is currently in use by a listener or a rule"
                )
            await self._registry.commit(gone=[group])
        return ApiAnswer()

    async def describe_target_group_attributes(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer({"Attributes": shown_attributes(OF_TARGET_GROUPS, self._find(call).attributes)})

    async def modify_target_group_attributes(self, call: ApiCall) -> ApiAnswer:
        async with self._registry.turn:
            group = self._find(call)
            attributes = changed_attributes(OF_TARGET_GROUPS, group.attributes, call.members["Attributes"])
            await self._registry.commit([replace(group, attributes=attributes)])
        return ApiAnswer({"Attributes": shown_attributes(OF_TARGET_GROUPS, attributes)})

    async def register_targets(self, call: ApiCall) -> ApiAnswer:
        """The function's policy must let the group's balancer in, as it must when it is called."""
        async with self._registry.turn:
            group = self._find(call)
            targets = list(group.targets)
            for given in call.members["Targets"]:
                refuse(given, ("Port", "QuicServerId"))
                if given.get("AvailabilityZone") not in (None, "all"):
                    raise unsupported("an AvailabilityZone of targets")
                self._check_target(group, given["Id"])
                if given["Id"] not in targets:
                    targets.append(given["Id"])
            if len(targets) > 1:
                raise BalancerError("TooManyTargets", f"Target group '{group.arn}' can have one function only")
            await self._registry.commit([replace(group, targets=tuple(targets))])
        return ApiAnswer()

    async def deregister_targets(self, call: ApiCall) -> ApiAnswer:
        async with self._registry.turn:
            group = self._find(call)
            gone = {target["Id"] for target in call.members["Targets"]}
            for target in sorted(gone.difference(group.targets)):
                raise BalancerError("InvalidTarget", f"The target '{target}' is not registered")
            targets = tuple(target for target in group.targets if target not in gone)
            await self._registry.commit([replace(group, targets=targets)])
        return ApiAnswer()

    async def describe_target_health(self, call: ApiCall) -> ApiAnswer:
        group = self._find(call)
        refuse(call.members, ("Include",))
        wanted = [target["Id"] for target in call.members.get("Targets") or ()]
        descriptions = [
            {
                "Target": {"Id": target, "AvailabilityZone": "all"},
                "TargetHealth": self._health_checks.health(group)
                if target in group.targets
                else {"State": "unused", "Reason": "Target.NotRegistered"},
            }
            for target in wanted or group.targets
        ]
        return ApiAnswer({"TargetHealthDescriptions": descriptions})

    def _find(self, call: ApiCall) -> TargetGroup:
        arn = call.members["TargetGroupArn"]
        group = self._registry.find(TargetGroup, arn, place(call.caller))
        if group is None:
            raise no_target_group(arn)
        return group

    def _check_target(self, group: TargetGroup, function: str) -> None:
        """Raises InvalidTarget and AccessDenied."""
        target = function_target(function)
        account_id, region = place_of(group.arn)
        if target is None or (target.account_id, target.region) != (account_id, region):
            raise BalancerError(
                "InvalidTarget", f"'{function[:256]}' is no ARN of a function in the target group's account and region"
            )
        self._calls.check_access(group, function, target)

    def _shown(self, group: TargetGroup) -> dict[str, Any]:
        shown: Mapping[str, Any] = {
            "TargetGroupArn": group.arn,
            "TargetGroupName": group.name,
            "TargetType": "lambda",
            "LoadBalancerArns": self._registry.balancers_of(group.arn),
        }
        return {**shown, **shown_health_check(group.health_check)}
