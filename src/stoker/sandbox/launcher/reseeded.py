"""What a forked interpreter draws at random is its own: whatever libraries keep of a random state is made anew."""

from __future__ import annotations

import contextlib
import os
import sys

_SEED_BYTES = 48


def reseed() -> None:
    """In a process that was forked by os.fork(), which has called the hooks of libraries, those of `random` for one.

    What is called may be the customer's version of a library, or none.
    """
    modules = sys.modules
    with contextlib.suppress(Exception):
        if "_ssl" in modules:
            modules["_ssl"].RAND_add(os.urandom(_SEED_BYTES), float(_SEED_BYTES))
    with contextlib.suppress(Exception):
        if "uuid" in modules:
            _forget_node(modules["uuid"])
    with contextlib.suppress(Exception):
        if "tempfile" in modules:
            modules["tempfile"]._name_sequence = None  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        if "numpy.random" in modules:
            modules["numpy.random"].seed()


def _forget_node(uuid: object) -> None:
    """uuid1() tells apart processes of one machine; here are two that believe to be one."""
    uuid._generate_time_safe = None  # type: ignore[attr-defined] # the C library's, which keeps a state of its own
    uuid._last_timestamp = None  # type: ignore[attr-defined]
    uuid._node = uuid._random_getnode()  # type: ignore[attr-defined]
