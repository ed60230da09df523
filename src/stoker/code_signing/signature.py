"""Whether a package may be deployed under a code signing configuration.

AWS checks the signature of AWS Signer inside the archive against the certificates of its own service. Stoker has no
way to do that, and a signature that nobody verified proves nothing, so under Enforce no package passes: an unsigned one
is refused in AWS's words, a signed one with the reason. Decision record: docs/decisions/0015-code-signing.md.
"""

import asyncio
import logging
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from stoker.code.records import CodePackage
from stoker.code.store import CodeStore
from stoker.code_signing.registry import CodeSigningConfigs
from stoker.errors import CodeSigningConfigNotFoundException, CodeVerificationFailedException
from stoker.functions.code_signing import CodeSigning

log = logging.getLogger("stoker.code_signing")

SIGNATURE_FILE = re.compile(r"META[-_]INF/aws[-_]signer", re.IGNORECASE)


class SignatureCheck(CodeSigning):
    """What functions ask before they are deployed."""

    def __init__(self, configs: CodeSigningConfigs, code_store: CodeStore) -> None:
        self._configs = configs
        self._code_store = code_store

    def check_present(self, config_arn: str | None) -> None:
        if config_arn is not None and self._configs.find(config_arn) is None:
            raise CodeSigningConfigNotFoundException(
                "The code signing configuration cannot be found. "
                f"Check that the provided configuration is not deleted: {config_arn}."
            )

    async def check(self, config_arn: str | None, packages: Sequence[CodePackage], function: str) -> None:
        self.check_present(config_arn)
        config = None if config_arn is None else self._configs.find(config_arn)
        if config is None or not packages:
            return
        files = [self._code_store.zip_file(package.sha256) for package in packages]
        are_all_signed = await asyncio.to_thread(_are_all_signed, files)
        if not config.is_enforced:
            log.warning("%s: the signature of its code or of a layer could not be verified", function)
        elif are_all_signed:
            raise CodeVerificationFailedException(
                f"Stoker cannot verify the signatures of AWS Signer, so nothing can be deployed to {function} while "
                f"{config.arn} enforces them. Set UntrustedArtifactOnDeployment to Warn. See docs/compatibility.md."
            )
        else:
            # Not in the reference; as users of AWS report it.
            raise CodeVerificationFailedException(
                "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
                f"client is not configured to accept. Check the provided signature for {function}."
            )


def _are_all_signed(files: Sequence[Path]) -> bool:
    return all(_is_signed(file) for file in files)


def _is_signed(file: Path) -> bool:
    with zipfile.ZipFile(file, metadata_encoding="utf-8") as archive:
        return any(SIGNATURE_FILE.match(name) for name in archive.namelist())
