"""That the comparison measures, names what it cannot have, and cleans up. Nothing is fetched for a test."""

import json
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.peers.fetch import Fetch, PeerAbsentError
from bench.peers.rie import Rie
from bench.plan import Comparison
from bench.rows import ROWS
from bench.turns import one_function_turn
from tests.bench.conftest import BenchRun, Orphans

RUN_LIMIT_S = 110.0
TINY = Comparison(rounds=1, callers=(1, 8), leg_s=0.2, calls_max=100, first_calls=1, cold_calls=1)


def test_a_run_without_peers_measures_the_rest_and_says_why(tmp_path: Path, orphans: Orphans) -> None:
    temporary, cache = tmp_path / "temporary", tmp_path / "cache"
    temporary.mkdir()
    arguments = ("--quick", "--rounds", "1", "--no-fetch", "--output", "json")
    run = BenchRun(temporary, *arguments, module="bench", cache=cache)

    status, output, errors = run.wait(RUN_LIMIT_S)

    assert (status, errors) == (0, "")
    results: dict[str, Any] = json.loads(output)
    stoker, floor, *peers = results["contenders"]
    assert (stoker["name"], floor["name"]) == ("Stoker", "floor")
    assert set(stoker["turns"][0]["figures"]) == {row.key for row in ROWS}
    assert set(floor["turns"][0]["figures"]) == {row.key for row in ROWS} - {"server_mb"}
    assert all(figure > 0 for figure in stoker["turns"][0]["figures"].values())
    assert stoker["turns"][0]["problems"] == {}
    assert [peer["name"] for peer in peers] == ["RIE", "serverless-offline", "MiniStack"]
    assert all(str(cache) in peer["absent"] and peer["turns"] == [] for peer in peers)
    assert orphans.left() == {}
    assert list(temporary.iterdir()) == []
    assert not (cache / "stoker").exists()


def test_a_comparison_that_is_interrupted_leaves_nothing(tmp_path: Path, orphans: Orphans) -> None:
    run = BenchRun(tmp_path, "--quick", "--peer", "none", module="bench")
    deadline_s = time.monotonic() + RUN_LIMIT_S
    while not list(tmp_path.glob("*/data/node.json")):
        assert run.process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.02)

    run.process.send_signal(signal.SIGINT)
    status, output, errors = run.wait(RUN_LIMIT_S)

    assert (status, output, errors.strip()) == (1, "", "Aborted!")
    assert orphans.left() == {}
    assert list(tmp_path.iterdir()) == []


async def test_the_emulator_is_measured_when_it_is_in_the_cache(orphans: Orphans) -> None:
    try:
        program = await Fetch(may_fetch=False).rie()
    except PeerAbsentError as error:
        pytest.skip(f"AWS's runtime interface emulator: {error}")

    turn = await one_function_turn(partial(_rie, program), TINY)

    assert turn.figures.keys() >= {"warm_p50_ms", "cold_echo_ms", "cold_boto3_ms", "server_mb", "environment_mb"}
    assert turn.problems["burst_ms"] == "it has one environment"
    assert orphans.left() == {}


def _rie(program: Path, folder: Path, functions: dict[str, Path]) -> Rie:
    return Rie(folder, program, functions[""])
