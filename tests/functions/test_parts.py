"""What belongs to functions, on both databases."""

from dataclasses import replace

from stoker.functions.aliases.records import Alias
from stoker.functions.event_invoke_configs.records import EventInvokeConfig
from stoker.functions.policies.records import Policy, Statement
from stoker.functions.publish import publish
from stoker.functions.records import LATEST, UNQUALIFIED, Function
from stoker.functions.runtime_management.records import RuntimeManagement
from stoker.functions.urls.records import Cors, FunctionUrl
from tests.functions.test_store import NOW, new_function, stored

STATEMENT = Statement("s", {"AWS": "arn:aws:iam::000000000000:root"}, "lambda:*", {"ArnLike": {"AWS:SourceArn": "ü"}})
PUBLIC = Statement("all", "*", "lambda:InvokeFunction", {})
BARE_URL = FunctionUrl("a" * 32, "NONE", "BUFFERED", None, 1.5, 1767225600.123456)
URL = FunctionUrl("b" * 32, "AWS_IAM", "RESPONSE_STREAM", Cors(True, ("x",), (), None, None, 0), 1.0, 2.0)


def full_function(name: str = "f") -> Function:
    return replace(
        publish(new_function(name), None, NOW),
        aliases={"live": Alias("live", "1", "d", {"2": 0.25}, "r"), "dev": Alias("dev", LATEST, "", {}, "q")},
        policies={UNQUALIFIED: Policy((STATEMENT, PUBLIC), "p"), "1": Policy((PUBLIC,), "o")},
        urls={UNQUALIFIED: BARE_URL, "live": URL},
        event_invoke_configs={LATEST: EventInvokeConfig(1.25), "1": EventInvokeConfig(1.0, 0, 60, "arn:a", "arn:b")},
        runtime_management={"1": RuntimeManagement("Manual", "arn:r"), LATEST: RuntimeManagement("FunctionUpdate")},
        recursive_loop="Allow",
        reserved_concurrency=0,
    )


async def test_all_parts_of_a_function_are_read_as_they_were_written(url: str) -> None:
    function = full_function()
    assert await stored(url, (None, function)) == [function]


async def test_changed_new_and_deleted_parts_are_kept_as_they_became(url: str) -> None:
    before = full_function()
    after = replace(
        before,
        aliases={"live": replace(before.aliases["live"], additional_weights={}), "new": Alias("new", "1", "", {}, "n")},
        policies={"live": Policy((PUBLIC,), "n")},
        urls={UNQUALIFIED: replace(URL, cors=None)},
        event_invoke_configs={},
        runtime_management={},
        recursive_loop="Terminate",
        reserved_concurrency=None,
    )
    assert await stored(url, (None, before), (before, after)) == [after]


async def test_the_parts_of_a_deleted_function_go_along_and_those_of_others_stay(url: str) -> None:
    first, bare = full_function(), new_function()
    other = replace(full_function("other"), urls={})
    loaded = await stored(url, (None, first), (None, other), (first, None), (None, bare))
    assert sorted(loaded, key=lambda function: function.name) == [bare, other]
