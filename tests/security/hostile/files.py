"""Functions that look for what is not theirs in the file system."""

import errno
import os
import stat
import subprocess


def read(event, context):
    """For each path: the error that reading it ends with, or "READ" and how much there was."""
    return {path: _read(path) for path in event["paths"]}


def _read(path):
    try:
        if os.path.isdir(path):
            names = os.listdir(path)
            return f"READ {len(names)} names" if names else "EMPTY"
        with open(path, "rb") as file:
            return f"READ {len(file.read(1024))} bytes"
    except OSError as error:
        return errno.errorcode[error.errno]


def write(event, context):
    """For each path: the error that writing to it ends with, or "WRITTEN"."""
    return {path: _write(path, event["text"]) for path in event["paths"]}


def _write(path, text):
    try:
        descriptor = os.open(path, os.O_WRONLY | (0 if os.path.exists(path) else os.O_CREAT))
    except OSError as error:
        return errno.errorcode[error.errno]
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        os.close(descriptor)
    return "WRITTEN"


def search(event, context):
    """Every file below / whose content or name holds `text`; /proc and /sys are another test's."""
    found = []
    wanted = event["text"].encode()
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys", "usr")]
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.isfile(path) or os.path.getsize(path) > 1024 * 1024:
                continue
            try:
                with open(path, "rb") as file:
                    if wanted in file.read():
                        found.append(path)
            except OSError:
                pass
    return found


def sockets(event, context):
    """Every unix socket that can be seen: as a file, and by name."""
    found = []
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/usr")]
        for name in files:
            path = os.path.join(folder, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.append(path)
            except OSError:
                pass
    with open("/proc/net/unix") as file:
        found += [line.split()[-1] for line in file.readlines()[1:] if "/" in line or "@" in line]
    return found


def processes(event, context):
    """Every process that can be seen, as its command line."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    found[name] = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError as error:
                found[name] = errno.errorcode[error.errno]
    return found


def environments(event, context):
    """The error that reading each process's environment and memory ends with; our own left out."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            for part in ("environ", "mem", "root", "cwd", "fd"):
                found[f"{name}/{part}"] = _read(f"/proc/{name}/{part}")
    return found


def mounts(event, context):
    with open("/proc/self/mountinfo") as file:
        return file.read().splitlines()


def rights(event, context):
    """What the kernel says of this process: its capabilities, and whether a set-uid program could give more."""
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    keys = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    return {key: status[key].strip() for key in keys}


def run_setuid_programs(event, context):
    """The user that every set-uid program that can be found would run as."""
    effective = {}
    for folder in ("/usr/bin", "/usr/sbin", "/usr/lib", "/bin", "/sbin"):
        for root, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(root, name)
                try:
                    mode = os.stat(path).st_mode
                except OSError:
                    continue
                if mode & stat.S_ISUID and stat.S_ISREG(mode):
                    effective[path] = _effective_user(path)
    return effective


def _effective_user(path):
    """Start it, stop it before it does a thing, and look."""
    try:
        process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        return errno.errorcode[error.errno]
    try:
        with open(f"/proc/{process.pid}/status") as file:
            return next(line.split()[2] for line in file if line.startswith("Uid:"))
    finally:
        process.kill()
        process.wait()


def make_setuid_program(event, context):
    """A set-uid program of our own in /tmp, and whether it runs at all with other rights."""
    path = "/tmp/mine"
    with open("/usr/bin/id", "rb") as source, open(path, "wb") as target:
        target.write(source.read())
    os.chmod(path, 0o6755)
    ended = subprocess.run([path, "-u"], capture_output=True, text=True)
    return ended.stdout.strip()
