"""STS's GetCallerIdentity for functions: the embedded STS has not heard of the sessions that the node begins itself."""

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from stoker.front_door.body_stream import BodyStream
from stoker.front_door.neighbours import Forwarded
from stoker.front_door.request import new_request_id
from stoker.lambda_model.encoding import WireAnswer
from stoker.role_sessions import RoleSession

# Of a form that asks for it; longer ones ask for something else.
FORM_BYTES_MAX = 4096


async def own_identity(forwarded: Forwarded) -> WireAnswer | bytes | None:
    """The answer, if a function asks who it is; else the body, if it had to be read to see that."""
    session = forwarded.caller.session
    if session is None or forwarded.service != "sts":
        return None
    length = forwarded.request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > FORM_BYTES_MAX or "transfer-encoding" in forwarded.request.headers:
        return None
    body = await forwarded.body.read() if isinstance(forwarded.body, BodyStream) else forwarded.body
    return _answer(session) if _asks(body) or _asks(forwarded.request.query_string) else body


def _asks(form: bytes) -> bool:
    return parse_qs(form.decode("latin-1")).get("Action") == ["GetCallerIdentity"]


def _answer(session: RoleSession) -> WireAnswer:
    request_id = new_request_id()
    text = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{escape(session.arn)}</Arn><UserId>{escape(session.user_id)}</UserId>"
        f"<Account>{session.account_id}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return WireAnswer(200, {"content-type": "text/xml"}, text.encode())
