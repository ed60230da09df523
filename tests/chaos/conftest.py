"""A server beside the node, which outlives it."""

from tests.event_sources.conftest import elsewhere

__all__ = ["elsewhere"]
