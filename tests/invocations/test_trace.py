"""The trace header: taken over from the caller or begun here (reference: invocation, 1; runtime side, 2.1)."""

import re

import pytest

from stoker.invocations.trace import answer_header, trace_header

ROOT = "1-5759e988-bd862e3fe1be46a994272793"


def test_without_a_header_a_trace_begins_that_is_not_sampled() -> None:
    trace = trace_header("")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", trace)
    assert trace != trace_header("")
    assert answer_header(trace) == f"{trace.split(';')[0].replace('Root', 'root')};sampled=0"


@pytest.mark.parametrize(
    ("incoming", "expected"),
    [
        (f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1", f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"),
        (f"Root={ROOT}; Parent=53995c3f42cd8ad8; Sampled=0", f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0"),
        (f"Sampled=?;Root={ROOT};Parent=53995c3f42cd8ad8", f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0"),
    ],
)
def test_a_callers_trace_goes_on(incoming: str, expected: str) -> None:
    assert trace_header(incoming) == expected


def test_a_root_alone_gets_a_parent_unless_its_first_segment_will_be_the_invocations() -> None:
    assert re.fullmatch(rf"Root={ROOT};Parent=[0-9a-f]{{16}};Sampled=0", trace_header(f"Root={ROOT};Sampled=0"))
    assert trace_header(f"Root={ROOT};Sampled=1") == f"Root={ROOT};Sampled=1"


@pytest.mark.parametrize(
    ("incoming", "asks", "sampled"),
    [
        ("", True, "1"),
        (f"Root={ROOT}", True, "1"),
        (f"Root={ROOT};Sampled=?", True, "1"),
        (f"Root={ROOT};Sampled=0", False, "0"),
        (f"Root={ROOT};Sampled=1", False, "1"),
        ("Sampled=1", False, "1"),
    ],
)
def test_nobody_decides_again_what_the_caller_decided(incoming: str, asks: bool, sampled: str) -> None:
    asked = []

    def decide() -> bool:
        asked.append(True)
        return True

    trace = trace_header(incoming, decide)
    assert f";Sampled={sampled}" in trace
    assert bool(asked) is asks
    assert answer_header(trace).endswith(f";sampled={sampled}")


def test_the_answers_header_has_no_lineage() -> None:
    assert answer_header(f"Root={ROOT};Sampled=1;Lineage=0123abcd:1") == f"root={ROOT};sampled=1"


@pytest.mark.parametrize("incoming", ["nonsense", ";;;", "Root=", "=;=", "Root", "Root=1-abc-def"])
def test_nonsense_begins_a_new_trace(incoming: str) -> None:
    assert trace_header(incoming).startswith("Root=1-")


@pytest.mark.parametrize(
    "incoming", ["Root=a\r\nX-Evil: 1", "Root=1-\x00", f"Root={ROOT};Parent=x\r\ny", "Root=ü" + "x" * 9999]
)
def test_a_trace_cannot_carry_anything_else_into_the_events_head(incoming: str) -> None:
    trace = trace_header(incoming)
    assert re.fullmatch(r"[\x21-\x7e]{1,600}", trace)
