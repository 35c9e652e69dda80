"""The type metadata of SD-JWT VCs: the claims that a credential has to have, and those that may be hidden.

SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-18), sections 4 and 5. The documents are those at hand; none is fetched,
since whoever served one would learn where the credential is shown (7.4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from wire import Malformed, integrity, load_json_object
from wire.problem import Code
from wire.text import shortened
from wire.work import VALUE_WALKED, Work

from .problem import SCHEMA_MISMATCH, UnsupportedForm

TYPE_METADATA_MISSING = Code(
    "type-metadata-missing", UnsupportedForm, "The metadata of its type is not whole"
)
"""A type, or one that it extends, has no metadata here that has the digest which was signed."""

# Threat 44d, as for each limit here: metadata is brought by strangers, too.
MOST_EXTENDED = 4
"""Types that a type may extend, one through the other."""
LARGEST = 1 << 18
"""Bytes of one document."""

_PathStep = str | int | None
_SD = ("always", "allowed", "never")


class ClaimRule(NamedTuple):
    """The rule of a type for the claims at one path (4.6); `None` for a member that it leaves out."""

    path: tuple[_PathStep, ...]
    sd: str | None
    mandatory: bool | None


class TypeMetadata(NamedTuple):
    """One document."""

    vct: str
    extends: str
    integrity: str
    """Of the document of the type that it extends; empty where nothing is asked of that."""
    rules: tuple[ClaimRule, ...]
    data: bytes
    """The document as it was published, which digests are over."""

    @classmethod
    def parse(cls, data: bytes, work: Work | None = None) -> Self:
        """Raises `Malformed` for what is no type metadata (4.2 and 4.6), and `TooLarge`."""
        value = load_json_object(data, limit=LARGEST, work=work)
        texts = [value.get(name, "") for name in ("extends", "extends#integrity")]
        vct, claims = value.get("vct"), value.get("claims", [])
        if not isinstance(vct, str) or not vct:
            raise Malformed("type metadata has no vct")
        if not all(isinstance(text, str) for text in texts) or not isinstance(claims, list):
            raise Malformed.saying("a member of the type metadata of {type} is of a wrong kind", type=vct)
        extends, digest = texts
        return cls(vct, extends, digest, tuple(_rule(claim, vct) for claim in claims), data)


def _rule(claim: object, vct: str) -> ClaimRule:
    members = claim if isinstance(claim, dict) else {}
    path, sd, mandatory = members.get("path"), members.get("sd"), members.get("mandatory")
    steps = tuple(path) if isinstance(path, list) else ()
    if (
        not (steps and all(map(_is_step, steps)))
        or (sd is not None and sd not in _SD)
        or type(mandatory) not in (bool, type(None))
    ):
        raise Malformed.saying("a claim in the type metadata of {type} is not described as such", type=vct)
    return ClaimRule(steps, sd, mandatory)


def _is_step(step: object) -> bool:
    return step is None or isinstance(step, str) or (type(step) is int and step >= 0)


class TypeDocuments:
    """Type metadata at hand, by `vct`: `trusted` counts as it is, `brought` only where a digest names it."""

    def __init__(self, trusted: Iterable[TypeMetadata], brought: Iterable[TypeMetadata] = ()) -> None:
        self._own, self._brought = tuple(trusted), tuple(brought)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The documents in a folder's `.json` files. Raises `Malformed`, naming the file."""
        documents = []
        for path in sorted(folder.glob("*.json")):
            try:
                documents.append(TypeMetadata.parse(path.read_bytes()))
            except Malformed as problem:
                raise Malformed.saying(
                    "the type metadata {file}: {why}", file=str(path), why=problem
                ) from None
        return cls(documents)

    def adding(self, trusted: Iterable[TypeMetadata], brought: Iterable[TypeMetadata]) -> TypeDocuments:
        """With further documents."""
        return TypeDocuments((*self._own, *trusted), (*self._brought, *brought))

    def rules(self, vct: str, digest: str) -> tuple[ClaimRule, ...] | None:
        """Return the rules of a type and of all that it extends; `None` where its metadata is not at hand.

        `digest` is the `vct#integrity` of the credential, empty without one. Documents of an own folder that
        have another digest are of another edition of the type.

        Raises `TYPE_METADATA_MISSING` for a chain that is not whole, or longer than `MOST_EXTENDED`, and
        `SCHEMA_MISMATCH` for one that leads back, or contradicts itself.
        """
        # Threat 44d: the metadata of another type or edition could ask for less. Documents that a stranger
        # brought
        # are not looked at here.
        candidates = [document for document in self._own if document.vct == vct]
        first = next(
            (document for document in candidates if not digest or integrity.fits(digest, document.data)), None
        )
        # ADR 14: the type may have such metadata, and it is not here.
        if first is None:
            if candidates and integrity.digests(digest):
                raise TYPE_METADATA_MISSING.saying(
                    "the type metadata of {type} at hand has another digest", type=shortened(vct)
                )
            return None
        line = [first]
        while line[-1].extends:
            parent = self._extended_by(line[-1])
            if parent.vct in {document.vct for document in line}:  # 6.3
                raise SCHEMA_MISMATCH.saying(
                    "the type {schema} extends itself",
                    place="extends",
                    rule="extends",
                    schema=shortened(parent.vct),
                )
            if len(line) > MOST_EXTENDED:  # each costs a document, and nobody needs so many
                raise TYPE_METADATA_MISSING.saying(
                    "the type {type} extends more than {most} types, one through the other",
                    type=shortened(vct),
                    most=MOST_EXTENDED,
                )
            line.append(parent)
        return tuple(_extended(reversed(line)))

    def _extended_by(self, child: TypeMetadata) -> TypeMetadata:
        # Without a digest, nothing but the word of whoever brought one says that it is the one that is meant.
        candidates = (*self._own, *self._brought) if child.integrity else self._own
        parent = next(
            (
                document
                for document in candidates
                if document.vct == child.extends
                # With extends#integrity, another text of that name does not count.
                and (not child.integrity or integrity.fits(child.integrity, document.data))
            ),
            None,
        )
        if parent is None:
            raise TYPE_METADATA_MISSING.saying(
                "the type metadata of {type}, as {child} extends it, is not at hand",
                type=shortened(child.extends),
                child=shortened(child.vct),
            )
        return parent


