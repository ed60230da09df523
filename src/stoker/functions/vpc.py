"""Whether a function may be in the subnets and security groups that a caller names, and in which VPC that is.

The settings declare what there is on this host. What they do not declare may still be known to the EC2 of the
neighbours, as after a template made it there: it exists, and nothing is in it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stoker.errors import InvalidParameterValueException
from stoker.functions.unsupported import SEE
from stoker.neighbours.errors import NeighbourError
from stoker.sandbox.network.records import DeclaredNetworks

# Reported by AWS's users; the reference has no text.
MUST_COEXIST = "SubnetIds and SecurityIds must coexist or be both empty list."
ONE_VPC_SUBNETS = "Subnets are required to be in the same VPC."  # not reported: formed like the next one
ONE_VPC_GROUPS = "Security Groups are required to be in the same VPC."
# Ours.
NOT_DECLARED_TOO = (
    "Stoker enforces the rules of a security group only if stoker.toml declares it: add [security_groups.{id}], "
    "since a subnet of the function is declared there."
)
ONLY_ISOLATED = f"Stoker does not support VpcConfig with isolation plain. {SEE}"


class Ec2(Protocol):
    """The EC2 of the neighbours (`stoker.neighbours.clients.AwsClients`)."""

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> Mapping[str, Any]:
        """Raises NeighbourError when there is none."""


class Vpcs:
    """All subnets and security groups that can be named. Subnets of the settings are in every account and region."""

    def __init__(self, declared: DeclaredNetworks, ec2: Ec2 | None, *, has_isolation: bool) -> None:
        """`has_isolation`: functions are in sandboxes, which alone can be in a subnet."""
        self._declared = declared
        self._ec2 = ec2
        self._has_isolation = has_isolation

    async def check(
        self, subnet_ids: Sequence[str], security_group_ids: Sequence[str], account_id: str, region: str
    ) -> str:
        """The VPC that all of them are in, "" for no subnets. Raises InvalidParameterValueException."""
        if bool(subnet_ids) != bool(security_group_ids):
            raise InvalidParameterValueException(MUST_COEXIST)
        if not subnet_ids:
            return ""
        if not self._has_isolation:
            raise InvalidParameterValueException(ONLY_ISOLATED)
        subnets = await self._vpcs_of_subnets(subnet_ids, account_id, region)
        groups = await self._vpcs_of_groups(security_group_ids, account_id, region)
        vpc_id = subnets[subnet_ids[0]]
        if any(other != vpc_id for other in subnets.values()):
            raise InvalidParameterValueException(ONE_VPC_SUBNETS)
        if any(other not in ("", vpc_id) for other in groups.values()):
            raise InvalidParameterValueException(ONE_VPC_GROUPS)
        self._check_declared_together(subnet_ids, security_group_ids)
        return vpc_id

    async def _vpcs_of_subnets(self, ids: Sequence[str], account_id: str, region: str) -> dict[str, str]:
        declared = {id: self._declared.subnets[id].vpc_id for id in ids if id in self._declared.subnets}
        known = await self._known("subnet", [id for id in ids if id not in declared], account_id, region)
        for id in ids:
            if id not in declared and id not in known:
                raise _not_found("DescribeSubnets", "InvalidSubnetID.NotFound", f"The subnet ID '{id}'")
        return declared | known

    async def _vpcs_of_groups(self, ids: Sequence[str], account_id: str, region: str) -> dict[str, str]:
        declared = {id: self._declared.security_groups[id].vpc_id for id in ids if id in self._declared.security_groups}
        known = await self._known("security group", [id for id in ids if id not in declared], account_id, region)
        for id in ids:
            if id not in declared and id not in known:
                raise _not_found("DescribeSecurityGroups", "InvalidGroup.NotFound", f"The security group '{id}'")
        return declared | known

    async def _known(self, kind: str, ids: list[str], account_id: str, region: str) -> dict[str, str]:
        """Those of `ids` that the neighbours' EC2 knows, with their VPCs.

        By filter and not by id: unknown ones are then missing in the answer, and no error.
        """
        if self._ec2 is None or not ids:
            return {}
        operation, name, members, id = {
            "subnet": ("describe_subnets", "subnet-id", "Subnets", "SubnetId"),
            "security group": ("describe_security_groups", "group-id", "SecurityGroups", "GroupId"),
        }[kind]
        # A node without an EC2 knows what is declared, and nothing else.
        with contextlib.suppress(NeighbourError):
            answer = await self._ec2.call("ec2", account_id, region, operation, Filters=[{"Name": name, "Values": ids}])
            return {found[id]: found.get("VpcId", "") for found in answer[members]}
        return {}

    def _check_declared_together(self, subnet_ids: Sequence[str], security_group_ids: Sequence[str]) -> None:
        """Rules that nobody here knows would be rules that nobody enforces."""
        if any(id in self._declared.subnets for id in subnet_ids):
            for id in security_group_ids:
                if id not in self._declared.security_groups:
                    raise InvalidParameterValueException(NOT_DECLARED_TOO.format(id=id))


def _not_found(operation: str, code: str, what: str) -> InvalidParameterValueException:
    """In AWS's words (reference, control plane, 4.1, VpcConfig)."""
    return InvalidParameterValueException(
        f"Error occurred while {operation}. EC2 Error Code: {code}. EC2 Error Message: {what} does not exist"
    )
