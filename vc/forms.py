"""What bytes are, by their content: JSON, a picture that holds some, or a form that is known by sight only.

A verdict needs something that was read. Whatever else somebody hands in is named, so that he knows what to
ask for; it is never called false, since nothing in it was found to be so.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from wire import Malformed, RepeatedMember, TooLarge, base64url_decode, load_json, load_json_object
from wire.text import shortened
from wire.work import Work

from .baked import credential_in
from .problem import IsTrustFile, KnownBySight, LaterVersion, NoCredential

BUNDLE = "IntaglioBundle"
"""The type of a bundle of ours."""

SUFFIXES = (".json", ".jsonld")
"""How the names of files end in which a folder or an archive is looked through; case does not matter."""

MAX_BYTES = 1 << 23
"""Of any file; what is longer is not read."""

_TYPES = frozenset(
    {
        "VerifiableCredential",
        "VerifiablePresentation",
        "EnvelopedVerifiableCredential",
        "EnvelopedVerifiablePresentation",
    }
)


def read(data: bytes, work: Work | None = None) -> dict[str, Any]:
    """The JSON object in a file or picture, which calls itself a credential, a presentation or a bundle.

    Raises `UnsupportedForm`, which names the form, `NoCredential` and `TooLarge`, which leave the question
    open; and `RepeatedMember` for what calls itself one of these and has a member twice.
    """
    if len(data) <= MAX_BYTES:
        data = credential_in(data, work) or data
    try:
        value = load_json(data, limit=MAX_BYTES, work=work)
    except RepeatedMember as problem:
        if not any(map(_is_known, _types_of_repeated(data))):
            raise NoCredential(
                f"this JSON is no credential, and has a member twice: {problem.detail}"
            ) from None
        raise
    except Malformed as problem:
        if form := seen(data):
            raise KnownBySight(f"this is {form}", form=form) from None
        if isinstance(problem, TooLarge):
            raise
        raise NoCredential(problem.detail, hint=problem.hint) from None
    return require(value)


def require(value: object) -> dict[str, Any]:
    """`value`, if it is a JSON object that calls itself a credential, a presentation or a bundle.

    Raises `UnsupportedForm` and `NoCredential`.
    """
    if isinstance(value, str) and (form := seen(value.encode(errors="replace"))):
        raise KnownBySight(f"this is {form}", form=form)
    if not isinstance(value, Mapping):
        raise NoCredential("a credential, a presentation or a bundle is a JSON object, which begins with '{'")
    if _is_known(value.get("type")):
        return dict(value)
    if "issuers" in value and "version" in value:
        raise IsTrustFile("this is a trust file, not a diploma")
    if "payload" in value and not value.keys().isdisjoint({"signature", "signatures"}):
        form = "a JSON Web Signature in JSON, such as JAdES"
        raise KnownBySight(f"this is {form}", form=form)
    raise NoCredential("by its type this JSON is no credential, no presentation and no bundle")


def require_members(value: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    """Raises `UnsupportedForm` for a member that our own form does not define: a later one may."""
    if value.keys() <= known:
        return
    raise LaterVersion(
        f"{where} has a member {shortened(min(map(str, value.keys() - known)))}, which this version does not "
        "define"
    )


def seen(data: bytes) -> str | None:
    """What a file that is not read here is, for people; `None` where that cannot be told."""
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
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*: ")
_MAIL = (b"\nfrom: ", b"\nmime-version: ", b"\nreceived: ", b"\nreturn-path: ")
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}")
_LONGEST_HEADER = 1 << 16  # characters


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
    if _COMPACT.fullmatch(token) is None:
        return None
    try:
        header = load_json_object(base64url_decode(token.partition(b".")[0].decode(), limit=_LONGEST_HEADER))
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
    if data.startswith(b"From ") or (_HEADER.match(data) and any(name in start for name in _MAIL)):
        return "an e-mail"
    return None


def _is_known(kind: object) -> bool:
    """Whether a `type` is that of a credential, a presentation or a bundle."""
    texts = {item for item in (kind if isinstance(kind, list) else [kind]) if isinstance(item, str)}
    return kind == BUNDLE or not _TYPES.isdisjoint(texts)


def _types_of_repeated(data: bytes) -> list[object]:
    """Each `type` at the top of a JSON object, of which there may be several."""
    members = json.loads(data.decode("utf-8-sig"), object_pairs_hook=tuple)
    return [value for name, value in members if name == "type"] if isinstance(members, tuple) else []
