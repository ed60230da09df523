"""Keeps its only environment busy, so that further events have to wait."""

import time


def handler(event: object, context: object) -> None:
    time.sleep(2)
