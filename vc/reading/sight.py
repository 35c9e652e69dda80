"""Names of the kinds of bytes that no form here reads, known by sight.

A person who hands one in learns its name, and so what to ask for instead. It is never called false, since
nothing in it was found to be so.
"""

from __future__ import annotations

import contextlib
import re

from wire import Malformed, base64url_decode, load_json_object
from wire.compact import GLANCE, LONGEST_HEADER
from wire.work import Work

from ..secured import MAX_BYTES


def seen(data: bytes) -> str | None:
    """The kind of a file that is not read here, for people; `None` where that cannot be told."""
    for beginning, form in _BEGINNINGS.items():
        if data.startswith(beginning):
            return form
    return _picture(data) or _token(data.strip()) or _mdoc(data) or _text(data)


_BEGINNINGS = {
    b"%PDF": "a PDF",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x1f\x8b": "a compressed file (gzip)",
    b"0\x80": "a signature in CMS, such as a .p7m file",
    b"0\x82": "a signature in CMS, such as a .p7m file",
    b"intaglio issuer backup": "the backup of an issuer",
    b"SQLite format 3": "a database, such as a wallet or its backup",
    b"\xff\xfe": "text in UTF-16; what is read is UTF-8",
    b"\xfe\xff": "text in UTF-16; what is read is UTF-8",
    b"{\x00": "text in UTF-16; what is read is UTF-8",
    b"\x00{": "text in UTF-16; what is read is UTF-8",
}
_HEADER = rb"[A-Za-z][A-Za-z0-9-]*: "
_MAIL = (b"\nfrom: ", b"\nmime-version: ", b"\nreceived: ", b"\nreturn-path: ")
_COMPACT = rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}"


def _picture(data: bytes) -> str | None:
    start = data[:4096].lower()
    if data.startswith(b"\x89PNG"):
        kind = "PNG"
    elif b"<svg" in start:
        kind = "SVG"
    else:
        return "a web page" if b"<html" in start else None
    baked = b"openbadge" in data
    return f"a picture ({kind}){', into which a badge is baked' if baked else ''}"


def _token(data: bytes) -> str | None:
    """A JWT, SD-JWT or JWE: base64url with dots, whose first part is a JSON object with `alg`."""
    token, tilde, _ = data.partition(b"~")
    # The shape comes first: most bytes are no token, and cost no parsing.
    if re.fullmatch(_COMPACT, token) is None:
        return None
    try:
        # Threat 44e: a header of brackets must cost no more than a glance.
        text = token.partition(b".")[0].decode()
        header = load_json_object(base64url_decode(text, limit=LONGEST_HEADER), work=Work(GLANCE))
    except Malformed:
        return None
    if "alg" not in header:
        return None
    return "an SD-JWT" if tilde else "an encrypted JWT" if "enc" in header else "a JWT"


def _mdoc(data: bytes) -> str | None:
    """A CBOR map that holds what an mdoc does (ISO/IEC 18013-5), or a COSE_Sign1; also in base64url."""
    with contextlib.suppress(Malformed, UnicodeDecodeError):
        data = base64url_decode(data.strip().rstrip(b"=").decode("ascii"), limit=MAX_BYTES)
    if data[:1] and data[0] >> 5 == 5 and (b"issuerAuth" in data or b"issuerSigned" in data):
        return "an mdoc (ISO 18013-5)"
    return "a credential in COSE" if data.startswith(b"\xd2\x84") else None


def _text(data: bytes) -> str | None:
    start = b"\n" + data[:4096].lower()
    if data.startswith(b"From ") or (re.match(_HEADER, data) and any(name in start for name in _MAIL)):
        return "an e-mail"
    return None
