"""API Gateway's operations on the account, on what was used of usage plans, and on caches of authorizers."""

from datetime import date

import msgspec

from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.authorization import Authorization
from stoker.rest_apis.catalogue import ACCOUNTS, Catalogue
from stoker.rest_apis.errors import BadRequestError
from stoker.rest_apis.keys_api import plan_of
from stoker.rest_apis.lookups import place_of, stage_of
from stoker.rest_apis.patches import operations, patched, paths
from stoker.rest_apis.plans import RATE_DEFAULT
from stoker.rest_apis.records import Account
from stoker.rest_apis.usage import Usage

_ACCOUNT = "account"
# API Gateway API Reference, "GetUsage": at most 90 days.
DAYS_MAX = 90


class UsageApi:
    """What there is of them is kept elsewhere."""

    def __init__(self, catalogue: Catalogue, usage: Usage, authorization: Authorization) -> None:
        self._catalogue = catalogue
        self._usage = usage
        self._authorization = authorization

    def operations(self) -> dict[str, Operation]:
        return {
            "GetAccount": self.get_account,
            "UpdateAccount": self.update_account,
            "GetUsage": self.get_usage,
            "FlushStageAuthorizersCache": self.flush_stage_authorizers_cache,
        }

    async def get_account(self, call: ApiCall) -> ApiAnswer:
        found = self._catalogue.items.find(ACCOUNTS, place_of(call), _ACCOUNT)
        return _shown(found or Account())

    async def update_account(self, call: ApiCall) -> ApiAnswer:
        """The role is kept; logs need none here."""
        given, place = operations(call.members.get("patchOperations")), place_of(call)
        async with self._catalogue.changing() as change:
            before = change.items.find(ACCOUNTS, place, _ACCOUNT) or Account()
            account = patched(before, given, paths("cloudwatchRoleArn"))
            change.put(ACCOUNTS, place, _ACCOUNT, account)
        return _shown(account)

    async def get_usage(self, call: ApiCall) -> ApiAnswer:
        """For each key, day by day, what was used and what was left."""
        place, plan = place_of(call), plan_of(self._catalogue.items, call)
        first, last = _day(call.members["startDate"]), _day(call.members["endDate"])
        if not 0 <= (last - first).days < DAYS_MAX:
            raise BadRequestError(f"The start date must be before the end date, by {DAYS_MAX} days at most")
        wanted = call.members.get("keyId")
        keys = self._usage.keys_of(place, plan.id) if wanted is None else [wanted]
        return ApiAnswer(
            {
                "usagePlanId": plan.id,
                "startDate": first.isoformat(),
                "endDate": last.isoformat(),
                "items": {key_id: self._usage.of(place, plan, key_id, first, last) for key_id in keys},
            }
        )

    async def flush_stage_authorizers_cache(self, call: ApiCall) -> ApiAnswer:
        stage = stage_of(self._catalogue.items, call)
        self._authorization.forget(call.members["restApiId"], stage.stage_name)
        return ApiAnswer()


def _shown(account: Account) -> ApiAnswer:
    throttle = {"rateLimit": RATE_DEFAULT.per_s, "burstLimit": RATE_DEFAULT.burst}
    shown = msgspec.to_builtins(account) | {"throttleSettings": throttle, "features": ["UsagePlans"]}
    return ApiAnswer({**shown, "apiKeyVersion": "4"})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequestError(f"Invalid date: {text[:64]}") from None
