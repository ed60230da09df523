"""How a request is shared among an alias's versions: reference, invocation, 3."""

from dataclasses import replace

import pytest

from stoker.functions.aliases.records import Alias
from stoker.functions.provisioned_concurrency.allocations import shares
from stoker.functions.provisioned_concurrency.records import ProvisionedConcurrencyConfig
from stoker.functions.publish import publish
from stoker.functions.update import settled
from tests.functions.test_store import NOW, new_function


def shared(requested: int, weights: dict[str, float]) -> list[tuple[str, int]]:
    function = settled(new_function(), None)
    for timeout_s in (1, 2):
        latest = replace(function.latest, timeout_s=timeout_s, configuration_sha256=str(timeout_s))
        function = publish(replace(function, latest=latest), None, NOW)
    function = replace(
        function,
        aliases={"live": Alias("live", "1", "", weights, "revision")},
        provisioned={"live": ProvisionedConcurrencyConfig(requested, 0.0)},
    )
    return [(version.version, places) for version, places in shares(function, "live")]


@pytest.mark.parametrize(
    ("requested", "weights", "expected"),
    [
        (5, {}, [("1", 5)]),
        (10, {"2": 0.25}, [("1", 7), ("2", 3)]),
        (4, {"2": 0.5}, [("1", 2), ("2", 2)]),
        (1, {"2": 0.1}, [("1", 1)]),
        (1, {"2": 0.6}, [("2", 1)]),
        (3, {"2": 0.0}, [("1", 3)]),
        (3, {"2": 1.0}, [("2", 3)]),
    ],
)
def test_weights_split_the_environments_like_the_traffic(
    requested: int, weights: dict[str, float], expected: list[tuple[str, int]]
) -> None:
    assert shared(requested, weights) == expected
