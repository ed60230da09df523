"""Other servers behind routes (`HTTP_PROXY`): the request is passed on, and what comes back is passed back.

Source: Amazon API Gateway Developer Guide, "Create HTTP proxy integrations for HTTP APIs".
"""

import logging
from urllib.parse import quote

import urllib3

from stoker.errors import GatewayRefusal
from stoker.gateways.functions import with_stage_variables
from stoker.gateways.servers import Question, ServerFailedError, Servers, forwarded_headers
from stoker.http_apis.events import mapped_request
from stoker.http_apis.plans import Integration
from stoker.http_apis.requests import ApiRequest
from stoker.http_events.records import HttpAnswer, HttpCall

log = logging.getLogger("stoker.http_apis")


class HttpCalls:
    """Asks them."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def answer(self, asked: ApiRequest, integration: Integration) -> HttpAnswer:
        """Raises GatewayRefusal."""
        if asked.request.sandbox_caller is not None:
            # A function whose sandbox has no way out does not get one by an API.
            asked.trail.integration_error = "Functions reach no other servers by APIs"
            raise GatewayRefusal(403, "Forbidden")
        call = mapped_request(asked, integration)
        url = _url(asked, integration, call)
        method = call.method if integration.method == "ANY" else integration.method
        try:
            question = Question(method, url, forwarded_headers(call), call.body)
            return await self._servers.ask(question, integration.timeout_s)
        except (TimeoutError, ServerFailedError) as error:
            asked.trail.integration_error = f"{url[:256]}: {error or 'it took too long'}"
            log.info("an HTTP integration of %s failed: %s", asked.plan.key.api_id, asked.trail.integration_error)
            raise GatewayRefusal(503, "Service Unavailable") from None


def _url(asked: ApiRequest, integration: Integration, call: HttpCall) -> str:
    """With the path's variables and the stage's, and the query of the request."""
    url = with_stage_variables(integration.uri, asked.plan.variables)
    for name, value in asked.path_parameters.items():
        url = url.replace(f"{{{name}}}", quote(value, safe="/"))
    if "overwrite:path" in integration.request_parameters:
        parts = urllib3.util.parse_url(url)
        url = f"{parts.scheme}://{parts.netloc}{call.raw_path}"
    if call.raw_query:
        url += f"{'&' if '?' in url else '?'}{call.raw_query}"
    return url
