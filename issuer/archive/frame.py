"""Zstandard frames (RFC 8878), by the standard library from Python 3.14 on, and by its backport before."""

from __future__ import annotations

import functools
import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError
else:
    from backports.zstd import CompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError

__all__ = ["LARGEST", "ZstdError", "from_frame", "to_frame"]

LARGEST = 1 << 26
"""The most bytes that a frame of the archive unpacks to."""


def to_frame(data: bytes, *, level: int = 3, checksum: bool = False) -> bytes:
    """Return one frame with this content."""
    return _compressor(level, checksum).compress(data, ZstdCompressor.FLUSH_FRAME)


@functools.cache  # of few levels, each with the memory that it works in
def _compressor(level: int, checksum: bool) -> ZstdCompressor:
    options: dict[int, int] = {
        CompressionParameter.compression_level: level,
        CompressionParameter.checksum_flag: int(checksum),
    }
    return ZstdCompressor(options=options)


def from_frame(frame: bytes, most: int = LARGEST) -> bytes:
    """Return the content of one whole frame, at most `most` bytes. Raises `ZstdError` for anything else."""
    decompressor = ZstdDecompressor()
    data = decompressor.decompress(frame, most + 1)  # a few damaged bytes could ask for any memory
    if not decompressor.eof or decompressor.unused_data or len(data) > most:
        raise ZstdError(f"not one whole frame of at most {most} bytes")
    return data
