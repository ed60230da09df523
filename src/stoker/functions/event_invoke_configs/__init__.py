"""Event invoke configs: how often and how long asynchronous events are tried, and where their outcomes go."""
