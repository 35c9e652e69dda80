"""Signed notes and their uses in logs: checkpoints and time-stamped cosignatures.

A note is text, a blank line and signature lines (C2SP signed-note). A checkpoint is a note whose text is a
log's name, size and root (C2SP tlog-checkpoint). A cosignature states at what time this was the log's newest
checkpoint, by its signer (C2SP tlog-cosignature). A key that verifies them is written as a "vkey".
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from hashlib import sha256
from typing import Protocol

from keys import InvalidSignature, PublicKey
from keys.mldsa import MlDsaKey
from wire.problem import Malformed, TooLarge
from wire.text import figures

from .problem import InvalidEvidence

LARGEST_NOTE = 1 << 17
"""Bytes; there is room for sixteen post-quantum signatures, which every verifier has to accept."""
LAST_SECOND = 253402300799  # of the year 9999, where `datetime` ends
LARGEST_SIZE = (1 << 63) - 1
"""Entries of a log: as far as databases count (SQLite, PostgreSQL), and no log comes near it."""
LONGEST_NAME = 255
"""Bytes of the names of a log and a witness that a cosignature with ML-DSA-44 can have."""
_SUBTREE = b"subtree/v1\n\x00"
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")  # tlog-checkpoint: without leading zeros
_NAME = re.compile(r"[^\s+]+")  # signed-note: not empty, without Unicode spaces and plus
_KEY_NAME = re.compile(r"[^\s+\x00-\x1f\x7f-\x9f\ud800-\udfff]+")  # stricter than for the lines of strangers
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_DASH = "\N{EM DASH} "


class SignatureType(IntEnum):
    """The assigned identifier bytes that are supported here: two over Ed25519, one over ML-DSA-44."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    ML_DSA_44 = 0x06


class NoteSigner(Protocol):
    """A key that signs notes or cosignatures: a `Signer` of keys, or one of ML-DSA-44."""

    def sign(self, data: bytes) -> bytes:
        """The raw signature over the data."""


@dataclass(frozen=True)
class VerifierKey:
    """A named key that verifies notes (type 1, Ed25519) or cosignatures (type 4, Ed25519; 6, ML-DSA-44).

    Constructing one raises `Malformed` for a name with spaces, controls or '+', and for other types of key.
    """

    name: str
    type: SignatureType
    public_key: PublicKey | MlDsaKey

    def __post_init__(self) -> None:
        # signed-note: a space or a plus would end the name, and another key could seem to be meant.
        if not _KEY_NAME.fullmatch(self.name):
            raise Malformed("the name of a log or witness is empty, or has a space, a control or a '+' in it")
        if self.type is SignatureType.ML_DSA_44:
            # tlog-cosignature, cosigned_message: a byte has to count the name.
            if self.public_key.type != "ML-DSA-44" or len(self.name.encode()) > LONGEST_NAME:
                raise Malformed(
                    "a witness that signs with ML-DSA-44 has another key, or a name above 255 bytes"
                )
        # signed-note and tlog-cosignature: types 1 and 4 are Ed25519; 32 bytes of another key look the same.
        elif self.public_key.type != "Ed25519":
            raise Malformed.saying(
                "logs and witnesses sign with Ed25519 keys, not {key_type}", key_type=self.public_key.type
            )

    @property
    def id(self) -> bytes:
        """Four bytes that, with the name, identify the key of a signature line (signed-note)."""
        return sha256(self.name.encode() + b"\n" + self._encoded()).digest()[:4]

    def _encoded(self) -> bytes:
        return bytes((self.type,)) + self.public_key.raw

    def __str__(self) -> str:
        """The vkey: name, key id in hexadecimal, and base64 of type and key."""
        return f"{self.name}+{self.id.hex()}+{_base64(self._encoded())}"

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """The key written as a vkey. Raises `Malformed`, also when the key id is not that of name and key."""
        name, key_id, raw = _parts(vkey)
        # signed-note: a byte for the type, then the key, whose length the type gives.
        kind, material = raw[:1], raw[1:]
        if kind == bytes((SignatureType.ML_DSA_44,)):
            key = cls(name, SignatureType.ML_DSA_44, MlDsaKey(material))
        elif len(material) == 32 and kind in (b"\x01", b"\x04"):
            key = cls(name, SignatureType(kind[0]), PublicKey("Ed25519", material))
        else:
            raise Malformed("the key of a log or witness is not an Ed25519 key of signature type 1 or 4")
        # The id is a checksum over name and key (signed-note): a typing error trusts nobody else.
        if key.id.hex() != key_id:
            raise Malformed("the key id of a log or witness is not that of its name and key")
        return key

    def sign(self, signer: NoteSigner, text: bytes, time: datetime | None = None) -> bytes:
        """The signature line over a note's text; a cosignature is given its time, in whole seconds.

        Raises `InvalidEvidence` where ML-DSA-44 cannot cover the text.
        """
        if time is None:
            signature = signer.sign(text)
        else:
            stamp = int(time.timestamp())
            signature = stamp.to_bytes(8) + signer.sign(self._cosigned(stamp, text))
        return signature_line(self.name, self.id, signature)

    def _cosigned(self, stamp: int, text: bytes) -> bytes:
        if self.type is SignatureType.ML_DSA_44:
            return _cosigned_tree(self.name, stamp, text)
        return _cosigned(stamp, text)

    def verify(self, signature: bytes, text: bytes) -> datetime | None:
        """The time that a cosignature states; None for a plain signature. Raises `InvalidEvidence`."""
        try:
            if self.type is SignatureType.ED25519:
                # signed-note: the signature covers all of the text, and nothing else.
                self.public_key.verify(signature, text)
                return None
            # tlog-cosignature: the time is part of the signed message, or anybody could date it back.
            stamp = int.from_bytes(signature[:8])
            self.public_key.verify(signature[8:], self._cosigned(stamp, text))
        except InvalidSignature as error:
            raise InvalidEvidence.saying("the signature by {name} does not verify", name=self.name) from error
        # Eight bytes can state a time that `datetime` cannot hold.
        if stamp > LAST_SECOND:
            raise InvalidEvidence.saying(
                "the cosignature by {name} states a time beyond the year 9999", name=self.name
            )
        return datetime.fromtimestamp(stamp, UTC)


