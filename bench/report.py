"""`python -m bench.report`: the table, the pictures and the README's part of them, from `docs/bench.json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.picture import draw
from bench.rows import ROWS, cell_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = DOCS / "bench.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- made by python -m bench.report -->\n", "<!-- end -->\n"
PROBLEM_CHARACTERS_MAX = 160
BUSY_LOAD = 1.0


def publish(results: Mapping[str, Any]) -> None:
    """Write everything into the project."""
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    draw(results, foot_of(results), DOCS)
    README.write_text(with_part(README.read_text(), part_of(results)))


def with_part(readme: str, part: str) -> str:
    """The README with its part replaced; ValueError when it has no place for it."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks {BEGIN!r} or {END!r}")
    return f"{before}{BEGIN}{part}{END}{after}"


def part_of(results: Mapping[str, Any]) -> str:
    """Markdown: what, when, on which machine; the picture; the table; why figures are missing."""
    contenders = results["contenders"]
    notes = Notes()
    lines = [
        "<picture>",
        '  <source media="(prefers-color-scheme: dark)" srcset="docs/bench-dark.png">',
        '  <img alt="Bars of the table below" src="docs/bench-light.png" width="600">',
        "</picture>",
        "",
        "| | " + " | ".join(contender["name"] for contender in contenders) + " |",
        "|---|" + "---|" * len(contenders),
    ]
    for row in ROWS:
        cells = [notes.mark(contender["name"], cell_of(contender, row).text(row), cell_of(contender, row).problem)
                 for contender in contenders]  # fmt: skip
        lines.append(f"| {row.label} | " + " | ".join(cells) + " |")
    lines += ["", sentence_of(results)]
    if notes.texts:
        lines += ["", *[f"{number}. {text}" for number, text in enumerate(notes.texts, start=1)]]
    return "\n".join(lines) + "\n"


class Notes:
    """Numbered reasons, each once."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, name: str, cell: str, problem: str) -> str:
        if not problem:
            return cell
        text = f"{name}: {problem[:PROBLEM_CHARACTERS_MAX]}"
        if text not in self.texts:
            self.texts.append(text)
        return f"{cell} [{self.texts.index(text) + 1}]"


def sentence_of(results: Mapping[str, Any]) -> str:
    """What the figures are, without which they mean nothing."""
    machine = results["machine"]
    load = f"{machine['load average at the start']} at the start and {machine['load average at the end']} at the end"
    # Before anything of the bench ran.
    if float(machine["load average at the start"].split()[0]) > BUSY_LOAD:
        load += " (the machine had other work, so only ratios count)"
    versions = "; ".join(f"{one['name']} {one['version']} ({one['note']})" for one in results["contenders"])
    return (
        f"Medians of {results['plan']['rounds']} interleaved rounds, with the least and the most; {results['date']}, "
        f"{machine['cores']} cores ({machine['machine']}, {machine['memory']}, Linux {machine['kernel']}, Python "
        f"{machine['python']}), the load generator on the same cores, "
        f"load average {load}. {versions}."
    )


def foot_of(results: Mapping[str, Any]) -> str:
    """The same for under a picture: short lines."""
    machine = results["machine"]
    versions = [f"{one['name']} {one['version']}" for one in results["contenders"]]
    return "\n".join(
        (
            "// a bar that was cut off.  floor: AWS's client alone, no sandbox, no Lambda API.  Only Stoker isolates.",
            f"{results['date']}, {machine['cores']} cores, {machine['memory']}, Linux {machine['kernel']}, "
            f"Python {machine['python']}; load average",
            f"{machine['load average at the start']} at the start, {machine['load average at the end']} at the end",
            ", ".join(versions[:3]),
            ", ".join(versions[3:]),
        )
    )


def print_table(results: Mapping[str, Any], console: Console) -> None:
    """The same for a terminal."""
    contenders = results["contenders"]
    notes = Notes()
    table = Table(title="Stoker beside its peers: median (least–most) of the rounds", title_justify="left")
    table.add_column("what")
    for contender in contenders:
        table.add_column(f"{contender['name']}\n{contender['version']}", justify="right")
    for row in ROWS:
        cells = (cell_of(contender, row) for contender in contenders)
        table.add_row(
            row.label,
            *(
                notes.mark(contender["name"], cell.text(row), cell.problem)
                for contender, cell in zip(contenders, cells, strict=True)
            ),
        )
    console.print(table)
    for number, text in enumerate(notes.texts, start=1):
        console.print(f"[{number}] {text}", highlight=False, markup=False)
    console.print(sentence_of(results), highlight=False, markup=False)


if __name__ == "__main__":
    publish(json.loads(RESULTS.read_text()))
