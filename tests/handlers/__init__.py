"""Real functions for tests, one folder each, deployed as they lie here.

    deploy("echo", folder("echo_python"), runtime="python3.11", handler="index.handler")

| Folder | Handlers | What they do |
|---|---|---|
| echo_python, echo_nodejs, echo_ruby | index.handler | answer with the event |
| echo_shell | bootstrap (provided.*) | the same, as a custom runtime in bash |
| java | example.Handlers::… and others | sources, compiled by `tests/runtimes/java_code.py` |
| go, rust | bootstrap (provided.*) | sources, compiled by `tests/runtimes/test_compiled.py` |
| slow | index.handler | sleep `seconds`, then answer with the event |
| crashing | index.raise_error, exit_cleanly, exit_three, abort, segfault, kill_itself, answer_nonsense | end badly |
| init_failures | import_error, raises, sleeps (15 s), exits, exits_three: each `.handler` | end badly at import |
| huge | index.handler | answer with exactly `bytes` bytes |
| forking | index.handler | start `processes` children and wait for them |
| greedy | index.memory, index.processor, index.disk | use more than they should |
| printing | index.handler, index.logged, index.binary | print `lines` lines of `width` characters, or other things |
| environment | index.handler | what a function sees of its environment |
| counter | index.handler | count in a global, and in a file in /tmp |
| context_python, context_nodejs | index.handler | the context object |
| ruby | index.count, and others | count, fail, log, answer with what they see |
| streaming_nodejs | index.handler, index.failing | answer with a stream of `chunks` |
| streaming_python | bootstrap (provided.*) | the same from a custom runtime, and end it as `ending` says |
"""

from pathlib import Path

# Not a file, since no formatter would read it.
SYNTAX_ERROR = {"index.py": "def handler(event, context:\n    return event\n"}


def folder(name: str) -> Path:
    """The folder of the function `name`."""
    path = Path(__file__).parent / name
    assert path.is_dir(), f"there is no function {name} in tests/handlers"
    return path
