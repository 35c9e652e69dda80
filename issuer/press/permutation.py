"""The position of a sequence number in its status list: a keyed permutation, so nothing is looked up.

Sequence number s belongs to list s >> 17, at a position that only the issuer can compute; the inverse turns a
presented status index back into the sequence number. A Feistel network over halves of 9 and 8 bits, its
rounds read from tables of AES output, keyed per list. It hides the order of issue; on a domain this small it
is no strong pseudo-random permutation, and need not be one.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

LIST_BITS = 17
LIST_ENTRIES = 1 << LIST_BITS
"""131,072: the least number of entries that Bitstring Status List 1.0 allows."""

_LOW_BITS = 8
_LOW, _HIGH = 1 << _LOW_BITS, 1 << (LIST_BITS - _LOW_BITS)
_ROUNDS = 4  # double ones: each changes both halves


class Permutation:
    """The permutation of one list's 131,072 entries under a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        self._rounds = [
            (
                list(stream.update(bytes(_HIGH))),
                [of % _HIGH for of in unpack(f">{_LOW}H", stream.update(bytes(2 * _LOW)))],
            )
            for _ in range(_ROUNDS)
        ]

    def position(self, entry: int) -> int:
        """The place of the list's entry number `entry`; both from 0 to 131,071."""
        high, low = entry >> _LOW_BITS, entry & (_LOW - 1)
        for of_high, of_low in self._rounds:
            low ^= of_high[high]
            high ^= of_low[low]
        return high << _LOW_BITS | low

    def entry(self, position: int) -> int:
        """The entry number that stands at `position`: the inverse."""
        high, low = position >> _LOW_BITS, position & (_LOW - 1)
        for of_high, of_low in reversed(self._rounds):
            high ^= of_low[low]
            low ^= of_high[high]
        return high << _LOW_BITS | low


def list_key(secret: bytes, number: int) -> bytes:
    """The key of a list."""
    return HKDFExpand(SHA256(), 32, b"status list %d" % number).derive(secret)


class Positions:
    """Sequence number to (list, position) and back, over all lists; `key_of` gives each list's key."""

    _CACHED = 256  # lists of 24 KB each

    def __init__(self, key_of: Callable[[int], bytes]) -> None:
        self._key_of = key_of
        self._lists: dict[int, Permutation] = {}

    def __reduce__(self) -> tuple[type[Positions], tuple[Callable[[int], bytes]]]:
        return Positions, (self._key_of,)

    def locate(self, seq: int) -> tuple[int, int]:
        """The list and the position of a sequence number."""
        number = seq >> LIST_BITS
        return number, self._permutation(number).position(seq & (LIST_ENTRIES - 1))

    def of_list(self, number: int) -> Callable[[int], int]:
        """From the number of an entry in this list, 0 to 131,071, to its position."""
        return self._permutation(number).position

    def seq(self, number: int, position: int) -> int:
        """The sequence number at a position of a list."""
        return number << LIST_BITS | self._permutation(number).entry(position)

    def _permutation(self, number: int) -> Permutation:
        permutation = self._lists.get(number)
        if permutation is None:
            if len(self._lists) >= self._CACHED:
                self._lists.clear()
            permutation = self._lists[number] = Permutation(self._key_of(number))
        return permutation
