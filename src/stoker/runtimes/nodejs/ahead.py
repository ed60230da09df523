"""What lies over AWS's client in a sandbox whose Node.js is started before there is a function (decision 0041).

It is AWS's file but for the first line, which tells a shell how to run it and Node.js nothing. There it imports
`inside/ahead.mjs`, as a URL that holds all of it, so that no file of ours needs to be there. An ES module is read and
linked before anything that it imports runs: all that is left to do, once the function is known, is to run AWS's code.
"""

import base64
import logging
from collections.abc import Mapping
from pathlib import Path

from stoker.runtimes.builds import build_path, make_build
from stoker.runtimes.nodejs.client import NodeClient
from stoker.runtimes.records import Cover

log = logging.getLogger("stoker.runtimes")

MAIN = "/var/runtime/index.mjs"
_WAITS = Path(__file__).parent / "inside" / "ahead.mjs"


def cover_of(client: NodeClient, runtimes_dir: Path) -> Cover | None:
    """Made on first need. None where it cannot be: then every start is a fresh one."""
    try:
        text = covered((client.runtime_dir / "index.mjs").read_text(), _WAITS.read_text())
        path = build_path(runtimes_dir / "nodejs-ahead", {"text": text})

        def fill(directory: Path) -> Mapping[str, str]:
            (directory / "index.mjs").write_text(text)
            return {"client": client.version}

        make_build(path, fill)
    except (OSError, ValueError) as error:
        log.warning("Node.js will not be started ahead: %s", error)
        return None
    return Cover(MAIN, path / "index.mjs")


def covered(client: str, waits: str) -> str:
    """`client` with its first line, and no other, given up for `waits`. Raises ValueError if it has a use."""
    first, _, rest = client.partition("\n")
    if not first.startswith("#!"):
        raise ValueError("AWS's client does not begin as expected")
    encoded = base64.b64encode(waits.encode()).decode()
    return f'import "data:text/javascript;base64,{encoded}";\n{rest}'
