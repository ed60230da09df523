"""How moto's process speaks: a line for the node's log."""

import sys


def tell(text: str) -> None:
    """On standard error, which is the node's."""
    print(f"neighbours: {text}", file=sys.stderr, flush=True)
