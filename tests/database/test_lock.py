import subprocess
import sys
from pathlib import Path

import pytest

from stoker.database.errors import DataDirectoryError, DataDirectoryInUseError
from stoker.database.lock import DataDirectoryLock

HOLDER = """
import sys, time
from pathlib import Path
from stoker.database.lock import DataDirectoryLock

with DataDirectoryLock(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_node_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DataDirectoryInUseError, match=f"process {holder.pid}"):
            DataDirectoryLock(tmp_path).acquire()
        holder.kill()


def test_a_killed_node_does_not_keep_the_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    with DataDirectoryLock(tmp_path):
        pass


def test_the_lock_can_be_taken_again_after_its_release(tmp_path: Path) -> None:
    lock = DataDirectoryLock(tmp_path)
    with lock:
        pass
    lock.release()
    with DataDirectoryLock(tmp_path):
        pass


def test_the_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with DataDirectoryLock(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirectoryError, match=r"file/data: Not a directory"):
        DataDirectoryLock(tmp_path / "file" / "data").acquire()
