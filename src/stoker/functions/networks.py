"""The networks that functions can be in, as this room wants to be told of them."""

from dataclasses import replace
from typing import Protocol

from stoker.functions.configuration import Configuration
from stoker.lambda_model.call import Caller


class Networks(Protocol):
    """Who knows subnets and security groups."""

    async def check(
        self, subnet_ids: tuple[str, ...], security_group_ids: tuple[str, ...], account_id: str, region: str
    ) -> str:
        """The VPC that all of them are in. Raises InvalidParameterValueException, in AWS's words."""


async def in_network(configuration: Configuration, networks: Networks, caller: Caller) -> Configuration:
    """`configuration` with the VPC of its subnets, as AWS shows it."""
    vpc = configuration.vpc
    if vpc is None or not vpc.subnet_ids:
        return configuration
    vpc_id = await networks.check(vpc.subnet_ids, vpc.security_group_ids, caller.account_id, caller.region)
    return replace(configuration, vpc=replace(vpc, vpc_id=vpc_id))
