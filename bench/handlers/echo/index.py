"""Gives back what it gets."""


def handler(event: object, context: object) -> object:
    return event
