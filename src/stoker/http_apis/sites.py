"""HTTP APIs as the front door asks for them: which stage and which route a request is for."""

import base64
import os
from functools import partial

from stoker.clock import Clock
from stoker.errors import AccessDeniedException, GatewayRefusal, LambdaError
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import gateway_error
from stoker.gateways.access_logs import AccessLogs
from stoker.gateways.addresses import Addressed
from stoker.gateways.throttles import Throttles
from stoker.http_apis.answers import Answers
from stoker.http_apis.log_variables import log_variables
from stoker.http_apis.plans import StagePlan, stage_plan
from stoker.http_apis.records import DEFAULT, Api
from stoker.http_apis.registry import ApiRegistry
from stoker.http_apis.requests import ApiRequest, Arrival, Trail
from stoker.http_events.cors import CORS_HEADERS, answer_headers, is_preflight, preflight_headers
from stoker.lambda_model.encoding import WireAnswer
from stoker.limits import MIB

# Amazon API Gateway Developer Guide, "Quotas for configuring and running an HTTP API".
LIMIT = BodyLimit(10 * MIB, "request of an HTTP API")


class HttpApis:
    """All HTTP APIs of a node."""

    def __init__(
        self, registry: ApiRegistry, answers: Answers, throttles: Throttles, access_logs: AccessLogs, clock: Clock
    ) -> None:
        self.answers = answers
        self.throttles = throttles
        self.access_logs = access_logs
        self.clock = clock
        self._registry = registry
        self._plans: dict[tuple[str, str], StagePlan | None] = {}
        registry.follow(self._forget)

    def find(
        self, addressed: Addressed, request: HttpRequest, credentials: CredentialScope | None
    ) -> "HttpApiEndpoint | None":
        """Whoever answers for that API; None when it is none of these."""
        api = self._registry.find(addressed.api_id)
        if api is None or api.protocol != "HTTP" or addressed.region not in (None, api.key.region):
            return None
        plan, path = self._stage(api, addressed)
        arrival = None
        if plan is not None:
            arrival = Arrival(plan, addressed, request, path, new_api_request_id(), self.clock.now_s())
        return HttpApiEndpoint(self, arrival, credentials)

    def _stage(self, api: Api, addressed: Addressed) -> tuple[StagePlan | None, str]:
        """And the path below it. A path that begins with no stage's name is for `$default`."""
        if addressed.stage is not None:
            return self._plan(api, addressed.stage), addressed.raw_path
        if api.document.get("DisableExecuteApiEndpoint"):
            return None, addressed.raw_path
        name, slash, rest = addressed.raw_path[1:].partition("/")
        if name != DEFAULT and name in api.all("stage"):
            return self._plan(api, name), f"{slash}{rest}" or "/"
        return self._plan(api, DEFAULT), addressed.raw_path

    def _plan(self, api: Api, stage_name: str) -> StagePlan | None:
        place = (api.key.api_id, stage_name)
        if place not in self._plans:
            if stage_name not in api.all("stage"):
                return None
            self._plans[place] = stage_plan(api, stage_name)
        return self._plans[place]

    def _forget(self, before: Api) -> None:
        """The follower of every change of an API."""
        for stage_name in before.all("stage"):
            self._plans.pop((before.key.api_id, stage_name), None)


class HttpApiEndpoint:
    """One API for one request. `arrival` is None for a stage that is not there."""

    def __init__(self, apis: HttpApis, arrival: Arrival | None, credentials: CredentialScope | None) -> None:
        self._apis = apis
        self._arrival = arrival
        self._credentials = credentials
        self._asked: ApiRequest | None = None

    def error_style(self, error: LambdaError, request_id: str) -> WireAnswer:
        """A refusal ends a request as an answer does: with its line in the log."""
        return self._finished(gateway_error(error, request_id), error)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises GatewayRefusal, and AccessDeniedException for who would have to sign and did not."""
        arrival = self._arrival
        if arrival is None:
            raise GatewayRefusal(404, "Not Found")
        plan = arrival.plan
        if plan.cors is not None and is_preflight(request.method, request.headers):
            headers = preflight_headers(plan.cors, request.headers)
            return Asked(LIMIT, partial(self._preflight, headers), needs_signature=False)
        found = plan.router.find(request.method, arrival.path)
        if found is None:
            raise GatewayRefusal(404, "Not Found")
        route = found.route
        self._asked = ApiRequest(arrival, route, found.path_parameters, Trail())
        place = (plan.key.api_id, plan.name, route.key)
        if route.rate is not None and not self._apis.throttles.take(place, route.rate):
            raise GatewayRefusal(429, "Too Many Requests")
        is_signed = route.authorization == "AWS_IAM"
        if is_signed and self._credentials is None:
            raise AccessDeniedException
        return Asked(LIMIT, partial(self._answer, self._asked), needs_signature=is_signed, service="execute-api")

    async def _preflight(self, headers: dict[str, str], _: Received) -> WireAnswer:
        return self._finished(WireAnswer(204, headers, b""))

    async def _answer(self, asked: ApiRequest, received: Received) -> WireAnswer:
        asked = asked._replace(body=received.body, request_id=received.request_id)
        return self._finished(await self._apis.answers.answer(asked, received, self._credentials))

    def _finished(self, answer: WireAnswer, error: LambdaError | None = None) -> WireAnswer:
        """With what every answer has."""
        arrival = self._arrival
        if arrival is None:
            return answer._replace(headers={**answer.headers, "apigw-requestid": new_api_request_id()})
        answer = _with_cors(arrival, answer)
        answer = answer._replace(headers={**answer.headers, "apigw-requestid": arrival.api_request_id})
        settings = arrival.plan.access_log
        if settings is not None:
            variables = log_variables(arrival, self._asked, answer, error, self._apis.clock.now_s())
            source = f"{arrival.plan.key.api_id}/{arrival.plan.name}"
            self._apis.access_logs.write(settings.destination_arn, settings.form, source, variables)
        return answer


def _with_cors(arrival: Arrival, answer: WireAnswer) -> WireAnswer:
    """What the function says of these headers does not count where CORS is configured."""
    cors, request = arrival.plan.cors, arrival.request
    if cors is None or is_preflight(request.method, request.headers):
        return answer
    added = answer_headers(cors, request.headers)
    own = {name: value for name, value in answer.headers.items() if name not in CORS_HEADERS}
    if "vary" in own and "vary" in added:
        added["vary"] = f"{own['vary']}, {added['vary']}"
    return answer._replace(headers={**own, **added})


def new_api_request_id() -> str:
    """As API Gateway's look: sixteen characters of base64."""
    return base64.b64encode(os.urandom(11)).decode()
