"""Environments of one version that stand in for one another, and who waits for one of them."""

import asyncio
from collections import deque

from stoker.environments.environment import Environment
from stoker.functions.records import FunctionVersion


class Group:
    """The environments of one build of one version. `idle` is in the order in which they became idle.

    `gives_way`: with an owner, too, what is idle is ended when the host has no memory for what is called for.
    """

    gives_way = False

    def __init__(self, version: FunctionVersion) -> None:
        self.version = version
        self.idle: deque[Environment] = deque()
        self.waiting: deque[asyncio.Future[Environment]] = deque()
        self.starting = 0
        self.is_drained = False

    def next_waiting(self) -> asyncio.Future[Environment] | None:
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                return future
        return None
