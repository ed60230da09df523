"""Functions whose answers are too big or are no text."""


def of_size(event, context):
    return "x" * (event["bytes"] - 2)


def lone_surrogate(event, context):
    return "\ud800"


def deep(event, context):
    nested = []
    for _ in range(event["depth"]):
        nested = [nested]
    return nested


def endless_error(event, context):
    raise RuntimeError("x" * event["bytes"])
