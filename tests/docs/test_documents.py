"""That the documents say what is there."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from docs.compatibility import MARK, Node, page
from stoker.cli.main import commands
from stoker.config import Settings
from tests.conftest import Node as RunningNode

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RECORDS = DOCS / "decisions"
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")))
PARTS_OF_A_RECORD = ("**Status:**", "## Context", "## Decision", "## Consequences")
RECORD_LINES_MAX = 70  # a page


def test_compatibility_says_what_a_node_answers(platform: RunningNode) -> None:
    written = (DOCS / "compatibility.md").read_text()

    assert written == page(Node(platform.endpoint)), "it is out of date; type: python -m docs.compatibility"
    assert MARK in written


def test_every_setting_has_a_line_with_its_default() -> None:
    text = (DOCS / "settings.md").read_text().split("\n## ")[0]
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}
    defaults = {field.name: field.default for field in fields(Settings)}
    assert rows.keys() == defaults.keys()
    for name, default in defaults.items():
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert f"`{default:g}`" in rows[name], name


def test_every_dependency_has_a_line_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[^A-Za-z0-9_-]", requirement)[0] for requirement in stated}
    record = (RECORDS / "0002-dependencies.md").read_text()
    assert set(re.findall(r"^\| `([\w-]+)` \|", record, re.MULTILINE)) == names


def test_the_architecture_has_a_line_for_every_package() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    packages = {path.parent.name for path in (ROOT / "src/stoker").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)) == packages


def test_the_architecture_names_every_module_beside_the_packages() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for module in (ROOT / "src/stoker").glob("*.py"):
        assert f"`{module.name}`" in text or module.name == "__init__.py", module.name


def test_the_architecture_names_no_file_that_does_not_exist() -> None:
    """A name without its package is that of a file beside the last one that had it."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    everywhere = {path.name for path in (ROOT / "src").rglob("*.py")}
    for name in re.findall(r"`([\w/]+\.py)`", text):
        found = (ROOT / "src/stoker" / name).exists() if "/" in name else name in everywhere
        assert found, name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in _links(path):
        if not target.startswith(("http://", "https://", "#")):
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_pages_name_are_there(path: Path) -> None:
    """Those in code: at the begin of an indented line, after `$ `, or right after a backtick."""
    named = r"(?:^\$ |^ +|^(?=\./run )|`)(?:\./run )?stoker ([a-z][\w-]*)(?: ([a-z]+))?"
    for name, argument in re.findall(named, path.read_text(), re.MULTILINE):
        command = commands.commands.get(name)
        assert command is not None, name
        if isinstance(command, click.Group) and argument:
            assert argument in command.commands, (name, argument)


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.md")), ids=lambda path: path.name)
def test_a_decision_is_recorded_on_one_page_in_one_form(path: Path) -> None:
    text = path.read_text()
    number = int(path.name[:4])
    assert text.startswith(f"# {number}. ")
    positions = [text.find(part) for part in PARTS_OF_A_RECORD]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert len(text.splitlines()) <= RECORD_LINES_MAX


def test_decisions_that_the_code_cites_exist() -> None:
    cited = {
        int(number)
        for file in (ROOT / "src").rglob("*.py")
        for number in re.findall(r"decisions?[ /](\d{2,4})", file.read_text())
    }
    assert cited <= {int(path.name[:4]) for path in RECORDS.glob("*.md")}


def test_what_has_not_been_released_stands_on_top_of_the_changelog() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"


def _links(path: Path) -> Iterator[str]:
    for match in re.finditer(r"\]\(([^)\s]+)\)", path.read_text()):
        yield match[1]
