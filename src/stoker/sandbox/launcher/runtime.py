"""The last step inside a sandbox: become the runtime, by exec or (in a zygote) by going on in this interpreter."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from . import preload, rehearsal
from . import syscalls as sc

TELEMETRY_DESCRIPTOR = 62  # as on AWS
# Where an interpreter that is started ahead hears of its function (closed then), and an initialised function that it is
# to be forked (`held.py`).
CHANNEL_DESCRIPTOR = 63

# Directories where a package or a layer may have libraries of its own.
_CUSTOMERS = ("/var/task", "/opt/")
# Ours, which no function can read.
_HIDDEN = "/run/stoker"
_BOOTSTRAP = "/var/runtime/bootstrap.py"


class Zygote:
    """AWS's runtime client and what goes with it, imported ahead in an interpreter that never ran customer code.

    Whatever a forked process touches, and be it the reference count of an object that it only looks at, the kernel has
    to copy: 3 microseconds and 4 KB a page. So what can be known beforehand is, and nothing big is iterated or freed.
    """

    def __init__(
        self, client: list[str], libraries: list[str], preloaded: dict[str, Any] | None, *, is_privileged: bool
    ) -> None:
        """Module names to import: the runtime client's, which stay, and libraries', which a package may override.

        `preloaded` is {"modules", "place", "cores"} for functions that have these modules themselves. Raises OSError.
        """
        gc.disable()
        # Hooks of libraries (random draws a new state, logging makes new locks) are for those who run the libraries,
        # and not for the first process of a sandbox, which is forked before.
        self._hooks: list[dict[str, Callable[[], object]]] = []
        self._register, os.register_at_fork = os.register_at_fork, self._keep_hook  # type: ignore[assignment]
        for name in client:
            __import__(name)
        before = set(sys.modules)
        with contextlib.nullcontext() if preloaded is None else preload.shown(preloaded, is_privileged):
            if preloaded is not None:
                preload.load(preloaded["modules"])
            for name in libraries:
                try:
                    __import__(name)
                except ImportError:  # it would only have saved time
                    continue
        self._libraries = {
            name
            for name, module in sys.modules.items()
            if name not in before and str(getattr(module, "__file__", None) or "").startswith("/var/runtime/")
        }
        self._roots = {name.partition(".")[0] for name in self._libraries}
        self._launcher = [name for name in sys.modules if name.partition(".")[0] == "launcher"]
        minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        first = ["/var/task", f"/opt/python/lib/{minor}/site-packages", "/opt/python"]
        # The launcher is a package: nothing of it is looked for by this any more.
        sys.path[:] = [path for path in sys.path if not path.startswith(_HIDDEN)]
        self._path = first + [path for path in sys.path if path not in first]
        self.name = os.path.basename(sys.executable)  # noqa: PTH119
        # What the interpreter itself put there when it found no usable locale (PEP 538).
        self._locale = os.environ.get("LC_CTYPE")
        self._is_ready = False
        self._rehearse()
        # Directories that were looked into before there was anything in them, and those of the launcher.
        for path in [path for path in sys.path_importer_cache if path.startswith((*_CUSTOMERS, _HIDDEN))]:
            del sys.path_importer_cache[path]
        _seem_bootstrap()

    def _rehearse(self) -> None:
        try:
            rehearsal.rehearse(self._path, self.make_ready)
        except Exception as error:  # it would only have saved time and memory
            sys.stderr.write(f"the start of AWS's client was not rehearsed: {type(error).__name__}: {error}\n")

    def make_ready(self) -> None:
        """In a forked process: what needs no function. Doing it twice is fine."""
        if self._is_ready:
            return
        self._is_ready = True
        self._run_hooks()
        preload.draw_anew()
        sys.path[:] = self._path
        # Not the function's business.
        for name in self._launcher:
            del sys.modules[name]

    def change_hooks(self, change: Callable[[Callable[[], object]], Callable[[], object]]) -> None:
        """Before `run`: what os.register_at_fork() gets, of libraries and of the function, is changed so first."""
        register = self._register
        self._register = lambda **hooks: register(**{when: change(hook) for when, hook in hooks.items()})

    def run(self, environment: dict[str, str], handler: str) -> None:
        """Run AWS's client for `handler`, as `/var/runtime/bootstrap.py` would. Returns only by an exception."""
        self.make_ready()
        if self._locale:
            environment.setdefault("LC_CTYPE", self._locale)
        for name in [name for name in os.environ if name not in environment]:
            del os.environ[name]
        for name, value in environment.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        self._forget_overridden()
        if environment.get("AWS_LAMBDA_LOG_FORMAT") or environment.get("AWS_LAMBDA_LOG_LEVEL"):
            # AWS's client reads these when it is imported, which was before there was a function.
            importlib.reload(sys.modules["awslambdaric.bootstrap"])
        gc.enable()
        from awslambdaric.__main__ import main

        # As bootstrap.py calls it.
        main(["bootstrap.py", handler])

    def _keep_hook(self, **hooks: Callable[[], object]) -> None:
        """In the place of os.register_at_fork()."""
        self._hooks.append(hooks)

    def _run_hooks(self) -> None:
        """What libraries wanted to be done in a forked process; and for what the function itself forks, by the book."""
        os.register_at_fork = self._register
        for hooks in self._hooks:
            if "after_in_child" in hooks:
                hooks["after_in_child"]()
            self._register(**hooks)

    def _forget_overridden(self) -> None:
        """A package's or layer's own version of a library must win: forget ours, so that it is imported anew.

        All of ours then, since they import one another (boto3, botocore, urllib3) and versions must not mix.
        """
        for directory in self._path:
            if not directory.startswith(_CUSTOMERS):
                continue
            try:
                entries = os.listdir(directory)  # noqa: PTH208
            except OSError:
                continue
            if any(entry.partition(".")[0] in self._roots for entry in entries):
                for name in self._libraries:
                    sys.modules.pop(name, None)
                return


