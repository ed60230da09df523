import pytest

from stoker.runtimes.records import RuntimeBuild
from stoker.runtimes.start import command_line


def build(name: str) -> RuntimeBuild:
    language = "nodejs" if name.startswith("nodejs") else "python"
    command = ("/var/lang/bin/x", "/var/runtime/start")
    return RuntimeBuild(name, language, "", "", None, None, command[0], command, "/x", ("/x", "/start"), False)


def test_python_is_started_by_its_command_alone() -> None:
    assert command_line(build("python3.12"), {}) == ("/var/lang/bin/x", "/var/runtime/start")
    assert command_line(build("python3.12"), {}, on_host=True) == ("/x", "/start")


def test_node_gets_its_heap_by_memory_size() -> None:
    line = command_line(build("nodejs24.x"), {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"})
    assert line == ("/var/lang/bin/x", "--max-semi-space-size=6", "--max-old-space-size=116", "/var/runtime/start")


@pytest.mark.parametrize("option", ["--max-old-space-size=50", "--max_semi_space_size=3"])
def test_a_heap_of_the_customers_own_is_left_alone(option: str) -> None:
    environment = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "NODE_OPTIONS": option}
    assert command_line(build("nodejs24.x"), environment) == ("/var/lang/bin/x", "/var/runtime/start")


def test_experimental_features_are_off_as_on_aws_until_asked_for() -> None:
    off = ("--no-experimental-require-module", "--no-experimental-detect-module")
    assert command_line(build("nodejs22.x"), {})[1:3] == off
    assert command_line(build("nodejs22.x"), {"NODE_OPTIONS": "--experimental-require-module"})[1:2] == off[1:]
    assert command_line(build("nodejs20.x"), {})[1:2] == off[:1]
    assert len(command_line(build("nodejs24.x"), {})) == 2


def test_a_wrapper_script_goes_in_front_of_everything() -> None:
    line = command_line(build("python3.12"), {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"})
    assert line == ("/opt/wrapper", "/var/lang/bin/x", "/var/runtime/start")
