"""Who signed a request, as functions are told of them."""

from stoker.http_events.records import IamCaller
from stoker.lambda_model.call import Caller


def signer(caller: Caller, access_key_id: str) -> IamCaller:
    """A function is its role; anybody else is the account's root, since there are no users to tell apart."""
    account_id, session = caller.account_id, caller.session
    if session is not None:
        return IamCaller(access_key_id, account_id, session.arn, session.user_id)
    return IamCaller(access_key_id, account_id, f"arn:aws:iam::{account_id}:root", account_id)
