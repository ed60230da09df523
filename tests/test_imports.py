"""The direction of imports: reads every import of the package and prints the arrows that point the wrong way.

"Dependencies run from the edge inward": a room may use those of the layers below its own, and of any room its
`records`, the frozen types that others may hold. A new room gets its place in `LAYERS`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import stoker

SOURCE = Path(stoker.__file__).parent

# From the edge inward; rooms of one layer do not know each other.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"app"},
    {"assembly"},
    {"node", "start", "code_sweep"},
    {"websocket_apis"},
    {"event_sources", "async_invocations", "schedules", "function_urls", "http_apis", "rest_apis", "load_balancers"},
    {"gateways"},
    {"invocations"},
    {"environments", "layers", "code_signing"},
    {"invocation"},
    {"functions"},
    {"neighbours", "telemetry"},
    {"logs", "traces", "front_door", "images", "queues"},
    {"http_events", "lambda_model", "code", "database", "sandbox", "runtime_api"},
    {"runtimes"},
    {"config", "role_sessions"},
    {"errors", "limits", "arn", "alarm", "vigil", "clock", "gathered", "supervision", "recurrence", "velocity"},
)
# What each is imported for only when it is needed.
IMPORTED_LATE = {
    ("cli.node_commands", "app"): "`stoker status` shall not load a whole node",
    ("cli.runtimes", "images.runtime_images"): "it knows how to ask registries",
    ("cli.runtimes", "runtimes.catalogue"): "it looks at every interpreter of the host",
    ("cli.runtimes", "runtimes.records"): "with the catalogue",
    ("front_door.tls.certificates", "front_door.tls.authority"): "it needs the extra tls, and 12 MB of memory",
}
# Run beside the customer's handler, or with every right: nothing of ours but what lies in the same folder.
ALONE = ("sandbox.launcher", "runtimes.python.inside")
# Besides `database/` and every `store.py` and `tables.py`.
SQL_ELSEWHERE = {
    "logs.queries": "the log store's statements, which fill a file of their own",
    "functions.parts": "the parts of a function that stores of their own write in its transaction",
}
NAMESPACE_CALLS = {"unshare", "setns", "clone3", "pivot_root", "mount", "umount", "umount2", "chroot"}


@dataclass(frozen=True, slots=True)
class Arrow:
    """One import of one of our modules by another, both named without `stoker.`."""

    importer: str
    imported: str
    line: int
    is_late: bool

    def __str__(self) -> str:
        return f"{self.importer} (line {self.line}) -> {self.imported}"


def modules() -> dict[str, ast.Module]:
    """Every module's syntax tree by its name without `stoker.`; a package is named by its folder."""
    found = {}
    for file in sorted(SOURCE.rglob("*.py")):
        parts = file.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(file.read_text(), str(file))
    return found


MODULES = modules()


def imports(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import statement, and whether it stands inside a function."""
    late = {
        id(inner)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, id(node) in late


def arrows() -> list[Arrow]:
    return [
        Arrow(importer, name, node.lineno, is_late)
        for importer, tree in MODULES.items()
        for node, is_late in imports(tree)
        for name in _ours(importer, node)
    ]


def _ours(importer: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        origin = _absolute(importer, node)
        # `from stoker.x import y` imports the module x.y if there is one, else the module x.
        names = [
            f"{origin}.{alias.name}" if f"{origin}.{alias.name}".removeprefix("stoker.") in MODULES else origin
            for alias in node.names
        ]
    for name in dict.fromkeys(names):
        if name.startswith("stoker."):
            yield name.removeprefix("stoker.")


def _absolute(importer: str, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    is_package = (SOURCE / importer.replace(".", "/")).is_dir()
    parts = ["stoker", *importer.split(".")]
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def room(module: str) -> str:
    return module.partition(".")[0]


def is_in(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def layer(module: str) -> int:
    """How far from the edge its room lies."""
    return next(number for number, rooms in enumerate(LAYERS) if room(module) in rooms)


def names(wrong: list[Arrow]) -> str:
    return "\n" + "\n".join(str(arrow) for arrow in wrong)


ARROWS = arrows()


def test_every_room_has_its_place() -> None:
    placed = set().union(*LAYERS)
    assert {room(module) for module in MODULES if module} == placed


def test_imports_run_from_the_edge_inward() -> None:
    wrong = [
        arrow
        for arrow in ARROWS
        if room(arrow.importer) != room(arrow.imported)
        and layer(arrow.importer) >= layer(arrow.imported)
        and not arrow.imported.endswith(".records")
        and arrow.imported != "__version__"
    ]
    assert not wrong, names(wrong)


def test_no_room_imports_app_or_the_command_line() -> None:
    wrong = [
        arrow
        for arrow in ARROWS
        if room(arrow.imported) in ("app", "cli", "__main__")
        and room(arrow.importer) not in ("__main__", "cli", room(arrow.imported))
    ]
    assert not wrong, names(wrong)


def test_the_front_door_knows_no_room_but_the_lambda_model_and_no_sql() -> None:
    allowed = {"front_door", "lambda_model", "config", "role_sessions", *LAYERS[-1]}
    wrong = [arrow for arrow in ARROWS if room(arrow.importer) == "front_door" and room(arrow.imported) not in allowed]
    assert not wrong, names(wrong)


def test_no_module_imports_itself_by_a_detour() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for arrow in ARROWS:
        graph[arrow.importer].add(arrow.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(reversed(error.args[1]))) from None


def test_our_modules_are_imported_at_the_top() -> None:
    late = [arrow for arrow in ARROWS if arrow.is_late]
    wrong = [arrow for arrow in late if (arrow.importer, arrow.imported) not in IMPORTED_LATE]
    assert not wrong, names(wrong)
    assert {(arrow.importer, arrow.imported) for arrow in late} == IMPORTED_LATE.keys()


def test_what_runs_inside_or_with_every_right_imports_nothing_of_ours() -> None:
    wrong = [
        arrow
        for arrow in ARROWS
        for alone in ALONE
        if is_in(arrow.importer, alone) and not is_in(arrow.imported, alone)
    ]
    assert not wrong, names(wrong)
    assert all(alone in MODULES for alone in ALONE)


def test_only_the_sandbox_makes_namespace_calls() -> None:
    callers = {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute | ast.Name)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id) in NAMESPACE_CALLS
    }
    assert callers
    assert {room(module) for module in callers} == {"sandbox"}, sorted(callers)


def test_sql_stays_in_stores_and_tables() -> None:
    writers = {
        module
        for module, tree in MODULES.items()
        for node, _ in imports(tree)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.partition(".")[0] in ("sqlalchemy", "alembic")
    }
    stores = {module for module in writers if module.rpartition(".")[2] in ("store", "tables")}
    assert {module for module in writers - stores if room(module) != "database"} == SQL_ELSEWHERE.keys()
