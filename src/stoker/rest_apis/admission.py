"""API keys and usage plans: who has a key, how often its plan lets it ask, and how much of its quota is left.

Source: API Gateway Developer Guide, "Usage plans and API keys for REST APIs".
"""

from typing import NamedTuple

from stoker.gateways.throttles import Rate, Throttles
from stoker.rest_apis.catalogue import KEYS, PLAN_KEYS, PLANS, Catalogue
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.records import ApiStage, Place, UsagePlan
from stoker.rest_apis.requests import ApiRequest, Authorised
from stoker.rest_apis.usage import Usage


class _Pass(NamedTuple):
    """What a key is good for at one stage."""

    key_id: str
    plan: UsagePlan
    stage: ApiStage


class _Door(NamedTuple):
    place: Place
    api_id: str
    stage: str
    key: str


class Admission:
    """Lets requests with keys pass."""

    def __init__(self, catalogue: Catalogue, usage: Usage, throttles: Throttles) -> None:
        self._catalogue = catalogue
        self._usage = usage
        self._throttles = throttles
        self._passes: dict[_Door, _Pass] = {}
        self._version = -1

    def admit(self, asked: ApiRequest) -> Authorised:
        """What is known of the client, with its key. Raises RequestRefusedError."""
        if not asked.method.api_key_required:
            return asked.authorised
        plan = asked.plan
        if plan.definition.api.api_key_source == "AUTHORIZER":
            value = asked.authorised.usage_key
        else:
            value = asked.request.headers.get("x-api-key")
        found = self._find(_Door(plan.place, plan.api_id, plan.stage.stage_name, value or ""))
        if value is None or found is None:
            raise RequestRefusedError("INVALID_API_KEY")
        if not self._is_in_time(asked, found):
            raise RequestRefusedError("THROTTLED")
        if not self._usage.take(plan.place, found.plan, found.key_id):
            raise RequestRefusedError("QUOTA_EXCEEDED")
        return asked.authorised._replace(api_key=value, api_key_id=found.key_id)

    def _is_in_time(self, asked: ApiRequest, found: _Pass) -> bool:
        """By what the plan says of the method, else of all."""
        method_key = f"{asked.resource.path}/{asked.method.http_method}"
        own = (found.stage.throttle or {}).get(method_key)
        throttle = own or found.plan.throttle
        if throttle is None or (throttle.rate_limit <= 0 and throttle.burst_limit <= 0):
            return True
        key = ("plan", found.plan.id, found.key_id, method_key if own is not None else "")
        return self._throttles.take(key, Rate(throttle.rate_limit, throttle.burst_limit))

    def _find(self, door: _Door) -> _Pass | None:
        """By an index that is made anew after every change."""
        if self._version != self._catalogue.version:
            self._version = self._catalogue.version
            self._passes = self._made()
        return self._passes.get(door)

    def _made(self) -> dict[_Door, _Pass]:
        items, passes = self._catalogue.items, {}
        for place, plan_id, plan in items.everywhere(PLANS):
            for key_id in items.all(PLAN_KEYS, place, plan_id):
                key = items.find(KEYS, place, key_id)
                if key is not None and key.enabled:
                    for stage in plan.api_stages:
                        passes[_Door(place, stage.api_id, stage.stage, key.value)] = _Pass(key_id, plan, stage)
        return passes
