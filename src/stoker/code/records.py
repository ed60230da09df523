"""What the rest of the house knows about a stored package."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodePackage:
    """A deployment package in the content-addressed store.

    `sha256` is the hex digest of the zip file's bytes and the package's name in the store; `size_bytes` is the zip's.
    """

    sha256: str
    size_bytes: int

    @property
    def code_sha256(self) -> str:
        """As the API shows it: base64 of the digest."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()
