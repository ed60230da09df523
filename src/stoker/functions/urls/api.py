"""Create-, Get-, Update-, Delete- and ListFunctionUrlConfig(s) (reference: control plane, 11).

A function has one URL as a whole, and each of its aliases may have one.
"""

import secrets
import string
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stoker.clock import Clock
from stoker.errors import ResourceConflictException, ResourceNotFoundException, ValidationException
from stoker.functions.paging import page
from stoker.functions.records import LATEST, UNQUALIFIED, Function, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import target_of
from stoker.functions.urls.addresses import UrlAddresses
from stoker.functions.urls.records import FunctionUrl
from stoker.functions.urls.rendering import requested_cors, url_configuration
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

NO_FUNCTION = "Function does not exist"
NO_URL = "The resource you requested does not exist."
QUALIFIER_PATTERN = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)"
URL_ID_LENGTH = 32
URL_ID_CHARACTERS = string.ascii_lowercase + string.digits


class UrlsApi:
    """Configurations of function URLs."""

    def __init__(self, registry: FunctionRegistry, addresses: UrlAddresses, clock: Clock) -> None:
        self._registry = registry
        self._addresses = addresses
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateFunctionUrlConfig": self.create_function_url_config,
            "GetFunctionUrlConfig": self.get_function_url_config,
            "UpdateFunctionUrlConfig": self.update_function_url_config,
            "DeleteFunctionUrlConfig": self.delete_function_url_config,
            "ListFunctionUrlConfigs": self.list_function_url_configs,
        }

    async def create_function_url_config(self, call: ApiCall) -> ApiAnswer:
        target, members = _url_target(call), call.members
        qualifier, now_s = target.qualifier or UNQUALIFIED, self._clock.now_s()
        new = FunctionUrl(
            url_id="".join(secrets.choice(URL_ID_CHARACTERS) for _ in range(URL_ID_LENGTH)),
            auth_type=members["AuthType"],
            invoke_mode=members.get("InvokeMode") or "BUFFERED",
            cors=requested_cors(members.get("Cors")),
            created_s=now_s,
            last_modified_s=now_s,
        )

        def create(function: Function) -> Function:
            _check_exists(function, target)
            if qualifier in function.urls:
                raise ResourceConflictException(
                    f"Failed to create function url config for [functionArn = {target.arn}]. "
                    "Error message:  FunctionUrlConfig exists for this Lambda function"
                )
            return replace(function, urls={**function.urls, qualifier: new})

        function = await self._registry.change_existing(target.key, create, ResourceNotFoundException(NO_FUNCTION))
        shown = await self._shown(function, qualifier, call)
        del shown["LastModifiedTime"]
        return ApiAnswer(_with_invoke_mode_if_given(shown, members))

    async def get_function_url_config(self, call: ApiCall) -> ApiAnswer:
        target = _url_target(call)
        function = self._registry.find(target.key)
        qualifier = target.qualifier or UNQUALIFIED
        if function is None or qualifier not in function.urls:
            raise ResourceNotFoundException(NO_URL)
        return ApiAnswer(await self._shown(function, qualifier, call))

    async def update_function_url_config(self, call: ApiCall) -> ApiAnswer:
        target, members = _url_target(call), call.members
        qualifier, now_s = target.qualifier or UNQUALIFIED, self._clock.now_s()

        def update(function: Function) -> Function:
            _check_exists(function, target)
            present = function.urls.get(qualifier)
            if present is None:
                raise ResourceNotFoundException(NO_URL)
            changed = replace(
                present,
                auth_type=members.get("AuthType") or present.auth_type,
                invoke_mode=members.get("InvokeMode") or present.invoke_mode,
                cors=present.cors if members.get("Cors") is None else requested_cors(members["Cors"]),
                last_modified_s=now_s,
            )
            return replace(function, urls={**function.urls, qualifier: changed})

        function = await self._registry.change_existing(target.key, update, ResourceNotFoundException(NO_FUNCTION))
        return ApiAnswer(_with_invoke_mode_if_given(await self._shown(function, qualifier, call), members))

    async def delete_function_url_config(self, call: ApiCall) -> ApiAnswer:
        target = _url_target(call)
        qualifier = target.qualifier or UNQUALIFIED

        def delete(function: Function) -> Function:
            if qualifier not in function.urls:
                raise ResourceNotFoundException(NO_URL)
            return replace(function, urls={other: url for other, url in function.urls.items() if other != qualifier})

        await self._registry.change_existing(target.key, delete, ResourceNotFoundException(NO_URL))
        return ApiAnswer(status=204)

    async def list_function_url_configs(self, call: ApiCall) -> ApiAnswer:
        """All URLs of the function: that of the whole function first, then those of its aliases by name."""
        target = _url_target(call)
        function = self._registry.find(target.key)
        if function is None:
            raise ResourceNotFoundException(NO_FUNCTION)
        qualifiers, marker = page(
            sorted(function.urls), lambda name: (name,), call.members.get("Marker"), call.members.get("MaxItems")
        )
        urls = [await self._shown(function, qualifier, call) for qualifier in qualifiers]
        return ApiAnswer({"FunctionUrlConfigs": urls, "NextMarker": marker})

    async def _shown(self, function: Function, qualifier: str, call: ApiCall) -> dict[str, Any]:
        """With a URL that works for whoever asks."""
        url_id, region = function.urls[qualifier].url_id, function.latest.region
        return url_configuration(function, qualifier, await self._addresses.url(url_id, region, call.endpoint))


def _url_target(call: ApiCall) -> FunctionTarget:
    """A version that came with the name is refused as one that came as `Qualifier`."""
    target = target_of(call)
    if target.qualifier is not None and (target.qualifier == LATEST or target.qualifier.isdecimal()):
        raise ValidationException(
            f"1 validation error detected: Value '{target.qualifier}' at 'qualifier' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {QUALIFIER_PATTERN}"
        )
    return target


def _check_exists(function: Function, target: FunctionTarget) -> None:
    if target.qualifier is not None and target.qualifier not in function.aliases:
        raise ResourceNotFoundException(NO_FUNCTION)


def _with_invoke_mode_if_given(shown: dict[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """Create and Update answer `InvokeMode` only to requests that have it (recorded)."""
    return {**shown, "InvokeMode": members.get("InvokeMode")}
