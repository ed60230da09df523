"""Functions that take all there is of something."""

import contextlib
import errno
import os
import subprocess
import sys
import time

MB = 1024 * 1024


def fork_bomb(event, context):
    while True:
        with contextlib.suppress(OSError):
            os.fork()


def count_processes(event, context):
    """Start sleeping children until the system refuses; answers with how many there were, and why no more."""
    children = []
    try:
        while len(children) < event["at_most"]:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
        refusal = None
    except OSError as error:
        refusal = errno.errorcode[error.errno]
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return {"processes": len(children), "refusal": refusal}


def memory(event, context):
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(1024)) * 1024)


def processor(event, context):
    """Compute in `processes` processes for `seconds`; answers with the processor seconds that all of them got."""
    end = time.monotonic() + event["seconds"]
    readers = []
    for _ in range(event["processes"]):
        reader, writer = os.pipe()
        if os.fork() == 0:
            while time.monotonic() < end:
                pass
            os.write(writer, str(time.process_time()).encode())
            os._exit(0)
        os.close(writer)
        readers.append(reader)
    return sum(float(os.read(reader, 100)) for reader in readers)


def fill_tmp(event, context):
    block, written = os.urandom(MB), 0
    descriptor = os.open("/tmp/filler", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        while True:
            written += os.write(descriptor, block)
    except OSError as error:
        return {"megabytes": round(written / MB), "error": errno.errorcode[error.errno]}
    finally:
        os.close(descriptor)
        os.unlink("/tmp/filler")


def files(event, context):
    """Open files until the system refuses."""
    opened = []
    try:
        while len(opened) < 100_000:
            opened.append(os.open("/dev/null", os.O_RDONLY))
        refusal = None
    except OSError as error:
        refusal = errno.errorcode[error.errno]
    for descriptor in opened:
        os.close(descriptor)
    return {"files": len(opened), "refusal": refusal}


def loop_for_ever(event, context):
    while True:
        pass


def ignore_every_signal(event, context):
    import signal

    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


BEATS = "/tmp/beats"
BEATING = f"""
import time
while True:
    with open({BEATS!r}, "a") as file:
        file.write(".")
    time.sleep(0.01)
"""


def leave_in_background(event, context):
    """First call: start a process and answer. Later calls: how often it has beaten so far."""
    if not os.path.exists(BEATS):
        open(BEATS, "w").close()
        subprocess.Popen([sys.executable, "-c", BEATING], start_new_session=True, stdout=-3, stderr=-3)
        while os.path.getsize(BEATS) == 0:
            time.sleep(0.05)
    return os.path.getsize(BEATS)


def print_megabytes(event, context):
    line = "x" * 1023 + "\n"
    for _ in range(event["megabytes"] * 1024):
        sys.stdout.write(line)
    return event["megabytes"]


def print_one_line(event, context):
    sys.stdout.write("x" * (event["megabytes"] * MB))
    sys.stdout.flush()
    return event["megabytes"]
