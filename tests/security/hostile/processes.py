"""Functions that kill what they can reach."""

import contextlib
import os
import signal
import time


def kill_itself(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


def stop_itself(event, context):
    os.kill(os.getpid(), signal.SIGSTOP)


def kill_everything(event, context):
    """kill(2): -1 is every process that the caller may signal, but for itself and process 1."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    os.kill(-1, signal.SIGKILL)
    time.sleep(0.2)
    return "still here"


def kill_init(event, context):
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGINT):
        with contextlib.suppress(PermissionError):
            os.kill(1, number)
    time.sleep(0.2)
    return "still here"


def kill_every_number(event, context):
    for pid in range(2, 70_000):
        if pid != os.getpid():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    return "still here"


def answer_twice(event, context):
    """Fork after the event arrived: two processes now hold the runtime's connection."""
    if os.fork() == 0:
        return "from the child"
    time.sleep(0.5)
    return "from the parent"
