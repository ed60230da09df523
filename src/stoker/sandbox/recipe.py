"""What a runtime's root directory holds, as steps for the launcher (`launcher/root.py` carries them out).

Pure except for looking at which of the host's directories exist. The host lends its `/usr` (libraries, read-only,
without set-uid programs) and the runtime's own directories; nothing else of it is visible inside. A build with a root
of its own gets nothing of the host's.
"""

from pathlib import Path
from typing import Any

from stoker.runtimes.records import COVER, RuntimeBuild
from stoker.runtimes.roots.tree import SYSTEM_FILES

HIDDEN = "/run/stoker"
# All packages: not even for an interpreter that waits for a function (decision 0041).
PRIVATE = f"{HIDDEN}/private"
CODE = f"{PRIVATE}/code"
LAUNCHER = f"{HIDDEN}/launcher"
# The files of what a zygote preloads, which it takes away itself (`launcher/preload.py`).
PRELOAD = f"{HIDDEN}/preload"
# What sandboxes with a way out get as /etc/resolv.conf; that of the others is empty.
RESOLV_CONF = f"{HIDDEN}/resolv.conf"

# Reference: runtime side, 3.1 (the slash after /usr/bin is AWS's).
BASE_ENVIRONMENT = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}

_DEVICES = ("null", "zero", "full", "random", "urandom")
_LENT_FILES = (
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/alternatives",
    "/etc/mime.types",
    "/etc/services",
    "/etc/protocols",
)
_FILES = {
    **{f"/{path}": text for path, text in SYSTEM_FILES.items()},
    "/etc/os-release": 'NAME="Amazon Linux"\nID="amzn"\nPRETTY_NAME="Stoker execution environment"\n',
}
_SYMLINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/etc/mtab": "/proc/self/mounts",
}
# Its name is as long as that of AWS's bootstrap, which takes its place on the command line.
ZYGOTE = f"{HIDDEN}/run_zygote.py"
ZYGOTE_SCRIPT = "from launcher.serve import serve_as_zygote\nserve_as_zygote()\n"


def root_recipe(build: RuntimeBuild, mountpoint: Path, code: Path, resolv_conf: str = "") -> dict[str, Any]:
    """The order's "root" for the launcher of `build`; `code` is the directory under which all packages lie.

    `resolv_conf` is for sandboxes that have a way out.
    """
    if build.root is not None:
        return _recipe_of_root(build, build.root, mountpoint, code, resolv_conf)
    directories = ("/proc", "/sys", "/tmp", "/var/task", "/opt", "/mnt", "/home")  # noqa: S108
    steps: list[list[str]] = [["directory", path] for path in directories]
    # The dynamic linker of a zygote remembers for all its children that a directory of LD_LIBRARY_PATH is not there
    # (glibc, elf/dl-load.c), so those of packages and layers are there, empty, before anything is mounted over them.
    steps += [["directory", path] for path in ("/var/task/lib", "/opt/lib")]
    steps += _host_system()
    steps += [["device", f"/dev/{name}"] for name in _DEVICES]
    steps += [["file", path, text] for path, text in _FILES.items()]
    steps += [["symlink", target, path] for path, target in _SYMLINKS.items()]
    steps += [["bind", path, path] for path in _LENT_FILES if Path(path).exists()]
    steps += _runtime(build)
    # Debian's own interpreter looks for packages here.
    if build.language == "python" and Path("/usr/lib/python3/dist-packages").is_dir():
        steps.append(["hide", "/usr/lib/python3/dist-packages"])
    steps += _ours(code)
    steps.append(["file", RESOLV_CONF, resolv_conf])
    return {"mountpoint": str(mountpoint), "base": None, "writable": [], "steps": steps}


def _recipe_of_root(build: RuntimeBuild, root: Path, mountpoint: Path, code: Path, resolv_conf: str) -> dict[str, Any]:
    """A whole file system with the devices and the few files that are not its business; for packages also a runtime."""
    steps = [["device", f"/dev/{name}"] for name in _DEVICES]
    steps += [["symlink", target, path] for path, target in _SYMLINKS.items() if path.startswith("/dev/")]
    if not build.is_image:
        steps += [*_runtime(build), *_ours(code)]
    steps.append(["file", RESOLV_CONF, resolv_conf])
    return {"mountpoint": str(mountpoint), "base": str(root), "writable": ["/dev", HIDDEN], "steps": steps}


def hidden_places(build: RuntimeBuild) -> list[str]:
    """What only the launcher is to see: a sandbox takes it away before the function begins."""
    if build.is_image:
        return []
    return [CODE, LAUNCHER] if build.cover is None else [CODE, LAUNCHER, COVER]


def preload_order(build: RuntimeBuild) -> dict[str, Any] | None:
    """What the launcher of `build` is told to preload; None for nothing."""
    if (preload := build.preload) is None:
        return None
    return {"modules": preload.modules, "place": preload.place, "cores": preload.cores}


def _ours(code: Path) -> list[list[str]]:
    return [
        ["private", PRIVATE],
        ["bind", str(code), CODE],
        ["bind", str(Path(__file__).parent / "launcher"), LAUNCHER],
        ["file", ZYGOTE, ZYGOTE_SCRIPT],
    ]


def _host_system() -> list[list[str]]:
    steps = [["bind", "/usr", "/usr"]]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            steps.append(["symlink", str(path.readlink()), f"/{name}"])
        elif path.is_dir():
            steps.append(["bind", str(path), f"/{name}"])
    # What somebody installed by hand is the host's business.
    if Path("/usr/local").is_dir():
        steps.append(["hide", "/usr/local"])
    return steps


def _runtime(build: RuntimeBuild) -> list[list[str]]:
    steps = []
    if build.lang_dir is not None:
        steps.append(["bind", str(build.lang_dir), "/var/lang"])
        steps += [["hide", f"/var/lang/{path}"] for path in _installed_packages(build.lang_dir)]
    if build.runtime_dir is not None:
        steps.append(["bind", str(build.runtime_dir), "/var/runtime"])
    if build.cover is not None:
        steps.append(["bind", str(build.cover.directory), COVER])
    if build.preload is not None:
        steps.append(["bind", str(build.preload.tree), PRELOAD])
    steps += [["bind", str(path), str(path)] for path in build.lent if not _is_lent_anyway(path)]
    return steps


def _is_lent_anyway(path: Path) -> bool:
    return any(path.is_relative_to(lent) for lent in _LENT_FILES)


def _installed_packages(lang_dir: Path) -> list[str]:
    """The host's packages for this interpreter: on AWS a function sees none but the runtime's."""
    return [str(path.relative_to(lang_dir)) for path in lang_dir.glob("lib/python3*/site-packages") if path.is_dir()]
