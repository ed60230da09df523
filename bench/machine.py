"""What the numbers were measured on, without which they mean nothing."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import stoker


def describe() -> dict[str, str]:
    """Name and value, in the order in which they are shown."""
    return {
        "stoker": stoker.__version__,
        "python": platform.python_version(),
        "awslambdaric": version("awslambdaric"),
        "uvloop": version("uvloop"),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _memory(),
        "load average at the start": load_average(),
    }


def load_average() -> str:
    """Of the last 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _memory() -> str:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return f"{int(line.split()[1]) / 1024 / 1024:.1f} GiB"
    return "unknown"
