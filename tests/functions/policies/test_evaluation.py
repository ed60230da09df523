from collections.abc import Mapping

import pytest

from stoker.functions.policies.evaluation import Asker, allows
from stoker.functions.policies.records import Policy, Statement

INVOKE = "lambda:InvokeFunction"
ACCOUNT = {"AWS": "arn:aws:iam::111111111111:root"}
S3 = {"Service": "s3.amazonaws.com"}
BUCKET = "arn:aws:s3:::bucket"


def policy(
    principal: str | Mapping[str, str],
    action: str = INVOKE,
    condition: Mapping[str, Mapping[str, str]] | None = None,
) -> Policy:
    return Policy((Statement("s", principal, action, condition or {}),), "revision")


@pytest.mark.parametrize(
    ("principal", "asker", "is_allowed"),
    [
        ("*", Asker(account_id="222222222222"), True),
        ("*", Asker(service="s3.amazonaws.com"), True),
        (ACCOUNT, Asker(account_id="111111111111"), True),
        (ACCOUNT, Asker(account_id="222222222222"), False),
        (ACCOUNT, Asker(service="s3.amazonaws.com"), False),
        ({"AWS": "arn:aws:iam::111111111111:user/u"}, Asker(account_id="111111111111"), False),
        (S3, Asker(service="s3.amazonaws.com"), True),
        (S3, Asker(service="sns.amazonaws.com"), False),
        (S3, Asker(account_id="111111111111"), False),
    ],
)
def test_the_principal_decides(principal: str | Mapping[str, str], asker: Asker, is_allowed: bool) -> None:
    assert allows(policy(principal), INVOKE, asker) is is_allowed


@pytest.mark.parametrize(
    ("action", "is_allowed"),
    [
        ("lambda:InvokeFunction", True),
        ("lambda:invokefunction", True),
        ("lambda:*", True),
        ("*", True),
        ("lambda:GetFunction", False),
    ],
)
def test_the_action_decides(action: str, is_allowed: bool) -> None:
    assert allows(policy("*", action), INVOKE, Asker(account_id="111111111111")) is is_allowed


@pytest.mark.parametrize(
    ("wanted", "fact", "is_allowed"),
    [
        (BUCKET, BUCKET, True),
        ("arn:aws:s3:::buck*", BUCKET, True),
        ("arn:aws:s3:::bucke?", BUCKET, True),
        ("arn:*:s3:::bucket", BUCKET, True),
        ("arn:aws:s3:::other", BUCKET, False),
        ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket2", False),
        ("arn:*:bucket", BUCKET, False),
        ("arn:aws:events:us-east-1:*:rule/*", "arn:aws:events:us-east-1:111111111111:rule/bus/rule", True),
        ("arn:aws:lambda:us-east-1:1:function:*", "arn:aws:lambda:us-east-1:1:function:f:1", True),
        ("arn:aws:execute-api:*:1:a/*", "arn:aws:execute-api:us:east:1:a/b", False),
        (BUCKET, None, False),
    ],
)
def test_the_source_must_be_like_the_one_that_is_stated(wanted: str, fact: str | None, is_allowed: bool) -> None:
    facts = {} if fact is None else {"aws:sourcearn": fact}
    stated = policy(S3, condition={"ArnLike": {"AWS:SourceArn": wanted}})
    assert allows(stated, INVOKE, Asker(service="s3.amazonaws.com", facts=facts)) is is_allowed


def test_all_conditions_of_a_statement_must_be_met_and_one_statement_is_enough() -> None:
    condition = {
        "StringEquals": {"AWS:SourceAccount": "111111111111", "lambda:FunctionUrlAuthType": "NONE"},
        "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
    }
    stated = policy("*", condition=condition)
    facts = {
        "aws:sourceaccount": "111111111111",
        "lambda:functionurlauthtype": "NONE",
        "lambda:invokedviafunctionurl": "true",
    }
    assert allows(stated, INVOKE, Asker(service="x", facts=facts))
    for name in facts:
        fewer = {key: value for key, value in facts.items() if key != name}
        assert not allows(stated, INVOKE, Asker(service="x", facts=fewer))
    both = Policy((*stated.statements, *policy(ACCOUNT).statements), "revision")
    assert allows(both, INVOKE, Asker(account_id="111111111111"))


def test_without_a_policy_nothing_is_allowed() -> None:
    assert not allows(None, INVOKE, Asker(account_id="111111111111"))
