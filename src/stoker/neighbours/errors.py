"""What is said when a neighbour cannot answer."""


class NeighbourError(Exception):
    """A service is off, not installed, not known or cannot be reached; the text says what to do."""


class UnknownServiceError(NeighbourError):
    """The embedded neighbours do not have this service."""
