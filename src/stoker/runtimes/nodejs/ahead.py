"""What lies over AWS's client in a sandbox whose Node.js is started before there is a function (decision 0041).

It is AWS's file but for the first line, which tells a shell how to run it and Node.js nothing: there it imports
`inside/ahead.mjs`. An ES module is read and linked before anything that it imports runs, so all that is left to do,
once the function is known, is to run AWS's code.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from stoker.runtimes.builds import build_path, make_build
from stoker.runtimes.nodejs.client import NodeClient
from stoker.runtimes.records import COVER, Cover

log = logging.getLogger("stoker.runtimes")

MAIN = "/var/runtime/index.mjs"
_INSIDE = Path(__file__).parent / "inside"


def cover_of(client: NodeClient, runtimes_dir: Path) -> Cover | None:
    """Made on first need. None where it cannot be: then every start is a fresh one."""
    try:
        files = {name: (_INSIDE / name).read_text() for name in ("ahead.mjs", "empty.js")}
        files["index.mjs"] = covered((client.runtime_dir / "index.mjs").read_text())
        path = build_path(runtimes_dir / "nodejs-ahead", files)

        def fill(directory: Path) -> Mapping[str, str]:
            for name, text in files.items():
                (directory / name).write_text(text)
            return {"client": client.version}

        make_build(path, fill)
    except (OSError, ValueError) as error:
        log.warning("Node.js will not be started ahead: %s", error)
        return None
    return Cover(MAIN, path)


def covered(client: str) -> str:
    """`client` with its first line, and no other, given up. Raises ValueError if that has a use."""
    first, _, rest = client.partition("\n")
    if not first.startswith("#!"):
        raise ValueError("AWS's client does not begin as expected")
    return f'import "file://{COVER}/ahead.mjs";\n{rest}'
