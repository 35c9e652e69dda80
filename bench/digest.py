"""Status digests: bytes for a hundred million entries with 1 % set, and the time of a look-up."""

from __future__ import annotations

import random
import time
from array import array
from bisect import bisect_left
from gzip import compress

from vc.status.digest import DigestFacts
from vc.status.positions import PackedPositions, pack

_LISTS, _ENTRIES, _SET, _CHANGED, _LOOKUPS = 763, 1 << 17, 1_000_000, 1_000, 200_000


def main() -> None:
    """Prints a line each; the peers are the lists that a verifier would fetch, and a sorted array."""
    chosen = random.Random(1)
    positions = sorted(chosen.sample(range(_LISTS * _ENTRIES), _SET))
    facts = DigestFacts("https://u.example/status/", _LISTS, _ENTRIES, {}, ("revocation",), 1, "")
    start = time.process_time()
    packed = facts.pack({"revocation": positions})
    print(f"packed in {time.process_time() - start:.2f} s: {len(packed):,} bytes")
    bits = bytearray(_LISTS * _ENTRIES // 8)
    for position in positions:
        bits[position >> 3] |= 0x80 >> (position & 7)
    print(f"as bits, gzip: {len(compress(bits)) / len(packed):.2f} times that")
    changes = pack(sorted(chosen.sample(range(_LISTS * _ENTRIES), _CHANGED)))
    print(f"{_CHANGED:,} changes: {len(changes):,} bytes")
    opened = PackedPositions(packed, 0, _LISTS, _ENTRIES)
    asked = [chosen.randrange(_LISTS * _ENTRIES) for _ in range(_LOOKUPS)]
    for name in ("the first time", "once unpacked"):
        start = time.process_time()
        hits = sum(position in opened for position in asked)
        print(f"a look-up, {name}: {(time.process_time() - start) / _LOOKUPS * 1e6:.2f} µs")
    bare = array("Q", positions)
    start = time.process_time()
    expected = sum(bare[bisect_left(bare, position) % _SET] == position for position in asked)
    print(f"in a sorted array: {(time.process_time() - start) / _LOOKUPS * 1e6:.2f} µs")
    if hits != expected:
        raise SystemExit("they differ")


if __name__ == "__main__":
    main()
