"""What every format of HTTP events starts from and ends in."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class HttpCall(NamedTuple):
    """A request, received whole. `headers` has them in their order, each as it was sent, names in lower case; format
    1.0 passes names on in whatever case they are given.

    `raw_path` and `raw_query` are still percent-encoded; `source_ip` is the client's, `port` the one it reached.
    `tls` has version and cipher suite, None for a request that came without.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    source_ip: str
    port: str
    tls: tuple[str, str] | None = None


class IamCaller(NamedTuple):
    """Who signed a request: an ARN, and the id that goes with it."""

    access_key_id: str
    account_id: str
    arn: str
    user_id: str


class CallContext(NamedTuple):
    """What a function is told about a request beside the request. `trace` is the value of X-Amzn-Trace-Id."""

    account_id: str
    api_id: str
    domain_name: str
    request_id: str
    trace: str
    epoch_s: float
    caller: IamCaller | None = None


class RouteContext(NamedTuple):
    """Where in an HTTP API a call goes. `authorizer` is what found out who calls (`jwt`, `lambda` or `iam`), with what
    it says of them; None when nobody was asked."""

    key: str
    stage: str
    path_parameters: Mapping[str, str]
    stage_variables: Mapping[str, str]
    authorizer: Mapping[str, Any] | None = None


class HttpAnswer(NamedTuple):
    """A response. Header names are lower case and without what belongs to the connection; each cookie is a header of
    its own."""

    status: int
    headers: Mapping[str, str]
    cookies: Sequence[str]
    body: bytes


class InvalidAnswerError(Exception):
    """A function's result is no HTTP response."""
