"""Which registry a host stands for, and with whose name it is asked.

The setting `registries` maps hosts to URLs, with `user:password@` where one is needed; for other hosts the credentials
are those that `docker login` has written down.
"""

import base64
import binascii
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from stoker.config import SettingsError, is_loopback

log = logging.getLogger("stoker.images")

_DOCKER_HUB = "docker.io"
_DOCKER_HUB_REGISTRY = "registry-1.docker.io"
_DOCKER_HUB_LOGIN = "https://index.docker.io/v1/"
_CONFIG_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password (or token)."""

    user: str
    password: str

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """`url` has no path. `may_be_plain` allows HTTP, to the registry itself and to where it sends on."""

    url: str
    may_be_plain: bool
    credentials: Credentials | None


class Registries:
    """The registries that images may be named after."""

    def __init__(self, urls: Mapping[str, str], docker_config: Path | None = None) -> None:
        """`urls` by host, or by a pattern with `*`. Raises SettingsError. `docker_config`: Docker's `config.json`."""
        self._addresses = {host: _configured(host, url) for host, url in urls.items()}
        self._docker_config = docker_config or _default_docker_config()

    def address(self, host: str) -> RegistryAddress:
        """Where the registry `host` listens. Reads what `docker login` wrote: blocks."""
        for pattern, address in self._addresses.items():
            if fnmatchcase(host, pattern):
                return address
        # Only what stays on this machine may go without TLS.
        is_plain = is_loopback(urlsplit(f"//{host}").hostname or "")
        name = _DOCKER_HUB_REGISTRY if host == _DOCKER_HUB else host
        return RegistryAddress(f"{'http' if is_plain else 'https'}://{name}", is_plain, self._logged_in(host))

    def _logged_in(self, host: str) -> Credentials | None:
        known = _read_docker_config(self._docker_config).get("auths")
        entry = known.get(_DOCKER_HUB_LOGIN if host == _DOCKER_HUB else host) if isinstance(known, dict) else None
        encoded = entry.get("auth") if isinstance(entry, dict) else None
        try:
            user, separator, password = base64.b64decode(str(encoded or ""), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            separator = ""
        return Credentials(user, password) if separator else None


def repository_at(host: str, repository: str) -> str:
    """Docker Hub keeps images without an owner below `library/`."""
    return f"library/{repository}" if host == _DOCKER_HUB and "/" not in repository else repository


def _configured(host: str, url: str) -> RegistryAddress:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise SettingsError(f"setting 'registries': the URL of {host} must be like https://host:port, without a path")
    return RegistryAddress(f"{parts.scheme}://{_net_location(parts)}", parts.scheme == "http", _of_url(parts))


def _net_location(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _of_url(parts: SplitResult) -> Credentials | None:
    return Credentials(unquote(parts.username), unquote(parts.password or "")) if parts.username else None


def _default_docker_config() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def _read_docker_config(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            members = json.loads(file.read(_CONFIG_BYTES_MAX))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("cannot read %s: %s", path, error)
        return {}
    return members if isinstance(members, dict) else {}
