"""Records between the two passes of a job: a row is checked once, and what it was then is what is signed.

The first pass writes a file for each span and the second reads it, so that memory holds no more than a span.
The files are sealed under a key that is in memory only: what one who was killed leaves tells nobody anything.
"""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kinds import Record
from wire.files import file_problems, make_private_folder
from wire.problem import Damaged

from ..archive.frame import from_frame, to_frame
from ..table.source import Span

_LEVEL = 1  # read once, a minute later
_LARGEST = 1 << 40  # bytes of a span: rows may be long, and only what was sealed here is unpacked


@dataclass(frozen=True, repr=False)
class Spool:
    """The good rows of one file. It can be pickled, so that worker processes get their own."""

    folder: Path
    key: bytes

    def put(self, span: Span, rows: Iterable[tuple[int, bytes]]) -> None:
        """Keeps rows of a span, each with its record as JSON. Once a span: its number is the nonce."""
        lines = b"\n".join(b"%d %s" % row for row in rows)
        sealed = AESGCM(self.key).encrypt(_nonce(span), to_frame(lines, level=_LEVEL), None)
        self._path(span).write_bytes(sealed)

    def rows(self, span: Span) -> Iterator[tuple[int, Record]]:
        """The rows of a span, with their records.

        Raises `Damaged` where they are not as they were put, `Unavailable` where they cannot be read.
        """
        path = self._path(span)
        try:
            with file_problems(path):
                packed = AESGCM(self.key).decrypt(_nonce(span), path.read_bytes(), None)
        except (FileNotFoundError, InvalidTag) as error:
            raise Damaged(f"{path} was changed while the file was issued") from error
        for line in from_frame(packed, _LARGEST).splitlines():
            row, _, record = line.partition(b" ")
            yield int(row), orjson.loads(record)

    def pick(self, spans: Iterable[Span], wanted: Container[int]) -> Iterator[tuple[int, Record]]:
        """The rows of these numbers; a span that has none of them is not read."""
        for span in spans:
            if any(row in wanted for row in span.numbers):
                yield from (found for found in self.rows(span) if found[0] in wanted)

    def _path(self, span: Span) -> Path:
        return self.folder / f"{span.number:06d}"


def _nonce(span: Span) -> bytes:
    return span.number.to_bytes(12)


@contextmanager
def spool(folder: Path) -> Iterator[Spool]:
    """A spool in a folder that nobody else uses meanwhile, and that goes with it."""
    shutil.rmtree(folder, ignore_errors=True)  # of one who was killed
    make_private_folder(folder)
    try:
        yield Spool(folder, AESGCM.generate_key(256))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
