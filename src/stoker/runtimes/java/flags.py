"""The JVM's command line for one function.

AWS documents when tiered compilation stops at level 1 and that JAVA_TOOL_OPTIONS may change it and the collector
(Developer Guide, "Customize Java runtime startup behavior"). The other flags are those of command lines that functions
on Lambda have printed of themselves (`RuntimeMXBean.getInputArguments`); docs/decisions/0031-java.md lists them.
"""

import re
from collections.abc import Mapping, Sequence

# Of the function's memory the heap gets what these two leave, whether or not they are set themselves.
METASPACE_SHARE, METASPACE_MAX_KB = 0.10, 160 * 1024
CODE_CACHE_SHARE, CODE_CACHE_MAX_KB = 0.05, 80 * 1024

# Ours is left out where JAVA_TOOL_OPTIONS has one of the other's: the command line would win over it, or the JVM would
# refuse to start with both.
_OVERRIDES = (
    ("-XX:MaxHeapSize=", re.compile(r"-Xmx|-XX:(MaxHeapSize|MaxRAM|MaxRAMPercentage)=")),
    ("-XX:MaxRAM=", re.compile(r"-XX:MaxRAM=")),
    ("-XX:MaxMetaspaceSize=", re.compile(r"-XX:MaxMetaspaceSize=")),
    ("-XX:ReservedCodeCacheSize=", re.compile(r"-XX:ReservedCodeCacheSize=")),
    ("-XX:+UseSerialGC", re.compile(r"-XX:\+Use\w+GC$")),
    ("-XX:+TieredCompilation", re.compile(r"-XX:-TieredCompilation$|-Xint$")),
    ("-XX:TieredStopAtLevel=", re.compile(r"-XX:TieredStopAtLevel=|-XX:-TieredCompilation$|-Xint$")),
    ("-Xshare:", re.compile(r"-Xshare:|-XX:(SharedArchiveFile|AOT\w*)=")),
    ("-XX:SharedArchiveFile=", re.compile(r"-Xshare:|-XX:(SharedArchiveFile|AOT\w*)=")),
)


def java_command(name: str, command: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """argv of the runtime `name` ("java21"): the build's `command` with the function's flags and handler."""
    release = int(name.removeprefix("java").removesuffix(".al2"))
    flags = [*_memory(release, environment), "-XX:+UseSerialGC", *_tiered(release, environment), *command[1:]]
    options = environment.get("JAVA_TOOL_OPTIONS", "").split()
    kept = [flag for flag in flags if not _is_overridden(flag, options)]
    return (command[0], *kept, environment.get("_HANDLER", ""))


def _memory(release: int, environment: Mapping[str, str]) -> list[str]:
    memory_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not memory_mb.isdecimal():
        return []
    memory_kb = int(memory_mb) * 1024
    metaspace_kb = min(round(memory_kb * METASPACE_SHARE), METASPACE_MAX_KB)
    code_cache_kb = min(round(memory_kb * CODE_CACHE_SHARE), CODE_CACHE_MAX_KB)
    flags = [f"-XX:MaxHeapSize={memory_kb - metaspace_kb - code_cache_kb}k"]
    if "RAMPercentage=" in environment.get("JAVA_TOOL_OPTIONS", ""):
        # A share of the function's memory: the JVM sees that of the host.
        flags.append(f"-XX:MaxRAM={memory_kb}k")
    if release < 17:
        flags += [f"-XX:MaxMetaspaceSize={metaspace_kb}k", f"-XX:ReservedCodeCacheSize={code_cache_kb}k"]
    return flags


def _tiered(release: int, environment: Mapping[str, str]) -> list[str]:
    is_on_demand = environment.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand") == "on-demand"
    if release < 17 or (release >= 25 and not is_on_demand):
        return []
    return ["-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1"]


def _is_overridden(flag: str, options: Sequence[str]) -> bool:
    return any(flag.startswith(ours) and any(theirs.match(option) for option in options) for ours, theirs in _OVERRIDES)
