"""A request that has found its method: everything that is known of it, for authorizers, integrations and logs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from stoker.front_door.request import HttpRequest
from stoker.gateways.addresses import Addressed, local_domain_name
from stoker.http_events.format_1 import ProxyRoute, metadata_event
from stoker.http_events.records import CallContext, HttpCall, IamCaller
from stoker.rest_apis.plans import ResourcePlan, StagePlan
from stoker.rest_apis.records import Method


class Authorised(NamedTuple):
    """What is known of a client that may: what an authorizer said, texts, or who signed.

    `api_key` and its id are there where a method wants one.
    """

    authorizer: Mapping[str, Any] | None = None
    caller: IamCaller | None = None
    usage_key: str | None = None
    api_key: str | None = None
    api_key_id: str | None = None


class ApiRequest(NamedTuple):
    """`path` is the request's without stage and mapping; path parameters are percent-encoded as they came."""

    plan: StagePlan
    resource: ResourcePlan
    method: Method
    path_parameters: Mapping[str, str]
    addressed: Addressed
    request: HttpRequest
    path: str
    extended_request_id: str
    request_id: str
    begun_s: float
    body: bytes = b""
    authorised: Authorised = Authorised()

    @property
    def verb(self) -> str:
        return self.request.method

    @property
    def domain_name(self) -> str:
        return self.addressed.domain_name or local_domain_name(self.plan.api_id, self.plan.place.region)

    @property
    def sent_path(self) -> str:
        """As the client sent it: with the stage, or with what a domain name's mapping took away."""
        path = self.path if self.addressed.stage else f"/{self.plan.stage.stage_name}{self.path}"
        return f"/{self.addressed.base_path}{path}" if self.addressed.base_path else path

    @property
    def method_arn(self) -> str:
        """As authorizers and their policies name what is asked for."""
        return f"{self.plan.execution_arn}/{self.plan.stage.stage_name}/{self.verb}{self.path}"

    @property
    def source_arn(self) -> str:
        """As functions' policies name who invokes them."""
        verb = self.method.http_method
        return f"{self.plan.execution_arn}/{self.plan.stage.stage_name}/{verb}{self.resource.path}"

    @property
    def call(self) -> HttpCall:
        """The request as events show it: with the names of its headers as they were sent."""
        head = self.request.head
        names = head.header_names or [name for name, _ in head.headers]
        return HttpCall(
            self.request.method,
            self.request.raw_path,
            self.request.query_string.decode("latin-1"),
            [(name, value) for name, (_, value) in zip(names, head.headers, strict=True)],
            self.body,
            head.source_ip,
            head.address.rpartition(":")[2],
            head.tls,
        )

    def call_context(self, trace: str) -> CallContext:
        return CallContext(
            account_id=self.plan.place.account_id,
            api_id=self.plan.api_id,
            domain_name=self.domain_name,
            request_id=self.request_id,
            trace=trace.partition(";")[0],
            epoch_s=self.begun_s,
            caller=self.authorised.caller,
        )

    @property
    def route(self) -> ProxyRoute:
        authorised = self.authorised
        identity = {}
        if authorised.api_key is not None:
            identity = {"apiKey": authorised.api_key, "apiKeyId": authorised.api_key_id}
        return ProxyRoute(
            stage=self.plan.stage.stage_name,
            resource_path=self.resource.path,
            resource_id=self.resource.resource_id,
            path=self.path if self.addressed.stage is None else self.sent_path,
            request_path=self.sent_path,
            path_parameters=self.path_parameters,
            stage_variables=self.plan.variables,
            extended_request_id=self.extended_request_id,
            deployment_id=self.plan.stage.deployment_id,
            authorizer=authorised.authorizer,
            identity=identity,
        )

    @property
    def context(self) -> dict[str, Any]:
        """`$context`, as far as it is known before anything is answered."""
        event = metadata_event(self.call._replace(body=b""), self.call_context(""), self.route, "REST")
        shown: dict[str, Any] = event["requestContext"]
        return shown
