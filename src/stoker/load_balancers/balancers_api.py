"""The operations on load balancers themselves, and on their attributes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stoker.clock import Clock
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.load_balancers.attributes import (
    DELETION_PROTECTION,
    OF_LOAD_BALANCERS,
    changed_attributes,
    shown_attributes,
    value_of,
)
from stoker.load_balancers.errors import BalancerError, no_load_balancer, not_permitted, refuse, unsupported
from stoker.load_balancers.names import balancer_arn, check_name, dns_name, place, read_tags
from stoker.load_balancers.pages import page
from stoker.load_balancers.ports import Ports
from stoker.load_balancers.records import LoadBalancer, Record, Rule
from stoker.load_balancers.registry import LoadBalancerRegistry

_UNSUPPORTED = ("CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat", "IpamPools")
# What there is none of here, although clients know each load balancer by it: AWS's own of us-east-1.
_HOSTED_ZONE = "Z35SXDOTRQ7X7K"


class LoadBalancersApi:
    """By their ARNs."""

    def __init__(self, registry: LoadBalancerRegistry, ports: Ports, clock: Clock) -> None:
        self._registry = registry
        self._ports = ports
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateLoadBalancer": self.create_load_balancer,
            "DescribeLoadBalancers": self.describe_load_balancers,
            "DeleteLoadBalancer": self.delete_load_balancer,
            "DescribeLoadBalancerAttributes": self.describe_load_balancer_attributes,
            "ModifyLoadBalancerAttributes": self.modify_load_balancer_attributes,
        }

    async def create_load_balancer(self, call: ApiCall) -> ApiAnswer:
        """Again with the same settings it is the same load balancer."""
        members = call.members
        _check(members)
        new = LoadBalancer(
            balancer_arn(call.caller, members["Name"]),
            members["Name"],
            members.get("Scheme") or "internet-facing",
            _subnets(members),
            tuple(members.get("SecurityGroups") or ()),
            self._clock.now_s(),
            tags=read_tags(members.get("Tags") or ()),
        )
        async with self._registry.turn:
            balancers = self._registry.all(LoadBalancer, place(call.caller))
            balancer = next((each for each in balancers if each.name == new.name), None)
            if balancer is None:
                balancer = new
                await self._registry.commit([new])
            elif new != replace(
                balancer, arn=new.arn, created_s=new.created_s, attributes=new.attributes, tags=new.tags
            ):
                raise BalancerError(
                    "DuplicateLoadBalancerName",
                    f"A load balancer with the same name '{new.name}' exists, but with different settings",
                )
        return ApiAnswer({"LoadBalancers": [self._shown(balancer, call.endpoint)]})

    async def describe_load_balancers(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        found = self._registry.all(LoadBalancer, place(call.caller))
        for member, key in (("LoadBalancerArns", "arn"), ("Names", "name")):
            wanted = members.get(member) or ()
            for each in wanted:
                if each not in {getattr(balancer, key) for balancer in found}:
                    raise no_load_balancer(each)
            if wanted:
                found = [balancer for balancer in found if getattr(balancer, key) in wanted]
        return page("LoadBalancers", found, members, lambda balancer: self._shown(balancer, call.endpoint))

    async def delete_load_balancer(self, call: ApiCall) -> ApiAnswer:
        """With its listeners and their rules. One that is not there is deleted already."""
        async with self._registry.turn:
            balancer = self._registry.find(LoadBalancer, call.members["LoadBalancerArn"], place(call.caller))
            if balancer is None:
                return ApiAnswer()
            if value_of(OF_LOAD_BALANCERS, balancer.attributes, DELETION_PROTECTION) == "true":
                raise not_permitted(
                    f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is enabled"
                )
            listeners = self._registry.listeners(balancer.arn)
            rules: list[Rule] = [rule for listener in listeners for rule in self._registry.rules(listener.arn)]
            gone: list[Record] = [balancer, *listeners, *rules]
            await self._registry.commit(gone=gone)
            for listener in listeners:
                self._ports.close(listener.arn)
        return ApiAnswer()

    async def describe_load_balancer_attributes(self, call: ApiCall) -> ApiAnswer:
        balancer = self._find(call)
        return ApiAnswer({"Attributes": shown_attributes(OF_LOAD_BALANCERS, balancer.attributes)})

    async def modify_load_balancer_attributes(self, call: ApiCall) -> ApiAnswer:
        async with self._registry.turn:
            balancer = self._find(call)
            attributes = changed_attributes(OF_LOAD_BALANCERS, balancer.attributes, call.members["Attributes"])
            await self._registry.commit([replace(balancer, attributes=attributes)])
        return ApiAnswer({"Attributes": shown_attributes(OF_LOAD_BALANCERS, attributes)})

    def _find(self, call: ApiCall) -> LoadBalancer:
        arn = call.members["LoadBalancerArn"]
        balancer = self._registry.find(LoadBalancer, arn, place(call.caller))
        if balancer is None:
            raise no_load_balancer(arn)
        return balancer

    def _shown(self, balancer: LoadBalancer, endpoint: str) -> dict[str, Any]:
        problems = [self._ports.problem(listener.arn) for listener in self._registry.listeners(balancer.arn)]
        reason = "; ".join(problem for problem in problems if problem)
        region = balancer.arn.split(":")[3]
        return {
            "LoadBalancerArn": balancer.arn,
            "DNSName": dns_name(endpoint),
            "CanonicalHostedZoneId": _HOSTED_ZONE,
            "CreatedTime": balancer.created_s,
            "LoadBalancerName": balancer.name,
            "Scheme": balancer.scheme,
            "State": {"Code": "active_impaired", "Reason": reason} if reason else {"Code": "active"},
            "Type": "application",
            "AvailabilityZones": [
                {"ZoneName": f"{region}{chr(ord('a') + number % 6)}", "SubnetId": subnet, "LoadBalancerAddresses": []}
                for number, subnet in enumerate(balancer.subnets)
            ],
            "SecurityGroups": list(balancer.security_groups),
            "IpAddressType": "ipv4",
        }


def _check(members: Mapping[str, Any]) -> None:
    """Raises ValidationError, and refuses what is not supported."""
    check_name("Load balancer", members["Name"])
    refuse(members, _UNSUPPORTED)
    if (kind := members.get("Type") or "application") != "application":
        raise unsupported(f"load balancers of the type {kind}")
    if (addresses := members.get("IpAddressType") or "ipv4") != "ipv4":
        raise unsupported(f"the IpAddressType {addresses}")
    for mapping in members.get("SubnetMappings") or ():
        refuse(mapping, ("AllocationId", "PrivateIPv4Address", "IPv6Address", "SourceNatIpv6Prefix"))


def _subnets(members: Mapping[str, Any]) -> tuple[str, ...]:
    mapped = [mapping.get("SubnetId") or "" for mapping in members.get("SubnetMappings") or ()]
    return tuple(mapped or members.get("Subnets") or ())
