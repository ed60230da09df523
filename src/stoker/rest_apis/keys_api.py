"""API Gateway's operations on API keys and usage plans."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from stoker.clock import Clock
from stoker.gateways.ids import new_id
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import KEYS, PLAN_KEYS, PLANS, STAGES, Catalogue, Items
from stoker.rest_apis.errors import BadRequestError, ConflictError, NotFoundError
from stoker.rest_apis.ids import KEY_LENGTH, PART_LENGTH, new_key_value
from stoker.rest_apis.lookups import given_members, place_of
from stoker.rest_apis.pages import page
from stoker.rest_apis.patches import Operation as PatchOperation
from stoker.rest_apis.patches import converted, operations, patched, paths
from stoker.rest_apis.records import ApiKey, ApiStage, Place, PlanKey, Throttle, UsagePlan
from stoker.rest_apis.unsupported import refuse_unsupported

_PATCHED_KEY = paths("name description enabled customerId")
_PATCHED_PLAN = paths(
    "name description throttle throttle/rateLimit throttle/burstLimit quota quota/limit quota/period quota/offset"
)
_PERIODS = ("DAY", "WEEK", "MONTH")
KEY_VALUE_LENGTH_MIN = 20


class KeysApi:
    """API keys, usage plans, and which keys have which plans."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateApiKey": self.create_api_key,
            "GetApiKey": self.get_api_key,
            "GetApiKeys": self.get_api_keys,
            "UpdateApiKey": self.update_api_key,
            "DeleteApiKey": self.delete_api_key,
            "CreateUsagePlan": self.create_usage_plan,
            "GetUsagePlan": self.get_usage_plan,
            "GetUsagePlans": self.get_usage_plans,
            "UpdateUsagePlan": self.update_usage_plan,
            "DeleteUsagePlan": self.delete_usage_plan,
            "CreateUsagePlanKey": self.create_usage_plan_key,
            "GetUsagePlanKey": self.get_usage_plan_key,
            "GetUsagePlanKeys": self.get_usage_plan_keys,
            "DeleteUsagePlanKey": self.delete_usage_plan_key,
        }

    # Keys

    async def create_api_key(self, call: ApiCall) -> ApiAnswer:
        place, now_s = place_of(call), self._clock.now_s()
        refuse_unsupported(call.members)
        given = given_members(call)
        stage_keys = [f"{each.get('restApiId')}/{each.get('stageName')}" for each in given.pop("stageKeys", ())]
        async with self._catalogue.changing() as change:
            known = change.items.all(KEYS, place)
            defaults = {"id": new_id(KEY_LENGTH, known), "value": new_key_value(), "stageKeys": stage_keys}
            key = converted(defaults | given | {"createdDate": now_s, "lastUpdatedDate": now_s}, ApiKey)
            if len(key.value) < KEY_VALUE_LENGTH_MIN:
                raise BadRequestError("API Key value should be at least 20 characters")
            if any(other.value == key.value for other in known.values()):
                raise ConflictError("API Key already exists")
            change.put(KEYS, place, key.id, key)
        return ApiAnswer(_shown_key(key, with_value=True))

    async def get_api_key(self, call: ApiCall) -> ApiAnswer:
        key = _key_of(self._catalogue.items, place_of(call), call.members["apiKey"])
        return ApiAnswer(_shown_key(key, with_value=bool(call.members.get("includeValue"))))

    async def get_api_keys(self, call: ApiCall) -> ApiAnswer:
        prefix, customer = call.members.get("nameQuery") or "", call.members.get("customerId")
        found = {
            key_id: key
            for key_id, key in self._catalogue.items.all(KEYS, place_of(call)).items()
            if (key.name or "").startswith(prefix) and customer in (None, key.customer_id)
        }
        with_values = bool(call.members.get("includeValues"))
        return page(call, found, lambda key: _shown_key(key, with_value=with_values))

    async def update_api_key(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        place = place_of(call)
        async with self._catalogue.changing() as change:
            key = patched(_key_of(change.items, place, call.members["apiKey"]), given, _PATCHED_KEY)
            key = replace(key, last_updated_date=self._clock.now_s())
            change.put(KEYS, place, key.id, key)
        return ApiAnswer(_shown_key(key, with_value=False))

    async def delete_api_key(self, call: ApiCall) -> ApiAnswer:
        """With its usage plans' word of it."""
        place = place_of(call)
        async with self._catalogue.changing() as change:
            key_id = _key_of(change.items, place, call.members["apiKey"]).id
            change.remove(KEYS, place, key_id)
            for plan_id in change.items.all(PLANS, place):
                if change.items.find(PLAN_KEYS, place, key_id, plan_id) is not None:
                    change.remove(PLAN_KEYS, place, key_id, plan_id)
        return ApiAnswer()

    # Plans

    async def create_usage_plan(self, call: ApiCall) -> ApiAnswer:
        place = place_of(call)
        given = given_members(call)
        async with self._catalogue.changing() as change:
            plan_id = new_id(PART_LENGTH, change.items.all(PLANS, place))
            plan = converted(given | {"id": plan_id}, UsagePlan)
            check_plan(change.items, place, plan)
            change.put(PLANS, place, plan.id, plan)
        return ApiAnswer(_shown_plan(plan))

    async def get_usage_plan(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(_shown_plan(plan_of(self._catalogue.items, call)))

    async def get_usage_plans(self, call: ApiCall) -> ApiAnswer:
        place, key_id = place_of(call), call.members.get("keyId")
        items = self._catalogue.items
        found = {
            plan_id: plan
            for plan_id, plan in items.all(PLANS, place).items()
            if key_id is None or items.find(PLAN_KEYS, place, key_id, plan_id) is not None
        }
        return page(call, found, _shown_plan)

    async def update_usage_plan(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        place = place_of(call)
        async with self._catalogue.changing() as change:
            before = plan_of(change.items, call)
            of_stages = [each for each in given if each.parts[0] == "apiStages"]
            plan = patched(before, [each for each in given if each not in of_stages], _PATCHED_PLAN)
            plan = _with_stages(plan, of_stages)
            check_plan(change.items, place, plan)
            change.put(PLANS, place, plan.id, plan)
        return ApiAnswer(_shown_plan(plan))

    async def delete_usage_plan(self, call: ApiCall) -> ApiAnswer:
        """Not while stages are associated with it."""
        place = place_of(call)
        async with self._catalogue.changing() as change:
            plan = plan_of(change.items, call)
            if plan.api_stages:
                raise BadRequestError(
                    f"Cannot delete Usage Plan {plan.id} because there are API stages associated with it"
                )
            change.remove(PLANS, place, plan.id)
            for key_id in change.items.all(PLAN_KEYS, place, plan.id):
                change.remove(PLAN_KEYS, place, key_id, plan.id)
        return ApiAnswer()

    # Keys of plans

    async def create_usage_plan_key(self, call: ApiCall) -> ApiAnswer:
        place, key_id = place_of(call), call.members["keyId"]
        if call.members["keyType"] != "API_KEY":
            raise BadRequestError("Invalid key type specified. Must be API_KEY")
        async with self._catalogue.changing() as change:
            plan, key = plan_of(change.items, call), _key_of(change.items, place, key_id)
            if change.items.find(PLAN_KEYS, place, key_id, plan.id) is not None:
                raise ConflictError(f"Usage Plan {plan.id} already has API Key {key_id}")
            change.put(PLAN_KEYS, place, key_id, PlanKey(plan_id=plan.id, key_id=key_id), plan.id)
        return ApiAnswer(_shown_plan_key(key))

    async def get_usage_plan_key(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(_shown_plan_key(self._plan_key_of(call)))

    async def get_usage_plan_keys(self, call: ApiCall) -> ApiAnswer:
        place, items = place_of(call), self._catalogue.items
        plan, prefix = plan_of(items, call), call.members.get("nameQuery") or ""
        keys = {key_id: _key_of(items, place, key_id) for key_id in items.all(PLAN_KEYS, place, plan.id)}
        return page(
            call,
            {key_id: key for key_id, key in keys.items() if (key.name or "").startswith(prefix)},
            _shown_plan_key,
        )

    async def delete_usage_plan_key(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            key = self._plan_key_of(call)
            change.remove(PLAN_KEYS, place_of(call), key.id, call.members["usagePlanId"])
        return ApiAnswer()

    def _plan_key_of(self, call: ApiCall) -> ApiKey:
        place, items, key_id = place_of(call), self._catalogue.items, call.members["keyId"]
        plan = plan_of(items, call)
        if items.find(PLAN_KEYS, place, key_id, plan.id) is None:
            raise NotFoundError("Invalid Usage Plan Key identifier specified")
        return _key_of(items, place, key_id)


def plan_of(items: Items, call: ApiCall) -> UsagePlan:
    """Raises NotFoundError."""
    found = items.find(PLANS, place_of(call), call.members["usagePlanId"])
    if found is None:
        raise NotFoundError("Invalid Usage Plan ID specified")
    return found


def check_plan(items: Items, place: Place, plan: UsagePlan) -> None:
    """Raises BadRequestError and NotFoundError."""
    quota = plan.quota
    if quota is not None:
        if quota.period not in _PERIODS:
            raise BadRequestError(f"Invalid quota period specified. Must be one of: [{', '.join(_PERIODS)}]")
        if quota.limit < 1:
            raise BadRequestError("Usage Plan quota limit must be greater than 0")
        if not 0 <= quota.offset < {"DAY": 1, "WEEK": 7, "MONTH": 28}[quota.period]:
            raise BadRequestError("Usage Plan quota offset must be within its period")
    for stage in plan.api_stages:
        if items.find(STAGES, place, stage.stage, stage.api_id) is None:
            raise NotFoundError(f"API Stage not found: {stage.api_id}:{stage.stage}")


def _key_of(items: Items, place: Place, key_id: str) -> ApiKey:
    found = items.find(KEYS, place, key_id)
    if found is None:
        raise NotFoundError("Invalid API Key identifier specified")
    return found


def _with_stages(plan: UsagePlan, given: Sequence[PatchOperation]) -> UsagePlan:
    """`add` and `remove` of `/apiStages` with `<api>:<stage>`, and what `/apiStages/<api>:<stage>/throttle/…` says."""
    stages = {f"{stage.api_id}:{stage.stage}": stage for stage in plan.api_stages}
    for operation in given:
        _, *rest = operation.parts
        name = rest[0] if rest else operation.value or ""
        if len(rest) > 1 and rest[1] == "throttle":
            if name not in stages:
                raise NotFoundError(f"API Stage not found: {name}")
            stages[name] = _with_throttle(stages[name], operation, rest[2:])
        elif operation.op == "remove":
            if stages.pop(name, None) is None:
                raise NotFoundError(f"API Stage not found: {name}")
        else:
            api_id, colon, stage = name.partition(":")
            if not colon:
                raise BadRequestError(f"Invalid API stage specified: {name}")
            stages.setdefault(name, ApiStage(api_id=api_id, stage=stage))
    return replace(plan, api_stages=list(stages.values()))


def _with_throttle(stage: ApiStage, operation: PatchOperation, rest: Sequence[str]) -> ApiStage:
    """`/{path}/{method}/rateLimit` or `burstLimit`; both go when the method is removed."""
    throttles = dict(stage.throttle or {})
    if len(rest) not in (2, 3):
        raise BadRequestError(f"Invalid patch path  '{operation.path}' specified")
    key = f"{rest[0]}/{rest[1]}"
    if operation.op == "remove" and len(rest) == 2:
        throttles.pop(key, None)
    else:
        document: Mapping[str, Any] = msgspec.to_builtins(throttles.get(key) or Throttle())
        throttles[key] = converted({**document, rest[2]: operation.value}, Throttle)
    return replace(stage, throttle=throttles or None)


def _shown_key(key: ApiKey, *, with_value: bool) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(key)
    if not with_value:
        del shown["value"]
    return shown | {"tags": key.tags or None}


def _shown_plan(plan: UsagePlan) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(plan)
    return shown | {"tags": plan.tags or None}


def _shown_plan_key(key: ApiKey) -> dict[str, Any]:
    return {"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name}
