"""Function names in every form (reference: control plane, 2)."""

import pytest

from stoker.arn import split_arn, split_function_name
from stoker.errors import AccessDeniedException, InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.records import FunctionTarget
from stoker.lambda_model.call import Caller
from stoker.lambda_model.names import parse_function_name

CALLER = Caller("123456789012", "us-east-1")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("text", "qualifier", "expected"),
    [
        ("f", None, None),
        ("f", "live", "live"),
        ("f:live", None, "live"),
        ("f:live", "live", "live"),
        ("f:$LATEST", None, "$LATEST"),
        ("f:$LATEST.PUBLISHED", None, "$LATEST.PUBLISHED"),
        ("f:7", None, "7"),
        ("function:f", None, None),
        ("function:f:live", None, "live"),
        ("123456789012:function:f", None, None),
        ("123456789012:function:f:live", None, "live"),
        ("123456789012:f", None, None),
        ("us-east-1:123456789012:function:f", None, None),
        (ARN, None, None),
        (f"{ARN}:live", "live", "live"),
    ],
)
def test_every_form_names_the_same_function(text: str, qualifier: str | None, expected: str | None) -> None:
    target = parse_function_name(text, qualifier, CALLER)
    assert target == FunctionTarget("123456789012", "us-east-1", "f", expected)


def test_a_function_of_another_region_is_not_reachable() -> None:
    with pytest.raises(ResourceNotFoundException) as caught:
        parse_function_name(ARN.replace("us-east-1", "ap-southeast-1"), None, CALLER)
    assert caught.value.message == "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"


def test_a_function_of_another_account_is_denied_without_a_word() -> None:
    for text in ("999999999999:function:f", ARN.replace("123456789012", "999999999999")):
        with pytest.raises(AccessDeniedException) as caught:
            parse_function_name(text, None, CALLER)
        assert caught.value.message is None


def test_two_different_qualifiers_are_refused() -> None:
    with pytest.raises(InvalidParameterValueException) as caught:
        parse_function_name("f:one", "two", CALLER)
    assert (
        caught.value.message == "The derived qualifier from the function name does not match the specified qualifier."
    )


@pytest.mark.parametrize("text", ["", "a b", "f:", ":f", "f:a:b", "arn:aws:s3:::bucket", f"{ARN}:a:b", "f\n", "ä"])
def test_what_is_no_name_is_refused(text: str) -> None:
    assert split_function_name(text) is None
    with pytest.raises(InvalidParameterValueException):
        parse_function_name(text, None, CALLER)


def test_an_arn_falls_apart_into_what_it_was_made_of() -> None:
    text = "arn:aws-cn:lambda:cn-north-1:123456789012:layer:l:3"
    arn = split_arn(text)
    assert arn is not None
    assert (arn.partition, arn.region, arn.resource) == ("aws-cn", "cn-north-1", "layer:l:3")
    assert str(arn) == text
    assert split_arn("arn:aws:lambda") is None
