"""The examples say how they are used, and the command line understands them as they are."""

from pathlib import Path

import pytest

from stoker.cli.project import guess_handler, guess_runtime, read_statement

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", [path.parent.name for path in sorted(EXAMPLES.glob("*/README.md"))])
def test_an_example_is_deployed_as_its_page_says(name: str) -> None:
    directory = EXAMPLES / name
    page = (directory / "README.md").read_text()
    assert f"./run stoker deploy examples/{name}\n" in page
    assert f"./run stoker invoke {name} " in page or f"./run stoker deploy examples/{name} --url\n" in page
    runtime = guess_runtime(directory, None)
    handler = "lambda_function.lambda_handler" if runtime.startswith("python") else "index.handler"
    assert guess_handler(directory, runtime) == handler
    assert read_statement(directory).memory_mb


def test_every_example_has_a_page() -> None:
    directories = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert directories == {path.parent.name for path in EXAMPLES.glob("*/README.md")}
