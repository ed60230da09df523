"""PutSubscriptionFilter, DescribeSubscriptionFilters and DeleteSubscriptionFilter, for functions."""

from collections.abc import Mapping
from typing import Any

from stoker.arn import split_arn
from stoker.clock import Clock, epoch_ms
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.logs import errors
from stoker.logs.records import LogGroupName
from stoker.logs.requests import group_of
from stoker.logs.store import LogStore
from stoker.logs.subscriptions.records import SubscriptionFilter
from stoker.logs.subscriptions.subscriptions import Subscriptions

PER_GROUP_MAX = 2  # CloudWatch Logs quotas
DESCRIBE_LIMIT = 50
_UNSUPPORTED = ("roleArn", "applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFields")


class SubscriptionsApi:
    """The operations of this room."""

    def __init__(self, store: LogStore, subscriptions: Subscriptions, clock: Clock) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._clock = clock

    def operations(self) -> Mapping[str, Operation]:
        """By the operation's name."""
        return {
            "DeleteSubscriptionFilter": self.delete_subscription_filter,
            "DescribeSubscriptionFilters": self.describe_subscription_filters,
            "PutSubscriptionFilter": self.put_subscription_filter,
        }

    async def put_subscription_filter(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        for member in _UNSUPPORTED:
            if members.get(member):
                raise errors.unsupported(f"{member} of subscription filters")
        group = await self._existing_group(call)
        present = {subscription.name: subscription for subscription in self._subscriptions.of_group(group)}
        former = present.get(members["filterName"])
        if former is None and len(present) >= PER_GROUP_MAX:
            raise errors.LogsError("LimitExceededException", "Resource limit exceeded.")
        subscription = SubscriptionFilter(
            group=group,
            name=members["filterName"],
            pattern=members["filterPattern"],
            destination_arn=_function(members["destinationArn"], group),
            distribution=members.get("distribution") or "ByLogStream",
            created_ms=epoch_ms(self._clock) if former is None else former.created_ms,
        )
        if not await self._subscriptions.can_deliver(subscription):
            raise errors.invalid(
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
                "your function."
            )
        await self._subscriptions.put(subscription)
        return ApiAnswer()

    async def describe_subscription_filters(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        group = await self._existing_group(call)
        prefix, after = members.get("filterNamePrefix", ""), members.get("nextToken", "")
        found = [
            subscription
            for subscription in self._subscriptions.of_group(group)
            if subscription.name.startswith(prefix) and subscription.name > after
        ]
        limit = members.get("limit", DESCRIBE_LIMIT)
        answer: dict[str, Any] = {"subscriptionFilters": [_members(subscription) for subscription in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = found[limit - 1].name
        return ApiAnswer(answer)

    async def delete_subscription_filter(self, call: ApiCall) -> ApiAnswer:
        group = await self._existing_group(call)
        if not await self._subscriptions.delete(group, call.members["filterName"]):
            raise errors.LogsError("ResourceNotFoundException", "The specified subscription filter does not exist.")
        return ApiAnswer()

    async def _existing_group(self, call: ApiCall) -> LogGroupName:
        group = await self._store.find_group(group_of(call))
        if group is None:
            raise errors.no_group()
        return group.group


def _function(destination: str, group: LogGroupName) -> str:
    """Refuses what is no function, and the function whose own lines these are: it would call itself for ever."""
    arn = split_arn(destination)
    if arn is None:
        raise errors.invalid("PutSubscriptionFilter operation cannot work with destinationArn of unknown type.")
    if arn.service != "lambda":
        raise errors.unsupported(f"subscription filters whose destination is in {arn.service}")
    if group.name == f"/aws/lambda/{arn.resource.removeprefix('function:').partition(':')[0]}":
        raise errors.invalid("A function cannot be subscribed to its own log group.")
    return destination


def _members(subscription: SubscriptionFilter) -> dict[str, Any]:
    return {
        "filterName": subscription.name,
        "logGroupName": subscription.group.name,
        "filterPattern": subscription.pattern,
        "destinationArn": subscription.destination_arn,
        "distribution": subscription.distribution,
        "creationTime": subscription.created_ms,
    }
