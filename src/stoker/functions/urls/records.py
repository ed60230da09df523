"""A function URL's configuration, as the other rooms hold it."""

from dataclasses import dataclass
from typing import Literal

AuthType = Literal["NONE", "AWS_IAM"]
InvokeMode = Literal["BUFFERED", "RESPONSE_STREAM"]


@dataclass(frozen=True, slots=True)
class Cors:
    """Which other sites' pages may call. What was not given is None."""

    allow_credentials: bool | None = None
    allow_headers: tuple[str, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_origins: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """`url_id` is the first label of the URL's host, and lasts as long as the configuration."""

    url_id: str
    auth_type: AuthType
    invoke_mode: InvokeMode
    cors: Cors | None
    created_s: float
    last_modified_s: float
