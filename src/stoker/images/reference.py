"""How a function names its image: `host[:port]/repository:tag`, or `…@sha256:<64 hex>`.

The grammar is the OCI distribution specification's (1.1, "Pulling manifests"), with a host in every case, as Lambda
asks for. `localhost/…` without a port names an image in the directory of the setting `images_dir`, as podman names its
own.
"""

import re
from dataclasses import dataclass

LOCAL_HOST = "localhost"

_HOST = (
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]{2,39}\](?::[0-9]{1,5})?)"
)
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"{_HOST}/(?P<repository>{_NAME}(?:/{_NAME})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?"
    r"(?:@sha256:(?P<digest>[0-9a-f]{64}))?"
)
_LENGTH_MAX = 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """`digest` (hex, of a manifest or an index) is None where only the tag says what is meant."""

    host: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """Without tag and digest."""
        return f"{self.host}/{self.repository}"

    @property
    def is_local(self) -> bool:
        return self.host == LOCAL_HOST

    @property
    def wanted(self) -> str:
        """What a registry is asked for: a digest where there is one, else the tag."""
        return f"sha256:{self.digest}" if self.digest else self.tag or ""

    def pinned(self, digest: str) -> "Reference":
        """The same repository, by digest."""
        return Reference(self.host, self.repository, None, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@sha256:{self.digest}" if self.digest else "")


def parse_reference(uri: str) -> Reference | None:
    """None for what names no image: Lambda wants a host, and a tag or a digest."""
    match = _REFERENCE.fullmatch(uri) if len(uri) <= _LENGTH_MAX else None
    if match is None or not (match["tag"] or match["digest"]) or not _is_host(match["host"]):
        return None
    return Reference(match["host"], match["repository"], match["tag"], match["digest"])


def _is_host(text: str) -> bool:
    """As Docker tells a host from the first part of a repository's name."""
    return text == LOCAL_HOST or any(character in text for character in ".:")
