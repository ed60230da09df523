"""Credentials of execution roles: made, recognised, expired, forged."""

import base64
import gc
import re

import pytest

from stoker.clock import SystemClock
from stoker.errors import ExpiredTokenException, UnrecognizedClientException
from stoker.role_sessions import TOKEN_PREFIX, VALID_FOR_S, RoleSessions

ACCOUNT, ROLE = "123456789012", "arn:aws:iam::123456789012:role/service-role/worker"


class SetClock(SystemClock):
    """Stands where it is put."""

    at_s = 1_700_000_000.0

    def now_s(self) -> float:
        return self.at_s


def test_they_look_like_those_of_aws() -> None:
    made = RoleSessions(b"key", SystemClock()).begin(ACCOUNT, ROLE, "f")
    assert re.fullmatch("ASIA[A-Z2-7]{16}", made.access_key_id)
    assert re.fullmatch("[A-Za-z0-9+/]{40}", made.secret_access_key)
    assert made.session.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/f"
    assert re.fullmatch("AROA[A-Z2-7]{17}:f", made.session.user_id)
    # Where tools look for the account.
    head = int.from_bytes(base64.b32decode(made.access_key_id[4:])[:6])
    assert f"{(head & 0x7FFFFFFFFF80) >> 7:012}" == ACCOUNT


def test_each_session_has_its_own_and_the_next_node_knows_them() -> None:
    first = RoleSessions(b"key", SystemClock())
    made = [first.begin(ACCOUNT, ROLE, "f") for _ in range(2)]
    assert made[0].access_key_id != made[1].access_key_id
    assert made[0].secret_access_key != made[1].secret_access_key
    again = RoleSessions(b"key", SystemClock())
    assert again.recognise(made[0].access_key_id, made[0].session_token) == made[0]
    assert RoleSessions(b"other", SystemClock()).find(made[0].access_key_id, made[0].session_token) is None


def test_every_altered_character_is_noticed() -> None:
    sessions = RoleSessions(b"key", SystemClock())
    made = sessions.begin(ACCOUNT, ROLE, "f")
    token = made.session_token
    for place in range(len(token)):
        altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert sessions.find(made.access_key_id, altered) is None, place


@pytest.mark.parametrize(
    "token",
    [None, "", "stoker", TOKEN_PREFIX, TOKEN_PREFIX + "é", TOKEN_PREFIX + "A" * 5000, TOKEN_PREFIX + "W10="],
)
def test_what_is_no_token_is_refused(token: str | None) -> None:
    sessions = RoleSessions(b"key", SystemClock())
    made = sessions.begin(ACCOUNT, ROLE, "f")
    with pytest.raises(UnrecognizedClientException):
        sessions.recognise(made.access_key_id, token)


def test_the_key_id_of_another_session_is_refused() -> None:
    sessions = RoleSessions(b"key", SystemClock())
    one, other = sessions.begin(ACCOUNT, ROLE, "f"), sessions.begin(ACCOUNT, ROLE, "g")
    with pytest.raises(UnrecognizedClientException):
        sessions.recognise(one.access_key_id, other.session_token)


def test_they_expire_after_twelve_hours_but_not_before_their_environment() -> None:
    clock = SetClock()
    sessions = RoleSessions(b"key", clock)
    made = sessions.begin(ACCOUNT, ROLE, "f")
    key_id, token = made.access_key_id, made.session_token
    clock.at_s += VALID_FOR_S + 1
    assert sessions.recognise(key_id, token) == made
    del made
    gc.collect()
    with pytest.raises(ExpiredTokenException):
        sessions.recognise(key_id, token)
    clock.at_s -= 2
    assert sessions.recognise(key_id, token).session.name == "f"
