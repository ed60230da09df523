from dataclasses import fields
from pathlib import Path

from stoker.config import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_has_a_line_for_every_setting_and_no_other() -> None:
    rows = [line for line in PAGE.read_text().split("\n## ")[0].splitlines() if line.startswith("| `")]
    documented = [row.split("`")[1] for row in rows]
    assert documented == [field.name for field in fields(Settings)]
