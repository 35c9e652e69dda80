"""Pictures into which a badge is baked: PNG and SVG (Open Badges 3.0, section 5.3). Read here, not written.

The badge is cut out, and verified like any other file; nothing of the picture itself is believed. No
picture is decoded, nothing is unpacked, since the standard forbids compression here, and no XML is parsed: so
no entity is expanded, either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zlib import crc32

from wire.work import Work

from ..problem import UnsupportedForm

CHUNK = 4  # steps
_PNG = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"openbadgecredential"
_ELEMENT, _SECTION = b"<openbadges:credential", b"<![CDATA["
# Possessive throughout (`++`, `*+`), so that no input makes the search backtrack.
_OPENING = (
    rb"""<openbadges:credential(?P<attributes>(?:\s++[\w:.-]++\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'))*+)\s*+"""
    rb"""(?P<empty>/)?>\s*+"""
)
_LONGEST_OPENING = 1 << 18  # bytes; a JWT is an attribute
_VERIFY = rb"""\sverify\s*=\s*["']([^"']*)["']"""
_CLOSING = rb"\s*+</openbadges:credential\s*+>"
_CHARACTERS = {
    b"&lt;": b"<",
    b"&gt;": b">",
    b"&quot;": b'"',
    b"&apos;": b"'",
    b"&amp;": b"&",
}  # the ampersand last, or it would begin further references


SUFFIXES = (".png", ".svg")
"""The endings of the names of such pictures, and of others, too."""


def holds_badge(data: bytes) -> bool:
    """True if something seems to be baked in; most pictures are nobody's badge."""
    return (data.startswith(_PNG) and _KEYWORD in data) or (data.lstrip()[:1] == b"<" and _ELEMENT in data)


def credential_in(data: bytes, work: Work | None = None) -> bytes | None:
    """The badge in a picture, JSON or a JWT; `None` where there is no picture, or nothing in it.

    Its parts are charged to `work`. Raises `UnsupportedForm` where it is not baked in as the standard has it,
    and `TooLarge`.
    """
    if not holds_badge(data):
        return None
    return (_in_png if data.startswith(_PNG) else _in_svg)(data, work or Work())


def _in_png(data: bytes, work: Work) -> bytes | None:
    chunks = [chunk for chunk in _chunks(data, work) if chunk.startswith(_KEYWORD + b"\0")]
    if not chunks:
        return None
    if len(chunks) > 1:
        # Threat 31c: other programs might show the other badge.
        raise _unread("PNG", "there are several of them")
    rest = chunks[0][len(_KEYWORD) + 1 :]
    flag, method, rest = rest[:1], rest[1:2], rest[2:]
    if flag == b"\1":
        # Threat 31c: a small text may unpack to gigabytes.
        raise _unread("PNG", "it is compressed, which the standard forbids")
    _language, first, rest = rest.partition(b"\0")
    _keyword, second, text = rest.partition(b"\0")
    if (flag, method, first, second) != (b"\0",) * 4:
        raise _unread("PNG", "its chunk is not as the PNG specification has it")
    return text


def _chunks(data: bytes, work: Work) -> Iterator[bytes]:
    """The content of each iTXt chunk (PNG, 5.3): length, type, content, CRC-32 over the last two."""
    place = len(_PNG)
    while place < len(data):
        # Threat 31c: a picture may have millions of chunks.
        work.spend(CHUNK)
        end = place + 12 + int.from_bytes(data[place : place + 4])
        if end > len(data):
            raise _unread("PNG", "the file is cut off")
        kind = data[place + 4 : place + 8]
        if kind == b"iTXt":
            # Threat 31c: a chunk that was altered is not handed on as the badge.
            if crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
                raise _unread("PNG", "a chunk does not have its checksum")
            yield data[place + 8 : end - 4]
        if kind == b"IEND":
            return
        place = end
    raise _unread("PNG", "the file is cut off")


def _in_svg(data: bytes, work: Work) -> bytes:
    work.spend(len(data) // 1024)
    if data.count(_ELEMENT) > 1:
        # Threat 31c: as in a PNG.
        raise _unread("SVG", "there are several of them")
    start = data.index(_ELEMENT)
    # Threat 31c: no XML is parsed, so that no entity is expanded.
    opening = re.compile(_OPENING).match(data, start, start + _LONGEST_OPENING)
    if opening is None:
        raise _unread("SVG", "its element is not as the standard has it")
    if token := re.search(_VERIFY, opening["attributes"]):
        return token[1]
    if opening["empty"]:
        return b""
    start, end = opening.end(), data.find(b"<", opening.end())
    section = data.startswith(_SECTION, start)
    if section:
        start, end = start + len(_SECTION), data.find(b"]]>", start)
    if end < 0 or not re.compile(_CLOSING).match(data, end + 3 * section):
        raise _unread("SVG", "its element is not as the standard has it")
    return (data[start:end] if section else _unescaped(data[start:end])).strip()


def _unescaped(text: bytes) -> bytes:
    """With the five characters that XML has names for; none that a picture could define."""
    # Threat 31c: any other reference could be an entity that the picture itself defines.
    if text.count(b"&") != sum(map(text.count, _CHARACTERS)):
        raise _unread("SVG", "it has a reference that is not read")
    for name, character in _CHARACTERS.items():
        text = text.replace(name, character)
    return text


def _unread(kind: str, why: str) -> UnsupportedForm:
    return UnsupportedForm.saying(
        "this is a picture ({kind}), and the badge that is baked into it cannot be read: {reason}",
        kind=kind,
        reason=why,
        hint="Ask for the badge's own file (.json).",
    )
