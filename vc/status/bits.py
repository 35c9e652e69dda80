"""The bits of a status list: many small numbers, and the one text that a signed list carries them as."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

from wire import Malformed, Problem, TooLarge, base64url_decode, base64url_encode
from wire.problem import Code

try:
    from zlib_ng import zlib_ng as unzip  # ten times as fast for what lists are: long runs
except ImportError:
    import zlib as unzip

MINIMUM_ENTRIES = 131_072
"""The least number of entries in a list, so that each credential hides among many (2.2)."""

MAX_STATUS_SIZE = 8
"""Bits that an entry has at the most."""

_MAX_BYTES = 1 << 21  # 16 million one-bit entries; a decompression bomb stops here
_MAX_ENCODED = 1 << 22


STATUS_ERRORS = "https://www.w3.org/ns/credentials/status-list#"

INVALID_STATUS_LIST = Code(
    "invalid-status-list",
    Problem,
    "The status list does not fit the credential",
    STATUS_ERRORS + "STATUS_VERIFICATION_ERROR",
)
"""The status list cannot be used for this credential (3.2)."""


class StatusList:
    """`entries` numbers of `size` bits each; entry 0 is in the leftmost bits (2.2, 3.3)."""

    def __init__(self, entries: int = MINIMUM_ENTRIES, size: int = 1, bits: bytes | None = None) -> None:
        if not 1 <= size <= MAX_STATUS_SIZE or entries < 1:
            raise ValueError("a status list has at least one entry of one to eight bits")
        length = (entries * size + 7) // 8
        self.size, self.entries = size, entries
        self.bits = bytearray(length) if bits is None else bytearray(bits)
        if len(self.bits) != length:
            raise ValueError(f"{len(self.bits)} bytes for {entries} entries of {size} bits")

    def __getitem__(self, index: int) -> int:
        value = 0
        for bit in self._bits_of(index):
            value = value << 1 | (self.bits[bit >> 3] >> (7 - (bit & 7)) & 1)
        return value

    def __setitem__(self, index: int, value: int) -> None:
        if not 0 <= value < 1 << self.size:
            raise ValueError(f"{value} does not fit into {self.size} bits")
        for shift, bit in enumerate(reversed(self._bits_of(index))):
            mask = 0x80 >> (bit & 7)
            if value >> shift & 1:
                self.bits[bit >> 3] |= mask
            else:
                self.bits[bit >> 3] &= ~mask

    def set_all(self, indices: Iterable[int]) -> None:
        """Sets entries of one bit to 1: as one by one, in a fourth of the time. Raises as that."""
        bits, entries = self.bits, self.entries if self.size == 1 else 0
        for index in indices:
            # Threat 57, as in `_bits_of`.
            if 0 <= index < entries:
                bits[index >> 3] |= 0x80 >> (index & 7)
            else:
                self[index] = 1

    def _bits_of(self, index: int) -> range:
        # Threat 57: a position outside says nothing, least of all "not revoked".
        if not 0 <= index < self.entries:
            raise INVALID_STATUS_LIST.saying(
                "position {index} lies outside a list of {entries} entries", index=index, entries=self.entries
            )
        return range(index * self.size, (index + 1) * self.size)

    def encode(self) -> str:
        """The `encodedList`: multibase base64url of the gzipped bits, the same bytes every time (3.3)."""
        return "u" + base64url_encode(packed(self.bits, GZIP))

    @classmethod
    def decode(cls, encoded: object, size: int = 1) -> StatusList:
        """Reads an `encodedList` (3.4). Raises `Malformed`, or `TooLarge` for a decompression bomb."""
        # In another base the same text would be other bits (2.2).
        if not isinstance(encoded, str) or not encoded.startswith("u"):
            raise Malformed("encodedList is not base64url in multibase form (it has to begin with u)")
        bits = unpacked(encoded[1:], GZIP, "encodedList")
        entries = len(bits) * 8 // size
        return cls(entries, size, bits[: (entries * size + 7) // 8])


def combined(revoked: StatusList, suspended: StatusList) -> StatusList:
    """Two lists of one-bit entries as one of two bits: 1 for revoked, which goes before 2 for suspended."""
    valid_or_revoked, held_back = _spread(revoked), _spread(suspended)
    bits = valid_or_revoked | (held_back & ~valid_or_revoked) << 1
    return StatusList(revoked.entries, 2, bits.to_bytes(len(revoked.bits) * 2))


_SPREAD = bytes(sum((nibble >> bit & 1) << 2 * bit for bit in range(4)) for nibble in range(16))
"""Four one-bit entries as four of two bits."""
_HALVES = bytes(_SPREAD[byte >> 4] for byte in range(256)), bytes(_SPREAD[byte & 15] for byte in range(256))


def _spread(bits: StatusList) -> int:
    """The entries with two bits for each, as one number: a loop over 131,072 of them takes 50 ms."""
    spread = bytearray(len(bits.bits) * 2)
    for half, table in enumerate(_HALVES):
        spread[half::2] = bits.bits.translate(table)
    return int.from_bytes(spread)


class Packing(NamedTuple):
    """A container of DEFLATE, by its name and as zlib numbers it."""

    name: str
    window: int


GZIP, ZLIB = Packing("gzip", 31), Packing("zlib", 15)


def packed(bits: bytes | bytearray, packing: Packing) -> bytes:
    """Compress the bits of a list; the same bits give the same bytes every time."""
    # Runs alone, since nothing else repeats in scattered bits: smaller, and up to fifty times as fast.
    packer = zlib.compressobj(6, zlib.DEFLATED, packing.window, strategy=zlib.Z_RLE)
    return packer.compress(bits) + packer.flush()


def unpacked(text: str, packing: Packing, member: str) -> bytes:
    """Decompress the bits that a `member` carries in base64url.

    Raises `Malformed`, and `TooLarge` beyond 2 MiB, before more than that is in memory (threat 57).
    """
    unpacker = unzip.decompressobj(wbits=packing.window)
    try:
        bits = unpacker.decompress(base64url_decode(text, limit=_MAX_ENCODED), _MAX_BYTES)
    except unzip.error:
        raise Malformed.saying("{member} is not {packing}", member=member, packing=packing.name) from None
    # Threat 57: it is refused before the rest is unpacked.
    if unpacker.unconsumed_tail:
        raise TooLarge.saying("{member} unpacks to more than {most} bytes", member=member, most=_MAX_BYTES)
    # Programs read different bits from a stream that is cut off, or that another follows.
    if not unpacker.eof or unpacker.unused_data:
        raise Malformed.saying("{member} is a broken {packing} stream", member=member, packing=packing.name)
    if not bits:
        raise Malformed.saying("{member} unpacks to nothing", member=member)
    return bytes(bits)
