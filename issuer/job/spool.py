"""Records between the two passes of a job: a row is checked once, and the record signed is the one checked.

The first pass writes a file for each span and the second reads it, so that memory holds no more than a span.
The files are sealed under a key that is in memory only, so that the files of a killed process are unreadable.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kinds import Record
from kinds.records import DIGEST_BYTES
from wire.files import FILES, file_problems, remove_leftovers, temporary_folder
from wire.problem import Damaged

from ..archive.frame import from_frame, to_frame
from ..table.source import Span
from .numbering import IDENTITY_BYTES

_ROW_BYTES = 8
_LEVEL = 1  # read once, a minute later
_RECORDS, _IDENTITIES, _NUMBERS, _DIGESTS = _PARTS = ("", ".identities", ".numbers", ".digests")
_LARGEST = 1 << 40  # bytes of a span: rows may be long, and only what was sealed here is unpacked


@dataclass(frozen=True, repr=False)
class Spool:
    """The good rows of one file. It can be pickled, so that worker processes get their own."""

    folder: Path
    key: bytes

    def put(
        self,
        span: Span,
        rows: Iterable[bytes],
        digests: Iterable[tuple[int, bytes]],
        identities: Iterable[tuple[int, bytes]] | None = None,
    ) -> None:
        """Keeps rows of a span, as `packed_row` gives them, their digests and identities, if they have some.

        Once a span: its number is the nonce.
        """
        self._seal(span, _RECORDS, to_frame(b"\n".join(rows), level=_LEVEL))
        self._seal(span, _DIGESTS, _packed(digests))
        if identities is not None:
            self._seal(span, _IDENTITIES, _packed(identities))

    def rows(self, span: Span) -> Iterator[tuple[int, Record]]:
        """The rows of a span, with their records.

        Raises `Damaged` if they are not as they were put, `Unavailable` if they cannot be read.
        """
        yield from unpacked_rows(self.frame(span), _LARGEST)

    def frame(self, span: Span) -> bytes:
        """The rows of a span, packed, for `unpacked_rows` elsewhere. Raises as `rows`."""
        return self._unseal(span, _RECORDS)

    def identities(self, span: Span) -> dict[int, bytes]:
        """The identities of rows of a span. Raises as `rows`."""
        return _unpacked(self._unseal(span, _IDENTITIES), IDENTITY_BYTES)

    def digests(self, span: Span) -> dict[int, bytes]:
        """The digests of the records of rows of a span. Raises as `rows`."""
        return _unpacked(self._unseal(span, _DIGESTS), DIGEST_BYTES)

    def put_numbers(self, span: Span, numbers: Mapping[int, str]) -> None:
        """Keeps the numbers of rows of a span: their own, or those that they were given. Once a span."""
        self._seal(span, _NUMBERS, orjson.dumps([[*numbers], [*numbers.values()]]))

    def numbers(self, span: Span) -> dict[int, str]:
        """The numbers of rows of a span. Raises as `rows`."""
        rows, numbers = orjson.loads(self._unseal(span, _NUMBERS))
        return dict(zip(rows, numbers, strict=True))

    def pick(self, spans: Iterable[Span], wanted: Container[int]) -> Iterator[tuple[int, Record]]:
        """The rows of these numbers; a span that has none of them is not read."""
        for span in spans:
            if any(row in wanted for row in span.numbers):
                yield from (pair for pair in self.rows(span) if pair[0] in wanted)

    def _seal(self, span: Span, part: str, data: bytes) -> None:
        self._path(span, part).write_bytes(AESGCM(self.key).encrypt(_nonce(span, part), data, None))

    def _unseal(self, span: Span, part: str) -> bytes:
        path = self._path(span, part)
        try:
            with file_problems(path):
                return AESGCM(self.key).decrypt(_nonce(span, part), path.read_bytes(), None)
        except (FileNotFoundError, InvalidTag) as error:
            raise Damaged(f"{path} was changed while the file was issued") from error

    def _path(self, span: Span, part: str) -> Path:
        return self.folder / f"{span.number:06d}{part}"


def packed_row(row: int, record: bytes) -> bytes:
    """A row of the file with its record as JSON."""
    return b"%d %b" % (row, record)  # a copy: what orjson gives takes 8 KiB for as long as it is kept


def unpacked_rows(frame: bytes, most: int) -> Iterator[tuple[int, Record]]:
    """The rows in a frame, with their records. Raises `ZstdError` where it holds more than `most` bytes."""
    for line in from_frame(frame, most).splitlines():
        row, _, record = line.partition(b" ")
        yield int(row), orjson.loads(record)


def _packed(by_row: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join([row.to_bytes(_ROW_BYTES) + digest for row, digest in by_row])


def _unpacked(packed: bytes, size: int) -> dict[int, bytes]:
    step = _ROW_BYTES + size
    return {
        int.from_bytes(packed[at : at + _ROW_BYTES]): packed[at + _ROW_BYTES : at + step]
        for at in range(0, len(packed), step)
    }


def _nonce(span: Span, part: str) -> bytes:
    return _PARTS.index(part).to_bytes(4) + span.number.to_bytes(8)


@contextmanager
def spool(parent: Path) -> Iterator[Spool]:
    """A spool in a folder of its own below `parent`, removed with it; so are those of killed jobs."""
    remove_leftovers(parent, FILES)
    with temporary_folder(parent) as folder:
        yield Spool(folder, AESGCM.generate_key(256))
