"""Requests for services that Stoker does not provide itself: which service is meant, and handing it on.

Most requests say in their signature what they are for. S3 is also asked without one: by presigned links of the old
kind, by the host's name, or by a path of a bucket and a key.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from stoker.front_door.body_stream import BodyStream
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import ErrorStyle, json_error, rest_error, s3_error, xml_error
from stoker.lambda_model.call import Caller
from stoker.lambda_model.encoding import WireAnswer

# The largest object that S3 takes in one request (Amazon S3 User Guide, "Uploading objects").
STREAMED_BODY_BYTES_MAX = 5 << 30
S3_NAMES = frozenset({"s3", "s3express"})

# Cognito's sign-in operations are not signed (Amazon Cognito Developer Guide, "Unauthenticated API operations").
_UNSIGNED_TARGETS = {
    "AWSCognitoIdentityService": "cognito-identity",
    "AWSCognitoIdentityProviderService": "cognito-idp",
}
_FORM = "application/x-www-form-urlencoded"
# A bucket and a key (Amazon S3 User Guide, "Bucket naming rules"); a single name is what probes and browsers ask for.
_OBJECT_PATH = re.compile(r"/[a-z0-9][a-z0-9.-]{2,62}/.")
# The Lambda API's paths begin with the date of their version.
_LAMBDA_PATH = re.compile(r"/\d{4}-\d{2}-\d{2}(/|$)")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A request for a neighbour. `service` is the name it is signed for; `body` is bytes when it had to be read."""

    service: str
    request: HttpRequest
    credentials: CredentialScope | None
    body: BodyStream | bytes
    caller: Caller


class Neighbours(Protocol):
    """Whoever answers for the rest of AWS."""

    def refuse(self, service: str) -> None:
        """Raises ServiceNotProvidedException when this service is never answered here."""

    async def forward(self, forwarded: Forwarded) -> WireAnswer:
        """The neighbour's answer. Raises LambdaErrors for a neighbour that cannot be reached, ClientGoneError."""
        ...


class NeighbourEndpoint:
    """One service, for one request."""

    def __init__(
        self, neighbours: Neighbours, service: str, credentials: CredentialScope | None, error_style: ErrorStyle
    ) -> None:
        self._neighbours = neighbours
        self._service = service
        self._credentials = credentials
        self._error_style = error_style

    @property
    def error_style(self) -> ErrorStyle:
        """How the clients of that service expect errors."""
        return self._error_style

    def ask(self, request: HttpRequest) -> Asked:
        """Raises ServiceNotProvidedException."""
        self._neighbours.refuse(self._service)
        return Asked(
            limit=BodyLimit(STREAMED_BODY_BYTES_MAX, self._service),
            answer=self._answer,
            service=self._credentials.service if self._credentials is not None else None,
            streams=True,
        )

    async def _answer(self, received: Received) -> WireAnswer:
        body = received.body if received.stream is None else received.stream
        return await self._neighbours.forward(
            Forwarded(self._service, received.request, self._credentials, body, received.caller)
        )


def asked_service(request: HttpRequest, credentials: CredentialScope | None) -> str | None:
    """The signing name of the service that is meant; None when nothing tells, which means Lambda."""
    if credentials is not None:
        return credentials.service
    target = request.headers.get("x-amz-target")
    if target is not None:
        return _UNSIGNED_TARGETS.get(target.partition(".")[0])
    if _is_named_s3(request.headers.get("host", "")):
        return "s3"
    if request.raw_path == "/" and request.headers.get("content-type", "").startswith(_FORM):
        return "sts"  # AssumeRoleWithWebIdentity and AssumeRoleWithSAML
    if _OBJECT_PATH.match(request.raw_path) and not _LAMBDA_PATH.match(request.raw_path):
        return "s3"
    return None


def _is_named_s3(host: str) -> bool:
    name = host.partition(":")[0]
    return any(label == "s3" or label.startswith("s3-") for label in name.split(".")[:-1])


def style_of(request: HttpRequest, service: str | None) -> ErrorStyle:
    """XML for S3 and for services that take forms (SNS, STS, IAM), JSON for the rest."""
    if "x-amz-target" in request.headers:
        return json_error
    if service in S3_NAMES:
        return s3_error
    if request.headers.get("content-type", "").startswith(_FORM):
        return xml_error
    return rest_error
