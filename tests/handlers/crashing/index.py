import ctypes
import os
import signal
import sys


class PaymentRefusedError(Exception):
    pass


def raise_error(event, context):
    raise PaymentRefusedError("no money left")


def exit_cleanly(event, context):
    sys.exit(0)


def exit_three(event, context):
    os._exit(3)


def leave_by_sys_exit(event, context):
    sys.exit(3)


def abort(event, context):
    os.abort()


def segfault(event, context):
    ctypes.string_at(0)


def kill_itself(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


def answer_nonsense(event, context):
    return {"a set is no JSON": {1, 2}}
