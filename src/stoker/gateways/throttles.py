"""Token buckets: how often something may happen a second, and how often at once.

Source: Amazon API Gateway Developer Guide, "Throttle requests to your HTTP APIs".
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

BUCKETS_MAX = 10_000


class Rate(NamedTuple):
    """`burst` is how many may come at once; afterwards it is `per_s` a second."""

    per_s: float
    burst: int


class _Bucket:
    __slots__ = ("at_s", "rate", "tokens")

    def __init__(self, rate: Rate, at_s: float) -> None:
        self.rate = rate
        self.tokens = float(rate.burst)
        self.at_s = at_s


class Throttles:
    """Buckets by whatever they are for (a route of a stage); one begins full, and begins anew with another rate.

    The one that was not used for longest is forgotten first when there are too many: it is full, or nearly so.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable, rate: Rate) -> bool:
        """Whether it may happen once more, now; then it counts."""
        bucket = self._bucket(key, rate)
        now_s = self._now_s()
        bucket.tokens = min(bucket.tokens + (now_s - bucket.at_s) * rate.per_s, float(rate.burst))
        bucket.at_s = now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _bucket(self, key: Hashable, rate: Rate) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key] = _Bucket(rate, self._now_s())
            if len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket
