"""How fast a streamed response may be sent: a token bucket over bytes, without a clock of its own."""


class TokenBucket:
    """Full at first. Time is the caller's, in seconds of any one clock."""

    def __init__(self, burst_bytes: int, bytes_per_s: int, now_s: float) -> None:
        self._burst_bytes = burst_bytes
        self._bytes_per_s = bytes_per_s
        self._tokens: float = burst_bytes
        self._counted_s = now_s

    def take(self, size_bytes: int, now_s: float) -> float:
        """Seconds to wait before `size_bytes` are sent, 0 for none. More than the burst may be taken at once: what is
        missing is waited for."""
        gained = (now_s - self._counted_s) * self._bytes_per_s
        self._tokens = min(self._burst_bytes, self._tokens + gained) - size_bytes
        self._counted_s = now_s
        return max(0.0, -self._tokens / self._bytes_per_s)
