"""Layers as functions see them, on a real node."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PYTHON, ROLE, Deploy, Node, NodeProcess, deployer, zip_of

# Shows a library's text, wherever it was found.
SHOWS = "import library\ndef handler(event, context):\n    return [library.WHO, library.__file__]\n"
SITE_PACKAGES = f"python/lib/{PYTHON}/site-packages"
NODE_SHOWS = "exports.handler = async () => require('library')"


@pytest.fixture
def layer(lambda_client: Any) -> Iterator[Callable[..., str]]:
    """`layer(files) -> ARN` of a version of a new layer."""
    with_client, clean_up = layer_maker(lambda_client)
    yield with_client
    clean_up()


def layer_maker(client: Any) -> tuple[Callable[..., str], Callable[[], None]]:
    names: list[str] = []

    def make(files: Mapping[str, str | bytes] | Path) -> str:
        names.append(f"l-{uuid.uuid4().hex[:10]}")
        published = client.publish_layer_version(LayerName=names[-1], Content={"ZipFile": zip_of(files)})
        return str(published["LayerVersionArn"])

    def clean_up() -> None:
        for name in names:
            client.delete_layer_version(LayerName=name, VersionNumber=1)

    return make, clean_up


def invoke(client: Any, name: str) -> Any:
    answer = client.invoke(FunctionName=name)
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


@pytest.fixture(scope="module")
def powertools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer's folder with a real library, as pip installs it."""
    folder = tmp_path_factory.mktemp("powertools")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder / "python")]
    done = subprocess.run([*command, "aws-lambda-powertools==3.4.1"], capture_output=True, timeout=100, check=False)
    if done.returncode != 0:
        pytest.skip(f"pip cannot install: {done.stderr.decode()[-200:]}")
    return folder


def test_a_layer_of_powertools_installed_by_pip_works(
    powertools: Path, layer: Callable[..., str], deploy: Deploy, lambda_client: Any
) -> None:
    handler = (
        "from aws_lambda_powertools import Logger, __file__ as place\n"
        "from aws_lambda_powertools.event_handler import APIGatewayRestResolver\n"
        "from pathlib import Path\n"
        "import aws_lambda_powertools\n"
        "app = APIGatewayRestResolver()\n"
        "@app.get('/hello')\n"
        "def hello(): return {'message': 'hello'}\n"
        "def handler(event, context):\n"
        "    answer = app.resolve({'path': '/hello', 'httpMethod': 'GET', 'requestContext': {}}, context)\n"
        "    return [place, answer['body'], Path(aws_lambda_powertools.__cached__).exists()]\n"
    )
    name = deploy(None, {"handler.py": handler}, Layers=[layer(powertools)])
    place = "/opt/python/aws_lambda_powertools/__init__.py"
    assert invoke(lambda_client, name) == [place, '{"message":"hello"}', True]


def test_five_layers_are_one_opt_in_which_later_ones_win(
    layer: Callable[..., str], deploy: Deploy, lambda_client: Any
) -> None:
    layers = [layer({f"only/{number}": str(number), "shared": str(number)}) for number in range(5)]
    handler = (
        "import os\n"
        "def handler(event, context):\n"
        "    return [sorted(os.listdir('/opt/only')), open('/opt/shared').read(), os.access('/opt', os.W_OK)]\n"
    )
    name = deploy(None, {"handler.py": handler}, Layers=layers)
    assert invoke(lambda_client, name) == [["0", "1", "2", "3", "4"], "4", False]


def test_functions_with_the_same_layers_share_one_tree(
    layer: Callable[..., str], deploy: Deploy, lambda_client: Any, platform: Node
) -> None:
    arn = layer({"python/library.py": "WHO = 'shared'\n"})
    before = set((platform.data / "code").glob("layers-*"))
    for _ in range(2):
        assert invoke(lambda_client, deploy(None, {"handler.py": SHOWS}, Layers=[arn]))[0] == "shared"
    assert len(set((platform.data / "code").glob("layers-*")) - before) == 1


def test_site_packages_of_a_layer_come_before_its_python_folder(
    layer: Callable[..., str], deploy: Deploy, lambda_client: Any
) -> None:
    arn = layer({"python/library.py": "WHO = 'python'\n", f"{SITE_PACKAGES}/library.py": "WHO = 'site'\n"})
    name = deploy(None, {"handler.py": SHOWS}, Layers=[arn])
    assert invoke(lambda_client, name) == ["site", f"/opt/{SITE_PACKAGES}/library.py"]


def test_a_layers_library_wins_over_the_runtimes_and_a_packages_over_both(
    layer: Callable[..., str], deploy: Deploy, lambda_client: Any
) -> None:
    shows = "import boto3\ndef handler(event, context):\n    return boto3.WHO\n"
    arn = layer({"python/boto3/__init__.py": "WHO = 'layer'\n"})
    assert invoke(lambda_client, deploy(None, {"handler.py": shows}, Layers=[arn])) == "layer"
    package = {"handler.py": shows, "boto3/__init__.py": "WHO = 'package'\n"}
    assert invoke(lambda_client, deploy(None, package, Layers=[arn])) == "package"


def test_a_change_of_layers_reaches_the_next_invocation(
    layer: Callable[..., str], deploy: Deploy, lambda_client: Any
) -> None:
    old, new = (layer({"python/library.py": f"WHO = '{who}'\n"}) for who in ("old", "new"))
    name = deploy(None, {"handler.py": SHOWS}, Layers=[old])
    assert invoke(lambda_client, name)[0] == "old"
    lambda_client.update_function_configuration(FunctionName=name, Layers=[new])
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    assert invoke(lambda_client, name)[0] == "new"


