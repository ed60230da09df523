"""Who is compared, and the rounds in which everybody has a turn."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import stoker
from bench import machine
from bench.peers import fetch
from bench.peers.fetch import Fetch, PeerAbsentError
from bench.peers.ministack import MiniStack
from bench.peers.rie import Rie
from bench.peers.server import ServerError
from bench.peers.serverless_offline import ServerlessOffline
from bench.peers.stoker import Stoker
from bench.plan import Comparison
from bench.turns import Turn, floor_turn, one_function_turn, server_turn

TURN_LIMIT_S = 240.0

TakeTurn = Callable[[Comparison], Awaitable[Turn]]


@dataclass(slots=True)
class Contender:
    """One column of the table. Whether a peer is to be had shows when it is prepared; `absent` says why it is not."""

    name: str
    version: str
    note: str
    take_turn: TakeTurn | None = None
    prepare: Callable[[], Awaitable[TakeTurn]] | None = None
    absent: str = ""
    turns: list[Turn] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "note": self.note,
            "absent": self.absent,
            "turns": [asdict(turn) for turn in self.turns],
        }


async def compare(
    plan: Comparison, names: Sequence[str], may_fetch: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Everything that was measured, ready for JSON. With `names`, only peers that are called so take part."""
    began = datetime.datetime.now(datetime.UTC)
    described = machine.describe()
    contenders = [*_own(), *[peer for peer in _peers(Fetch(may_fetch)) if not names or peer.name in names]]
    for contender in contenders:
        await _prepare(contender, progress)
    for number in range(plan.rounds):
        for contender in _in_turn([one for one in contenders if one.take_turn], number):
            progress(f"round {number + 1} of {plan.rounds}: {contender.name}")
            await _turn(contender, plan)
    return {
        "date": began.date().isoformat(),
        "took_s": round((datetime.datetime.now(datetime.UTC) - began).total_seconds()),
        "machine": {**described, "load average at the end": machine.load_average()},
        "plan": asdict(plan),
        "contenders": [contender.as_json() for contender in contenders],
    }


def _in_turn(contenders: list[Contender], number: int) -> list[Contender]:
    """Another one is first in each round, so that nobody always follows the same one."""
    first = number % len(contenders)
    return contenders[first:] + contenders[:first]


async def _turn(contender: Contender, plan: Comparison) -> None:
    assert contender.take_turn is not None
    try:
        async with asyncio.timeout(TURN_LIMIT_S):
            contender.turns.append(await contender.take_turn(plan))
    except TimeoutError:
        contender.turns.append(Turn(problems={"": f"it was not through after {TURN_LIMIT_S:.0f} s"}))
    except Exception as error:  # whatever a peer does, the rest goes on; its column says what it was
        if contender.name == "Stoker" and not isinstance(error, ServerError):
            raise
        contender.turns.append(Turn(problems={"": f"{type(error).__name__}: {str(error)[:300]}"}))


def _own() -> list[Contender]:
    node = partial(server_turn, lambda folder, _functions: Stoker(folder))
    return [
        Contender("Stoker", stoker.__version__, "Lambda API, sandboxes", node),
        Contender("floor", _awslambdaric(), "AWS's client alone, no sandbox, no Lambda API", floor_turn),
    ]


def _awslambdaric() -> str:
    return f"awslambdaric {machine.describe()['awslambdaric']}"


def _peers(get: Fetch) -> list[Contender]:
    return [
        Contender(
            "RIE",
            f"in aws-sam-cli {fetch.SAM_CLI_VERSION}",
            "one function, no sandbox, no Lambda API",
            prepare=lambda: _rie(get),
        ),
        Contender(
            "serverless-offline",
            f"{fetch.SERVERLESS_OFFLINE_VERSION} with serverless {fetch.SERVERLESS_VERSION}",
            "invoke route only, no sandbox",
            prepare=lambda: _serverless_offline(get),
        ),
        Contender(
            "MiniStack",
            fetch.MINISTACK_VERSION,
            "Lambda API; without Docker, so no sandbox",
            prepare=lambda: _ministack(get),
        ),
    ]


async def _prepare(contender: Contender, progress: Callable[[str], None]) -> None:
    if contender.prepare is None:
        return
    progress(f"looking for {contender.name} {contender.version}")
    try:
        contender.take_turn = await contender.prepare()
    except PeerAbsentError as error:
        contender.absent = str(error)
    except Exception as error:  # a wheel or a disk that is not as expected is a reason, too
        contender.absent = f"{type(error).__name__}: {error}"


async def _rie(get: Fetch) -> TakeTurn:
    program = await get.rie()
    return partial(one_function_turn, lambda folder, functions: Rie(folder, program, next(iter(functions.values()))))


async def _serverless_offline(get: Fetch) -> TakeTurn:
    installed = await get.serverless_offline()
    return partial(server_turn, lambda folder, functions: ServerlessOffline(folder, installed, functions))


async def _ministack(get: Fetch) -> TakeTurn:
    programs = await get.ministack()
    return partial(server_turn, lambda folder, _functions: MiniStack(folder, programs))
