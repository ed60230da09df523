"""`GetFunction.Code.Location`: a signed link to a package's zip, good for ten minutes, like S3's presigned ones."""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path

from stoker.clock import Clock
from stoker.code.durable import secret_of
from stoker.code.records import CodePackage
from stoker.code.store import CodeStore
from stoker.errors import AccessDeniedException, ResourceNotFoundException

VALID_S = 600  # reference: control plane, 4.4
ROUTE = "/_stoker/code/"
SHA256 = re.compile(r"[0-9a-f]{64}")


class CodeDownload:
    """Makes links and honours them. The key lies in the data directory, so links survive a restart."""

    def __init__(self, code_store: CodeStore, secret_file: Path, clock: Clock) -> None:
        self._code_store = code_store
        self._clock = clock
        self._secret = secret_of(secret_file)

    def location(self, endpoint: str, package: CodePackage) -> str:
        """A link below `endpoint` to the zip of `package`."""
        expires_s = int(self._clock.now_s()) + VALID_S
        signature = self._signature(package.sha256, str(expires_s))
        return f"{endpoint}{ROUTE}{package.sha256}?Expires={expires_s}&Signature={signature}"

    async def find(self, path: str, query: Mapping[str, str]) -> Path:
        """The file that a link's path and query stand for. Raises AccessDeniedException, ResourceNotFoundException."""
        sha256 = path.removeprefix(ROUTE)
        expires = query.get("Expires", "")
        given, expected = query.get("Signature", ""), self._signature(sha256, expires)
        if not SHA256.fullmatch(sha256) or not hmac.compare_digest(given.encode(), expected.encode()):
            raise AccessDeniedException("The link to this code is not valid. Call GetFunction for a new one.")
        if int(expires) < self._clock.now_s():
            raise AccessDeniedException("The link to this code has expired. Call GetFunction for a new one.")
        file = self._code_store.zip_file(sha256)
        if not await asyncio.to_thread(file.exists):
            raise ResourceNotFoundException("This code is no longer in use and was deleted.")
        return file

    def _signature(self, sha256: str, expires: str) -> str:
        return hmac.new(self._secret, f"{sha256}\n{expires}".encode(), hashlib.sha256).hexdigest()
