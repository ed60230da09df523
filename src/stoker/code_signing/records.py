"""Code signing configurations as the other rooms hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SigningPolicy = Literal["Warn", "Enforce"]


@dataclass(frozen=True, slots=True)
class CodeSigningConfig:
    """Who may sign (`allowed_publishers`: ARNs of signing profile versions), and what happens to other packages."""

    arn: str
    description: str
    allowed_publishers: tuple[str, ...]
    untrusted_artifact_on_deployment: SigningPolicy
    last_modified: str
    tags: Mapping[str, str]

    @property
    def id(self) -> str:
        """`csc-…`, the end of the ARN."""
        return self.arn.rpartition(":")[2]

    @property
    def is_enforced(self) -> bool:
        return self.untrusted_artifact_on_deployment == "Enforce"
