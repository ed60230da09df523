"""Reads commands, and what they are said to print, out of a Markdown page."""

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """A command of a `sh` block, and the lines that are shown below it; `…` stands for anything."""

    text: str
    output: tuple[str, ...]

    def prints(self, output: str) -> bool:
        """Whether `output` has the shown lines, in their order, other lines between them."""
        lines = iter(output.splitlines())
        return all(any(_matches(shown, line) for line in lines) for shown in self.output)


def _matches(shown: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), line) is not None


def blocks(page: str, language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(page) if found == language]


def shown_commands(page: str) -> list[ShownCommand]:
    """Every command after `$ ` in the page's `sh` blocks."""
    commands: list[tuple[str, list[str]]] = []
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line)
    return [ShownCommand(text, tuple(output)) for text, output in commands]
