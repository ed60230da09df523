"""Function URLs in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from stoker.functions.parts import Part
from stoker.functions.urls.records import Cors, FunctionUrl
from stoker.functions.urls.tables import function_urls


def _row(url: FunctionUrl) -> dict[str, Any]:
    return {
        "url_id": url.url_id,
        "auth_type": url.auth_type,
        "invoke_mode": url.invoke_mode,
        "cors": None if url.cors is None else asdict(url.cors),
        "created_s": url.created_s,
        "last_modified_s": url.last_modified_s,
    }


def _url(row: Row[Any]) -> FunctionUrl:
    return FunctionUrl(
        url_id=row.url_id,
        auth_type=row.auth_type,
        invoke_mode=row.invoke_mode,
        cors=None if row.cors is None else _cors(row.cors),
        created_s=row.created_s,
        last_modified_s=row.last_modified_s,
    )


def _cors(members: dict[str, Any]) -> Cors:
    values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in members.items()}
    return Cors(**values)


URLS = Part(function_urls, lambda function: function.urls, _row, _url)
