"""Which shards to read, from where, and in which order: pure (reference: event sources, 3)."""

from collections.abc import Iterable, Mapping, Sequence

from stoker.event_sources.streams.records import Checkpoint, Shard, Start


def first_checkpoints(
    shards: Iterable[Shard], stream: str, start: Start, start_s: float | None, now_s: float
) -> list[Checkpoint]:
    """Where a mapping begins that has read nothing yet. `start_s` is what AT_TIMESTAMP means.

    With LATEST, closed shards hold nothing of interest.
    """
    since_s = now_s if start_s is None else start_s
    return [
        Checkpoint(shard.id, stream, start, since_s, is_finished=start is Start.LATEST and shard.is_closed)
        for shard in shards
    ]


def later_checkpoints(
    shards: Iterable[Shard], known: Mapping[str, Checkpoint], stream: str, now_s: float
) -> list[Checkpoint]:
    """For shards that came since: all of their records are new."""
    return [Checkpoint(shard.id, stream, Start.TRIM_HORIZON, now_s) for shard in shards if shard.id not in known]


def readable(shards: Sequence[Shard], known: Mapping[str, Checkpoint]) -> list[Shard]:
    """Those with something left whose parents are done with, or gone: no record overtakes an older one."""
    present = {shard.id for shard in shards}

    def is_done(shard_id: str) -> bool:
        return shard_id not in present or (shard_id in known and known[shard_id].is_finished)

    return [shard for shard in shards if not is_done(shard.id) and all(is_done(parent) for parent in shard.parents)]
