"""What a stage does with requests: the definition that it shows, taken apart once for many requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stoker.gateways.throttles import Rate
from stoker.rest_apis.lookups import ANY, path_of
from stoker.rest_apis.matching import Router
from stoker.rest_apis.pictures import definition_in
from stoker.rest_apis.records import (
    Authorizer,
    Definition,
    Deployment,
    Method,
    MethodSetting,
    Place,
    RequestValidator,
    Stage,
)

# What an account has, and so what one of both is where only the other is said (API Gateway Developer Guide, "Quotas").
RATE_DEFAULT = Rate(10_000.0, 5_000)


@dataclass(frozen=True, slots=True)
class ResourcePlan:
    """A resource that has methods; `path` is `/pets/{id}`."""

    resource_id: str
    path: str
    methods: Mapping[str, Method]

    def method(self, verb: str) -> Method | None:
        return self.methods.get(verb) or self.methods.get(ANY)


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of one API. `rates` are by `~1pets~1{id}/GET` and `*/*`, as method settings are."""

    place: Place
    stage: Stage
    definition: Definition
    router: Router[ResourcePlan]
    rates: Mapping[str, Rate] = field(default_factory=dict)

    @property
    def api_id(self) -> str:
        return self.definition.api.id

    @property
    def variables(self) -> Mapping[str, str]:
        return self.stage.variables or {}

    @property
    def execution_arn(self) -> str:
        """The ARN under which requests of this API are, without a stage."""
        return f"arn:aws:execute-api:{self.place.region}:{self.place.account_id}:{self.api_id}"

    def authorizer(self, method: Method) -> Authorizer | None:
        return self.definition.authorizers.get(method.authorizer_id or "")

    def validator(self, method: Method) -> RequestValidator | None:
        return self.definition.request_validators.get(method.request_validator_id or "")

    def rate(self, path: str, method: Method) -> Rate | None:
        """How often that method may be asked for; None where nothing bounds it."""
        key = f"{path.replace('~', '~0').replace('/', '~1')}/{method.http_method}"
        return self.rates.get(key) or self.rates.get("*/*")


def stage_plan(place: Place, stage: Stage, deployment: Deployment) -> StagePlan:
    definition = definition_in(deployment)
    resources = [
        ResourcePlan(resource.id, path_of(definition, resource), resource.resource_methods)
        for resource in definition.resources.values()
        if resource.resource_methods
    ]
    return StagePlan(
        place,
        stage,
        definition,
        Router((resource.path, resource) for resource in resources),
        {key: rate for key, setting in stage.method_settings.items() if (rate := _rate(setting)) is not None},
    )


def _rate(setting: MethodSetting) -> Rate | None:
    per_s, burst = setting.throttling_rate_limit, setting.throttling_burst_limit
    # A negative number is how the console and other tools say that there is no limit.
    if (per_s is None or per_s < 0) and (burst is None or burst < 0):
        return None
    return Rate(
        RATE_DEFAULT.per_s if per_s is None or per_s < 0 else per_s,
        RATE_DEFAULT.burst if burst is None or burst < 0 else burst,
    )
