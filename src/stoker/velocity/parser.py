"""Parses templates: text, references and directives."""

import re

from stoker.velocity.errors import TemplateError
from stoker.velocity.expressions import ExpressionParser
from stoker.velocity.nodes import Break, Expression, Foreach, If, Node, Set, Stop, Text
from stoker.velocity.scanner import Scanner

_DIRECTIVE = re.compile(r"#(?:\{([a-z]+)\}|([a-z]+))")
_PLAIN = re.compile(r"[^$#\\]+")
_BLANKS_BEFORE = re.compile(r"[ \t]+\Z")
_ENDS = frozenset({"end", "else", "elseif"})
# Directives of Velocity's that mapping templates cannot have, or that Stoker does not know.
_REFUSED = frozenset({"macro", "parse", "include", "define", "evaluate"})
NESTING_MAX = 50


def parse(text: str) -> tuple[Node, ...]:
    """Raises TemplateError."""
    return _Parser(text, 0).template()


class _Parser:
    """`nesting` counts the blocks, and the texts between double quotes, around this one."""

    def __init__(self, text: str, nesting: int) -> None:
        self._scanner = Scanner(text)
        self._nesting = nesting
        self._expressions = ExpressionParser(self._scanner, self._inner)

    def template(self) -> tuple[Node, ...]:
        nodes, end = self._block()
        if end is not None:
            raise self._scanner.error(f"#{end} without a beginning")
        return nodes

    def _inner(self, text: str) -> tuple[Node, ...]:
        self._check_nesting()
        return _Parser(text, self._nesting + 1).template()

    def _check_nesting(self) -> None:
        if self._nesting >= NESTING_MAX:
            raise self._scanner.error("blocks are nested too deeply")

    def _block(self) -> tuple[tuple[Node, ...], str | None]:
        """Up to what ends it (`end`, `else`, `elseif`), or the end of the text."""
        scanner = self._scanner
        nodes: list[Node] = []
        while not scanner.is_at_end:
            plain = scanner.match(_PLAIN)
            if plain is not None:
                _add_text(nodes, plain)
            elif scanner.sees("\\"):
                self._escape(nodes)
            elif scanner.sees("$"):
                reference = self._expressions.reference()
                if reference is None:
                    scanner.take("$")
                    _add_text(nodes, "$")
                else:
                    nodes.append(reference)
            else:
                end = self._sharp(nodes)
                if end is not None:
                    return tuple(nodes), end
        return tuple(nodes), None

    def _escape(self, nodes: list[Node]) -> None:
        """`\\$` and `\\#` are signs and nothing else."""
        scanner = self._scanner
        scanner.take("\\")
        for sign in "$#":
            if scanner.take(sign):
                _add_text(nodes, sign)
                return
        _add_text(nodes, "\\")

    def _sharp(self, nodes: list[Node]) -> str | None:
        """At a `#`: a comment, text as it is, or a directive. The name of one that ends the block."""
        scanner = self._scanner
        if scanner.take("##"):
            end = scanner.text.find("\n", scanner.at)
            scanner.at = len(scanner.text) if end < 0 else end + 1
            return None
        if scanner.take("#*"):
            scanner.at = self._find("*#") + 2
            return None
        if scanner.take("#[["):
            begin = scanner.at
            end = self._find("]]#")
            _add_text(nodes, scanner.text[begin:end])
            scanner.at = end + 3
            return None
        return self._directive(nodes)

    def _find(self, closing: str) -> int:
        end = self._scanner.text.find(closing, self._scanner.at)
        if end < 0:
            raise self._scanner.error(f"{closing!r} is missing")
        return end

    def _directive(self, nodes: list[Node]) -> str | None:
        scanner = self._scanner
        found = _DIRECTIVE.match(scanner.text, scanner.at)
        name = None if found is None else found[1] or found[2]
        if found is not None:
            scanner.at = found.end()
        match name:
            case "set":
                _strip_blanks_before(nodes)
                nodes.append(self._set())
            case "if":
                nodes.append(self._if())
            case "foreach":
                nodes.append(self._foreach())
            case "break":
                nodes.append(Break())
            case "stop":
                nodes.append(Stop())
            case _ if name in _ENDS:
                if name != "elseif":
                    scanner.skip_rest_of_line()
                return name
            case _ if name in _REFUSED:
                raise scanner.error(f"the directive #{name} is not supported")
            case _:
                if found is not None:
                    scanner.at = found.start()
                scanner.take("#")
                _add_text(nodes, "#")
        return None

    def _opened(self) -> None:
        self._scanner.skip_blanks()
        self._scanner.need("(")
        self._scanner.skip_blanks()

    def _closed(self) -> None:
        self._scanner.skip_blanks()
        self._scanner.need(")")
        self._scanner.skip_rest_of_line()

    def _set(self) -> Node:
        self._opened()
        target = self._expressions.reference() if self._scanner.sees("$") else None
        if target is None:
            raise self._scanner.error("#set wants a reference")
        self._scanner.skip_blanks()
        self._scanner.need("=")
        value = self._expressions.expression()
        self._closed()
        return Set(target, value)

    def _if(self) -> Node:
        self._check_nesting()
        self._nesting += 1
        branches: list[tuple[Expression | None, tuple[Node, ...]]] = []
        end: str | None = "elseif"
        while end != "end":
            condition = None
            if end == "elseif":
                self._opened()
                condition = self._expressions.expression()
                self._closed()
            elif end is None or (branches and branches[-1][0] is None):
                raise self._scanner.error("#end is missing")
            body, end = self._block()
            branches.append((condition, body))
        self._nesting -= 1
        return If(tuple(branches))

    def _foreach(self) -> Node:
        self._check_nesting()
        self._nesting += 1
        self._opened()
        reference = self._expressions.reference() if self._scanner.sees("$") else None
        if reference is None or reference.steps:
            raise self._scanner.error("#foreach wants a name")
        self._scanner.skip_blanks()
        self._scanner.need("in")
        items = self._expressions.expression()
        self._closed()
        body, end = self._block()
        if end != "end":
            raise self._scanner.error("#end is missing")
        self._nesting -= 1
        return Foreach(reference.name, items, body)


def _add_text(nodes: list[Node], text: str) -> None:
    if nodes and isinstance(nodes[-1], Text):
        nodes[-1] = Text(nodes[-1].text + text)
    else:
        nodes.append(Text(text))


def _strip_blanks_before(nodes: list[Node]) -> None:
    if nodes and isinstance(nodes[-1], Text):
        nodes[-1] = Text(_BLANKS_BEFORE.sub("", nodes[-1].text))


__all__ = ["TemplateError", "parse"]
