"""A use as its folder has it: a kind, rows, the attack that it must refuse, and what a run ends with."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from issuer.identity.kind import read_kind
from kinds import Kind
from kinds.expected import Expected
from vc.forms import FORMS
from vc.secured import Discloses
from wire import jcs
from wire.files import read_regular
from wire.problem import Malformed, NotFound
from wire.strict import load_json_object

HERE = Path(__file__).parent
SECTORS = ("health", "education", "ai", "finance", "transport", "government")
_LARGEST = 1 << 20  # bytes of a JSON file

CHANGES: Mapping[str, frozenset[str]] = {
    "cell": frozenset(("column", "value", "reason")),
    "document": frozenset(("file",)),
    "time": frozenset(("days",)),
    "holder": frozenset(),
    "issuer": frozenset(),
    "kind": frozenset(("kind",)),
    "signed": frozenset(("pointer", "value")),
}
"""The one change of an attack, and the members that say more about it."""
_OF_THINGS = ("vin", "gtin")
_OPTIONAL = frozenset(("with", "fresh"))
"""`with`: another document of `files/`, in the place of `file`. `fresh`: the status is too old, and a fresh
list makes the credential valid again; a run shows that for each kind with a `status_age`."""
_SHOWS = "shows"
"""The fields that a holder shows of a kind with a form that can hide the others."""
_MEMBERS = frozenset(
    ("title", "sector", "issuer", "standard", "validator", "neighbour", "paper", "sentence", "bytes")
)


def names() -> list[str]:
    """The uses that come with the program, by their folders."""
    return sorted(path.parent.name for path in HERE.glob("*/use.json"))


@dataclass(frozen=True)
class UseCase:
    """One folder, read."""

    folder: Path
    kind: Kind
    expected: Expected
    said: Mapping[str, Any]
    """The content of `use.json`."""
    attack: Mapping[str, Any]
    """The content of `attack.json`."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises `NotFound`, `INVALID_KIND`, and `Malformed` for a file of another form."""
        if not (folder / "use.json").is_file():
            raise NotFound(f"there is no use.json in {folder}")
        members, attack = _json(folder / "use.json"), _json(folder / "attack.json")
        if members.keys() - {"kind", _SHOWS} != _MEMBERS or members["sector"] not in SECTORS:
            raise Malformed(f"{folder / 'use.json'} has other members, or no sector of {', '.join(SECTORS)}")
        more = CHANGES.get(str(attack.get("change")))
        if more is None or not more | {"change", "code"} <= attack.keys() <= more | _OPTIONAL | {
            "change",
            "code",
        }:
            raise Malformed(
                f"{folder / 'attack.json'} is none of {', '.join(CHANGES)} with the members of that"
            )
        expected = Expected.parse(read_regular(folder / "expected.json", _LARGEST))
        kind = read_kind(folder)
        use = cls(folder, kind, expected, members, attack)
        if not use.types:
            raise Malformed(f"{folder / 'kind.json'} has no types: a verifier has to be able to ask for one")
        return use

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def now(self) -> datetime:
        """Noon of its day, at which the clock of a run stands."""
        return datetime.combine(self.expected.day, time(12), UTC)

    @property
    def address(self) -> str:
        """The invented web site of its issuer."""
        return f"https://{re.sub('[^a-z0-9]+', '-', self.name.lower()).strip('-') or 'use'}.example"

    @cached_property
    def types(self) -> Sequence[str]:
        """The IRIs of the types that are the kind's own."""
        return list(json.loads(self.kind.files["kind.json"]).get("types", {}).values())

    @cached_property
    def policy(self) -> Any:
        """The verifier's policy, beside the type and the kind's own policy; `None` where there is none."""
        path = self.folder / "policy.json"
        return json.loads(read_regular(path, _LARGEST)) if path.exists() else None

    @property
    def shows(self) -> Sequence[str]:
        """The fields that its holder shows in each form that can hide the others."""
        return list(self.said.get(_SHOWS, ()))

    @property
    def parted_forms(self) -> Sequence[str]:
        """The media types of those forms, in which its rows are issued as well."""
        return [name for name in self.kind.forms if isinstance(FORMS.get(name), Discloses)]

    @cached_property
    def neighbour(self) -> UseCase:
        """The use whose credentials are shown where this one's are asked for."""
        attack = self.attack
        return self.beside(attack["kind"] if attack["change"] == "kind" else self.said["neighbour"])

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """The documents that its rows name, by their names in `files/`."""
        paths = sorted((self.folder / "files").rglob("*"))
        within = ((str(path.relative_to(self.folder / "files")), path) for path in paths if path.is_file())
        return {name: path.read_bytes() for name, path in within}

    def beside(self, name: str) -> UseCase:
        """Another use, of the folder in which this one is, else of those that come with the program."""
        folder = self.folder.parent / name
        return UseCase.read(folder if folder.is_dir() else HERE / name)

    @property
    def bound_by(self) -> Sequence[str]:
        """The fields that bind a credential to its thing: a checked number, such as a VIN, and digests.

        Without any of these, it is the issuer's number for the thing.
        """
        fields = self.kind.fields.values()
        binding = [each.name for each in fields if each.type == "digest" or each.check in _OF_THINGS]
        return binding or [self.kind.number]

    @property
    def published(self) -> str:
        """The kind as it was published: name, version and digest; empty where `use.json` does not say."""
        return str(self.said.get("kind", ""))

    @property
    def reference(self) -> str:
        """The present kind: name, version and digest of the files that its author wrote.

        Another release may compile other bytes from the same kind.
        """
        digests = {path: hashlib.sha256(data).hexdigest() for path, data in self.kind.sources.items()}
        return f"{self.kind.name}:{self.kind.version}:{hashlib.sha256(jcs.canonicalize(digests)).hexdigest()}"

    @property
    def is_changed(self) -> bool:
        """True if the kind's files differ from those of the published version."""
        name, version, _ = (*self.published.split(":"), "", "")[:3]
        same_version = (name, version) == (self.kind.name, self.kind.version)
        return same_version and self.published != self.reference


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return load_json_object(read_regular(path, _LARGEST))
    except FileNotFoundError:
        raise NotFound(f"there is no {path}") from None
    except Malformed as problem:
        raise Malformed(f"{path}: {problem.detail}") from problem
