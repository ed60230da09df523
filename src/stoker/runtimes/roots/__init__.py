"""Root directories in the place of the host's system: made of Debian's packages, or named by the settings."""
