"""A runtime management config, as the other rooms hold it."""

from dataclasses import dataclass
from typing import Literal

UpdateRuntimeOn = Literal["Auto", "Manual", "FunctionUpdate"]


@dataclass(frozen=True, slots=True)
class RuntimeManagement:
    """`runtime_version_arn` is set with Manual only."""

    update_runtime_on: UpdateRuntimeOn = "Auto"
    runtime_version_arn: str | None = None
