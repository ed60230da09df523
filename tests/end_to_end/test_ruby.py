"""Functions in Ruby, with AWS's own client: handlers, errors, logs, layers, and what they see around them."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Deploy, Node, NodeProcess, deployer, zip_of
from tests.handlers import folder

from .calls import invoke, log_messages
from .test_environment import MANAGED, STREAM, assert_variables

CLIENT = r"/var/runtime/gems/aws_lambda_ric-[\d.]+/lib/aws_lambda_ric"
# The frames below a handler, as a function on AWS returned them.
FRAMES = [
    rf"{CLIENT}/lambda_handler\.rb:\d+:in `call_handler'",
    rf"{CLIENT}\.rb:\d+:in `run_user_code'",
    rf"{CLIENT}\.rb:\d+:in `start_runtime_loop'",
    rf"{CLIENT}\.rb:\d+:in `run'",
    rf"{CLIENT}\.rb:\d+:in `bootstrap_handler'",
    rf"{CLIENT}\.rb:\d+:in `start'",
    r"/var/runtime/index\.rb:4:in `<main>'",
]


@pytest.fixture(scope="module")
def ruby(install_runtime: Callable[[str], str]) -> str:
    return install_runtime("ruby3.3")


def gem(gems: str, name: str, value: str) -> dict[str, str]:
    """A gem without compiled parts as bundler and `gem install` lay it out in the directory `gems`."""
    specification = (
        f'Gem::Specification.new do |s|\n  s.name = "{name}"\n  s.version = "1.0"\n  s.summary = s.name\n'
        '  s.authors = ["us"]\n  s.require_paths = ["lib"]\nend\n'
    )
    return {
        f"{gems}/specifications/{name}-1.0.gemspec": specification,
        f"{gems}/gems/{name}-1.0/lib/{name}.rb": f'{name.upper()} = "{value}"\n',
    }


LAYER = {
    **gem("ruby/gems/3.3.0", "both", "of the layer"),
    **gem("ruby/gems/3.3.0", "layered", "of the layer"),
    "ruby/lib/plain.rb": 'PLAIN = "of the layer"\n',
    "ruby/lib/file.rb": 'FILE = "of the layer"\n',
    "bin/tool": "#!/bin/sh\necho of the layer\n",
}


def test_a_method_and_a_method_of_a_class_are_handlers(lambda_client: Any, deploy: Deploy, ruby: str) -> None:
    name = deploy(None, folder("ruby"), ruby, "index.count")
    event = {"é": [1, None, 2.5]}
    assert [invoke(lambda_client, name, event).value for _ in range(2)] == [[event, 1], [event, 2]]
    name = deploy(None, folder("ruby"), ruby, "index.Example::Handler.process")
    assert invoke(lambda_client, name, event).value == {"class": "Example::Handler", "event": event}


def test_the_context_is_complete(lambda_client: Any, deploy: Deploy, ruby: str) -> None:
    name = deploy(None, folder("ruby"), ruby, "index.context", MemorySize=256, Timeout=7)
    answer = invoke(lambda_client, name)
    context = answer.value
    assert re.fullmatch(STREAM, context.pop("log_stream_name"))
    assert 6000 < context.pop("remaining_ms") <= 7000
    assert context == {
        "function_name": name,
        "function_version": "$LATEST",
        "invoked_function_arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        "memory_limit_in_mb": "256",
        "aws_request_id": answer.request_id,
        "log_group_name": f"/aws/lambda/{name}",
        "identity": None,
        "client_context": None,
    }


def test_variables_are_awss_and_no_others(lambda_client: Any, deploy: Deploy, ruby: str) -> None:
    name = deploy(None, folder("ruby"), ruby, "index.environment")
    libraries = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    expected = {
        "_HANDLER": "index.environment",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{ruby}",
        "GEM_HOME": "/var/runtime",
        "GEM_PATH": "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/var/runtime:/var/runtime/ruby/3.3.0",
        "RUBYLIB": r"/var/runtime/gems/aws_lambda_ric-[\d.]+/lib:/var/task:/var/runtime/lib:/opt/ruby/lib",
        "PATH": "/var/lang/bin:/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": f"/var/lang/lib:{libraries}",
    }
    assert_variables(invoke(lambda_client, name).value, name, {**MANAGED, **expected})


def test_errors_are_told_and_recovered_from(lambda_client: Any, deploy: Deploy, ruby: str) -> None:
    """Reference: runtime side, 4.2."""
    name = deploy(None, folder("ruby"), ruby, "index.ends", Timeout=2, MemorySize=256)
    errors = {
        "raise": ("no such thing", "RuntimeError"),
        "own": ("mine", "Mistake"),
        "undefined": ("undefined method `nothing' for nil", "NoMethodError"),
        "exit": ("exit", "SystemExit"),
    }
    for how, (message, kind) in errors.items():
        failed = invoke(lambda_client, name, {"how": how})
        assert failed.error == "Unhandled"
        document = json.loads(failed.body)
        assert list(document) == ["errorMessage", "errorType", "stackTrace"]
        assert (document["errorMessage"], document["errorType"]) == (message, f"Function<{kind}>")
        own, below = document["stackTrace"][: -len(FRAMES)], document["stackTrace"][-len(FRAMES) :]
        assert re.fullmatch(r"/var/task/index\.rb:\d+:in `ends'", own[-1])
        assert all(re.fullmatch(pattern, frame) for pattern, frame in zip(FRAMES, below, strict=True)), below
        assert f'"errorType": "Function<{kind}>"' in failed.log
    ended = invoke(lambda_client, name, {"how": "exit!"})
    assert ended.body == ended.platform_error("Runtime.ExitError", "Runtime exited with error: exit status 4")
    timeout = invoke(lambda_client, name, {"how": "sleep"})
    assert timeout.body == timeout.platform_error("Sandbox.Timedout", "Task timed out after 2.00 seconds")
    assert timeout.report.endswith("Status: timeout")
    assert invoke(lambda_client, name).body == b"null"


def test_failures_of_init_are_told(lambda_client: Any, deploy: Deploy, ruby: str) -> None:
    for code, handler, kind in (
        ("require 'nowhere'\n", "index.handler", "LoadError"),
        ("def handler(event:\n", "index.handler", "SyntaxError"),
        ("exit 5\n", "index.handler", "SystemExit"),
        ("", "absent.handler", "LoadError"),
        ("", "handler", "ArgumentError"),
    ):
        answer = invoke(lambda_client, deploy(None, {"index.rb": code}, ruby, handler))
        assert json.loads(answer.body)["errorType"] == f"Init<{kind}>"
    name = deploy(None, {"index.rb": ""}, ruby, "index.absent")
    answer = invoke(lambda_client, name)
    assert json.loads(answer.body)["errorType"] == "Function<NoMethodError>"


def test_each_message_is_one_event_of_the_log(lambda_client: Any, logs_client: Any, deploy: Deploy, ruby: str) -> None:
    """Reference: runtime side, 6.1: by the framed descriptor, and by the pipe what does not use it."""
    name = deploy(None, folder("ruby"), ruby, "index.logs")
    answer = invoke(lambda_client, name)
    assert answer.body == b"not JSON"
    assert re.search(r"Init Duration: [\d.]+ ms", answer.report)
    logged = rf", \[\d{{4}}-\d\d-\d\dT[\d:.]+ #\d+\] +(INFO|ERROR) {answer.request_id} -- : "
    assert re.search(rf"^I{logged}gelöggt$", answer.log, re.MULTILINE)
    assert re.search(rf"^E{logged}bad$", answer.log, re.MULTILINE)
    messages = [message.rstrip("\n") for message in log_messages(logs_client, name)]
    assert {"a line", "two\nlines", "an error"} <= set(messages)


def test_with_json_the_platforms_lines_are_json_and_the_clients_stay_text(
    lambda_client: Any, deploy: Deploy, ruby: str
) -> None:
    """This release of AWS's client does not know the variables for it."""
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}
    log = invoke(lambda_client, deploy(None, folder("ruby"), ruby, "index.logs", LoggingConfig=logging)).log
    records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [record["type"] for record in records] == ["platform.start", "platform.report"]
    assert "a line" in log.splitlines()


