"""The kind that an issuer issues: diplomas by its template.json, or another one by the files in `kind/`.

A job that was begun and the editions of a diploma keep the template that they were begun with; see
`press.update`. A kind's files never change: issuer.json has its URN, which has their digest.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from kinds import Kind, Template, shipped
from kinds.compiling import with_compiled
from kinds.kind import COMPILED, Noun
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from kinds.shipped import diploma_1
from kinds.template import compiled
from wire.files import locked, read_regular, write_durably
from wire.problem import Damaged, Malformed, NotFound, Problem

from ..press.update import TEMPLATE, replaced_templates
from ..problem import DAMAGED_ISSUER_FILE
from .home import Identity

FOLDER = "kind"
_LARGEST = 1 << 20  # bytes of a file; of kind.json a kind takes less
_MOST_TABLES = 100


def kind_in(home: Path) -> Kind:
    """The kind that lives in an issuer's folder.

    Raises `NotFound`, `InvalidTemplate`, and `Damaged` where its files are not as they were.
    """
    named = Identity.read(home).kind
    if not named:
        return diploma_1().with_template(compiled((home / TEMPLATE).read_bytes()))
    try:
        kind = _read(home / FOLDER, COMPILED)
    except (Malformed, NotFound) as problem:
        raise _damaged(home) from problem
    if kind.reference != named:
        raise _damaged(home)
    return kind


def nouns_in(home: Path) -> Noun:
    """The English words for one of its credentials and for many.

    Where the kind's files are damaged they are credentials: what was issued can be looked at without those.
    """
    if not Identity.read(home).kind:  # Their template.json can be broken by an edit, and says no nouns.
        return diploma_1().nouns["en"]
    try:
        return kind_in(home).nouns["en"]
    except (Problem, OSError):
        return "credential", "credentials"


def former_kinds(home: Path) -> list[Kind]:
    """The kinds of the templates that something else replaced. Raises `Damaged` for one that was changed."""
    templates = replaced_templates(home)
    if Identity.read(home).kind and (home / TEMPLATE).exists():  # see `leave_template`
        templates.append((home / TEMPLATE).read_bytes())
    return [diploma_1().with_template(Template(text)) for text in templates]


def leave_template(home: Path, *, patience: float) -> bool:
    """Has an issuer of before issue by the version of its kind that comes along; whether it did not yet.

    Its template stays for what was begun with it. Waits `patience` seconds for a job under way. Raises
    `ISSUER_CLOSED`, and `TryLater`.
    """
    with locked(home / "issue", patience=patience), locked(home / "issuer.json"):
        identity, kind = Identity.read(home), shipped()
        if identity.kind:
            return False
        identity.require_open()
        keep_kind(home, kind)
        replace(identity, kind=kind.reference or "").write(home)  # last: killed before, nothing has changed
    return True


def as_kept(home: Path, kind: Kind) -> Kind:
    """The kind as the issuer in a folder keeps it, if its author wrote the same files; else the kind itself.

    Another version of this program may compile other files of these. Raises as `kind_in`.
    """
    if not Identity.read(home).kind:
        return kind
    kept = kind_in(home)
    return kept if kept.sources == kind.sources else kind


def read_kind(folder: Path) -> Kind:
    """The kind that an author wrote into a folder, compiled. What lies there compiled is not read.

    It might be of files that were edited since. Raises `NotFound` where there is no kind, and `INVALID_KIND`.
    """
    kind = _read(folder)
    if not kind.is_named:  # its home would be one of diplomas, and its files would not be kept
        raise INVALID_KIND("kind.json: credentials of a kind that is not shipped name it")
    return with_compiled(kind)


def _read(folder: Path, others: tuple[str, ...] = ()) -> Kind:
    """The kind in a folder, with the `others` among its files."""
    if not (folder / "kind.json").is_file():
        raise NotFound(f"there is no kind.json in {folder}")
    paths = [
        folder / "kind.json",
        folder / "template.json",
        *(folder / name for name in others),
        *sorted(folder.glob("tables/*.csv"))[:_MOST_TABLES],
    ]
    # A folder from elsewhere could name any file of whoever reads it, and hand it out with the trust file.
    if links := [path for path in (folder / "tables", *paths) if path.is_symlink()]:
        raise INVALID_KIND(f"{links[0].relative_to(folder)} is a link")
    files = {str(path.relative_to(folder)): read_regular(path, _LARGEST) for path in paths if path.exists()}
    return _parsed(tuple(files.items()))


def keep_kind(home: Path, kind: Kind) -> None:
    """Writes what `kind_in` reads, durably."""
    if not kind.is_named:
        if not (home / TEMPLATE).exists():
            write_durably(home / TEMPLATE, kind.template.text)
        return
    # What a run left that was killed before it had made an issuer may be of another kind.
    shutil.rmtree(home / FOLDER, ignore_errors=True)
    (home / FOLDER / "tables").mkdir(parents=True)
    for path, data in kind.files.items():
        write_durably(home / FOLDER / path, data)


@lru_cache(maxsize=4)
def _parsed(files: tuple[tuple[str, bytes], ...]) -> Kind:
    return parse_kind(dict(files))


def _damaged(home: Path) -> Damaged:
    return DAMAGED_ISSUER_FILE(f"{home / FOLDER} is damaged: it is not the kind that issuer.json names")
