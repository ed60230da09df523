"""Asynchronous invocation: events that are accepted, kept on disk, run, tried again, and told of to their destinations.

Running an event is left to `invocations/`; speaking with other services to whoever hands in a `Services`.
"""
