"""What the tests of layers share."""

import hashlib
from typing import Any

from stoker.code.records import CodePackage
from tests.code.archives import archive
from tests.functions.node import ACCOUNT, REGION, Node

LAYER_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:"
ZIP = archive({"python/library.py": "WHO = 'layer'\n"})
LAYER = CodePackage(hashlib.sha256(ZIP).hexdigest(), len(ZIP))


async def publish(node: Node, name: str = "l", content: bytes = ZIP, **members: Any) -> dict[str, Any]:
    return await node.call("PublishLayerVersion", LayerName=name, Content={"ZipFile": content}, **members)


def without_location(version: dict[str, Any]) -> dict[str, Any]:
    """`version` without the link to its content, which is another one each time."""
    content = {name: value for name, value in version["Content"].items() if name != "Location"}
    assert content.keys() != version["Content"].keys()
    return version | {"Content": content}
