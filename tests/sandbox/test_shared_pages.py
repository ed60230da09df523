"""What an interpreter does before it is forked: its forks share its pages, and it is an interpreter like any other."""

import subprocess
from pathlib import Path

import pytest

import stoker.sandbox.launcher
from stoker.runtimes.python.discovery import find_interpreter

LAUNCHER = Path(stoker.sandbox.launcher.__file__).parent
RELEASES = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

SETTLED = """
import sys
sys.path.insert(0, {folder!r})
from launcher import shared_pages
"""
# Libraries are loaded, looked at and freed in part, as by a runtime client: memory with holes.
FORKED = """
import ctypes, decimal, email.message, json, logging, os, socket, sys, unittest.mock, xml.dom.minidom
def dirty_kb():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))
def allocate():
    return [bytes(size) for size in SIZES for _ in range(200)]
def look():
    return [list(vars(module).values()) for module in list(sys.modules.values())]
work = {"allocate": allocate, "look": look}[sys.argv[1]]
SIZES = (60, 200, 400, 900)
holes = [bytes(size) for size in SIZES for _ in range(10_000)]
del holes[::50]
if sys.argv[2] == "settled":
    shared_pages.settle()
pid = os.fork()
if pid == 0:
    before = dirty_kb()
    kept = work()
    print(dirty_kb() - before, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""
# What a function may do with what was there before it, until the interpreter ends in the ordinary way.
LIVED = """
import asyncio, collections, dataclasses, enum, json, logging, re, subprocess, tempfile, threading, weakref
from concurrent.futures import ThreadPoolExecutor
shared_pages.settle()
import gc, html.parser, importlib, sqlite3, types
gc.unfreeze()
for _ in range(3):
    gc.collect()
@dataclasses.dataclass
class Point:
    x: int
    y: list = dataclasses.field(default_factory=list)
cycle = Point(1)
cycle.y.append(cycle)
gone = weakref.ref(cycle)
del cycle
gc.collect()
assert gone() is None
assert [match.group() for match in re.finditer("a+", "aa b aaa")] == ["aa", "aaa"]
class Colour(enum.Enum):
    RED = 1
assert Colour("RED" and 1) is Colour.RED
text = ""
for number in range(1000):
    text += str(number)
assert len(text) == 2890
importlib.reload(json)
assert json.loads(json.dumps({"a": [1, None, 2.5]})) == {"a": [1, None, 2.5]}
logging.basicConfig(level="INFO")
logging.getLogger("x").info("said")
with ThreadPoolExecutor(4) as pool:
    assert sum(pool.map(lambda number: number * 2, range(100))) == 9900
async def wait():
    await asyncio.sleep(0)
    return 5
assert asyncio.run(wait()) == 5
with tempfile.TemporaryFile() as file:
    file.write(b"x" * 100_000)
assert subprocess.run([sys.executable, "-c", "print(7)"], stdout=subprocess.PIPE, check=True).stdout == b"7\\n"
assert sqlite3.connect(":memory:").execute("select 3").fetchall() == [(3,)]
for name in [name for name in sys.modules if name.startswith(("logging", "html"))]:
    del sys.modules[name]
import logging
counts = collections.Counter(type(it).__name__ for it in gc.get_objects())
assert counts["function"] > 100
sys.stdout.write("lived")
"""

# Objects of many sizes, first between others and then, made anew, in one place; and everything can end.
MOVED = """
import gc
sizes = [16 * number for number in range(1, 28)] * 2
def made():
    return [bytes(size) for size in sizes]
others = [bytes(size) for size in range(1, 2000) for _ in range(20)]
apart = made()
shared_pages.fill()
with shared_pages.one_place():
    together = made()
    gone = made()
    del gone
def pages(objects):
    return len({(id(it) + offset) // 4096 for it in objects for offset in range(0, len(it), 512)})
print(pages(apart), pages(together))
del together, apart, others
gc.collect()
assert [len(it) for it in made()] == sizes
"""
# An area is a line.
MERGED = """
import ctypes, decimal, email.message, hashlib, json, socket, ssl, sys, xml.dom.minidom, zlib
def areas():
    with open("/proc/self/maps") as file:
        return [line.split()[1] for line in file]
before = areas()
from launcher import segments
segments.merge()
after = areas()
import bz2, sqlite3, unittest
assert not any("w" in rights and "x" in rights for rights in after)
assert zlib.decompress(zlib.compress(b"x" * 1000)) == b"x" * 1000
assert hashlib.sha256(ssl.OPENSSL_VERSION.encode()).hexdigest()
print(len(before), len(after), before.count("rw-p"), after.count("rw-p"))
"""


@pytest.fixture(params=RELEASES)
def interpreter(request: pytest.FixtureRequest) -> Path:
    found = find_interpreter(request.param, ())
    if found is None or found.root is not None:
        pytest.skip(f"no Python {request.param} is installed on this machine")
    return found.executable


def run(interpreter: Path, code: str, *arguments: str) -> str:
    program = SETTLED.format(folder=str(LAUNCHER.parent)) + code
    command = [str(interpreter), "-W", "error", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("work", ["allocate", "look"])
def test_a_fork_writes_to_fewer_pages(interpreter: Path, work: str) -> None:
    if work == "look" and interpreter.name in ("python3.9", "python3.10", "python3.11"):
        pytest.skip("counts of references stand still from Python 3.12 on")
    settled, unsettled = (int(run(interpreter, FORKED, work, how)) for how in ("settled", "unsettled"))
    assert settled < unsettled * 0.5


def test_what_was_settled_is_an_interpreter_like_any_other(interpreter: Path) -> None:
    assert run(interpreter, LIVED) == "lived"


def test_what_is_made_in_one_place_lies_there(interpreter: Path) -> None:
    apart, together = map(int, run(interpreter, MOVED).split())
    assert together * 2 < apart


def test_libraries_are_fewer_areas_and_work_as_before(interpreter: Path) -> None:
    before, after, writable_before, writable_after = map(int, run(interpreter, MERGED).split())
    assert after < before * 0.75
    assert writable_after >= writable_before
