"""The one port of a node: from bytes on a socket to a call of an operation, and back. Knows no function and no SQL."""
