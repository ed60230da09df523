"""Patterns of conditions: `*` stands for any characters, `?` for one. In time that grows with the text, not with the
number of stars: whoever sends a request chooses the text."""

import re
from functools import lru_cache


def fits(pattern: str, text: str, *, has_escapes: bool = False) -> bool:
    """Whether all of `text` is what `pattern` says. With `has_escapes`, `\\*` and `\\?` stand for themselves."""
    first, *others = _parts(pattern, has_escapes)
    begun = first[0].match(text)
    if begun is None:
        return False
    if not others:
        return begun.end() == len(text)
    position = begun.end()
    *between, (last, last_length) = others
    for part, _ in between:
        found = part.search(text, position)
        if found is None:
            return False
        position = found.end()
    start = len(text) - last_length
    return start >= position and last.match(text, start) is not None


@lru_cache(maxsize=4096)
def _parts(pattern: str, has_escapes: bool) -> tuple[tuple[re.Pattern[str], int], ...]:
    """What stands between the stars, and how many characters each is long."""
    parts: list[list[str]] = [[]]
    characters = iter(pattern)
    for character in characters:
        if character == "\\" and has_escapes:
            parts[-1].append(re.escape(next(characters, "\\")))
        elif character == "*":
            parts.append([])
        else:
            parts[-1].append("." if character == "?" else re.escape(character))
    return tuple((re.compile("".join(part), re.DOTALL), len(part)) for part in parts)
