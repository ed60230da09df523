"""Access logs of WebSocket APIs: a line for each connection, message and end.

Source: Amazon API Gateway Developer Guide, "Set up logging for WebSocket APIs".
"""

from stoker.gateways.access_logs import AccessLogs
from stoker.http_events.times import clf_time
from stoker.websocket_apis.events import Occasion, Peer
from stoker.websocket_apis.plans import SocketPlan


def log_line(
    logs: AccessLogs, plan: SocketPlan | None, peer: Peer, occasion: Occasion, status: int, error: str
) -> None:
    """`error` is what the client was told, if it was told of one."""
    if plan is None or plan.access_log is None:
        return
    code, reason = occasion.ends or (None, None)
    variables: dict[str, object] = {
        "accountId": plan.key.account_id,
        "apiId": peer.api_id,
        "connectedAt": peer.connected_at_ms,
        "connectionId": peer.connection_id,
        "disconnectReason": reason,
        "disconnectStatusCode": code,
        "domainName": peer.domain_name,
        "error.message": error or None,
        "eventType": occasion.event_type,
        "extendedRequestId": occasion.request_id,
        "identity.sourceIp": peer.identity["sourceIp"],
        "identity.userAgent": peer.identity.get("userAgent"),
        "messageDirection": "IN",
        "messageId": occasion.message_id,
        "requestId": occasion.request_id,
        "requestTime": clf_time(occasion.epoch_s),
        "requestTimeEpoch": int(occasion.epoch_s * 1000),
        "routeKey": occasion.route_key,
        "stage": peer.stage,
        "status": status,
    }
    variables |= {f"authorizer.{name}": value for name, value in (peer.authorizer or {}).items()}
    settings = plan.access_log
    logs.write(settings.destination_arn, settings.form, f"{peer.api_id}/{peer.stage}", variables)
