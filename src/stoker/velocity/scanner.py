"""A place in a template's text, and what lies ahead of it."""

import re

from stoker.velocity.errors import TemplateError

_BLANKS = re.compile(r"\s*")
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Scanner:
    """Reads forward; `at` may be put back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def is_at_end(self) -> bool:
        return self.at >= len(self.text)

    def sees(self, expected: str) -> bool:
        return self.text.startswith(expected, self.at)

    def take(self, expected: str) -> bool:
        """Whether that lay ahead; then it is behind."""
        if self.sees(expected):
            self.at += len(expected)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def need(self, expected: str) -> None:
        """Raises TemplateError."""
        if not self.take(expected):
            raise self.error(f"{expected!r} is missing")

    def name(self) -> str:
        """Raises TemplateError."""
        found = self.match(NAME)
        if found is None:
            raise self.error("a name is missing")
        return found

    def skip_blanks(self) -> None:
        self.match(_BLANKS)

    def skip_rest_of_line(self) -> None:
        """A directive that ends its line takes the line's end with it."""
        self.match(_REST_OF_LINE)

    def error(self, what: str) -> TemplateError:
        line = self.text.count("\n", 0, self.at) + 1
        return TemplateError(f"line {line}: {what}")
