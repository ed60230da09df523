"""Aliases: names for versions, which may send a share of the invocations to a second one."""
