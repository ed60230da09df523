import logging
import sys


def handler(event, context):
    line = "x" * (event["width"] - 1)
    for _ in range(event["lines"]):
        sys.stdout.write(line + "\n")
    return event["lines"]


def logged(event, context):
    logging.getLogger().setLevel("INFO")
    logging.info("said by logging")
    print("said by print")
    print("said on standard error", file=sys.stderr)


def binary(event, context):
    """Bytes that are no UTF-8, and no newline at the end."""
    sys.stdout.flush()
    with open(1, "wb", closefd=False) as out:
        out.write(b"\xff\xfe\x00 not text\nlast line without an end")
