"""Function URLs on the wire: requested CORS settings to a record, and records to what the API shows."""

from collections.abc import Mapping
from typing import Any

from stoker.clock import microsecond_timestamp
from stoker.functions.records import Function
from stoker.functions.urls.records import Cors, FunctionUrl


def requested_cors(members: Mapping[str, Any] | None) -> Cors | None:
    """None where a request says nothing about it, or only `{}`."""
    if not members:
        return None
    return Cors(
        allow_credentials=members.get("AllowCredentials"),
        allow_headers=_tuple(members.get("AllowHeaders")),
        allow_methods=_tuple(members.get("AllowMethods")),
        allow_origins=_tuple(members.get("AllowOrigins")),
        expose_headers=_tuple(members.get("ExposeHeaders")),
        max_age_s=members.get("MaxAge"),
    )


def url_configuration(function: Function, qualifier: str, url_text: str) -> dict[str, Any]:
    """All there is to show; some answers leave members out. `url_text` is the URL itself."""
    url: FunctionUrl = function.urls[qualifier]
    return {
        "FunctionUrl": url_text,
        "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
        "AuthType": url.auth_type,
        "Cors": _shown_cors(url.cors),
        "CreationTime": microsecond_timestamp(url.created_s),
        "LastModifiedTime": microsecond_timestamp(url.last_modified_s),
        "InvokeMode": url.invoke_mode,
    }


def _shown_cors(cors: Cors | None) -> dict[str, Any] | None:
    if cors is None:
        return None
    shown = {
        "AllowCredentials": cors.allow_credentials,
        "AllowHeaders": cors.allow_headers,
        "AllowMethods": cors.allow_methods,
        "AllowOrigins": cors.allow_origins,
        "ExposeHeaders": cors.expose_headers,
        "MaxAge": cors.max_age_s,
    }
    return {name: list(value) if isinstance(value, tuple) else value for name, value in shown.items()}


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
