"""The file of a status digest: two lines of text, then packed positions; docs/formats/revocations.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from wire import Malformed, TooLarge
from wire.text import shortened
from wire.work import Work

from ..claims import Claims
from ..secured import MAX_BYTES, Form
from ..status.digest import StatusDigest
from .bundle import Bundle
from .front import read

NAME = "digest"
"""The end of the address of the whole file; that of changes has the number that they follow: `digest-412`."""
LARGEST = 1 << 26
"""Bytes of a file: fifty million revocations of a hundred million credentials are fewer."""
_MOST_STEPS = 1 << 22
_WHOLE, _CHANGES = b"IntaglioStatusDigest 1 whole", b"IntaglioStatusDigest 1 changes"


class DigestFile(NamedTuple):
    """The parts of the file; nothing is verified."""

    bundle: Bundle
    """The signed document, evidence that a log has it, and the issuer's documents, as far as they came."""
    is_whole: bool
    """True if the packed positions are all that are set; False for those changed since the digest before."""
    packed: bytes


def parse_file(data: bytes, forms: Mapping[str, Form], work: Work) -> DigestFile:
    """Raises `Malformed` and `TooLarge`, and what `Bundle.parse` raises."""
    # Threat 57c, as below: whoever looks one credential up reads the whole file.
    if len(data) > LARGEST:
        raise TooLarge.saying("a status digest has more than {most} bytes", most=LARGEST)
    head, _, rest = data.partition(b"\n")
    document, newline, packed = rest.partition(b"\n")
    if head not in (_WHOLE, _CHANGES) or not newline:
        raise Malformed.saying(
            "this is no status digest that is read here: it begins with {line}",
            line=shortened(head[:100].decode(errors="replace")),
        )
    if len(document) > MAX_BYTES:
        raise TooLarge.saying("the document of a status digest has more than {most} bytes", most=MAX_BYTES)
    return DigestFile(Bundle.parse(document, forms, work), head == _WHOLE, packed)


@dataclass(frozen=True)
class WholeDigest:
    """A digest whose positions fit its document; the signature of that is not verified."""

    bundle: Bundle
    claims: Claims
    digest: StatusDigest

    def is_about(self, list_url: str) -> bool:
        """True if a list may be one of those that the digest is about."""
        return list_url.startswith(self.digest.facts.prefix)


def parse_whole(data: bytes, forms: Mapping[str, Form]) -> WholeDigest:
    """Reads a file with all positions. Raises `Malformed`, `TooLarge`, and what the form raises."""
    # Threat 57c: a budget of its own, since no report pays for reading a digest.
    work = Work(_MOST_STEPS)
    file = parse_file(data, forms, work)
    # Positions that changed, read as all that are set, would make most revocations disappear.
    if not file.is_whole:
        raise Malformed("these are changes to a status digest, not a whole one")
    claims = read(file.bundle.secured, forms, work).claims
    return WholeDigest(file.bundle, claims, StatusDigest.parse(claims, file.packed))


def digest_file(bundle: Bundle, packed: bytes, *, is_whole: bool) -> bytes:
    """The file of a signed document with its evidence, and its packed positions or changes."""
    document = orjson.dumps(orjson.loads(bundle.to_bytes()))
    return b"\n".join((_WHOLE if is_whole else _CHANGES, document, packed))
