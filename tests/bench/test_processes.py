import os
import sys
import time
from pathlib import Path

from bench import processes
from bench.processes import Started, family, family_memory_mb
from tests.bench.conftest import Orphans

# A child that has a session of its own and hears no SIGTERM, below a parent that hears none either.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
open("ready-%d" % os.getpid(), "w").close()
time.sleep(60)
"""


async def test_a_server_that_does_not_want_to_end_is_ended_with_all_it_started(
    tmp_path: Path, orphans: Orphans
) -> None:
    before_s, processes.STOP_LIMIT_S = processes.STOP_LIMIT_S, 0.2
    try:
        started = Started([sys.executable, "-c", STUBBORN], tmp_path, dict(os.environ), tmp_path / "log")
        deadline_s = time.monotonic() + 20
        while len(list(tmp_path.glob("ready-*"))) < 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        members = family(started.pid)

        assert len(members) == 2
        assert family_memory_mb(started.pid) > 1
        await started.end()
    finally:
        processes.STOP_LIMIT_S = before_s

    assert not started.is_running()
    assert orphans.left() == {}


async def test_a_server_that_has_ended_can_be_ended(tmp_path: Path) -> None:
    started = Started([sys.executable, "-c", "print('bye')"], tmp_path, dict(os.environ), tmp_path / "log")
    started._process.wait(20)

    await started.end()

    assert started.last_words() == "bye"
