"""Threads for calls that mostly wait: one for each, and the end of the process waits for none of them."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class PatientThreads(Executor):
    """Unbounded by itself. An executor's own threads would be joined when the interpreter ends."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        threading.Thread(
            target=_run, args=(future, lambda: work(*args, **kwargs)), name="aws-patient", daemon=True
        ).start()
        return future


def _run(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # whatever it is, it is for whoever waits for the future
        future.set_exception(error)
    else:
        future.set_result(result)
