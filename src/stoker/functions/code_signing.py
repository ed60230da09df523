"""What functions need of code signing: whether a configuration is there, and whether it lets a package pass."""

from collections.abc import Sequence
from typing import Protocol

from stoker.code.records import CodePackage


class CodeSigning(Protocol):
    """Where functions ask before they are deployed. No configuration (None) lets everything pass."""

    def check_present(self, config_arn: str | None) -> None:
        """Raise CodeSigningConfigNotFoundException for a configuration that is not there."""

    async def check(self, config_arn: str | None, packages: Sequence[CodePackage], function: str) -> None:
        """Raise CodeVerificationFailedException when one of `packages` may not be deployed to `function`."""