def fingerprint(origin: str, key: VerifierKey | str) -> str:
    """Seven groups of digits by which two people compare the name and key of a log or witness.

    The key may be a vkey, also of a type that is not read here.
    """
    return figures(sha256(f"{origin}\n{key}".encode()).digest())


def signature_type(vkey: str) -> int:
    """The identifier byte of a vkey's type of signature, supported here or not.

    Raises `Malformed` for text that is no vkey of any type (C2SP signed-note, verifier keys).
    """
    name, key_id, raw = _parts(vkey)
    if not _KEY_NAME.fullmatch(name) or not _KEY_ID.fullmatch(key_id) or len(raw) < 2:
        raise Malformed("the key of a log or witness is not a name, a key id and a key")
    return raw[0]


def vkey_name(vkey: str) -> str:
    """The name in a vkey."""
    return vkey.partition("+")[0]


def _parts(vkey: str) -> tuple[str, str, bytes]:
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    return name, key_id, decode_base64(encoded, "The key of a log or witness")


@dataclass(frozen=True)
class Note:
    """A parsed note; its text proves nothing until a signature by a trusted key is verified."""

    text: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]
    """Name, key id and signature of each line."""

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """The parts of a signed note. Raises `InvalidEvidence`, and `TooLarge` above 128 KiB."""
        # threat 62: before it is split into lines.
        if len(data) > LARGEST_NOTE:
            raise TooLarge.saying("the signed note is longer than {most} bytes", most=LARGEST_NOTE)
        # The last blank line: the text may have others (signed-note, format).
        head, blank, tail = data.rpartition(b"\n\n")
        try:
            lines = tail.decode().removesuffix("\n").split("\n")
            head.decode()
        # signed-note: the text is UTF-8, so that all readers see the same.
        except UnicodeDecodeError:
            raise InvalidEvidence("the signed note is not UTF-8") from None
        # signed-note: no ASCII control characters but the newline; they would also reach terminals (A40).
        if not blank or not tail.endswith(b"\n") or _CONTROL.search(data):
            raise InvalidEvidence("the signed note is not a text, a blank line and signature lines")
        return cls(head + b"\n", tuple(_signature(line) for line in lines))

    def signers(self, keys: Iterable[VerifierKey]) -> dict[VerifierKey, datetime | None]:
        """Those of the keys that signed, with the times that cosignatures state.

        Lines by other keys are ignored. A line by one of these that does not verify raises `InvalidEvidence`.
        """
        by_name = {(key.name, key.id): key for key in keys}
        times: dict[VerifierKey, datetime | None] = {}
        for name, key_id, signature in dict.fromkeys(
            self.signatures
        ):  # a line may stand there a thousand times
            # Both: a key id of four bytes is no identity, and the signature decides (signed-note).
            if key := by_name.get((name, key_id)):
                times.setdefault(key, key.verify(signature, self.text))
        return times

    def without_failing(self, keys: Iterable[VerifierKey]) -> bytes:
        """The signed note without those lines by the keys that do not verify.

        Nothing that it proves rests on such a line; whoever relays a note may have added it.
        """
        by_name = {(key.name, key.id): key for key in keys}
        lines = []
        for name, key_id, signature in dict.fromkeys(self.signatures):
            try:
                if key := by_name.get((name, key_id)):
                    key.verify(signature, self.text)
            except InvalidEvidence:
                continue
            lines.append(signature_line(name, key_id, signature))
        return self.text + b"\n" + b"".join(lines)


