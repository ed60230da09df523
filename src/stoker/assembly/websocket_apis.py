"""What answers at WebSocket APIs."""

from stoker.assembly.http_apis import Gateways, HttpApiRooms
from stoker.clock import Clock
from stoker.websocket_apis.authorization import Authorization
from stoker.websocket_apis.connections import LiveConnections
from stoker.websocket_apis.conversation import Surroundings
from stoker.websocket_apis.function_routes import FunctionRoutes
from stoker.websocket_apis.management import Management
from stoker.websocket_apis.opening import Openings
from stoker.websocket_apis.sites import WebSocketApis
from stoker.websocket_apis.stages import SocketStages


def open_websocket_apis(http_apis: HttpApiRooms, gateways: Gateways, clock: Clock) -> WebSocketApis:
    """For the front door."""
    live, stages = LiveConnections(), SocketStages(http_apis.registry)
    stages.follow(live.check_stages)
    functions = FunctionRoutes(gateways.functions)
    shared = Surroundings(live, functions, gateways.throttles, gateways.access_logs, clock)
    openings = Openings(shared, Authorization(gateways.functions, gateways.authorizers))
    return WebSocketApis(stages, shared, openings, Management(live, stages))
