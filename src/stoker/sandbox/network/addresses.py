"""Free addresses: of a subnet, of the internet's range; and a range that the host does not use yet."""

import heapq
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

# Where nodes look for a range of their own: 16 ranges of 4,094 addresses, in a part of 10.0.0.0/8 that few use.
SEARCHED = IPv4Network("10.213.0.0/16")
RANGE_PREFIX_LENGTH = 20


class AddressPool:
    """The addresses from `first` to `last`; the lowest free one is next, so that the pool never grows for nothing."""

    def __init__(self, first: IPv4Address, last: IPv4Address) -> None:
        self._next, self._last = int(first), int(last)
        self._free: list[int] = []

    def take(self) -> IPv4Address | None:
        """None when all are in use."""
        if self._free:
            return IPv4Address(heapq.heappop(self._free))
        if self._next > self._last:
            return None
        self._next += 1
        return IPv4Address(self._next - 1)

    @property
    def is_empty(self) -> bool:
        return not self._free and self._next > self._last

    def give_back(self, address: IPv4Address) -> None:
        heapq.heappush(self._free, int(address))


def unused_range(used: Iterable[IPv4Network], start: int) -> IPv4Network | None:
    """A range that overlaps none of `used`. Two nodes that look at the same time begin at different places, `start`."""
    candidates = list(SEARCHED.subnets(new_prefix=RANGE_PREFIX_LENGTH))
    in_use = list(used)
    for number in range(len(candidates)):
        candidate = candidates[(start + number) % len(candidates)]
        if not any(candidate.overlaps(network) for network in in_use):
            return candidate
    return None
