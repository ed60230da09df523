import pytest

from stoker.runtimes.java.flags import java_command
from stoker.runtimes.records import RuntimeBuild
from stoker.runtimes.start import command_line


def build(name: str) -> RuntimeBuild:
    language = "nodejs" if name.startswith("nodejs") else "python"
    command = ("/var/lang/bin/x", "/var/runtime/start")
    return RuntimeBuild(name, language, "", "", None, None, command[0], command, "/x", ("/x", "/start"), False)


def test_python_is_started_by_its_command_alone() -> None:
    assert command_line(build("python3.12"), {}) == ("/var/lang/bin/x", "/var/runtime/start")
    assert command_line(build("python3.12"), {}, on_host=True) == ("/x", "/start")


def test_node_gets_its_heap_by_memory_size() -> None:
    line = command_line(build("nodejs24.x"), {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"})
    assert line == ("/var/lang/bin/x", "--max-semi-space-size=6", "--max-old-space-size=116", "/var/runtime/start")


@pytest.mark.parametrize("option", ["--max-old-space-size=50", "--max_semi_space_size=3"])
def test_a_heap_of_the_customers_own_is_left_alone(option: str) -> None:
    environment = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "NODE_OPTIONS": option}
    assert command_line(build("nodejs24.x"), environment) == ("/var/lang/bin/x", "/var/runtime/start")


def test_experimental_features_are_off_as_on_aws_until_asked_for() -> None:
    off = ("--no-experimental-require-module", "--no-experimental-detect-module")
    assert command_line(build("nodejs22.x"), {})[1:3] == off
    assert command_line(build("nodejs22.x"), {"NODE_OPTIONS": "--experimental-require-module"})[1:2] == off[1:]
    assert command_line(build("nodejs20.x"), {})[1:2] == off[:1]
    assert len(command_line(build("nodejs24.x"), {})) == 2


def test_a_wrapper_script_goes_in_front_of_everything() -> None:
    line = command_line(build("python3.12"), {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"})
    assert line == ("/opt/wrapper", "/var/lang/bin/x", "/var/runtime/start")


def java(name: str, **environment: str) -> tuple[str, ...]:
    command = ("/java", "-Xshare:auto", "-XX:SharedArchiveFile=/a.jsa", "Main")
    return java_command(name, command, {"_HANDLER": "A::b", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", **environment})


def test_a_jvm_is_started_as_on_aws() -> None:
    """The figures are those that functions of 512 MB on Lambda printed: docs/decisions/0031-java.md."""
    tiered = ("-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1")
    rest = ("-Xshare:auto", "-XX:SharedArchiveFile=/a.jsa", "Main", "A::b")
    for name in ("java17", "java21", "java25"):
        assert java(name) == ("/java", "-XX:MaxHeapSize=445645k", "-XX:+UseSerialGC", *tiered, *rest)
    older = ("-XX:MaxHeapSize=445645k", "-XX:MaxMetaspaceSize=52429k", "-XX:ReservedCodeCacheSize=26214k")
    for name in ("java8.al2", "java11"):
        assert java(name) == ("/java", *older, "-XX:+UseSerialGC", *rest)


@pytest.mark.parametrize(
    ("memory_mb", "heap_kb"), [(128, 111_411), (256, 222_823), (384, 334_233), (512, 445_645), (3008, 2_834_432)]
)
def test_the_heap_gets_what_classes_and_compiled_code_leave(memory_mb: int, heap_kb: int) -> None:
    line = java("java17", AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory_mb))
    assert f"-XX:MaxHeapSize={heap_kb}k" in line


def test_java_25_compiles_fully_where_no_call_waits_for_it() -> None:
    for initialization in ("provisioned-concurrency", "snap-start"):
        line = java("java25", AWS_LAMBDA_INITIALIZATION_TYPE=initialization)
        assert "-XX:TieredStopAtLevel=1" not in line
        assert "-XX:TieredStopAtLevel=1" in java("java21", AWS_LAMBDA_INITIALIZATION_TYPE=initialization)


@pytest.mark.parametrize(
    ("option", "flags"),
    [
        ("-Xmx100m", {"-XX:MaxHeapSize=445645k"}),
        ("-XX:MaxRAM=100m", {"-XX:MaxHeapSize=445645k"}),
        ("-XX:+UseShenandoahGC", {"-XX:+UseSerialGC"}),
        ("-XX:TieredStopAtLevel=4", {"-XX:TieredStopAtLevel=1"}),
        ("-XX:-TieredCompilation", {"-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1"}),
        ("-XX:SharedArchiveFile=/opt/mine.jsa", {"-Xshare:auto", "-XX:SharedArchiveFile=/a.jsa"}),
        ("-XX:AOTCache=/opt/mine.aot", {"-Xshare:auto", "-XX:SharedArchiveFile=/a.jsa"}),
        ("-javaagent:/opt/agent.jar", set()),
        ("-Dx=-Xmx100m", set()),
    ],
)
def test_a_flag_gives_way_to_an_option_of_the_customers_own(option: str, flags: set[str]) -> None:
    assert set(java("java21")) - set(java("java21", JAVA_TOOL_OPTIONS=f"-Da=b {option}")) == flags


def test_a_share_of_the_memory_is_one_of_the_functions() -> None:
    line = java("java21", JAVA_TOOL_OPTIONS="-XX:MaxRAMPercentage=50")
    assert "-XX:MaxRAM=524288k" in line
    assert "-XX:MaxHeapSize=445645k" not in line
    assert "-XX:MaxRAM=524288k" not in java("java21")
