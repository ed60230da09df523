"""One Node.js runtime: which interpreter, and AWS's client beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.nodejs.ahead import MAIN, cover_of
from stoker.runtimes.nodejs.client import PACKAGE, NodeClient, build_client, find_client
from stoker.runtimes.nodejs.interpreter import NodeInterpreter, fetch, find_fetched, find_on_host, place
from stoker.runtimes.records import InterpreterStatus, RuntimeBuild, RuntimeNotReadyError

# What AWS's bootstrap passes whatever the function; `start.command_line` adds the rest.
FLAGS = ("--expose-gc", "--max-http-header-size=81920")


@dataclass(frozen=True, slots=True)
class NodejsRuntime:
    known: KnownRuntime
    runtimes_dir: Path

    def find(self) -> RuntimeBuild:
        """The build, if its parts are there. Raises RuntimeNotReadyError."""
        node, client = self._interpreter(), find_client(self.runtimes_dir)
        if node is None or client is None:
            raise RuntimeNotReadyError(
                f"The runtime {self.known.name} is not ready on this machine. "
                f"Type: stoker runtimes install {self.known.name}"
            )
        return self._build(node if node.lang else place(node, self._root()), client)

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        """Fetch Node.js where the host has none of this release, and build the client. Raises RuntimeInstallError."""
        node = self._interpreter() or fetch(self.known.release, self._root(), progress)
        build_client(self.runtimes_dir, node, progress)
        return self.find()

    def status(self) -> InterpreterStatus:
        node, client = self._interpreter(), find_client(self.runtimes_dir)
        if node is None:
            hint = f"No Node.js {self.known.release} yet. Type: stoker runtimes install {self.known.name}"
            return InterpreterStatus("", "", is_ready=False, hint=hint)
        return InterpreterStatus(node.version, node.source, client is not None)

    def _interpreter(self) -> NodeInterpreter | None:
        return find_on_host(self.known.release) or find_fetched(self.known.release, self._root())

    def _root(self) -> Path:
        return self.runtimes_dir / self.known.name

    def _build(self, node: NodeInterpreter, client: NodeClient) -> RuntimeBuild:
        release, runtime_dir = self.known.release, client.runtime_dir
        execution_env = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{self.known.name}"}
        inside = (
            f"/opt/nodejs/node{release}/node_modules",
            "/opt/nodejs/node_modules",
            "/var/runtime/node_modules",
            "/var/runtime",
            "/var/task",
        )
        # Without a sandbox /opt and /var/task are the host's own; the sandbox adds where the function really lies.
        on_host = (str(runtime_dir / "node_modules"), str(runtime_dir))
        return RuntimeBuild(
            name=self.known.name,
            language="nodejs",
            version=f"nodejs:{release}.v1",
            source=node.source,
            lang_dir=node.lang,
            runtime_dir=runtime_dir,
            interpreter="/var/lang/bin/node",
            command=("/var/lang/bin/node", *FLAGS, MAIN),
            host_interpreter=str(node.executable),
            host_command=(str(node.executable), *FLAGS, str(runtime_dir / "index.mjs")),
            can_fork=False,
            environment={**execution_env, "NODE_PATH": ":".join(inside)},
            host_environment={**execution_env, "NODE_PATH": ":".join(on_host)},
            client=f"{PACKAGE} {client.version}",
            cover=cover_of(client, self.runtimes_dir),
        )
