"""A private PostgreSQL server on a Unix socket, run by an unprivileged user, for tests that want a real one."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

UNPRIVILEGED = "nobody"
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class PostgresqlServer:
    def __init__(self, binaries: Path, directory: Path) -> None:
        self.binaries = binaries
        self.directory = directory

    def new_database_url(self) -> str:
        name = f"stoker_{uuid.uuid4().hex}"
        self.run("createdb", "-h", str(self.directory), "-U", "stoker", name)
        return f"postgresql://stoker@/{name}?host={self.directory}"

    def run(self, program: str, *arguments: str) -> None:
        user = {"user": UNPRIVILEGED, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
        command = [str(self.binaries / program), *arguments]
        output = self.directory / f"{program}.out"
        with output.open("wb") as file:  # a file, since the server that pg_ctl leaves behind keeps it open
            done = subprocess.run(
                command, cwd=self.directory, env=environment, stdout=file, stderr=file, check=False, **user
            )
        assert done.returncode == 0, output.read_text()


@contextmanager
def running_server() -> Iterator[PostgresqlServer]:
    """Skips the test, naming what is missing, where there is no PostgreSQL."""
    pytest.importorskip("psycopg", reason="the extra 'postgresql' is not installed: psycopg is missing")
    if not BINARIES:
        pytest.skip("PostgreSQL's server programs (initdb, pg_ctl) are not in /usr/lib/postgresql")
    directory = Path(tempfile.mkdtemp(prefix="stoker-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(directory, UNPRIVILEGED)
    server = PostgresqlServer(BINARIES[0], directory)
    try:
        server.run("initdb", "-D", "data", "-U", "stoker", "-A", "trust", "--no-sync", "--no-instructions")
        options = f"-c listen_addresses='' -c unix_socket_directories={directory} -c fsync=off"
        server.run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options)
        yield server
        server.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", "data")
    finally:
        shutil.rmtree(directory)
