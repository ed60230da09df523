"""Functions that try to reach something outside of their sandbox."""

import contextlib
import errno
import fcntl
import socket
import struct


def connect(event, context):
    """For each [host, port]: the error that connecting ends with, or "CONNECTED"."""
    return {f"{host}:{port}": _connect(host, port, hears=True) for host, port in event["to"]}


def _connect(host, port, hears=False):
    """`hears`: wait until whoever is there says something, and so has noticed."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            if hears:
                with contextlib.suppress(OSError):
                    connection.recv(64)
            return "CONNECTED"
    except TimeoutError:
        return "ETIMEDOUT"
    except socket.gaierror:
        return "ENOENT"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def listeners(event, context):
    """The ports on which anything listens inside, of the loopback's and the link-local address."""
    found = []
    for host in ("127.0.0.1", "169.254.100.1"):
        for port in event["ports"]:
            if _connect(host, port) == "CONNECTED":
                found.append(f"{host}:{port}")
    return found


def interfaces(event, context):
    return [name for _, name in socket.if_nameindex()]


def rights(event, context):
    """What this process may do to its network: its capabilities, and the errors of three tries."""
    with open("/proc/self/status") as status:
        effective = next(line.split()[1] for line in status if line.startswith("CapEff:"))
    return {
        "capabilities": effective,
        "raw": _error(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)),
        "packet": _error(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "route": _error(_set_down),
    }


def _error(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "DONE"


def _set_down():
    """netdevice(7): clear IFF_UP of the sandbox's interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"eth0", 0))
