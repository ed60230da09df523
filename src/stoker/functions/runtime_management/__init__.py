"""When the runtime under a version is replaced by a newer build."""