def _extended(line: Iterable[TypeMetadata]) -> Iterable[ClaimRule]:
    """The rules of a type and those that it inherits, the oldest document first (4.6.5)."""
    rules: dict[tuple[_PathStep, ...], ClaimRule] = {}
    for document in line:
        for rule in document.rules:
            before = rules.get(rule.path, ClaimRule(rule.path, None, None))
            is_fixed = before.sd in ("always", "never")
            # 4.6.5.1: whoever relies on the type that is extended relies on these.
            if (is_fixed and rule.sd not in (None, before.sd)) or (
                before.mandatory and rule.mandatory is False
            ):
                raise SCHEMA_MISMATCH.saying(
                    "the type {schema} loosens what the type that it extends says of {place}",
                    place=_written(rule.path),
                    rule="extends",
                    schema=shortened(document.vct),
                )
            sd = before.sd if rule.sd is None else rule.sd
            mandatory = before.mandatory if rule.mandatory is None else rule.mandatory
            rules[rule.path] = ClaimRule(rule.path, sd, mandatory)
    return rules.values()


class ProcessedPayload(NamedTuple):
    """A credential as it is shown: its claims, and which of them stand in disclosures."""

    payload: Mapping[str, Any]
    disclosed: Collection[tuple[str | int, ...]]
    """The places of the values that the holder could have left out."""
    is_whole: bool
    """True if nothing is hidden."""

    def require(self, rules: Sequence[ClaimRule], vct: str, work: Work) -> None:
        """Raises `SCHEMA_MISMATCH` for a claim that breaks a rule (4.6); it names the place, no value."""
        for rule in rules:
            if broken := self._broken(rule, work):
                raise SCHEMA_MISMATCH.saying(
                    "{place} breaks the rule {rule} of the schema {schema}",
                    place=_written(rule.path),
                    rule=broken,
                    schema=shortened(vct),
                )

    def _broken(self, rule: ClaimRule, work: Work) -> str:
        """The name of the rule that is broken, else nothing."""
        selected: list[tuple[tuple[str | int, ...], Any]] = [((), self.payload)]
        outer: Sequence[Any] = ()
        for step in rule.path:
            # Threat 44d: rules multiply with the values of a credential.
            work.spend(VALUE_WALKED * (1 + len(selected)))
            # 4.6.1: a path through a value of another kind selects nothing, and is an error.
            if any(not isinstance(value, dict if isinstance(step, str) else list) for _, value in selected):
                return "path"
            if isinstance(step, int) and not self.is_whole:  # 4.6.1: which number it has is not known
                return ""
            outer = selected
            selected = [inner for place, value in outer for inner in _selected(place, value, step)]
        work.spend(len(selected))
        # 4.6: what may be hidden is not missing.
        is_known = self.is_whole or rule.sd == "never"
        if rule.mandatory and rule.path[-1] is not None and is_known and len(selected) < len(outer):
            return "mandatory"
        apart = [place in self.disclosed for place, _ in selected]
        is_kept = not any(apart) if rule.sd == "never" else all(apart) if rule.sd == "always" else True
        return "" if is_kept else "sd"


def _selected(
    place: tuple[str | int, ...], value: Any, step: _PathStep
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if step is None:
        yield from (((*place, number), item) for number, item in enumerate(value))
    elif isinstance(step, int):
        yield from [((*place, step), value[step])] if step < len(value) else ()
    elif step in value:
        yield (*place, step), value[step]


def _written(path: Sequence[_PathStep]) -> str:
    return shortened("/".join("*" if step is None else str(step) for step in path))
