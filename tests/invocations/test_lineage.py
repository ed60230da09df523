import pytest

from stoker.invocations.lineage import FUNCTIONS_MAX, invocations_of, valid_lineage, with_invocation_of
from stoker.invocations.trace import answer_header, trace_header

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
F, G = (f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in "fg")


def test_each_function_is_counted_by_itself() -> None:
    trace = TRACE
    for function in (F, G, F, F):
        trace = with_invocation_of(trace, function)
    assert (invocations_of(trace, F), invocations_of(trace, G)) == (3, 1)
    assert invocations_of(TRACE, F) == 0


def test_a_lineage_goes_from_header_to_header_also_as_sdks_encode_it() -> None:
    trace = with_invocation_of(with_invocation_of(TRACE, F), G)
    assert trace_header(trace) == trace
    assert trace_header(trace.replace("|", "%7C")) == trace
    assert answer_header(trace) == "root=1-5759e988-bd862e3fe1be46a994272793;sampled=0"


@pytest.mark.parametrize("lineage", ["x", "abcdef01", "abcdef01:", "abcdef01:1|", "abcdef01:1\r\nX: y", "1:abcdef01:0"])
def test_what_does_not_look_like_a_lineage_is_not_believed(lineage: str) -> None:
    assert valid_lineage(lineage) == ""
    assert trace_header(f"{TRACE};Lineage={lineage}") == TRACE


def test_a_long_chain_of_functions_forgets_the_first() -> None:
    trace = with_invocation_of(TRACE, F)
    for number in range(FUNCTIONS_MAX):
        trace = with_invocation_of(trace, f"{G}{number}")
    assert invocations_of(trace, F) == 0
    assert invocations_of(trace, f"{G}0") == 1
    assert trace_header(trace) == trace
