"""Mappings of streams: shards, checkpoints, retries, windows. What a stream is, `sources/` knows."""