def test_a_deleted_layer_version_goes_on_working_where_it_is_attached(start_node: Any) -> None:
    """Reference: control plane, 8. Also after a restart, which sweeps what nobody uses."""
    process, node = start_node()
    client = node.client("lambda")
    make, clean_up = layer_maker(client)
    deploy, _ = deployer(client)
    name = deploy(None, {"handler.py": SHOWS}, Layers=[make({"python/library.py": "WHO = 'kept'\n"})])
    clean_up()
    assert invoke(client, name)[0] == "kept"
    process.stop()
    _, node = start_node(data=node.data)
    assert invoke(node.client("lambda"), name)[0] == "kept"


def test_programs_and_native_libraries_of_a_layer_are_found(
    layer: Callable[..., str], deploy: Deploy, lambda_client: Any
) -> None:
    library = next((path for path in Path("/usr").glob("lib*/**/libz.so.1") if path.exists()), None)
    if library is None:
        pytest.skip("this machine has no libz to put into a layer")
    arn = layer({"lib/libof_layer.so": library.read_bytes(), "bin/tool": "#!/bin/sh\necho from a layer\n"})
    handler = (
        "import ctypes, subprocess\n"
        "def handler(event, context):\n"
        "    found = [ctypes.CDLL(f'libof_{name}.so').zlibCompileFlags() != 0 for name in ('layer', 'package')]\n"
        "    return [subprocess.run(['tool'], capture_output=True, text=True).stdout, found]\n"
    )
    package = {"handler.py": handler, "lib/libof_package.so": library.read_bytes()}
    assert invoke(lambda_client, deploy(None, package, Layers=[arn])) == ["from a layer\n", [True, True]]


def test_a_wrapper_script_may_come_from_a_layer(layer: Callable[..., str], deploy: Deploy, lambda_client: Any) -> None:
    """Reference: runtime side, AWS_LAMBDA_EXEC_WRAPPER."""
    arn = layer({"wrapper": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n'})
    handler = "import os\ndef handler(event, context):\n    return os.environ['WRAPPED']\n"
    environment = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}}
    name = deploy(None, {"handler.py": handler}, Layers=[arn], Environment=environment)
    assert invoke(lambda_client, name) == "yes"


def test_node_finds_modules_of_a_layer(layer: Callable[..., str], deploy: Deploy, lambda_client: Any) -> None:
    runtime = node_runtime(lambda_client)
    arn = layer({"nodejs/node_modules/library/index.js": "module.exports = 'layer'"})
    name = deploy(None, {"handler.js": NODE_SHOWS}, runtime, Layers=[arn])
    assert invoke(lambda_client, name) == "layer"


def test_a_bootstrap_may_come_from_a_layer(layer: Callable[..., str], deploy: Deploy, lambda_client: Any) -> None:
    """Reference: runtime side, 4.1."""
    arn = layer({"bootstrap": BOOTSTRAP})
    name = deploy(None, {"data.txt": "x"}, "provided.al2023", Layers=[arn])
    assert invoke(lambda_client, name) == "from a layer"


def test_without_a_sandbox_layers_are_found_at_their_place_on_the_host(tmp_path: Path) -> None:
    process = NodeProcess(tmp_path / "data", "--isolation", "plain")
    try:
        client = process.wait_ready().client("lambda")
        make, _ = layer_maker(client)
        deploy, _ = deployer(client)
        arn = make({"python/library.py": "WHO = 'layer'\n", "python/boto3/__init__.py": "WHO = 'layer'\n"})
        who, place = invoke(client, deploy(None, {"handler.py": SHOWS}, Layers=[arn]))
        assert who == "layer"
        assert place.startswith(str(tmp_path))
        shows = "import boto3\ndef handler(event, context):\n    return boto3.WHO\n"
        assert invoke(client, deploy(None, {"handler.py": shows}, Layers=[arn])) == "layer"
        package = {"handler.py": shows, "boto3/__init__.py": "WHO = 'package'\n"}
        assert invoke(client, deploy(None, package, Layers=[arn])) == "package"
        bootstrap = deploy(None, {"x": "x"}, "provided.al2023", Layers=[make({"bootstrap": BOOTSTRAP})])
        assert invoke(client, bootstrap) == "from a layer"
        arn = make({"nodejs/node_modules/library/index.js": "module.exports = 'layer'"})
        assert invoke(client, deploy(None, {"handler.js": NODE_SHOWS}, node_runtime(client), Layers=[arn])) == "layer"
    finally:
        process.stop()


def node_runtime(client: Any) -> str:
    """A Node.js runtime that is ready on this machine."""
    for name in ("nodejs22.x", "nodejs20.x", "nodejs24.x", "nodejs18.x"):
        try:
            code = {"ZipFile": zip_of({"handler.js": NODE_SHOWS})}
            client.create_function(FunctionName="probe", Runtime=name, Handler="handler.handler", Role=ROLE, Code=code)
        except client.exceptions.InvalidParameterValueException:
            continue
        client.delete_function(FunctionName="probe")
        return name
    pytest.skip("no Node.js runtime is ready on this machine")


BOOTSTRAP = f"""#!{sys.executable if sys.prefix == sys.base_prefix else "/usr/bin/env -S python3"}
import json, os, urllib.request

api = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{{api}}/next") as event:
        request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(f"{{api}}/{{request_id}}/response", json.dumps("from a layer").encode())
"""