def test_a_wrapper_gets_the_command(lambda_client: Any, deploy: Deploy, ruby: str) -> None:
    """Reference: runtime side, 4.3."""
    code = {
        "index.rb": "def handler(event:, context:) = ENV['COMMAND']\n",
        "wrapper": '#!/bin/sh\nexport COMMAND="$*"\nexec "$@"\n',
    }
    variables = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}}
    answer = invoke(lambda_client, deploy(None, code, ruby, "index.handler", Environment=variables))
    assert answer.value == "/var/lang/bin/ruby /var/runtime/index.rb"


@pytest.mark.parametrize("kind", ["namespaces", "plain"])
def test_gems_and_files_of_layers_are_found_after_the_packages_own(
    ruby: str, platform: Node, start_node: Callable[..., tuple[NodeProcess, Node]], kind: str
) -> None:
    """Reference: runtime side, 4.4."""
    node = platform if kind == "namespaces" else start_node("--isolation", kind)[1]
    client = node.client("lambda")
    deploy, clean_up = deployer(client)
    layer = client.publish_layer_version(LayerName="gems", Content={"ZipFile": zip_of(LAYER)})["LayerVersionArn"]
    code = {
        "index.rb": (folder("ruby") / "index.rb").read_text(),
        "file.rb": 'FILE = "of the package"\n',
        **gem("vendor/bundle/ruby/3.3.0", "both", "of the package"),
    }
    name = deploy(None, code, ruby, "index.requires", Layers=[layer])
    names = ["both", "file", "layered", "plain"]
    event = {"names": names, "constants": [name.upper() for name in names], "program": "tool"}
    package, layered = "of the package", "of the layer"
    assert invoke(client, name, event).value == [package, package, layered, layered, layered]
    clean_up()
