"""How fast a function may grow: so many new environments in ten seconds (reference: invocation, 3).

A bucket of tokens for each function, refilled all the time and never beyond its size. What is provisioned does not come
from it: AWS allocates that at a rate of its own.
"""

from dataclasses import dataclass

from stoker.functions.records import FunctionKey

PERIOD_S = 10.0
# Full buckets are as good as none; they are thrown away when there are this many, or twice as many as were left then.
BUCKETS_KEPT = 1024


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float


class ScalingRate:
    """To be asked only when a new environment is about to be started."""

    def __init__(self, environments_per_10_s: int) -> None:
        self._size = environments_per_10_s
        self._buckets: dict[FunctionKey, _Bucket] = {}
        self._buckets_max = BUCKETS_KEPT

    def take(self, key: FunctionKey, now_s: float) -> bool:
        """Whether the function may start another environment at `now_s`, which then counts as started."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._forget_full(now_s)
            bucket = self._buckets[key] = _Bucket(self._size, now_s)
        bucket.tokens = self._tokens_at(bucket, now_s)
        bucket.filled_s = now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _tokens_at(self, bucket: _Bucket, now_s: float) -> float:
        return min(self._size, bucket.tokens + (now_s - bucket.filled_s) * self._size / PERIOD_S)

    def _forget_full(self, now_s: float) -> None:
        if len(self._buckets) >= self._buckets_max:
            self._buckets = {
                key: bucket for key, bucket in self._buckets.items() if self._tokens_at(bucket, now_s) < self._size
            }
            self._buckets_max = max(BUCKETS_KEPT, 2 * len(self._buckets))
