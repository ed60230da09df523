"""Functions that nobody has called for weeks."""
