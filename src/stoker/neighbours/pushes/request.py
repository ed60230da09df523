"""What is known of the request that a service is answering just now."""


def header(name: str) -> str:
    """Of the request of this thread; "" when there is none."""
    import flask

    return str(flask.request.headers.get(name, "")) if flask.has_request_context() else ""


def asks_for(argument: str) -> bool:
    """Whether that is among the query's arguments (`?acl`)."""
    import flask

    return flask.has_request_context() and argument in flask.request.args


def trace() -> str:
    """What a function's own SDK sends: with it a chain of functions through a service knows its length."""
    return header("X-Amzn-Trace-Id")
