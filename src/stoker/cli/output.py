"""What commands print: data on standard output as text or JSON, progress on standard error and only to a terminal."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click


def print_json(value: Any) -> None:
    """One document, readable; what JSON does not know becomes text."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def print_json_line(value: Any) -> None:
    """One document on one line, for a stream of them."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: drawn by rich on a terminal, else columns of plain text that other programs can cut."""
    if not sys.stdout.isatty():
        for row in (headers, *rows):
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, header_style="bold", pad_edge=False)
    for header in headers:
        # Whole paths and commands, on several lines if need be: they are there to be copied.
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    Console().print(table)


def print_members(members: Mapping[str, Any]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name in members), default=0)
    for name, value in members.items():
        click.echo(f"{name:<{width}}  {value}")


def note(text: str) -> None:
    """A remark for the person at the terminal; silent when there is none."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


@contextmanager
def step(text: str) -> Iterator[Callable[[str], None]]:
    """Show that `text` is under way; the yielded function replaces the text. Silent without a terminal."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(text)) as status:
        yield lambda text: status.update(escape(text))
