"""That the bench works and cleans up. How fast anything is does not belong into a test."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench.conftest import BenchRun, Orphans

RUN_LIMIT_S = 110.0


@pytest.mark.alone
def test_a_quick_run_measures_everything_and_leaves_nothing(tmp_path: Path, orphans: Orphans) -> None:
    run = BenchRun(tmp_path, "--quick", "--rounds", "1", "--output", "json")

    status, output, errors = run.wait(RUN_LIMIT_S)

    assert status == 0, errors
    results: dict[str, Any] = json.loads(output)
    assert [leg["callers"] for leg in results["warm"]] == [1, 8, 32]
    for leg in results["warm"]:
        for who in ("floor", "node"):
            assert leg[who]["calls"] > 0
            assert 0 < leg[who]["p50_ms"] <= leg[who]["p99_ms"]
            assert leg[who]["errors"] == 0
        assert leg["node"]["cpu_us_per_call"] > 0
    assert [case["case"] for case in results["cold"]] == ["echo", "imports boto3"]
    crowd = results["crowd"]
    assert 0 < crowd["wake_p50_ms"] <= crowd["wake_p99_ms"] <= crowd["wake_longest_ms"]
    assert crowd["burst_s"] > 0
    assert crowd["provisioned_s"] > 0
    assert len(results["goals"]) == 20
    large = results["large"]
    assert large["bytes"] > 6_000_000
    assert large["floor_p50_ms"] > 0
    assert large["node_p50_ms"] > 0
    endurance = results["endurance"]
    assert (endurance["calls"], endurance["lines"], endurance["events"]) == (640, 1920, 10)
    assert all(endurance[when] > 0 for when in ("alone_ms", "after_calls_ms", "beside_events_ms"))
    control_plane = results["control_plane"]
    assert control_plane.pop("functions") == 60
    assert all(milliseconds > 0 for milliseconds in control_plane.values())
    assert results["problems"] == []
    assert errors == ""
    assert orphans.left() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, orphans: Orphans) -> None:
    run = BenchRun(tmp_path, "--quick")
    _wait_for_node(run)

    run.process.send_signal(signal.SIGTERM)
    status, output, errors = run.wait(RUN_LIMIT_S)

    assert (status, output) == (1, "")
    assert errors.strip() == "Aborted!"
    assert orphans.left() == {}
    assert list(tmp_path.iterdir()) == []


def _wait_for_node(run: BenchRun) -> None:
    deadline_s = time.monotonic() + RUN_LIMIT_S
    while not list(run.temporary.glob("*/data/node.json")):
        if run.process.poll() is not None or time.monotonic() > deadline_s:
            pytest.fail(f"no node was started: {run.wait(1)}")
        time.sleep(0.02)
