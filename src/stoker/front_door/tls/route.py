"""Where clients get the certificate by which they know a node's own: anybody may have it, it is what they trust."""

import json

from stoker.front_door.raw_routes import RawRequest, RawResponse, RawRoute
from stoker.front_door.tls.certificates import Certificates, TlsUnavailableError

PATH = "/_stoker/tls/authority.pem"


def authority_route(certificates: Certificates) -> dict[str, RawRoute]:
    """For the front door; asking makes the authority, if there is none."""

    async def answer(_: RawRequest) -> RawResponse:
        try:
            pem = await certificates.authority()
        except TlsUnavailableError as error:
            return RawResponse(404, {"content-type": "application/json"}, json.dumps({"message": str(error)}).encode())
        return RawResponse(200, {"content-type": "application/x-pem-file"}, pem)

    return {PATH: RawRoute(answer, needs_signature=False)}
