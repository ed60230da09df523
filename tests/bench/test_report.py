"""The table and the pictures are what the figures say."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.picture import draw
from bench.report import README, RESULTS, foot_of, part_of, with_part
from bench.rows import ROWS, cell_of

MACHINE = {
    "cores": "2",
    "machine": "x86_64",
    "memory": "4.0 GiB",
    "kernel": "6.1",
    "python": "3.11.2",
    "load average at the start": "0.10 0.10 0.10",
    "load average at the end": "0.20 0.20 0.20",
}
WARM, *_ = ROWS


def _contender(name: str, *figures: float, absent: str = "", problems: dict[str, str] | None = None) -> dict[str, Any]:
    turns = [{"figures": {WARM.key: figure}, "problems": problems or {}} for figure in figures]
    return {"name": name, "version": "1", "note": "a note", "absent": absent, "turns": turns}


RESULTS_OF_THREE = {
    "date": "2026-01-02",
    "machine": MACHINE,
    "plan": {"rounds": 3},
    "contenders": [
        _contender("Stoker", 0.41, 0.39, 0.5),
        _contender("other", 123.4, problems={"burst_ms": "it crashed: with | words"}),
        _contender("gone", absent="it needs Docker"),
    ],
}


def test_a_cell_is_the_median_with_the_least_and_the_most() -> None:
    stoker, other, gone = (cell_of(contender, WARM).text(WARM) for contender in RESULTS_OF_THREE["contenders"])  # type: ignore[attr-defined]

    assert (stoker, other, gone) == ("0.41 ms (0.39–0.50)", "123 ms (123–123)", "–")


def test_what_is_missing_has_its_reason_below_the_table() -> None:
    part = part_of(RESULTS_OF_THREE)

    assert "gone: it needs Docker" in part
    assert "other: it crashed: with" in part
    assert "2026-01-02, 2 cores" in part


def test_a_readme_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"README\.md lacks"):
        with_part("# Stoker\n", "a table")


def test_pictures_are_drawn_for_light_and_dark_and_are_the_same_again(tmp_path: Path) -> None:
    draw(RESULTS_OF_THREE, foot_of(RESULTS_OF_THREE), tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    draw(RESULTS_OF_THREE, foot_of(RESULTS_OF_THREE), tmp_path)

    assert sorted(first) == ["bench-dark.png", "bench-dark.svg", "bench-light.png", "bench-light.svg"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_the_readme_says_what_was_measured() -> None:
    readme = README.read_text()

    assert with_part(readme, part_of(json.loads(RESULTS.read_text()))) == readme
