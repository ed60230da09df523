"""The node's side of `inside_calls.py`: does for the embedded neighbours what they ask, as the account they name."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.inside_calls import Services, packed, unpacked

log = logging.getLogger("stoker.neighbours")


Answering = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class AnsweredCalls:
    """Calls of SQS, wherever that is, and of what else of the node has told that it answers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._others: dict[str, Answering] = {}

    def serve(self, service: str, answering: Answering) -> None:
        """From now on calls of `service` are answered."""
        self._others[service] = answering

    async def answer(self, call: bytes) -> bytes:
        """A refusal is an answer, too."""
        return packed(await self._answer(unpacked(call)))

    async def _answer(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        where = (call["account_id"], call["region"], call["operation"])
        try:
            if call["service"] in self._others:
                return {"answer": await self._others[call["service"]](call)}
            answer = await self._services.call("sqs", *where, **call["parameters"])
        except ClientError as error:
            details = error.response["Error"]
            return {"error": details.get("Code", ""), "message": details.get("Message", "")}
        except (BotoCoreError, NeighbourError) as error:
            return {"error": "ServiceUnavailable", "message": str(error)}
        except Exception:
            log.exception("a call of the embedded neighbours failed")
            return {"error": "InternalFailure", "message": "The node failed; its log says how."}
        return {"answer": {name: value for name, value in answer.items() if name != "ResponseMetadata"}}
