"""ResetAuthorizersCache: what authorizer functions said is forgotten."""

from collections.abc import Hashable

from stoker.gateways.authorizers import AuthorizerFunctions
from stoker.http_apis.errors import no_part
from stoker.http_apis.parts_api import key_of
from stoker.http_apis.registry import ApiRegistry
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class AuthorizersCacheApi:
    """Of one stage."""

    def __init__(self, registry: ApiRegistry, authorizers: AuthorizerFunctions) -> None:
        self._registry = registry
        self._authorizers = authorizers

    def operations(self) -> dict[str, Operation]:
        return {"ResetAuthorizersCache": self.reset_authorizers_cache}

    async def reset_authorizers_cache(self, call: ApiCall) -> ApiAnswer:
        api, name = self._registry.existing(key_of(call)), call.members["StageName"]
        if name not in api.all("stage"):
            raise no_part("stage")

        def belongs(key: Hashable) -> bool:
            return isinstance(key, tuple) and key[:2] == (api.key.api_id, name)

        self._authorizers.forget(belongs)
        return ApiAnswer()
