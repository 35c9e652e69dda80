"""A task to sign a chunk, as bytes: what to sign, by which keys and kind, and no secret.

A task is a header in JSON, a line end, and the frame of the spool with the rows of one span. The keys that
are to sign it are named by their public halves, the root of all secrets by a keyed digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

import orjson

from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Malformed, TooLarge
from wire.strict import load_json_object

from ..press.document import Profile
from ..press.press import Press

VERSION = 1
MOST_BYTES = 4 << 20
"""The most bytes of the rows of a task, packed."""
_MOST_HEADER = 1 << 20  # bytes: of the numbers that rows were given it has a hundred for each
_SHAPE: Mapping[str, type] = {
    "version": int,
    "job": int,
    "number": int,
    "firstSeq": int,
    "created": str,
    "skipped": list,
    "numbers": list,
    "settings": dict,
    "sha256": str,
}


@dataclass(frozen=True)
class SigningSettings:
    """Settings that driver and worker have to have alike, so that both would sign the same bytes."""

    release: str
    root: str
    """The keyed digest of the root of all secrets (`identity.root`)."""
    method: str
    """The DID URL of the key that signs, which has its Multikey."""
    issuer: Mapping[str, str | bool | None]
    """The issuer as it stands in credentials: the members of `Profile`."""
    kind: str
    """The URN of the kind, which has the digest of its files; empty for diplomas by template.json."""
    template: str
    """The SHA-256 of the template, in hexadecimal digits."""
    forms: Sequence[Sequence[str]]
    """Of each form its name in the index, its media type and the algorithm of its signatures."""

    @classmethod
    def of(cls, presses: Sequence[Press], release: str, root: str) -> Self:
        """The settings with which these presses print, one in each form."""
        press = presses[0]
        kind, key = press.composer.kind, press.signer.public_key
        return cls(
            release,
            root,
            press.verification_method,
            asdict(press.composer.profile),
            kind.reference or "",
            sha256(kind.template.text).hexdigest(),
            [[each.composer.form, each.form.media_type, each.form.algorithm(key)] for each in presses],
        )

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Reads the settings of a task. Raises `Malformed`."""
        names = ("release", "root", "method", "kind", "template")
        forms, issuer = members.get("forms"), members.get("issuer")
        if (
            members.keys() != {*names, "forms", "issuer"}
            or not all(isinstance(members[name], str) for name in names)
            or not isinstance(issuer, dict)
            or issuer.keys() != Profile.__dataclass_fields__.keys()
            or not isinstance(forms, list)
            or not forms
            or not all(_are_texts(form) and len(form) == 3 for form in forms)
        ):
            raise Malformed("the settings of a task are of another form")
        return cls(**members)


@dataclass(frozen=True, repr=False)
class SigningTask:
    """The rows of one span, and all that decides what is signed for them."""

    job: int
    number: int
    """The number of the chunk in its job."""
    first_seq: int
    created: datetime
    skipped: frozenset[int]
    numbers: Mapping[int, str]
    """The numbers that rows were given, where the file has none."""
    settings: SigningSettings
    frame: bytes
    """The rows, as the spool has them."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Reads a task. Raises `TooLarge`, and `Malformed`, also for rows that have another digest."""
        if len(data) > MOST_BYTES + _MOST_HEADER:
            raise TooLarge("a task has more bytes than any that is sent")
        header, _, frame = data.partition(b"\n")
        members = load_json_object(header, limit=_MOST_HEADER)
        if {name: type(value) for name, value in members.items()} != _SHAPE or members["version"] != VERSION:
            raise Malformed("a task is of another form")
        if sha256(frame).hexdigest() != members["sha256"]:
            raise Malformed("the rows of a task are not those that were sent")
        skipped, numbers = members["skipped"], members["numbers"]
        if (
            not all(type(row) is int for row in skipped)
            or not all(isinstance(pair, list) and [*map(type, pair)] == [int, str] for pair in numbers)
            or min(members["job"], members["number"], members["firstSeq"]) < 0
        ):
            raise Malformed("the rows or numbers that a task names are none")
        return cls(
            members["job"],
            members["number"],
            members["firstSeq"],
            parse_datetimestamp(members["created"], "created"),
            frozenset(skipped),
            dict(numbers),
            SigningSettings.parse(members["settings"]),
            frame,
        )

    def to_bytes(self) -> bytes:
        """The task, as `parse` reads it. Raises `TooLarge`."""
        header = orjson.dumps(
            {
                "version": VERSION,
                "job": self.job,
                "number": self.number,
                "firstSeq": self.first_seq,
                "created": format_datetimestamp(self.created),
                "skipped": sorted(self.skipped),
                "numbers": [*self.numbers.items()],
                "settings": asdict(self.settings),
                "sha256": sha256(self.frame).hexdigest(),
            }
        )
        if len(self.frame) > MOST_BYTES or len(header) > _MOST_HEADER:
            raise TooLarge(f"chunk {self.number} of the file has more bytes than a cluster takes at once")
        return header + b"\n" + self.frame


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
