"""API Gateway's operation TestInvokeMethod: a request to a method as it is now, deployed or not, without asking who."""

import time
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from stoker.clock import Clock
from stoker.front_door.request import HttpRequest, RequestHead
from stoker.gateways.addresses import Addressed, local_domain_name
from stoker.http_events.times import clf_time
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.lambda_model.encoding import WireAnswer
from stoker.rest_apis.answers import Answers
from stoker.rest_apis.catalogue import Catalogue
from stoker.rest_apis.errors import BadRequestError, RequestRefusedError, not_supported
from stoker.rest_apis.gateway_responses import refusal
from stoker.rest_apis.lookups import ANY, definition_of, method_of, path_of, place_of
from stoker.rest_apis.matching import Router
from stoker.rest_apis.plans import ResourcePlan, StagePlan
from stoker.rest_apis.records import Stage
from stoker.rest_apis.requests import ApiRequest
from stoker.rest_apis.variables import variables_of

# As AWS calls it, also in what functions are told.
STAGE = "test-invoke-stage"
SOURCE_IP = "test-invoke-source-ip"


class TrialsApi:
    """By the ids of resources."""

    def __init__(self, catalogue: Catalogue, answers: Answers, clock: Clock) -> None:
        self._catalogue = catalogue
        self._answers = answers
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {"TestInvokeMethod": self.test_invoke_method}

    async def test_invoke_method(self, call: ApiCall) -> ApiAnswer:
        """What the method answers, and a few lines of how that came about."""
        asked = self._asked(call)
        begun_s = time.monotonic()
        refused: RequestRefusedError | None = None
        try:
            answer = await self._answers.integrated(asked)
        except RequestRefusedError as error:
            refused = error
            own = asked.plan.definition.gateway_responses
            answer = refusal(error, own, partial(variables_of, asked))
        assert isinstance(answer.body, bytes)
        headers = {name: [value] for name, value in answer.headers.items()}
        if answer.cookies:
            headers["set-cookie"] = list(answer.cookies)
        return ApiAnswer(
            {
                "status": answer.status,
                "body": answer.body.decode(errors="replace"),
                "headers": {name: values[-1] for name, values in headers.items()},
                "multiValueHeaders": headers,
                "latency": round((time.monotonic() - begun_s) * 1000),
                "log": _log(asked, answer, refused, self._clock.now_s()),
            }
        )

    def _asked(self, call: ApiCall) -> ApiRequest:
        """Raises NotFoundError and BadRequestError."""
        definition, place = definition_of(self._catalogue.items, call), place_of(call)
        resource, method = method_of(definition, call)
        integration = method.method_integration
        if integration is not None and integration.type in ("HTTP", "HTTP_PROXY"):
            # An operation does not tell whether it is a sandbox that asks, which is not to reach other servers.
            raise not_supported("TestInvokeMethod of integrations with other servers")
        resource_plan = ResourcePlan(resource.id, path_of(definition, resource), resource.resource_methods)
        url = urlsplit(call.members.get("pathWithQueryString") or resource_plan.path)
        found = Router([(resource_plan.path, resource_plan)]).find(url.path)
        if found is None:
            raise BadRequestError(f"Invalid path specified: {url.path[:256]} is not for {resource_plan.path}")
        variables = call.members.get("stageVariables")
        stage = Stage(stage_name=STAGE, deployment_id="", created_date=0.0, last_updated_date=0.0, variables=variables)
        plan = StagePlan(place, stage, definition, Router(()))
        verb = "GET" if method.http_method == ANY else method.http_method
        host = local_domain_name(definition.api.id, place.region)
        body = (call.members.get("body") or "").encode()
        pairs = _pairs(call)
        head = RequestHead(
            verb,
            url.path,
            url.query.encode(),
            [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in pairs],
            f"{host}:443",
            source_ip=SOURCE_IP,
            header_names=[name.encode() for name, _ in pairs],
        )
        headers = {name.lower(): value for name, value in pairs}
        request = HttpRequest(verb, url.path, head.query_string, headers, f"https://{host}", head)
        return ApiRequest(
            plan=plan,
            resource=resource_plan,
            method=method,
            path_parameters=found.path_parameters,
            addressed=Addressed(definition.api.id, place.region, host, url.path),
            request=request,
            path=url.path,
            extended_request_id=call.request_id,
            request_id=call.request_id,
            begun_s=self._clock.now_s(),
            body=body,
        )


def _pairs(call: ApiCall) -> Sequence[tuple[str, str]]:
    """All headers. Raises BadRequestError for what is no name."""
    multi = call.members.get("multiValueHeaders") or {}
    pairs = [(name, value) for name, values in multi.items() for value in values]
    pairs += [(name, value) for name, value in (call.members.get("headers") or {}).items() if name not in multi]
    if not all(name.isascii() and name for name, _ in pairs):
        raise BadRequestError("Invalid header specified")
    return pairs


def _log(asked: ApiRequest, answer: WireAnswer, refused: RequestRefusedError | None, now_s: float) -> str:
    lines = [
        f"Starting execution for request: {asked.request_id}",
        f"HTTP Method: {asked.verb}, Resource Path: {asked.path}",
        f"Method request path: {dict(asked.path_parameters)}",
        f"Method request query string: {asked.request.query_string.decode('latin-1')}",
        f"Method request body before transformations: {asked.body.decode(errors='replace')}",
    ]
    if refused is not None:
        lines.append(f"Execution failed due to {refused.response_type}: {refused.message or ''}".rstrip())
    lines.append(f"Method completed with status: {answer.status}")
    date = clf_time(now_s)
    head = f"Execution log for request {asked.request_id}"
    return "\n".join([head, *(f"{date} : {line}" for line in lines)]) + "\n"
