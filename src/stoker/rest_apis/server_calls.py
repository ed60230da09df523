"""Other servers behind methods: `HTTP_PROXY` passes a request on and the answer back, `HTTP` asks what mappings make.

Source: API Gateway Developer Guide, "HTTP integrations for REST APIs" and "Parameter mapping".
"""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import urllib3

from stoker.gateways.functions import with_stage_variables
from stoker.gateways.servers import Question, ServerFailedError, Servers, forwarded_headers
from stoker.http_events.records import HttpAnswer
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.records import Integration
from stoker.rest_apis.requests import ApiRequest
from stoker.rest_apis.variables import mapped_value
from stoker.velocity.values import text_of

log = logging.getLogger("stoker.rest_apis")

_PREFIX = "integration.request."
UNREACHED = "Network error communicating with endpoint"


class ServerCalls:
    """Asks them."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def proxied(self, asked: ApiRequest, integration: Integration) -> HttpAnswer:
        """With all that the request has, and what is mapped laid over it. Raises RequestRefusedError."""
        headers, query = forwarded_headers(asked.call), asked.request.query_string.decode("latin-1")
        return await self._ask(asked, integration, headers, query, asked.body, {})

    async def asked(
        self, asked: ApiRequest, integration: Integration, payload: bytes, override: Mapping[str, Any]
    ) -> HttpAnswer:
        """With what is mapped alone; `override` is the context's `requestOverride`. Raises RequestRefusedError."""
        headers = urllib3.HTTPHeaderDict({"accept-encoding": "identity"})
        for name in ("content-type", "accept"):
            if name in asked.request.headers:
                headers[name] = asked.request.headers[name]
        return await self._ask(asked, integration, headers, "", payload, override)

    async def _ask(
        self,
        asked: ApiRequest,
        integration: Integration,
        headers: urllib3.HTTPHeaderDict,
        query: str,
        body: bytes,
        override: Mapping[str, Any],
    ) -> HttpAnswer:
        if asked.request.sandbox_caller is not None:
            # A function whose sandbox has no way out does not get one by an API.
            raise RequestRefusedError("ACCESS_DENIED", "Functions reach no other servers by APIs")
        mapped = _mapped(asked, integration, override)
        headers.update(mapped["header"])
        method = asked.verb if integration.http_method == "ANY" else integration.http_method or asked.verb
        url = _url(asked, integration, mapped, query)
        carries_body = method not in ("GET", "HEAD") or integration.type == "HTTP_PROXY"
        try:
            question = Question(method, url, headers, body if carries_body else b"")
            return await self._servers.ask(question, integration.timeout_in_millis / 1000)
        except TimeoutError:
            raise RequestRefusedError("INTEGRATION_TIMEOUT") from None
        except ServerFailedError as error:
            log.warning("the server behind %s: %s", asked.source_arn, error)
            raise RequestRefusedError("INTEGRATION_FAILURE", UNREACHED) from None


def _mapped(asked: ApiRequest, integration: Integration, override: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Headers, parameters of the path and of the query, by their names."""
    mapped: dict[str, dict[str, str]] = {"header": {}, "path": {}, "querystring": {}}
    for name, expression in (integration.request_parameters or {}).items():
        kind, _, key = name.removeprefix(_PREFIX).partition(".")
        value = mapped_value(asked, expression)
        if kind in mapped and value is not None:
            mapped[kind][key] = value
    for kind, found in mapped.items():
        given = override.get(kind)
        if isinstance(given, Mapping):
            found |= {text_of(key): text_of(value) for key, value in given.items()}
    return mapped


def _url(asked: ApiRequest, integration: Integration, mapped: Mapping[str, Mapping[str, str]], query: str) -> str:
    """With the stage's variables, what is mapped into its path, and a query of both kinds."""
    url = with_stage_variables(integration.uri or "", asked.plan.variables)
    for name, value in mapped["path"].items():
        url = url.replace(f"{{{name}}}", quote(value, safe="/")).replace(f"{{{name}+}}", quote(value, safe="/"))
    pairs = [pair for pair in query.split("&") if pair]
    pairs = [pair for pair in pairs if pair.partition("=")[0] not in mapped["querystring"]]
    pairs += [f"{quote(name)}={quote(value, safe='')}" for name, value in mapped["querystring"].items()]
    return url + ("&" if "?" in url else "?") + "&".join(pairs) if pairs else url
