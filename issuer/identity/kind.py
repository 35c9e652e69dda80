"""The kinds that an issuer issues: diplomas by its template.json, and those by the files in `kinds/`.

A job, once begun, and the editions of a diploma keep the template that they were begun with; see
`press.update`. A kind's files never change: issuer.json has its URN, which has their digest. Credentials are
corrected under the version by which they were issued; new ones are of the version added last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from kinds import Kind, Template, shipped
from kinds.compiling import with_compiled
from kinds.kind import COMPILED, REFERENCE, Noun
from kinds.metadata import share_a_type
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from kinds.shipped import diploma_1
from kinds.template import compiled
from wire.files import read_regular
from wire.problem import Damaged, Malformed, NotFound, Problem

from ..press.update import TEMPLATE, has_template, replaced_templates, template_in
from ..problem import ANOTHER_KIND, DAMAGED_ISSUER_FILE, KIND_NOT_NAMED, NO_SUCH_KIND, TYPE_TAKEN
from ..shared import Shared, shared_in
from .description import require_address
from .home import LISTED, Identity, kind_folder

_LARGEST = 1 << 20  # bytes of a file; of kind.json a kind takes less
_MOST_TABLES = 100
MOST_HANDED_OUT = 64
"""The most kinds in the trust file that an issuer hands out: no program accepts more of one issuer."""
_LONGEST_NAME = 100  # characters: a folder is named by it, and a backup takes no longer names

ANY: Noun = ("credential", "credentials")
"""The words for credentials of several kinds, or of a kind whose files are damaged."""


@dataclass(frozen=True)
class Kinds:
    """The kinds of the issuer that lives in a folder, as its files have them now."""

    home: Path

    @property
    def references(self) -> list[str | None]:
        """The URN of each, in the order in which they were added; `None` stands for template.json.

        A folder without any kind is from a release that had diplomas only, even if its template is lost.
        """
        named = Identity.read(self.home).kinds
        return [*([None] if not named or has_template(self.home) else []), *named]

    @property
    def names(self) -> list[str]:
        """Their names, each once."""
        return list(dict.fromkeys(map(name_of, self.references)))

    def reference(self, name: str = "") -> str | None:
        """The URN of the version that was added last of a kind, by default of the only one.

        Raises `KIND_NOT_NAMED` where there are several, and `NO_SUCH_KIND`.
        """
        references = self.references  # read once: each single credential comes by here
        names = list(dict.fromkeys(map(name_of, references)))
        if not name and len(names) > 1:
            raise KIND_NOT_NAMED(f"several kinds are issued here: {', '.join(names)}", kinds=", ".join(names))
        _require_known(name or names[0], names)
        return [each for each in references if name_of(each) == (name or names[0])][-1]

    def newest(self, name: str = "") -> Kind:
        """The kind of `reference`. Raises as that, and as `of`."""
        return self.of(self.reference(name))

    def of(self, reference: str | None) -> Kind:
        """The kind of a URN, as credentials name it; `None` gives diplomas by the template as it is now.

        Raises `NO_SUCH_KIND`, `NotFound`, `InvalidTemplate`, and `Damaged` where its files have changed.
        """
        _require_known(reference, self.references)
        if reference is None:
            return diploma_1().with_template(compiled(template_in(self.home)))
        shared, folder = shared_in(self.home), kind_folder(reference)
        try:
            kind = _kept(shared, folder)
        except (Malformed, NotFound) as problem:
            raise _damaged(shared, folder) from problem
        # The URN has the digest of the files: an edited kind must not speak for credentials issued before.
        if kind.reference != reference:
            raise _damaged(shared, folder)
        return kind

    def intact(self) -> Iterator[Kind]:
        """The kinds that credentials name, the newest first, except those whose files are damaged.

        Credentials of a damaged kind can still be revoked, and their issuer recognised.
        """
        for reference in filter(None, reversed(self.references)):
            with suppress(Damaged):
                yield self.of(reference)

    def nouns(self, names: Iterable[str] | None = None) -> Noun:
        """The English words for one credential and for many of kinds with these names, by default of all."""
        wanted = set(self.names if names is None else names)
        if wanted == {shipped().name} and None in self.references:
            return shipped().nouns["en"]  # template.json can be broken by an edit, and says no nouns
        try:
            return self.newest(*wanted).nouns["en"] if len(wanted) == 1 else ANY
        except (Problem, OSError):
            return ANY

    def require_addable(self, kind: Kind) -> None:
        """Raises `ANOTHER_KIND` if this version is here with other bytes: a version never changes.

        Raises `TYPE_TAKEN` where another kind's credentials have its type, and as `require_address`.
        """
        if kind.reference is None or kind.reference in (named := Identity.read(self.home).kinds):
            return
        require_address(kind, Identity.read(self.home).url)
        # Credentials name the version for good: other bytes under it would change their meaning.
        if kind_folder(kind.reference) in map(kind_folder, named):
            raise ANOTHER_KIND(f"the issuer that lives here issues another {kind.name} {kind.version}")
        for other in self.intact():
            # Programs of others know credentials by type: a permit to park could pass for one to carry arms.
            if other.name != kind.name and share_a_type(other, kind):
                raise TYPE_TAKEN(f"{other.name}, which is issued here, and {kind.name} have the same type")

    def as_kept(self, kind: Kind) -> Kind:
        """The kind as it is kept here, if its author wrote the same files; else the kind itself.

        Another version of this program may compile these sources to other files. Raises as `of`.
        """
        for reference in self.references:
            if reference and kind.reference and kind_folder(reference) == kind_folder(kind.reference):
                kept = self.of(reference)
                return kept if kept.sources == kind.sources else kind
        return kind

    def has(self, kind: Kind) -> bool:
        """True if the kind is issued here."""
        return kind.reference in self.references

    def add(self, kind: Kind) -> None:
        """Adds a kind for good, its files first; does nothing if it is there.

        The caller holds the lock of issuer.json. The kind goes into the log before any credential of it is
        issued. Raises as `require_addable`, `ISSUER_CLOSED` and `LISTS_TOO_OLD`.
        """
        self.require_addable(kind)
        if not self.has(kind):
            identity = Identity.read(self.home)
            identity.require_open()
            identity.require_young_lists(kind)
            keep_kind(self.home, kind)
            if kind.reference:  # afterwards: killed in between, the kind is not added, and can be
                suspension = LISTED if kind.is_suspendable else identity.suspension
                kinds = (*identity.kinds, kind.reference)
                replace(identity, kinds=kinds, suspension=suspension).write(self.home)


def name_of(reference: str | None) -> str:
    """The name of the kind with this URN, or with this name; `None` stands for template.json."""
    return reference.removeprefix(REFERENCE).partition(":")[0] if reference else shipped().name


def _require_known(wanted: str | None, issued: Sequence[str | None]) -> None:
    """Raises `NO_SUCH_KIND` for a name or a URN that is none of these."""
    if wanted not in issued:
        raise NO_SUCH_KIND(f"no {_shown(wanted)} is issued here, but {', '.join(map(_shown, issued))}")


def _shown(kind: str | None) -> str:
    """A name as it is, a URN by its name and version."""
    if kind is None:
        return f"{shipped().name} by {TEMPLATE}"
    return " ".join(kind.removeprefix(REFERENCE).split(":")[:2])


def former_kinds(home: Path) -> list[Kind]:
    """The kinds of the templates that updates replaced. Raises `Damaged` for one that was changed."""
    return [diploma_1().with_template(Template(text)) for text in replaced_templates(home)]


def read_kind(folder: Path) -> Kind:
    """The kind that an author wrote into a folder, compiled. Compiled files in the folder are ignored.

    They might stem from sources that were edited since. Raises `NotFound` where there is no kind, and
    `INVALID_KIND`.
    """
    kind = _read(folder)
    if not kind.is_named:  # its home would be one of diplomas, and its files would not be kept
        raise INVALID_KIND("kind.json: credentials of a kind that is not shipped name it")
    return with_compiled(kind)


def _kept(shared: Shared, folder: str) -> Kind:
    """The kind that `keep_kind` wrote. Raises `NotFound`, `Malformed` and `INVALID_KIND`."""
    tables = [name for name in shared.names(f"{folder}/tables") if name.endswith(".csv")][:_MOST_TABLES]
    paths = [f"{folder}/{name}" for name in ("kind.json", "template.json", *COMPILED)]
    contents = ((name, shared.read(name)) for name in (*paths, *tables))
    files = {name.removeprefix(f"{folder}/"): text for name, text in contents if text is not None}
    if "kind.json" not in files:
        raise NotFound(f"there is no kind.json in {shared.where(folder)}")
    return _parsed(tuple(files.items()))


def _read(folder: Path) -> Kind:
    """The kind in an author's folder."""
    if not (folder / "kind.json").is_file():
        raise NotFound(f"there is no kind.json in {folder}")
    paths = [
        folder / "kind.json",
        folder / "template.json",
        *sorted(folder.glob("tables/*.csv"))[:_MOST_TABLES],
    ]
    # A folder from elsewhere could name any file of whoever reads it, and hand it out with the trust file.
    if links := [path for path in (folder / "tables", *paths) if path.is_symlink()]:
        raise INVALID_KIND(f"{links[0].relative_to(folder)} is a link")
    files = {str(path.relative_to(folder)): read_regular(path, _LARGEST) for path in paths if path.exists()}
    return _parsed(tuple(files.items()))


def keep_kind(home: Path, kind: Kind) -> None:
    """Writes the files that `Kinds.of` reads, durably. Raises `INVALID_KIND` for a name that is too long."""
    shared = shared_in(home)
    if kind.reference is None:
        if shared.read(TEMPLATE) is None:
            shared.write(TEMPLATE, kind.template.text)
        return
    if len(kind.name) > _LONGEST_NAME:
        raise INVALID_KIND(f"kind.json: the name has more than {_LONGEST_NAME} letters")
    folder = kind_folder(kind.reference)
    # A run that was killed before issuer.json named the kind may have left other bytes.
    for name in (*shared.names(folder), *shared.names(f"{folder}/tables")):
        shared.remove(name)
    for path, data in kind.files.items():
        shared.write(f"{folder}/{path}", data)


@lru_cache(maxsize=32)
def _parsed(files: tuple[tuple[str, bytes], ...]) -> Kind:
    return parse_kind(dict(files))


def _damaged(shared: Shared, folder: str) -> Damaged:
    return DAMAGED_ISSUER_FILE(
        f"{shared.where(folder)} is damaged: it is not the kind that issuer.json names"
    )
