"""What WebSocket APIs there are, as stages: plans are made once for many messages."""

from collections.abc import Callable

from stoker.http_apis.records import Api
from stoker.http_apis.registry import ApiRegistry
from stoker.websocket_apis.plans import SocketPlan, socket_plan


class SocketStages:
    """By API and name."""

    def __init__(self, registry: ApiRegistry) -> None:
        self._registry = registry
        self._plans: dict[tuple[str, str], SocketPlan | None] = {}
        self._followers: list[Callable[[str], None]] = []
        registry.follow(self._forget)

    def follow(self, follower: Callable[[str], None]) -> None:
        """Call `follower` with the id of each API that has changed or gone."""
        self._followers.append(follower)

    def api(self, api_id: str) -> Api | None:
        """None for what is no WebSocket API."""
        api = self._registry.find(api_id)
        return api if api is not None and api.protocol == "WEBSOCKET" else None

    def account_of(self, api_id: str) -> str | None:
        api = self.api(api_id)
        return None if api is None else api.key.account_id

    def plan(self, api_id: str, stage: str) -> SocketPlan | None:
        """None for a stage that is not there."""
        place = (api_id, stage)
        if place not in self._plans:
            api = self.api(api_id)
            if api is None or stage not in api.all("stage"):
                return None
            self._plans[place] = socket_plan(api, stage)
        return self._plans[place]

    def _forget(self, before: Api) -> None:
        for stage in before.all("stage"):
            self._plans.pop((before.key.api_id, stage), None)
        for follower in self._followers:
            follower(before.key.api_id)
