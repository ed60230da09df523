from pathlib import Path

import pytest

from stoker.cli.failures import CommandError
from stoker.cli.project import Statement, default_name, guess_handler, guess_runtime, read_statement


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


@pytest.mark.parametrize(
    ("files", "runtime"),
    [
        ({"requirements__txt": "", "x__py": ""}, "python"),
        ({"app__py": ""}, "python"),
        ({"package__json": "{}", "tool__py": ""}, "nodejs20.x"),
        ({"index__mjs": ""}, "nodejs20.x"),
        ({"app__rb": ""}, "ruby3.4"),
        ({"Gemfile": "", "x__rb": ""}, "ruby3.4"),
        ({"bootstrap": ""}, "provided.al2023"),
    ],
)
def test_the_runtime_is_seen_from_the_files(tmp_path: Path, files: dict[str, str], runtime: str) -> None:
    assert guess_runtime(write(tmp_path, **files), 20).startswith(runtime)


@pytest.mark.parametrize(
    ("files", "runtime", "handler"),
    [
        (
            {"lambda_function__py": "def lambda_handler(event, context): ..."},
            "python3.12",
            "lambda_function.lambda_handler",
        ),
        ({"app__py": "async def handler(event, context): ..."}, "python3.12", "app.handler"),
        ({"app__py": "from x import handler"}, "python3.12", "app.handler"),
        ({"main__py": "handler = make()"}, "python3.12", "main.handler"),
        ({"app__py": "x = 1", "index__py": "def handler(a, b): ..."}, "python3.12", "index.handler"),
        ({"anything__py": "def handler(a, b): ..."}, "python3.12", "anything.handler"),
        ({"index__js": "exports.handler = async (event) => event"}, "nodejs22.x", "index.handler"),
        ({"app__mjs": "export const lambdaHandler = async () => 1"}, "nodejs22.x", "app.lambdaHandler"),
        ({"index__mjs": "export async function handler(event) {}"}, "nodejs22.x", "index.handler"),
        ({"index__cjs": "module.exports.handler = () => 1"}, "nodejs22.x", "index.handler"),
        ({"app__rb": "def handler(event:, context:)\nend"}, "ruby3.4", "app.handler"),
        ({"anything__rb": "def lambda_handler(event:, context:)\nend"}, "ruby3.4", "anything.lambda_handler"),
        ({"bootstrap": ""}, "provided.al2023", "bootstrap"),
    ],
)
def test_the_handler_is_seen_from_the_files(tmp_path: Path, files: dict[str, str], runtime: str, handler: str) -> None:
    assert guess_handler(write(tmp_path, **files), runtime) == handler


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({}, "no handler"),
        ({"a__py": "def handler(a, b): ...", "b__py": "def handler(a, b): ..."}, "--handler|no handler"),
        ({"app__py": "def other(): ..."}, "no handler"),
        ({"app__py": "def handler("}, "not valid Python"),
    ],
)
def test_what_is_not_clear_is_asked(tmp_path: Path, files: dict[str, str], part: str) -> None:
    with pytest.raises(CommandError, match=part) as asked:
        guess_handler(write(tmp_path, **files), "python3.12")
    assert asked.value.exit_code == 2


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no function"):
        guess_runtime(tmp_path, None)


def test_statements_are_read_and_given_ones_win(tmp_path: Path) -> None:
    text = 'name = "f"\nmemory_mb = 256\n[environment]\nA = "1"\nB = "2"\n'
    stated = read_statement(write(tmp_path, function__toml=text))
    assert stated == Statement(name="f", memory_mb=256, environment={"A": "1", "B": "2"})
    given = Statement(name="g", timeout_s=5, environment={"B": "3"})
    assert given.over(stated) == Statement(name="g", memory_mb=256, timeout_s=5, environment={"A": "1", "B": "3"})


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({"function__toml": "memory = 1"}, "unknown key 'memory'"),
        ({"function__toml": "memory_mb = '1'"}, "memory_mb must be of type int"),
        ({"function__toml": "memory_mb = true"}, "memory_mb must be of type int"),
        ({"function__toml": "[environment]\nA = 1"}, "environment must hold texts"),
        ({"function__toml": "x ="}, "cannot be read"),
        ({"stoker__json": "[]"}, "must hold an object"),
        ({"stoker__json": "{}", "function__toml": ""}, "both"),
    ],
)
def test_statements_that_cannot_be_used_are_refused(tmp_path: Path, files: dict[str, str], part: str) -> None:
    with pytest.raises(CommandError, match=part):
        read_statement(write(tmp_path, **files))


def test_a_directory_gives_a_name_that_lambda_allows(tmp_path: Path) -> None:
    assert default_name(tmp_path / "my function (v1.2)") == "my-function-v1-2"
