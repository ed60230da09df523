"""Which names and addresses a node's own certificate is for."""

import ipaddress
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from stoker.config import Settings

LOCAL_DOMAIN = "localhost"
_LOOPBACK = ("127.0.0.1", "::1")
# What has hosts of its own in every region: function URLs, and APIs of API Gateway.
_HOSTED = ("lambda-url", "execute-api")


class CertificateNames(NamedTuple):
    """`hosts` are further names and addresses that are called as they are; below `domains` each region has names."""

    domains: tuple[str, ...]
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]

    def dns_names(self, regions: Sequence[str]) -> list[str]:
        """All of them, with a wildcard for each kind of host: it stands for one label only (RFC 6125, 6.4.3)."""
        names = [*self.domains, *self.hosts]
        for domain in self.domains:
            names += [f"*.{kind}.{region}.{domain}" for region in regions for kind in _HOSTED]
        return list(dict.fromkeys(names))


def names_of(settings: Settings) -> CertificateNames:
    """What this node is called by, as far as its settings know."""
    domains = dict.fromkeys((LOCAL_DOMAIN, *(name.lower() for name in settings.function_url_domains.split())))
    hosts: dict[str, None] = {}
    addresses = dict.fromkeys(_LOOPBACK)
    for name in (settings.host, *settings.allowed_hosts.split()):
        address = _address(name)
        if address is None:
            hosts[name.lower()] = None
        elif not address.is_unspecified:
            addresses[str(address)] = None
    return CertificateNames(tuple(domains), tuple(hosts.keys() - domains.keys()), tuple(addresses))


def regions_of(settings: Settings) -> list[str]:
    """Those of AWS's commercial partition, as botocore lists them, and the one of the settings."""
    listed = json.loads(files("botocore").joinpath("data/partitions.json").read_text())
    regions = next(partition["regions"] for partition in listed["partitions"] if partition["id"] == "aws")
    return sorted({settings.region, *(name for name in regions if not name.endswith("-global"))})


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
