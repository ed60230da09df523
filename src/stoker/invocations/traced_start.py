"""A cold start to be looked at (`stoker trace-start`): a new environment for one invocation, whatever else is idle."""

import json
from dataclasses import asdict
from time import perf_counter

from stoker.environments.environment import Environment
from stoker.environments.pool import EnvironmentPool
from stoker.environments.timeline import Phase
from stoker.front_door.raw_routes import RawRequest, RawResponse, RawRoute
from stoker.front_door.request import new_request_id
from stoker.invocation import Invocation
from stoker.invocations.concurrency import Concurrency
from stoker.invocations.invoke import Invoker
from stoker.invocations.payload import check_payload
from stoker.invocations.trace import Tracing
from stoker.lambda_model.names import parse_function_name

ROUTE = "/_stoker/trace-start"


class TracedStarts:
    """Answers `POST /_stoker/trace-start?FunctionName=…[&Qualifier=…]`, whose body is the event."""

    def __init__(
        self, invoker: Invoker, concurrency: Concurrency, environments: EnvironmentPool, tracing: Tracing
    ) -> None:
        self._tracing = tracing
        self._invoker = invoker
        self._concurrency = concurrency
        self._environments = environments

    def routes(self) -> dict[str, RawRoute]:
        return {ROUTE: RawRoute(self._answer)}

    async def _answer(self, request: RawRequest) -> RawResponse:
        """`{"Phases": [{"name", "began_ms", "duration_ms", "is_ahead"}], "Payload"}`, the payload as text."""
        names = {name: values[0] for name, values in request.query.items()}
        target = parse_function_name(names.get("FunctionName", ""), names.get("Qualifier"), request.caller)
        invocation = Invocation(new_request_id(), target, request.body or b"{}", self._tracing.header("", target))
        phases, payload = await self.trace(invocation)
        document = {"Phases": [asdict(phase) for phase in phases], "Payload": payload.decode(errors="replace")}
        return RawResponse(200, {"content-type": "application/json"}, json.dumps(document).encode())

    async def trace(self, invocation: Invocation) -> tuple[list[Phase], bytes]:
        """The phases in milliseconds since now, and what the function answered. Raises LambdaError."""
        began_s = perf_counter()
        check_payload(invocation.payload)
        version = self._invoker.resolve(invocation)
        with self._concurrency.reserve(version):
            started_s = perf_counter()
            environment = await self._environments.start_ahead(version, "on-demand", _nobody)
            try:
                ready_s = perf_counter()
                result = await environment.run(invocation)
                answered_s = perf_counter()
                # Extensions may take longer, and REPORT waits for them.
                await environment.finish()
            finally:
                self._environments.retire(environment)
        init = environment.timeline(began_s)
        first_ms = min(phase.began_ms for phase in init if not phase.is_ahead)
        last_ms = max(phase.began_ms + phase.duration_ms for phase in init)
        looked_up_ms, ready_ms = (started_s - began_s) * 1000, (ready_s - began_s) * 1000
        phases = [
            Phase("look-up", 0.0, looked_up_ms),
            Phase("plan", looked_up_ms, first_ms - looked_up_ms),
            *init,
            Phase("end of init", last_ms, ready_ms - last_ms),
            Phase("invocation", ready_ms, (answered_s - ready_s) * 1000),
        ]
        return phases, result.payload


def _nobody(environment: Environment) -> None:
    """It is retired anyway."""
