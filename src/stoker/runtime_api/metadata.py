"""Where a function runs, by HTTP: Lambda's metadata endpoint (reference: runtime side, 1).

There is one availability zone, the node's own, and its id is made of the region's name as AWS makes them.
"""

import hmac
from dataclasses import dataclass

from stoker.runtime_api.exchange import Reply, json_reply, refusal

METADATA_PATH = "/2026-01-15/metadata/execution-environment"
_CACHED = b"Cache-Control: private, max-age=43200, immutable\r\n"
_GET_ONLY = Reply(405, b"", b"Allow: GET\r\n")
# Status: AWS's documentation of the endpoint; body: ours.
_UNAUTHORIZED = refusal(401, "Unauthorized", "Missing or invalid token")


@dataclass(frozen=True, slots=True)
class Metadata:
    """Of one environment, for whoever has its `token`."""

    token: str
    availability_zone_id: str

    def answer(self, method: bytes, authorization: bytes) -> Reply:
        if method != b"GET":
            return _GET_ONLY
        if not hmac.compare_digest(authorization, f"Bearer {self.token}".encode()):
            return _UNAUTHORIZED
        return json_reply(200, {"AvailabilityZoneID": self.availability_zone_id}, _CACHED)


def availability_zone_id(region: str, number: int = 1) -> str:
    """`use1-az1` for us-east-1, `apne1-az1` for ap-northeast-1; a region that is not of AWS's kind keeps its name."""
    area, *words = region.split("-")
    return f"{area}{''.join(map(_initials, words))}-az{number}"


def _initials(word: str) -> str:
    """`southeast` is two words."""
    for first in ("north", "south"):
        if word.startswith(first) and word != first:
            return first[0] + word[len(first)]
    return word if word.isdecimal() else word[:1]
