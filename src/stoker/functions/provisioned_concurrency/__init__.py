"""Provisioned concurrency: how many environments of a version or an alias are kept initialised ahead."""
