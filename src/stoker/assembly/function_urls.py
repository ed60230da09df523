"""What answers at function URLs."""

from stoker.assembly.functions import Functions
from stoker.assembly.ground import Ground
from stoker.assembly.invocations import Invocations
from stoker.function_urls.calls import UrlCalls
from stoker.function_urls.sites import FunctionUrls
from stoker.functions.urls.addresses import UrlAddresses
from stoker.invocations.authorisation import Authorisation


def function_urls(ground: Ground, functions: Functions, invocations: Invocations) -> FunctionUrls:
    """For the front door."""
    settings, clock = ground.settings, ground.clock
    bytes_max = settings.limits.request_payload_bytes_max
    calls = UrlCalls(invocations.invoker, invocations.streams, invocations.tracing, clock, bytes_max)
    addresses = UrlAddresses(settings.function_url_domains.split())
    return FunctionUrls(functions.registry, addresses, Authorisation(functions.registry), calls, bytes_max)