@dataclass(frozen=True)
class Checkpoint(Note):
    """A log's head: its name, the number of its entries, their root hash, and the note with all that."""

    origin: str
    size: int
    root: bytes
    note: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 over the text; other ledgers are given this digest of a checkpoint."""
        return sha256(self.text).digest()

    @classmethod
    def parse(cls, data: bytes) -> Checkpoint:
        """The checkpoint in a signed note, its signatures unverified. Raises what `Note.parse` raises."""
        signed = Note.parse(data)
        return cls(signed.text, signed.signatures, *_tree(signed.text), data)

    @property
    def has_extensions(self) -> bool:
        """True where the log has added lines of its own to name, size and root."""
        return self.text.count(b"\n") > 3


def _tree(text: bytes) -> tuple[str, int, bytes]:
    """Name, size and root of the log whose checkpoint has this text. Raises `InvalidEvidence`."""
    lines = text.decode().split("\n")[:-1]
    # tlog-checkpoint: no line is empty, extension lines included; the size has no leading zeros.
    if len(lines) < 3 or "" in lines or not _DECIMAL.fullmatch(lines[1]):
        raise InvalidEvidence("the checkpoint is not a log's name, its size and its root")
    root = decode_base64(lines[2], "The root of the checkpoint")
    if len(root) != 32:  # tlog-checkpoint: SHA-256
        raise InvalidEvidence("the root of the checkpoint is not 32 bytes")
    size = int(lines[1])
    # A log can sign any number; what it shows is kept and compared by whoever watches it.
    if size > LARGEST_SIZE:
        raise InvalidEvidence("the checkpoint is of 2^63 entries or more")
    return lines[0], size, root


def signature_line(name: str, key_id: bytes, signature: bytes) -> bytes:
    """One line below a note's text: a dash, the key's name, and base64 of key id and signature."""
    return f"{_DASH}{name} {_base64(key_id + signature)}\n".encode()


def checkpoint_text(origin: str, size: int, root: bytes) -> bytes:
    """The text of a checkpoint, which is what its signatures cover."""
    return f"{origin}\n{size}\n{_base64(root)}\n".encode()


def decode_base64(text: str | bytes, what: str) -> bytes:
    """The bytes of standard base64 (RFC 4648 4) in its only canonical form. Raises `InvalidEvidence`."""
    # Bytes of a file or a command line that are no UTF-8 are no base64 either.
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    try:
        decoded = binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        raise InvalidEvidence.saying("{what} is not base64", what=what) from None
    # As threats 7 and 8: left-over bits would give the same bytes a second spelling.
    if binascii.b2a_base64(decoded, newline=False) != data:
        raise InvalidEvidence.saying("{what} is not base64 in its canonical form", what=what)
    return decoded


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _cosigned(stamp: int, text: bytes) -> bytes:
    # tlog-cosignature, format: the header keeps it apart from every note's text.
    return b"cosignature/v1\ntime %d\n%b" % (stamp, text)


def _cosigned_tree(name: str, stamp: int, text: bytes) -> bytes:
    """The `cosigned_message` of a checkpoint, which is the tree from leaf 0 on, without extension lines."""
    origin, size, root = _tree(text)
    # tlog-cosignature, cosigned_message: one byte counts the name of the log.
    if len(origin.encode()) > LONGEST_NAME:
        raise InvalidEvidence("a cosignature with ML-DSA-44 cannot have so long a name")
    names = [len(each).to_bytes(1) + each for each in (name.encode(), origin.encode())]
    start = bytes(8)
    return b"".join((_SUBTREE, names[0], stamp.to_bytes(8), names[1], start, size.to_bytes(8), root))


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, encoded = line[:2], *line[2:].rpartition(" ")[::2]
    raw = decode_base64(encoded, "A signature of the note")
    # signed-note, signatures: an em dash and a space, the name, then the key id's four bytes and more.
    if dash != _DASH or not _NAME.fullmatch(name) or len(raw) <= 4:
        raise InvalidEvidence("a signature line of the note is not a dash, a name and a signature")
    return name, raw[:4], raw[4:]
