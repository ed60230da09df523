"""The AMQP client, which is an extra: is it there, and what of it can fail."""

import importlib
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stoker.neighbours.errors import NeighbourError

INSTALL = "pip install 'stoker[rabbitmq]'"


class BrokerError(NeighbourError):
    """A broker is not known, not reached, does not let the mapping in, or has no such queue."""


def is_installed() -> bool:
    return importlib.util.find_spec("aiormq") is not None


def aiormq() -> Any:
    """Imported with the first mapping that needs it. Raises BrokerError when it is not installed."""
    try:
        module = importlib.import_module("aiormq")
    except ImportError:
        raise BrokerError(f"RabbitMQ needs its client: {INSTALL}") from None
    # It logs, with tracebacks, what it raises as well; the poller says that once.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    return module


def failures() -> tuple[type[Exception], ...]:
    """What the client raises."""
    exceptions = aiormq().exceptions
    undecodable = importlib.import_module("pamqp.exceptions").PAMQPException
    return exceptions.AMQPError, exceptions.ChannelInvalidStateError, undecodable, OSError


@contextmanager
def broker_errors(where: str) -> Iterator[None]:
    """Turns what the client raises into BrokerErrors that begin with `where`."""
    try:
        yield
    except failures() as error:
        raise BrokerError(f"{where}: {said_of(error)}") from error


def said_of(error: BaseException) -> str:
    """In one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # Some have the code of the reply before its text, and some the text alone.
    texts = [str(argument) for argument in error.args if isinstance(argument, str)]
    return " ".join(" ".join(texts or [str(error)]).split()) or type(error).__name__
