"""How many calls a function's URL, APIs and a load balancer answer beside Invoke: `python -m bench.urls`.

One node, one function, the same small payload, which comes back. All ways take turns in every round, so that what else
the machine does meets each. A call of a URL or an API makes an event of some 900 bytes of it, and a response of the
result.
"""

from statistics import median

import click

from bench.generator import generate
from bench.goals.wanted import Goal
from bench.load import Load
from bench.machine import describe
from bench.node import BenchNode
from bench.plan import CALLERS, HANDLERS
from bench.running import run_until_stopped

FUNCTION = "answers"
ROUNDS = 5
LEG_S = 2.0
WARM_UP = 50
SHARE_MIN = 0.7


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure calls by a function URL, an HTTP API, a REST API and a load balancer, each beside Invoke."""
    click.echo(", ".join(f"{name} {value}" for name, value in describe().items()))
    run_until_stopped(_measure())


async def _measure() -> None:
    async with BenchNode() as node:
        await node.deploy(FUNCTION, HANDLERS / "answers")
        ways = {
            "Invoke": (node.endpoint, ""),
            "URL": (node.endpoint, await node.url_path(FUNCTION)),
            "HTTP API": (node.endpoint, await node.api_path(FUNCTION)),
            "REST API": (node.endpoint, await node.rest_api_path(FUNCTION)),
            "balancer": (await node.balancer_endpoint(FUNCTION), "/"),
        }
        for callers in CALLERS:
            rates: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way, (endpoint, path) in ways.items():
                    rates[way].append(await _calls_per_s(endpoint, path, callers))
            click.echo(f"{callers:3} callers: Invoke {median(rates['Invoke']):6.0f}/s")
            for way in list(ways)[1:]:
                share = median(other / invoked for invoked, other in zip(rates["Invoke"], rates[way], strict=True))
                goal = Goal(
                    f"{way} ≥ {SHARE_MIN:.0%} of Invoke", f"{median(rates[way]):.0f}/s, {share:.0%}", share >= SHARE_MIN
                )
                click.echo(f"  {goal}")


async def _calls_per_s(endpoint: str, path: str, callers: int) -> float:
    load = Load(
        endpoint,
        (FUNCTION,),
        callers=callers,
        leg_s=LEG_S,
        calls_max=1_000_000,
        warm_up=WARM_UP,
        path=path,
        posts_payload=bool(path),
    )
    outcome = await generate(load)
    if outcome["errors"]:
        raise RuntimeError(f"wrong answers: {outcome['problems']}")
    return len(outcome["latencies_s"]) / float(outcome["elapsed_s"])


if __name__ == "__main__":
    main()
