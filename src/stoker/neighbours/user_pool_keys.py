"""The keys of user pools that the embedded Cognito has: it issues tokens in the name of AWS's hosts, which do not know
its pools.

moto signs the tokens of all pools with one key, which comes with it: everybody can make such tokens.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stoker.errors import LambdaError
from stoker.front_door.neighbours import Forwarded
from stoker.front_door.request import RequestHead, http_request
from stoker.lambda_model.call import Caller
from stoker.neighbours.choices import Choices, Embedded
from stoker.neighbours.clients import AwsClients
from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.forwarder import Forwarder

SERVICE = "cognito-idp"


class EmbeddedUserPools:
    """Asks the embedded Cognito, if there is one."""

    def __init__(self, choices: Choices, clients: AwsClients, forwarder: Forwarder) -> None:
        self._choices = choices
        self._clients = clients
        self._forwarder = forwarder

    async def keys(self, account_id: str, region: str, pool_id: str) -> Mapping[str, Any] | None:
        """The JWK set of that account's pool; None for a pool that is not embedded: whoever issued in its name is
        somebody else."""
        if not isinstance(self._choices.of(SERVICE), Embedded):
            return None
        try:
            await self._clients.call(SERVICE, account_id, region, "DescribeUserPool", UserPoolId=pool_id)
        except (BotoCoreError, ClientError, NeighbourError):  # no such pool, or nobody to ask
            return None
        head = RequestHead("GET", f"/{pool_id}/.well-known/jwks.json", b"", [], "localhost")
        caller = Caller(account_id, region)
        try:
            answer = await self._forwarder.forward(Forwarded(SERVICE, http_request(head), None, b"", caller))
        except LambdaError:
            return None
        body = answer.body if isinstance(answer.body, bytes) else b"".join([piece async for piece in answer.body])
        document: dict[str, Any] = json.loads(body)
        return document
