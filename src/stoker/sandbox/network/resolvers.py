"""Which nameservers a sandbox with a way out can ask."""

from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

# systemd-resolved puts itself, on the loopback, into the first and keeps those that it asks in the second
# (systemd-resolved.service(8), "/etc/resolv.conf").
FILES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
NAMESERVERS_MAX = 3  # resolv.conf(5), MAXNS


def host_nameservers(files: tuple[Path, ...] = FILES) -> tuple[IPv4Address, ...]:
    """Those of the host that can be reached from elsewhere: of the first file that names any."""
    for file in files:
        found = _nameservers(file)
        if found:
            return found
    return ()


def _nameservers(file: Path) -> tuple[IPv4Address, ...]:
    try:
        lines = [line.split() for line in file.read_text(errors="replace").splitlines()]
    except OSError:
        return ()
    found = []
    for fields in lines:
        if len(fields) >= 2 and fields[0] == "nameserver":
            try:
                address = IPv4Address(fields[1])
            except AddressValueError:  # IPv6: sandboxes have none
                continue
            if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                found.append(address)
    return tuple(found[:NAMESERVERS_MAX])


def resolv_conf(nameservers: tuple[IPv4Address, ...]) -> str:
    """The file's text."""
    return "".join(f"nameserver {address}\n" for address in nameservers)
