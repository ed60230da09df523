"""The one table that a person reads."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench.goals.control_plane import ControlPlane
from bench.goals.endurance import Endurance
from bench.goals.measure import Results
from bench.goals.wanted import goals_of
from bench.legs import middle, percentile
from bench.plan import MEMORY_MB


def print_table(results: Results, machine: Mapping[str, str], console: Console) -> None:
    """Numbers, goals, and what they were measured on."""
    table = Table(title="Stoker beside the floor: medians over the rounds", title_justify="left")
    table.add_column("what", no_wrap=True)
    for column in ("floor", "node", "node ÷ floor", "node CPU per call"):
        table.add_column(column, justify="right", no_wrap=True)
    _add_warm(table, results)
    _add_large(table, results)
    _add_cold(table, results)
    if results.endurance is not None:
        _add_endurance(table, results.endurance)
    if results.control_plane is not None:
        _add_control_plane(table, results.control_plane)
    console.print(table)
    for goal in goals_of(results):
        console.print(str(goal), highlight=False)
    console.print(
        f"\nfloor: awslambdaric in a plain process on a bare Runtime API, no sandbox, no Lambda API; for a cold start, "
        f"a new interpreter.\nnode: the whole of it, isolation {results.isolation}, functions of {MEMORY_MB} MB (one "
        "vCPU, so that nobody is throttled).\nAfter many calls, and beside events, the floor is the node before that. "
        "With many functions, the floor of an operation is the operation without HTTP, and that of a call is the same "
        "call when there is one function.\n"
        "The load generator runs on the same cores.",
        highlight=False,
    )
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)
    for problem in results.problems[:3]:
        console.print(f"wrong answer: {problem}", style="red", markup=False)


def _add_warm(table: Table, results: Results) -> None:
    for callers, node_legs in results.node_legs.items():
        floor, node = middle(results.floor_legs[callers]), middle(node_legs)
        who = f"warm, {callers} caller{'s' if callers > 1 else ''}"
        table.add_row(f"{who}, p50", *_compared(floor.p50_ms, node.p50_ms), f"{node.cpu_us_per_call or 0:.0f} µs")
        table.add_row(f"{who}, p99", *_compared(floor.p99_ms, node.p99_ms), "")
        errors = f" ({node.errors} errors)" if node.errors else ""
        table.add_row(
            f"{who}, calls per second",
            f"{floor.calls_per_s:,.0f}",
            f"{node.calls_per_s:,.0f}{errors}",
            f"{node.calls_per_s / floor.calls_per_s:.2f}",
            "",
            end_section=True,
        )


def _add_large(table: Table, results: Results) -> None:
    floor_ms, node_ms = percentile(results.floor_large_s, 50) * 1000, percentile(results.node_large_s, 50) * 1000
    what = f"warm, 1 caller, {results.large_bytes / 1e6:.1f} MB there and back, p50"
    table.add_row(what, *_compared(floor_ms, node_ms), "", end_section=True)


def _add_endurance(table: Table, measured: Endurance) -> None:
    """In the floor's column stands the same call before."""
    after = f"warm, 1 caller, after {measured.calls:,} calls, p50"
    table.add_row(after, *_compared(measured.alone_ms, measured.after_calls_ms), "")
    beside = f"warm, 1 caller, beside {measured.events:,} events, p50"
    table.add_row(beside, *_compared(measured.alone_ms, measured.beside_events_ms), "", end_section=True)


def _add_cold(table: Table, results: Results) -> None:
    for case, node_s in results.node_cold_s.items():
        floor_ms = percentile(results.floor_cold_s[case], 50) * 1000
        table.add_row(
            f"cold start, {case}, p50 of {len(node_s)}", *_compared(floor_ms, percentile(node_s, 50) * 1000), ""
        )
    first_ms = results.first_of_runtime_s * 1000
    table.add_row("first call of a new node", "", f"{first_ms:.0f} ms", "", "", end_section=True)


def _add_control_plane(table: Table, measured: ControlPlane) -> None:
    """In the floor's column stands the operation alone, called in one process; for a call, the function alone."""
    count = f"{measured.functions:,} functions"
    for what, floor_ms, node_ms in (
        ("ListFunctions, a page", measured.list_page_object_ms, measured.list_page_ms),
        ("GetFunction", measured.get_function_object_ms, measured.get_function_ms),
        ("warm, 1 caller, p50", measured.invoke_alone_ms, measured.invoke_among_ms),
    ):
        table.add_row(f"{what}, {count}", *_compared(floor_ms, node_ms), "")


def _compared(floor_ms: float, node_ms: float) -> tuple[str, str, str]:
    return f"{floor_ms:.3f} ms", f"{node_ms:.3f} ms", f"{node_ms / floor_ms:.2f}"
