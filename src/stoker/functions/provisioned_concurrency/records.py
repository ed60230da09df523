"""What was asked for, as the other rooms hold it, and what there is of it, as they are told."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ProvisionedConcurrencyConfig:
    """`requested` environments; time is since the epoch, and tells one request for the same number from the next."""

    requested: int
    last_modified_s: float


class AllocationStatus(StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class AllocationState:
    """How far the allocation is. `allocated` places have been filled; in `available` of them is an environment that is
    initialised, idle or busy: fewer while one that crashed is replaced. `status_reason` only when it has failed."""

    allocated: int = 0
    available: int = 0
    status: AllocationStatus = AllocationStatus.IN_PROGRESS
    status_reason: str | None = None
