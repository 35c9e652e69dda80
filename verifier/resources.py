"""Files that were given with a credential which states their digests (VCDM 2.0, 5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any, BinaryIO, NamedTuple, Self

from kinds import Kind
from kinds.cells import Field
from kinds.facts import facts_of
from kinds.metadata import said_fields
from vc import Claims, Credential
from vc.vcdm.related import Resource, resources_of
from wire import integrity
from wire.text import shortened

from .policy import ANOTHER_RESOURCE, Findings
from .problem import NO_SUCH_RESOURCE, RESOURCE_MISSING

_MOST_NAMED = 5
"""Ids that one message names at the most."""


class GivenFile(NamedTuple):
    """A file that was given as one of those that a credential states, by its digests."""

    digests: Set[bytes]
    """By SHA-256, -384 and -512, or by whichever of these the credential states."""
    id: str = ""
    """The credential's id for it; may be empty if its digest fits one of the files, or there is only one."""

    @classmethod
    def read(cls, opened: BinaryIO, id: str = "") -> Self:  # noqa: A002 -- the specification's term
        """The file is read once, in pieces."""
        return cls(integrity.digests_of(opened), id)


def files_stated(claims: Claims, kind: Kind | None) -> list[Resource]:
    """The files that a credential states: related resources, and those that only a field of its kind states.

    The latter are named after their field.
    """
    resources = resources_of(claims.said)
    if kind is None:
        return resources
    facts = facts_of(kind, claims)
    for field in filter(_states_files, said_fields(kind)):
        for name, text in _digests(field, facts.get(field.name)):
            digests = integrity.stated(text)
            if not any(digests in each.digests for each in resources):
                resources.append(Resource(name, (digests,)))
    return resources


class ResourcesGiven(NamedTuple):
    """Each file was given whose digest the credential states, be it in a field of its kind."""

    kind: Kind

    def check(self, findings: Findings) -> None:
        """Open (`RESOURCE_MISSING`): the file can still be given, and what is hidden can still be shown."""
        claims = findings.claims
        facts = facts_of(self.kind, claims)
        for field in filter(_states_files, said_fields(self.kind)):
            # Its holder could hide a digest, and leave out the file with it; also one item of a group alone.
            can_hide = field.disclosure != "never" and not isinstance(claims, Credential)
            if can_hide and (field.fields or field.name not in facts):
                raise RESOURCE_MISSING.saying(
                    "{field}, which states files, or a part of it, can be hidden", field=field.name
                )
        stated = files_stated(claims, self.kind)
        missing = sum(not each.fits(findings.resources) for each in stated)
        # Their contents are signed by these digests alone: without the files nothing of them was checked.
        if missing:
            raise RESOURCE_MISSING.saying(
                "{missing} of {count} files whose digests it states are missing",
                missing=missing,
                count=len(stated),
            )


class FilesFit(NamedTuple):
    """Each given file is one that the credential states, or one that a credential shown with it states."""

    files: Sequence[GivenFile]
    by_all: Sequence[Resource]
    """The files that all credentials shown together state."""

    def check(self, findings: Findings) -> None:
        """Definite (`ANOTHER_RESOURCE`) where a file is not what the credential states under its id.

        Open (`NO_SUCH_RESOURCE`) if none has this id, or several could be meant: the caller has to learn that
        the file was compared with nothing.
        """
        for file in self.files:
            meant = self._meant(file)
            # Several credentials may state files of one id: it is enough to be one of these.
            if not meant or any(each.fits(file.digests) for each in meant):
                continue
            # Another credential's file of the same id is compared there.
            if here := [each for each in meant if each in findings.stated]:
                id = shortened(here[0].id)  # noqa: A001
                if not all(here[0].digests):
                    raise ANOTHER_RESOURCE.saying(
                        "the digest that it states for {id} is one that no file has", id=id
                    )
                raise ANOTHER_RESOURCE.saying("the file given for {id} is another one", id=id)
        # Only now: a file that differs is definite, and goes before one that is compared with nothing.
        for file in self.files:
            if not self._meant(file):
                names = ", ".join(shortened(each.id) for each in self.by_all[:_MOST_NAMED])
                if not names:
                    raise NO_SUCH_RESOURCE("a file was given, and it states the digest of none")
                raise NO_SUCH_RESOURCE.saying("a file was given that is none of {names}", names=names)

    def _meant(self, file: GivenFile) -> Sequence[Resource]:
        """The stated files that a given one may be: by its id, by its digest, or as the only one there is."""
        if file.id:
            return [each for each in self.by_all if each.id == file.id]
        fitting = [each for each in self.by_all if each.fits(file.digests)]
        return fitting or (self.by_all if len(self.by_all) == 1 else [])


def _states_files(field: Field) -> bool:
    return field.type == "digest" or any(map(_states_files, field.fields.values()))


def _digests(field: Field, value: Any) -> Iterator[tuple[str, str]]:
    """The digests that the value of a field states, those in the items of a group among them, by field."""
    if field.type == "digest" and value is not None:
        yield field.name, str(value)
    for item in value or () if field.fields else ():
        for inner in filter(_states_files, field.fields.values()):
            yield from _digests(inner, item.get(inner.name))
