"""REST APIs as the front door asks for them: which stage and which method a request is for."""

import base64
import os
from functools import partial

from stoker.clock import Clock
from stoker.errors import (
    AccessDeniedException,
    ExpiredTokenException,
    InvalidSignatureException,
    LambdaError,
    MissingAuthenticationTokenException,
    RequestTimeoutException,
    RequestTooLargeException,
    SerializationException,
)
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.gateways.access_logs import AccessLogs
from stoker.gateways.addresses import Addressed
from stoker.gateways.throttles import Throttles
from stoker.lambda_model.encoding import WireAnswer
from stoker.limits import MIB
from stoker.rest_apis.answers import Answers
from stoker.rest_apis.catalogue import APIS, DEPLOYMENTS, STAGES, Catalogue
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.gateway_responses import refusal
from stoker.rest_apis.plans import StagePlan, stage_plan
from stoker.rest_apis.records import Definition, Place, Stage
from stoker.rest_apis.requests import ApiRequest
from stoker.rest_apis.variables import Finished, log_variables, variables_of

# API Gateway Developer Guide, "Quotas for configuring and running a REST API".
LIMIT = BodyLimit(10 * MIB, "request of a REST API")


class RestApis:
    """All REST APIs of a node."""

    def __init__(
        self, catalogue: Catalogue, answers: Answers, throttles: Throttles, access_logs: AccessLogs, clock: Clock
    ) -> None:
        self.answers = answers
        self.throttles = throttles
        self.access_logs = access_logs
        self.clock = clock
        self._catalogue = catalogue
        # By the stage as it was when its plan was made; another stage of that name has a plan of its own.
        self._plans: dict[tuple[str, str], tuple[Stage, StagePlan]] = {}
        self._homes: dict[str, Place] = {}
        self._version = -1

    def find(
        self, addressed: Addressed, request: HttpRequest, credentials: CredentialScope | None
    ) -> "RestApiEndpoint | None":
        """Whoever answers for that API; None when it is none of these."""
        place = self._home(addressed.api_id)
        if place is None or addressed.region not in (None, place.region):
            return None
        definition = self._catalogue.items.find(APIS, place, addressed.api_id)
        if definition is None:
            return None
        stage_name, path = addressed.stage, addressed.raw_path
        if not stage_name:
            stage_name, slash, rest = addressed.raw_path[1:].partition("/")
            path = f"{slash}{rest}" or "/"
        is_closed = addressed.stage is None and definition.api.disable_execute_api_endpoint
        plan = None if is_closed else self._plan(place, definition, stage_name)
        return RestApiEndpoint(self, plan, path, addressed, credentials)

    def _home(self, api_id: str) -> Place | None:
        """Whose API it is; the index is made anew after every change."""
        if self._version != self._catalogue.version:
            self._version = self._catalogue.version
            self._homes = {known: place for place, known, _ in self._catalogue.items.everywhere(APIS)}
            self._plans = {key: made for key, made in self._plans.items() if key[0] in self._homes}
        return self._homes.get(api_id)

    def _plan(self, place: Place, definition: Definition, stage_name: str) -> StagePlan | None:
        api_id = definition.api.id
        stage = self._catalogue.items.find(STAGES, place, stage_name, api_id)
        if stage is None:
            return None
        made = self._plans.get((api_id, stage_name))
        if made is None or made[0] is not stage:
            deployment = self._catalogue.items.find(DEPLOYMENTS, place, stage.deployment_id, api_id)
            assert deployment is not None
            made = self._plans[(api_id, stage_name)] = (stage, stage_plan(place, stage, deployment))
        return made[1]


