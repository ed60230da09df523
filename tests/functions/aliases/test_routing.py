from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stoker.functions.aliases.records import Alias
from stoker.functions.aliases.routing import Split, routes
from stoker.functions.records import FunctionVersion
from tests.functions.test_store import new_function

LATEST = new_function().latest
VERSIONS: dict[str, FunctionVersion] = {number: replace(LATEST, version=number) for number in ("1", "2")}


def route(share: float | None) -> Split | FunctionVersion:
    weights = {} if share is None else {"2": share}
    return routes([Alias("live", "1", "", weights, "r")], VERSIONS)["live"]


def test_an_alias_without_a_share_to_give_is_just_its_version() -> None:
    assert route(None) is VERSIONS["1"]
    assert route(0.0) is VERSIONS["1"]


@given(share=st.floats(0.0001, 1.0), point=st.floats(0.0, 1.0, exclude_max=True))
def test_the_second_version_gets_exactly_its_share_of_the_points(share: float, point: float) -> None:
    split = route(share)
    assert isinstance(split, Split)
    assert split.choose(point).version == ("2" if point < share else "1")
