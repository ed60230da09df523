"""The same on both databases."""

from dataclasses import replace

from stoker.code.records import CodePackage
from stoker.database.engine import Database
from stoker.functions.code import Code
from stoker.functions.configuration import default_configuration
from stoker.functions.create import Creation, created
from stoker.functions.publish import publish
from stoker.functions.records import Function, FunctionTarget, LastUpdateStatus, LoggingConfig, Reason, State
from stoker.functions.sealing import Variables
from stoker.functions.store import FunctionStore
from stoker.functions.update import settled, updated
from tests.functions.node import ROLE

NOW = "2026-01-01T00:00:00.000+0000"


def new_function(name: str = "f", **changes: object) -> Function:
    configuration = replace(default_configuration(name), runtime="python3.13", handler="app.handler", role=ROLE)
    target = FunctionTarget("000000000000", "eu-west-1", name)
    code = Code(CodePackage("ab" * 32, 4_000_000_000))
    creation = Creation(target, configuration, Variables(None, None), code, "x86_64", {"clé": "välue 🔥"})
    function = created(creation, NOW)
    return replace(function, latest=replace(function.latest, **changes)) if changes else function


async def stored(url: str, *steps: tuple[Function | None, Function | None]) -> list[Function]:
    async with Database(url) as database:
        for before, after in steps:
            await FunctionStore(database).replace(before, after)
    async with Database(url) as database:
        return await FunctionStore(database).load()


async def test_a_function_is_read_as_it_was_written(url: str) -> None:
    full = new_function(
        description="d" * 256,
        environment={"KEY": "línea\n\"'\\", "EMPTY": ""},
        logging=LoggingConfig("group", "JSON", "DEBUG", "WARN"),
        state=State.FAILED,
        state_reason=Reason("why", "InvalidRuntime"),
        last_update_status=LastUpdateStatus.FAILED,
        last_update_reason=Reason("why not", "InternalError"),
    )
    assert await stored(url, (None, full)) == [full]


async def test_no_environment_and_an_empty_one_are_told_apart(url: str) -> None:
    none, empty = new_function("none"), new_function("empty", environment={})
    environments = {
        function.name: function.latest.environment for function in await stored(url, (None, none), (None, empty))
    }
    assert environments == {"none": None, "empty": {}}


async def test_changes_and_versions_are_kept_in_numerical_order(url: str) -> None:
    steps: list[tuple[Function | None, Function | None]] = []
    before: Function | None = None
    after = settled(new_function(), None)
    for timeout_s in range(1, 13):
        steps.append((before, after))
        before = after
        after = settled(updated(after, replace(after.latest, timeout_s=timeout_s), NOW), None)
        after = publish(after, None, NOW)
    steps.append((before, after))
    (loaded,) = await stored(url, *steps)
    assert loaded == after
    assert list(loaded.published) == [str(number) for number in range(1, 13)]


async def test_a_deleted_function_takes_its_versions_along_and_its_name_is_free(url: str) -> None:
    first = publish(new_function(), None, NOW)
    second = new_function()
    assert await stored(url, (None, first), (first, None), (None, second)) == [second]


async def test_a_deleted_version_is_gone_and_the_others_stay(url: str) -> None:
    function = publish(new_function(), None, NOW)
    without = replace(function, published={})
    (loaded,) = await stored(url, (None, function), (function, without))
    assert loaded == without
    assert loaded.next_version == 2
