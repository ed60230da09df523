"""What must hold between a rule's action and the target groups it names."""

from stoker.load_balancers.errors import BalancerError, no_target_group
from stoker.load_balancers.records import Action, TargetGroup, place_of
from stoker.load_balancers.registry import LoadBalancerRegistry


def check_groups(registry: LoadBalancerRegistry, balancer_arn: str, action: Action) -> None:
    """Raises TargetGroupNotFound, and TargetGroupAssociationLimit for one of another load balancer."""
    for arn in sorted(action.target_group_arns):
        if registry.find(TargetGroup, arn, place_of(balancer_arn)) is None:
            raise no_target_group(arn)
        if any(other != balancer_arn for other in registry.balancers_of(arn)):
            raise BalancerError(
                "TargetGroupAssociationLimit",
                f"The following target groups cannot be associated with more than one load balancer: {arn}",
            )
