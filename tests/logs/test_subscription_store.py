"""Subscription filters in both databases."""

from dataclasses import replace

from stoker.database.engine import Database
from stoker.logs.records import LogGroupName
from stoker.logs.subscriptions.records import SubscriptionFilter
from stoker.logs.subscriptions.store import SubscriptionStore

from .conftest import GROUP

ONE = SubscriptionFilter(GROUP, "one", "ERROR", "arn:aws:lambda:eu-west-1:000000000000:function:g", "ByLogStream", 1)


async def test_filters_are_kept_replaced_and_deleted_by_group_and_name(database: Database) -> None:
    store = SubscriptionStore(database)
    other = replace(ONE, group=LogGroupName("000000000000", "us-east-1", GROUP.name))
    for subscription in (ONE, replace(ONE, name="two"), other):
        await store.put(subscription)
    changed = replace(ONE, pattern="WARN")
    await store.put(changed)
    assert set(await SubscriptionStore(database).load()) == {changed, replace(ONE, name="two"), other}
    await store.delete(GROUP, "two")
    assert set(await store.load()) == {changed, other}
    await store.delete(GROUP, None)
    assert await store.load() == [other]
