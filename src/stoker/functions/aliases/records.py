"""An alias, as the other rooms hold it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alias:
    """`additional_weights` is the share of invocations, 0.0 to 1.0, that goes to versions beside `function_version`."""

    name: str
    function_version: str
    description: str
    additional_weights: Mapping[str, float]
    revision_id: str

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version that it may invoke."""
        return (self.function_version, *self.additional_weights)
