"""IAM User Guide, "Policy evaluation logic"; Amazon API Gateway Developer Guide, "Output from a Lambda authorizer"."""

from typing import Any

import pytest

from stoker.gateways.policies import allows

ARN = "arn:aws:execute-api:us-east-1:000000000000:abc/dev/GET/pets/7"
FACTS = {"aws:sourceip": "10.1.2.3"}


def statement(effect: str = "Allow", resource: Any = "*", action: Any = "execute-api:Invoke", **more: Any) -> Any:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement()], True),
        (statement(), True),
        ([], False),
        ([statement(resource=ARN)], True),
        ([statement(resource="arn:aws:execute-api:*:*:abc/*/GET/*")], True),
        ([statement(resource="arn:aws:execute-api:*:*:abc/*/PUT/*")], False),
        ([statement(resource=["x", "arn:aws:execute-api:??-????-?:*/pets/?"])], True),
        ([statement(action="execute-api:*")], True),
        ([statement(action=["EXECUTE-API:invoke"])], True),
        ([statement(action="s3:*")], False),
        ([statement(), statement("Deny", ARN)], False),
        ([statement(), statement("Deny", f"{ARN}/more")], True),
        ([{"Effect": "Allow", "NotAction": "s3:*", "NotResource": "x"}], True),
        ([{"Effect": "Allow", "Action": "*", "NotResource": ARN}], False),
        ([statement(Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}})], True),
        ([statement(Condition={"IpAddress": {"aws:SourceIp": "192.168.0.0/16"}})], False),
        ([statement(Condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], False),
        ([statement(Condition={"StringEquals": {"aws:nothing": "x"}})], False),
        # Whoever wrote a condition that is not known here meant to let fewer in, or keep more out.
        ([statement(Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01"}})], False),
        ([statement(), statement("Deny", Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01"}})], False),
    ],
)
def test_a_policy_allows_what_it_says(statements: Any, expected: bool) -> None:
    assert allows({"Version": "2012-10-17", "Statement": statements}, ARN, FACTS) is expected


@pytest.mark.parametrize(
    "policy",
    [
        None,
        [],
        {},
        {"Statement": "x"},
        {"Statement": [7]},
        {"Statement": [{"Effect": "Allow", "Action": "*"}]},
        {"Statement": [statement(resource=[{}])]},
        {"Statement": [statement(Condition=[])]},
        {"Statement": [statement(Condition={"IpAddress": {"aws:SourceIp": "no network"}})]},
    ],
)
def test_what_is_no_policy_is_an_error(policy: Any) -> None:
    with pytest.raises(ValueError, match=r"polic|statement|Condition|network"):
        allows(policy, ARN, FACTS)


def test_a_pattern_with_many_stars_is_answered() -> None:
    """Where every star was tried at every place, this ran into the time limit that all tests have."""
    assert allows({"Statement": [statement(resource="*a" * 500 + "b")]}, "a" * 2000, FACTS) is False
