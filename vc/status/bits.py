"""The bits of a status list: many small numbers, and the one text that a signed list carries them as."""

from __future__ import annotations

import zlib

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

    def _bits_of(self, index: int) -> range:
        if not 0 <= index < self.entries:
            raise INVALID_STATUS_LIST.saying(
                "position {index} lies outside a list of {entries} entries", index=index, entries=self.entries
            )
        return range(index * self.size, (index + 1) * self.size)

    def encode(self) -> str:
        """The `encodedList`: multibase base64url of the gzipped bits, the same bytes every time (3.3)."""
        # Runs alone, since nothing else repeats in scattered bits: smaller, and up to fifty times as fast.
        packer = zlib.compressobj(6, zlib.DEFLATED, 31, strategy=zlib.Z_RLE)
        return "u" + base64url_encode(packer.compress(self.bits) + packer.flush())

    @classmethod
    def decode(cls, encoded: object, size: int = 1) -> StatusList:
        """Reads an `encodedList` (3.4). Raises `Malformed`, or `TooLarge` for a decompression bomb."""
        if not isinstance(encoded, str) or not encoded.startswith("u"):
            raise Malformed("encodedList is not base64url in multibase form (it has to begin with u)")
        packed = base64url_decode(encoded[1:], limit=_MAX_ENCODED)
        unpacker = unzip.decompressobj(wbits=31)
        try:
            bits = unpacker.decompress(packed, _MAX_BYTES)
        except unzip.error:
            raise Malformed("encodedList is not gzip") from None
        if unpacker.unconsumed_tail:
            raise TooLarge.saying("encodedList unpacks to more than {most} bytes", most=_MAX_BYTES)
        if not unpacker.eof or unpacker.unused_data:
            raise Malformed("encodedList is a broken gzip stream")
        if not bits:
            raise Malformed("encodedList unpacks to nothing")
        entries = len(bits) * 8 // size
        return cls(entries, size, bits[: (entries * size + 7) // 8])
