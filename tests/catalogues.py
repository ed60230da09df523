"""Catalogues of runtimes for tests that look at runtimes without a node."""

from typing import Any

from stoker.config import Settings
from stoker.images.runtime_images import RuntimeImages
from stoker.runtimes.catalogue import RuntimeCatalogue


def catalogue_of(settings: Settings, **others: Any) -> RuntimeCatalogue:
    """As a node with these settings has it."""
    return RuntimeCatalogue(settings, RuntimeImages(settings), **others)
