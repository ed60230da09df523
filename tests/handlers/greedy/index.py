import errno
import os
import time


def memory(event, context):
    """Touch `megabytes` of memory."""
    hoard = []
    for _ in range(event["megabytes"]):
        hoard.append(bytearray(b"x") * (1024 * 1024))
    return len(hoard)


def processor(event, context):
    """Compute for `seconds` of wall time; answers with the processor seconds that it got."""
    started, end = time.process_time(), time.monotonic() + event["seconds"]
    while time.monotonic() < end:
        pass
    return time.process_time() - started


def disk(event, context):
    """Write `megabytes` to /tmp; answers with how many went in, and the error that ended it."""
    block, written = b"x" * (1024 * 1024), 0
    descriptor = os.open("/tmp/greedy", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        while written < event["megabytes"] * len(block):
            written += os.write(descriptor, block)
    except OSError as error:
        return {"megabytes": written // len(block), "error": errno.errorcode[error.errno]}
    finally:
        os.close(descriptor)
        os.unlink("/tmp/greedy")
    return {"megabytes": written // len(block), "error": None}
