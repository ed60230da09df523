"""How the commands of the bench run: progress on standard error, and an end that cleans up first."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
import uvloop
from rich.console import Console

from bench.node import NodeError

T = TypeVar("T")


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends it as Ctrl-C does: by cancellation, so that whatever was started is ended first.

    Raises what click tells in one line: ClickException when the node did not start, Abort when it was stopped.
    """

    async def stoppable() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return uvloop.run(stoppable())
    except NodeError as error:
        raise click.ClickException(f"the node did not start:\n{error}") from None
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise click.Abort from None


def progress() -> Callable[[str], None]:
    """On standard error, and silent without a terminal."""
    console = Console(stderr=True)

    def show(what: str) -> None:
        if console.is_terminal:
            console.print(f"bench: {what}", highlight=False)

    return show
