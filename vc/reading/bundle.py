"""A bundle: one JSON file that verifies offline.

It holds a credential or a presentation untouched, whatever its form, evidence from logs for the secured
documents in it, the issuers' DID documents, and status lists. Everything but the secured document is the
presenter's word until something trusted binds it: a pinned key or digest, or a log that the trust file binds
to the issuer. The verifier decides that, never this module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ledger import Evidence
from ledger.evidence import TLOG_PROOF
from wire import Malformed, TooLarge, base64url_decode, base64url_encode, jcs
from wire.text import shortened
from wire.work import BYTES_HASHED, BYTES_WRITTEN, Work

from ..anchoring import CarriedKind
from ..problem import LATER_VERSION, UnsupportedForm
from ..secured import MAX_BYTES, Form, Received
from ..vcdm.enveloped import Enveloped, is_media_type
from .front import BUNDLE, received, require

# Threat 62: each item is parsed, and evidence costs signatures.
_MAX_ITEMS = 64
_SECURED = "secured"
_KINDS = "kinds"
_CHECKPOINTS = "checkpoints"
_FIRST = frozenset(
    {"type", "version", "credential", "presentation", "evidence", "issuerDocuments", "statusLists"}
)
_THIRD = _FIRST | {_SECURED, _KINDS}
_MEMBERS = {1: _FIRST, 2: _FIRST | {_SECURED}, 3: _THIRD, 4: _THIRD | {_CHECKPOINTS}}
"""Each version has members that a program of the one before must not overlook: it is written where one is."""
_ANCHORED = {
    1: frozenset({"document", "evidence"}),
    2: frozenset({"document", _SECURED, "evidence"}),
    3: frozenset({"document", _SECURED, "evidence"}),
    4: frozenset({"document", _SECURED, "evidence"}),
}
_CARRIED = frozenset({"files", "evidence"})
_DIGEST = frozenset({"sha256"})
_SHA256 = "[0-9a-f]{64}"
# Threat K5: a stranger's kind is parsed and hashed.
LARGEST_KIND = 1 << 16
"""Bytes of the files of a kind."""
_MOST_FILES = 100
_ENVELOPED = frozenset({"form", "text", "data"})
_EVIDENCE = frozenset({"type", "digest", "proof"})
_CHECKPOINT = "checkpoint"
_BLANK, _LINE = b"\n\n", "\n\N{EM DASH} ".encode()
_OWN_LINES = 2
"""Signature lines of a checkpoint that nobody but its log has signed, with its clock."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """A document and the evidence that came with it."""

    document: Received
    """JSON; of a status document, whatever its form is."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """The parts of a bundle, their envelope checked, nothing verified."""

    secured: Received
    """The credential or presentation."""
    evidence: tuple[Evidence, ...] = ()
    """For the credential, or for each credential in the presentation; `Evidence.digest` says which."""
    issuer_documents: tuple[Anchored, ...] = ()
    """DID documents, for each issuer in the order in which they were anchored."""
    status_lists: tuple[Anchored, ...] = ()
    """Status list credentials and revocation details."""
    kinds: tuple[CarriedKind, ...] = ()
    """The kinds that its credentials name."""

    @classmethod
    def parse(
        cls,
        data: bytes | Mapping[str, Any] | Bundle,
        forms: Mapping[str, Form],
        work: Work | None = None,
    ) -> Bundle:
        """Reads a bundle, or a bare credential or presentation, of one of `forms`, as a bundle of itself.

        Raises `UnsupportedForm`, `NO_CREDENTIAL` and `TooLarge` for what is not read here, or costs more than
        is left of `work`; these leave the question open. Raises `Malformed` for a bundle whose known parts
        are broken.
        """
        work = work or Work()
        if isinstance(data, Bundle):
            work.spend(_size(data.secured))
            return data
        value = received(data, forms, work) if isinstance(data, bytes) else require(data, forms)
        if value.get("type") != BUNDLE:
            work.spend(_size(value))  # whole and in limits, also where no signature reaches
            return cls(value)
        version = value.get("version")
        # ADR 14: a later version may have members that decide, so it is open. To Python, JSON's true equals
        # 1.
        if type(version) is not int or version not in _MEMBERS:
            raise UnsupportedForm.saying(
                "the bundle has version {version}; this program reads versions {read}",
                version=shortened(str(version)),
                read=" and ".join(map(str, _MEMBERS)),
                hint="A later version of this program may read it.",
            )
        _require_members(value, _MEMBERS[version], "the bundle")
        if isinstance(data, bytes):  # what could not be written again is refused here
            work.spend(jcs.size(value))
        else:
            jcs.canonicalize(value, work)
        secured = [
            _enveloped(value[name]) if name == _SECURED else require(value[name], forms)
            for name in ("credential", "presentation", _SECURED)
            if name in value
        ]
        # Of two, a program could verify one and show the other.
        if len(secured) != 1:
            raise Malformed("the bundle holds neither one credential nor one presentation")
        notes = _notes(value, work)
        return cls(
            secured[0],
            notes.evidence(value.get("evidence", []), "evidence"),
            _anchored(value.get("issuerDocuments", []), "issuerDocuments", 1, notes),
            _anchored(value.get("statusLists", []), "statusLists", version, notes),
            _kinds(value.get(_KINDS, []), notes),
        )

    def without_evidence(self) -> Bundle:
        """The same without log proofs, issuers' documents and status lists.

        Few credentials share a proof or a list of one moment, which links what a holder shows to two
        verifiers. One who gets nothing but this has to ask for the rest, or leaves the verdict open.
        """
        return Bundle(self.secured, kinds=tuple(kind._replace(evidence=()) for kind in self.kinds))

    def to_bytes(self) -> bytes:
        """The bundle as JSON, indented, since people open such files.

        It is of version 1 where all in it is JSON, of version 3 where it brings a kind, and of version 4
        where proofs share a checkpoint that witnesses have signed.
        """
        return serializer()(self)


def serializer() -> Callable[[Bundle], bytes]:
    """Return a function that does what `Bundle.to_bytes` does, for many bundles one after another.

    Documents, status lists and kinds are dumped once for neighbours that share the very same tuples of them.
    """
    documents: tuple[Anchored, ...] | None = None
    lists: tuple[Anchored, ...] | None = None
    kinds: tuple[CarriedKind, ...] | None = None
    own: list[bytes] | None = None
    places: dict[bytes, int] = {}
    tail, has_enveloped = b"", False

    def serialize(bundle: Bundle) -> bytes:
        nonlocal documents, lists, kinds, own, places, tail, has_enveloped
        notes = _cosigned(bundle.evidence)
        if (
            bundle.issuer_documents is not documents
            or bundle.status_lists is not lists
            or bundle.kinds is not kinds
            or own != notes
        ):
            documents, lists, kinds, own = bundle.issuer_documents, bundle.status_lists, bundle.kinds, notes
            carried: list[Anchored | CarriedKind] = [*documents, *lists, *kinds]
            places = _shared([*own, *_cosigned(item for part in carried for item in part.evidence)])
            shared = [_anchored_dict(item, places) for item in lists]
            has_enveloped = any(_SECURED in item for item in shared)
            members: dict[str, Any] = {
                "issuerDocuments": [_anchored_dict(item, places) for item in documents],
                "statusLists": shared,
            }
            if kinds:
                members[_KINDS] = [_kind_dict(item, places) for item in kinds]
            if places:
                members[_CHECKPOINTS] = [note.decode() for note in places]
            tail = _dumped(members).removeprefix(b"{")
        secured: Mapping[str, Any]
        if isinstance(bundle.secured, Enveloped):
            name, secured = _SECURED, _enveloped_dict(bundle.secured)
        else:
            name, secured = _kind(bundle.secured), bundle.secured
        value = {
            "type": BUNDLE,
            "version": 4 if places else 3 if kinds else 2 if name == _SECURED or has_enveloped else 1,
            name: secured,
            "evidence": [_evidence_dict(item, places) for item in bundle.evidence],
        }
        return b"%b,%b" % (_dumped(value).removesuffix(b"\n}\n"), tail)  # the members of one object

    return serialize


def _cosigned(evidence: Iterable[Evidence]) -> list[bytes]:
    """The checkpoint of each log proof, where others than its log have signed it, too: such are long."""
    notes = (item.body.partition(_BLANK)[2] for item in evidence if item.kind == TLOG_PROOF)
    return [note for note in notes if note.count(_LINE) > _OWN_LINES]


def _shared(notes: Iterable[bytes]) -> dict[bytes, int]:
    """The checkpoints that more than one proof has, with the place of each in the bundle."""
    several = [note for note, times in Counter(notes).items() if times > 1]
    return {note: place for place, note in enumerate(several)}


def _dumped(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _kind(document: Mapping[str, Any]) -> str:
    types = document.get("type")
    types = types if isinstance(types, list) else [types]
    return "presentation" if "VerifiablePresentation" in types else "credential"


def _size(secured: Received) -> int:
    """Steps: for JSON as the whole costs when it is written again."""
    return len(secured.data) // BYTES_HASHED if isinstance(secured, Enveloped) else jcs.size(dict(secured))


def _require_members(value: Mapping[str, Any], defined: frozenset[str], where: str) -> None:
    """Raises `UnsupportedForm` for a member that our own form does not define: a later one may."""
    if value.keys() <= defined:
        return
    # ADR 14: a member that is not known here may decide, so that it is open.
    raise LATER_VERSION.saying(
        "{where} has a member {member}, which this version does not define",
        where=where,
        member=shortened(min(map(str, value.keys() - defined))),
    )


def _items(value: object, where: str, members: frozenset[str]) -> list[Mapping[str, Any]]:
    # Threat R5, as for each part below: what is missing or of another kind is a finding, and no crash.
    if not isinstance(value, list):
        raise Malformed.saying("{where} in the bundle is not a list of objects", where=where)
    # Threat 62.
    if len(value) > _MAX_ITEMS:
        raise TooLarge.saying(
            "{where} in the bundle has more than {most} entries", where=where, most=_MAX_ITEMS
        )
    for item in value:
        if not isinstance(item, dict):
            raise Malformed.saying("{where} in the bundle is not a list of objects", where=where)
        _require_members(item, members, f"an entry of {where} in the bundle")
    return value


@dataclass(frozen=True, slots=True)
class _Notes:
    """The checkpoints that stand once in a bundle, for the proofs that share one; `None` before version 4."""

    notes: Sequence[bytes] | None
    work: Work

    def evidence(self, value: object, where: str) -> tuple[Evidence, ...]:
        """The items of evidence in a list, each whole."""
        members = _EVIDENCE if self.notes is None else _EVIDENCE | {_CHECKPOINT}
        items = _items(value, where, members)
        return tuple(_whole(item, where, self._note(item, where)) for item in items)

    def _note(self, item: Mapping[str, Any], where: str) -> bytes:
        place = item.get(_CHECKPOINT)
        if self.notes is None or place is None:
            return b""
        if type(place) is not int or not 0 <= place < len(self.notes):
            raise Malformed.saying("an entry of {where} in the bundle names no checkpoint of it", where=where)
        # Threat 62: a thousand proofs could name one long checkpoint, and each is copied from it.
        self.work.spend(len(self.notes[place]) // BYTES_WRITTEN)
        return self.notes[place]


def _notes(value: Mapping[str, Any], work: Work) -> _Notes:
    if value["version"] < 4:
        return _Notes(None, work)
    notes = value.get(_CHECKPOINTS, [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise Malformed("the checkpoints of the bundle are not a list of texts")
    return _Notes([note.encode() for note in notes], work)


def _whole(item: Mapping[str, Any], where: str, note: bytes) -> Evidence:
    """One item of evidence; `note` is the end of its proof that stands elsewhere in the bundle."""
    kind, digest, body = item.get("type"), item.get("digest"), item.get("proof")
    if not (isinstance(kind, str) and isinstance(digest, str) and isinstance(body, str)):
        raise Malformed.saying("an entry of {where} in the bundle lacks type, digest or proof", where=where)
    # Logs hold SHA-256 digests.
    if len(raw := base64url_decode(digest, limit=64)) != 32:
        raise Malformed.saying("a digest of {where} in the bundle does not have 32 bytes", where=where)
    return Evidence(kind, raw, body.encode() + note)


def _anchored(value: object, where: str, version: int, notes: _Notes) -> tuple[Anchored, ...]:
    anchored = []
    for item in _items(value, where, _ANCHORED[version]):
        evidence = notes.evidence(item.get("evidence", []), where)
        if _SECURED in item:
            anchored.append(Anchored(_enveloped(item[_SECURED]), evidence))
        elif isinstance(item.get("document"), dict):
            anchored.append(Anchored(item["document"], evidence))
        else:
            raise Malformed.saying("an entry of {where} in the bundle has no document", where=where)
    return tuple(anchored)


def _kinds(value: object, notes: _Notes) -> tuple[CarriedKind, ...]:
    """Each with `files` by path: its text, or `sha256` of one that stayed behind."""
    kinds = []
    for item in _items(value, _KINDS, _CARRIED):
        files = item.get("files")
        if not isinstance(files, dict) or len(files) > _MOST_FILES:
            raise Malformed("a kind in the bundle is not an object of up to 100 files")
        texts = {path: text for path, text in files.items() if isinstance(text, str)}
        absent = {path: _sha256(file) for path, file in files.items() if path not in texts}
        # A name may be as long as a text, and both are hashed.
        if sum(len(path.encode()) + len(texts.get(path, "").encode()) for path in files) > LARGEST_KIND:
            raise TooLarge.saying("a kind in the bundle has more than {most} bytes", most=LARGEST_KIND)
        evidence = notes.evidence(item.get("evidence", []), _KINDS)
        kinds.append(CarriedKind(tuple(texts.items()), tuple(absent.items()), evidence))
    return tuple(kinds)


def _sha256(value: object) -> str:
    if isinstance(value, dict):
        _require_members(value, _DIGEST, "a file of a kind in the bundle")
        digest = value.get("sha256")
        # In small letters only, so that one digest has one spelling.
        if isinstance(digest, str) and re.fullmatch(_SHA256, digest):
            return digest
    raise Malformed("a file of a kind in the bundle is neither a text nor a SHA-256 digest")


def _enveloped(value: object) -> Enveloped:
    """`form` and the bytes: as `text`, where they are UTF-8, else in base64url as `data`."""
    if not isinstance(value, dict):
        raise Malformed("what a bundle secures is not an object with form and text, or form and data")
    _require_members(value, _ENVELOPED, "what the bundle secures")
    form, content = value.get("form"), [value[name] for name in ("text", "data") if name in value]
    if not isinstance(form, str) or not is_media_type(form):
        raise Malformed("what the bundle secures names no media type as its form")
    # Of `text` and `data`, a program could take the other one.
    if len(content) != 1 or not isinstance(content[0], str):
        raise Malformed("what the bundle secures has neither one text nor data in base64url")
    (text,) = content
    return Enveloped(
        form, text.encode() if "text" in value else base64url_decode(text, limit=MAX_BYTES * 4 // 3)
    )


def _enveloped_dict(enveloped: Enveloped) -> dict[str, str]:
    try:
        return {"form": enveloped.form, "text": enveloped.data.decode()}
    except UnicodeDecodeError:
        return {"form": enveloped.form, "data": base64url_encode(enveloped.data)}


def _evidence_dict(evidence: Evidence, places: Mapping[bytes, int]) -> dict[str, Any]:
    told = {"type": evidence.kind, "digest": base64url_encode(evidence.digest)}
    head, blank, note = evidence.body.partition(_BLANK) if places else (evidence.body, b"", b"")
    if evidence.kind != TLOG_PROOF or note not in places:
        return {**told, "proof": evidence.body.decode()}
    return {**told, "proof": (head + blank).decode(), _CHECKPOINT: places[note]}


def _anchored_dict(anchored: Anchored, places: Mapping[bytes, int]) -> dict[str, Any]:
    evidence = [_evidence_dict(item, places) for item in anchored.evidence]
    if isinstance(anchored.document, Enveloped):
        return {_SECURED: _enveloped_dict(anchored.document), "evidence": evidence}
    return {"document": anchored.document, "evidence": evidence}


def _kind_dict(kind: CarriedKind, places: Mapping[bytes, int]) -> dict[str, Any]:
    absent = {path: {"sha256": digest} for path, digest in kind.absent}
    evidence = [_evidence_dict(item, places) for item in kind.evidence]
    return {"files": {**dict(kind.texts), **absent}, "evidence": evidence}
