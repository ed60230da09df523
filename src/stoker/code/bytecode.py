"""Bytecode at deploy time: /var/task is read-only, so without it every cold start would compile again (decision 0013).

The compiler sees hostile text, so it runs in a process of its own, with limits; what becomes of it never matters to
the deployment.
"""

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path

from stoker.runtimes.records import RuntimeBuild

log = logging.getLogger("stoker.code")

SCRIPT = Path(__file__).with_name("compile_tree.py")
TASK_ROOT = "/var/task"
CPU_S_MAX = 120
WALL_S_MAX = 180.0
MEMORY_BYTES_MAX = 1024 * 1024 * 1024


def has_bytecode(build: RuntimeBuild) -> bool:
    """Whether files can be compiled ahead for this runtime."""
    return build.language == "python" and build.host_interpreter is not None


async def compile_tree(tree: Path, build: RuntimeBuild, shown_as: str = TASK_ROOT) -> None:
    """Compile the Python files below `tree` for `build`. Failures are logged and otherwise ignored.

    `shown_as` is where functions will see the tree, as their tracebacks tell it.
    """
    assert build.host_interpreter is not None
    arguments = [str(tree), shown_as, str(CPU_S_MAX), str(MEMORY_BYTES_MAX)]
    try:
        process = await asyncio.create_subprocess_exec(
            build.host_interpreter,
            *("-I", "-S", "-W", "ignore", str(SCRIPT), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    except OSError as error:
        log.warning("cannot compile for %s: %s", build.name, error)
        return
    try:
        async with asyncio.timeout(WALL_S_MAX):
            status = await process.wait()
        if status != 0:
            log.warning("the compiler of %s stopped early (status %d); cold starts will be slower", build.name, status)
    except TimeoutError:
        log.warning("the compiler of %s took longer than %.0f s and was stopped", build.name, WALL_S_MAX)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