class RestApiEndpoint:
    """One API for one request. `plan` is None for a stage that is not there."""

    def __init__(
        self,
        apis: RestApis,
        plan: StagePlan | None,
        path: str,
        addressed: Addressed,
        credentials: CredentialScope | None,
    ) -> None:
        self._apis = apis
        self._plan = plan
        self._path = path
        self._addressed = addressed
        self._credentials = credentials
        self._extended_request_id = base64.b64encode(os.urandom(11)).decode()
        self._begun_s = apis.clock.now_s()
        self._request: HttpRequest | None = None
        self._asked: ApiRequest | None = None

    def error_style(self, error: LambdaError, request_id: str) -> WireAnswer:
        """A refusal ends a request as an answer does: with its line in the log."""
        refused = _as_refusal(error)
        own = {} if self._plan is None else self._plan.definition.gateway_responses
        if self._asked is not None:
            self._asked = self._asked._replace(request_id=request_id)
        answer = refusal(refused, own, partial(variables_of, self._asked))
        return self._finished(answer, request_id, refused)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises RequestRefusedError."""
        self._request = request
        plan = self._plan
        if plan is None:
            raise RequestRefusedError("INVALID_API_KEY")  # AWS's answer to an unknown stage: 403, Forbidden
        found = plan.router.find(self._path)
        method = None if found is None else found.target.method(request.method)
        if found is None or method is None:
            raise RequestRefusedError("MISSING_AUTHENTICATION_TOKEN")
        self._asked = ApiRequest(
            plan=plan,
            resource=found.target,
            method=method,
            path_parameters=found.path_parameters,
            addressed=self._addressed,
            request=request,
            path=self._path,
            extended_request_id=self._extended_request_id,
            request_id="",
            begun_s=self._begun_s,
        )
        rate = plan.rate(found.target.path, method)
        key = (plan.api_id, plan.stage.stage_name, found.target.path, method.http_method)
        if rate is not None and not self._apis.throttles.take(key, rate):
            raise RequestRefusedError("THROTTLED")
        is_signed = method.authorization_type == "AWS_IAM"
        if is_signed and self._credentials is None:
            raise RequestRefusedError("MISSING_AUTHENTICATION_TOKEN")
        return Asked(LIMIT, partial(self._answer, self._asked), needs_signature=is_signed, service="execute-api")

    async def _answer(self, asked: ApiRequest, received: Received) -> WireAnswer:
        self._asked = asked = asked._replace(body=received.body, request_id=received.request_id)
        answer = await self._apis.answers.answer(asked, received, self._credentials)
        return self._finished(answer, received.request_id)

    def _finished(self, answer: WireAnswer, request_id: str, refused: RequestRefusedError | None = None) -> WireAnswer:
        """With what every answer has."""
        headers = {**answer.headers, "x-amz-apigw-id": self._extended_request_id}
        answer = answer._replace(headers=headers)
        settings = None if self._plan is None else self._plan.stage.access_log_settings
        if self._plan is not None and settings is not None and settings.destination_arn and settings.format:
            now_s = self._apis.clock.now_s()
            finished = Finished(answer, refused, request_id, self._extended_request_id, now_s - self._begun_s)
            source = f"{self._plan.api_id}/{self._plan.stage.stage_name}"
            variables = log_variables(self._plan, self._asked, finished)
            self._apis.access_logs.write(settings.destination_arn, settings.format, source, variables)
        return answer


def _as_refusal(error: LambdaError) -> RequestRefusedError:
    """What went wrong on the way here, by the name that gateway responses have for it."""
    match error:
        case RequestRefusedError():
            return error
        case ExpiredTokenException():
            return RequestRefusedError("EXPIRED_TOKEN", error.message)
        case InvalidSignatureException():
            return RequestRefusedError("INVALID_SIGNATURE", error.message)
        case MissingAuthenticationTokenException():
            return RequestRefusedError("MISSING_AUTHENTICATION_TOKEN", error.message)
        case AccessDeniedException():
            return RequestRefusedError("ACCESS_DENIED", error.message)
        case RequestTooLargeException():
            return RequestRefusedError("REQUEST_TOO_LARGE")
        case SerializationException():
            return RequestRefusedError("BAD_REQUEST_BODY", "Bad Request")
        case RequestTimeoutException():
            return RequestRefusedError("DEFAULT_4XX", "Request Timeout", answer_status=408)
    return RequestRefusedError("DEFAULT_5XX", "Internal server error", answer_status=500)