def _seem_bootstrap() -> None:
    """Be the program that a function finds on AWS: for whoever looks, and for processes that `multiprocessing` starts
    anew, which run it again under another name."""
    main = sys.modules["__main__"]
    sc.replace_argument(str(main.__file__), _BOOTSTRAP)
    main.__file__ = _BOOTSTRAP
    vars(main).pop("serve_as_zygote", None)
    sys.argv[:] = [_BOOTSTRAP]
    if sys.version_info >= (3, 10):  # noqa: UP036
        sys.orig_argv[1:] = [_BOOTSTRAP]


def run(order: dict[str, Any], output: int, zygote: Zygote | None, channel: int | None = None) -> None:
    """Never returns. `output` becomes standard output, standard error and the framed log, `channel` what `ahead.py` or
    `held.py` is about.

    `order`: {"name", "argv", "environment", "directory", "handler", "fork": bool}. Without `argv` there is nothing to
    become.
    """
    status = 1
    try:
        if not order["argv"]:
            os._exit(0)
        _prepare(order["directory"], output, channel)
        if order["fork"] and zygote is not None:
            # As a fresh interpreter has them.
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sc.set_process_name(zygote.name)
            zygote.run(order["environment"], order["handler"])
            status = 0
        else:
            os.execve(order["argv"][0], order["argv"], order["environment"])  # noqa: S606
    except SystemExit as error:
        _tell(error)
        # On AWS the status of a Python function that left by sys.exit is never told (reference: runtime side, 5.1).
        status = 0
        atexit._run_exitfuncs()
    except OSError as error:
        os.write(2, f"{order['argv'][:1]}: {error.strerror}\n".encode())
        status = 127 if isinstance(error, FileNotFoundError) else 126
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)


def _prepare(directory: str, output: int, channel: int | None) -> None:
    os.setsid()
    sc.prctl(sc.PR_SET_DUMPABLE, 1)
    with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("500")
    # All others are as a program finds them, since the launcher began (`serve.py`); these two are ours and Python's.
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    for descriptor in (1, 2, TELEMETRY_DESCRIPTOR):
        os.dup2(output, descriptor)
    unused = TELEMETRY_DESCRIPTOR + 1
    if channel is not None:
        os.dup2(channel, CHANNEL_DESCRIPTOR)
        unused = CHANNEL_DESCRIPTOR + 1
    os.closerange(3, TELEMETRY_DESCRIPTOR)
    os.closerange(unused, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    os.chdir(directory)


def _tell(error: SystemExit) -> None:
    """As an interpreter does at its end."""
    if error.code is not None and not isinstance(error.code, int):
        sys.stderr.write(f"{error.code}\n")
