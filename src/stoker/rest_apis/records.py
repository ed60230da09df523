"""What a REST API is made of, as its clients see it: the names are those of AWS's API, which patches address, too.

Structs, since each of them is read from a request, kept as JSON and shown again: msgspec does all three by these
declarations. Times are seconds since the epoch.
"""

from typing import Any, NamedTuple

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of all of them; `None` is what was not said."""


class RestApi(Record, frozen=True, kw_only=True):
    id: str
    name: str
    created_date: float
    root_resource_id: str
    description: str | None = None
    version: str | None = None
    binary_media_types: list[str] | None = None
    minimum_compression_size: int | None = None
    api_key_source: str = "HEADER"
    endpoint_configuration: dict[str, Any] = msgspec.field(default_factory=lambda: {"types": ["EDGE"]})
    policy: str | None = None
    disable_execute_api_endpoint: bool = False
    security_policy: str | None = None
    tags: dict[str, str] = {}


class MethodResponse(Record, frozen=True, kw_only=True):
    status_code: str
    response_parameters: dict[str, bool] | None = None
    response_models: dict[str, str] | None = None


class IntegrationResponse(Record, frozen=True, kw_only=True):
    status_code: str
    selection_pattern: str | None = None
    response_parameters: dict[str, str] | None = None
    response_templates: dict[str, str | None] | None = None
    content_handling: str | None = None


class Integration(Record, frozen=True, kw_only=True):
    type: str
    http_method: str | None = None
    uri: str | None = None
    connection_type: str | None = None
    credentials: str | None = None
    request_parameters: dict[str, str] | None = None
    request_templates: dict[str, str | None] | None = None
    passthrough_behavior: str = "WHEN_NO_MATCH"
    content_handling: str | None = None
    timeout_in_millis: int = 29_000
    cache_namespace: str | None = None
    cache_key_parameters: list[str] = []
    integration_responses: dict[str, IntegrationResponse] | None = None


class Method(Record, frozen=True, kw_only=True):
    http_method: str
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    api_key_required: bool = False
    request_validator_id: str | None = None
    operation_name: str | None = None
    request_parameters: dict[str, bool] | None = None
    request_models: dict[str, str] | None = None
    authorization_scopes: list[str] | None = None
    method_responses: dict[str, MethodResponse] | None = None
    method_integration: Integration | None = None


class Resource(Record, frozen=True, kw_only=True):
    """The root has neither parent nor path part."""

    id: str
    parent_id: str | None = None
    path_part: str | None = None
    resource_methods: dict[str, Method] = {}


class Model(Record, frozen=True, kw_only=True):
    id: str
    name: str
    content_type: str
    description: str | None = None
    schema: str | None = None


class RequestValidator(Record, frozen=True, kw_only=True):
    id: str
    name: str | None = None
    validate_request_body: bool = False
    validate_request_parameters: bool = False


class Authorizer(Record, frozen=True, kw_only=True):
    id: str
    name: str
    type: str
    authorizer_uri: str | None = None
    auth_type: str | None = None
    authorizer_credentials: str | None = None
    identity_source: str | None = None
    identity_validation_expression: str | None = None
    authorizer_result_ttl_in_seconds: int | None = None


class GatewayResponse(Record, frozen=True, kw_only=True):
    response_type: str
    status_code: str | None = None
    response_parameters: dict[str, str] = {}
    response_templates: dict[str, str] = {}


class Definition(Record, frozen=True, kw_only=True):
    """An API with all that a deployment takes a picture of, each by its id, models and gateway responses by name."""

    api: RestApi
    resources: dict[str, Resource]
    models: dict[str, Model] = {}
    request_validators: dict[str, RequestValidator] = {}
    authorizers: dict[str, Authorizer] = {}
    gateway_responses: dict[str, GatewayResponse] = {}


class Deployment(Record, frozen=True, kw_only=True):
    """`definition` is the API's at that time, as compressed JSON."""

    id: str
    created_date: float
    definition: bytes
    description: str | None = None


class MethodSetting(Record, frozen=True, kw_only=True):
    metrics_enabled: bool = False
    logging_level: str = "OFF"
    data_trace_enabled: bool = False
    throttling_burst_limit: int | None = None
    throttling_rate_limit: float | None = None
    caching_enabled: bool = False


class AccessLogSettings(Record, frozen=True, kw_only=True):
    format: str | None = None
    destination_arn: str | None = None


class Stage(Record, frozen=True, kw_only=True):
    stage_name: str
    deployment_id: str
    created_date: float
    last_updated_date: float
    description: str | None = None
    variables: dict[str, str] | None = None
    method_settings: dict[str, MethodSetting] = {}
    access_log_settings: AccessLogSettings | None = None
    documentation_version: str | None = None
    tracing_enabled: bool = False
    cache_cluster_enabled: bool = False
    cache_cluster_status: str = "NOT_AVAILABLE"
    tags: dict[str, str] = {}


class ApiKey(Record, frozen=True, kw_only=True):
    id: str
    value: str
    created_date: float
    last_updated_date: float
    name: str | None = None
    customer_id: str | None = None
    description: str | None = None
    enabled: bool = False
    stage_keys: list[str] = []
    tags: dict[str, str] = {}


class Throttle(Record, frozen=True, kw_only=True):
    burst_limit: int = 0
    rate_limit: float = 0.0


class Quota(Record, frozen=True, kw_only=True):
    limit: int
    period: str
    offset: int = 0


class ApiStage(Record, frozen=True, kw_only=True):
    """`throttle` is by `/path/METHOD`."""

    api_id: str
    stage: str
    throttle: dict[str, Throttle] | None = None


class UsagePlan(Record, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None = None
    api_stages: list[ApiStage] = []
    throttle: Throttle | None = None
    quota: Quota | None = None
    product_code: str | None = None
    tags: dict[str, str] = {}


class PlanKey(Record, frozen=True, kw_only=True):
    """That an API key has a usage plan."""

    plan_id: str
    key_id: str


class Account(Record, frozen=True, kw_only=True):
    cloudwatch_role_arn: str | None = None


class Place(NamedTuple):
    """Whose something is, and where."""

    account_id: str
    region: str
