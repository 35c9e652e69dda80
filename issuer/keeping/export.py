"""Bundles as files, one a credential, named after its number, and the manifest with the owner of each."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice, tee
from pathlib import Path
from typing import NamedTuple

from kinds import shipped
from vc import Bundle
from vc.problem import UnsupportedForm
from vc.reading import identifier
from vc.reading.bundle import serializer
from vc.secured import MAX_BYTES
from wire.files import (
    locked_folder,
    make_private_folder,
    remove_leftovers,
    sync_files,
    sync_folder,
    temporary_folder,
    write_new,
)
from wire.problem import Malformed, NotFound
from wire.strict import load_json_object
from wire.workers import FORKS, Pool, Tell, available_cores

from ..archive.kept import DEFAULT, Entry
from ..issuer import Issuer
from ..job.order import Progress
from ..problem import EXPORT_FOLDER_TAKEN
from .manifest import extend_manifest, file_of_line, line_of, mend_manifest, tidy_manifest

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_ORDINARY = re.compile(r"(?!(?:.*-)?[0-9A-F]{32}$)[A-Z0-9_][A-Z0-9._-]{0,99}")
"""Numbers that can be file names unchanged.

Numbers that end like a hash are excluded: where case is folded, such a name could be that of another number.
"""
_LIKE_AN_EDITION = re.compile(r".*\.[0-9]+")
AT_ONCE = 128  # files
_SHARE = 8  # times so many are a worker's item: what its bundles have in common is made once
_BEGINNING = b'{\n  "type": "IntaglioBundle"'


def file_name(entry: Entry, *, with_kind: bool = False) -> str:
    """A name that any file system takes. No two copies of any editions share it, even where case is folded.

    `NUMBER.json`, and `NUMBER.EDITION.json` for later editions. A number that itself ends in a full stop and
    digits always has its edition: `UNI-1.2.1.json` is not edition 2 of `UNI-1`. Lower-case letters and
    characters that some file system refuses are told apart by a hash: `uni-1-HASH.json`. Further copies are
    `NUMBER.EDITION+COPY.json`, those in another form than the issuer's own end in it, as in
    `NUMBER+dc+sd-jwt.json`, and `with_kind` a name begins with `KIND+`: no number's name has that sign.
    """
    number = entry.number
    stem = number if _ORDINARY.fullmatch(number) else f"{_safe(number)}-{_hash(number)[:32]}".lstrip("-")
    has_edition = entry.edition > 1 or entry.copy > 1 or _LIKE_AN_EDITION.fullmatch(stem)
    name = f"{stem}.{entry.edition}" if has_edition else stem
    name += f"+{entry.copy}" if entry.copy > 1 else ""
    name += f"+{entry.form.removeprefix('application/').replace('/', '~')}" if entry.form else ""
    return f"{entry.kind}+{name}.json" if with_kind else f"{name}.json"


def bundle_names(issuer: Issuer) -> Callable[[Entry], str]:
    """Returns a function that names the file of a copy, with its kind where another kind has the number."""
    if len(issuer.kinds.names) == 1:
        return file_name

    def name(entry: Entry) -> str:
        is_shared = entry.kind != shipped().name and len(issuer.store.kinds_of(entry.number)) > 1
        return file_name(entry, with_kind=is_shared)

    return name


def _former_names(entry: Entry) -> set[str]:
    """The names that the file may have had: before another kind took the number, and up to 81e9505.

    Two diplomas could share one of 81e9505's, which had no other kinds and no copies.
    """
    number, stem = entry.number, _safe(entry.number)
    if stem != number:
        stem += f"-{_hash(number)[:8]}"
    of_81e9505 = f"{stem}.{entry.edition}.json" if entry.edition > 1 else f"{stem}.json"
    is_first = entry.copy == 1 and entry.form == DEFAULT
    return {file_name(entry), of_81e9505} if is_first else {file_name(entry)}


def _safe(number: str) -> str:
    return _UNSAFE.sub("_", number).lstrip(".-")[:100]


def _hash(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()


def export(
    issuer: Issuer,
    entries: Iterable[Entry],
    folder: Path,
    progress: Callable[[Progress], None] = lambda _: None,
    total: int = 0,
    at_once: int = AT_ONCE,
    *,
    evidence: bool = True,
    unwitnessed: Callable[[int], object] = lambda _: None,
) -> Iterator[Path]:
    """Writes the bundle of each edition, for the owner only; an older one is replaced as a whole.

    A bundle under the name that a former release gave it is replaced, too. `total` is the number of editions,
    for `progress` and to decide whether several processes write. The files that it yields are on the disk and
    in the manifest: `at_once` files are written together, and none stays in memory. The log's witnesses are
    asked first; `unwitnessed` is called with numbers of bundles that lack their lines even so. Without
    `evidence` none is asked, and the bundles are as `Bundle.without_evidence` gives them. Raises
    `EXPORT_FOLDER_TAKEN` where a file of that name is not this issuer's, and `WORKER_DIED`.
    """
    make_private_folder(folder)
    remove_leftovers(folder)
    if evidence:
        issuer.ask_witnesses()
    is_known = mend_manifest(folder)
    desk, size = _Desk(issuer, folder, at_once, evidence), at_once * _SHARE
    processes = _processes(issuer, total // size)
    write = _write_here if processes < 2 else partial(_write_by_workers, processes, size)
    for lines, count in write(desk, entries, lambda done: progress(Progress("writing", done, total))):
        unwitnessed(count)
        yield from (folder / file_of_line(line) for line in lines)
    if is_known:
        tidy_manifest(folder)


def outdated(issuer: Issuer, folder: Path) -> Iterator[Path]:
    """The files in a folder, by the names that `export` gives them, of editions that were revoked.

    Those of suspended ones stay: they are in force again once they are reinstated.
    """
    if not issuer.store.revocations.count():
        return
    name_of = bundle_names(issuer)
    revoked = (entry for entry in issuer.entries() if entry.reason is not None and not entry.is_suspended)
    yield from filter(Path.is_file, (folder / name_of(entry) for entry in revoked))


class _Files(NamedTuple):
    """Files that were written: their lines of the manifest, and how many lack witnesses' lines."""

    lines: list[str]
    unwitnessed: int


def _write_by_workers(
    processes: int, size: int, desk: _Desk, entries: Iterable[Entry], tell: Tell
) -> Iterator[_Files]:
    remaining, done = iter(entries), 0
    with Pool(desk, processes) as pool:
        for files in pool.map(_write_share, iter(lambda: list(islice(remaining, size)), [])):
            if isinstance(files, OSError):
                raise files
            tell(done := done + len(files.lines))
            yield files


class _Desk(NamedTuple):
    """The settings for writing bundles, in this process or in a worker."""

    issuer: Issuer
    folder: Path
    at_once: int
    evidence: bool


def _processes(issuer: Issuer, shares: int) -> int:
    """The number of workers that write, each with two shares or more; below 2, this process writes."""
    processes = min(shares // 2, available_cores())
    # An issuer cannot be pickled, and two processes cannot speak over one connection to what is elsewhere.
    if processes < 2 or not FORKS or not issuer.has_all_in_folder:
        return 0
    for _ in issuer.bundles(
        ()
    ):  # publishes what is due; a passphrase is asked for here, once for all workers
        pass
    issuer.store.close()  # a connection must not be taken through a fork; it opens again by itself
    return processes


def _write_share(desk: _Desk, entries: Sequence[Entry], _: Tell) -> _Files | OSError:
    """A worker's part.

    An error of the disk is returned: a worker that raised it would not say which file it was.
    """
    try:
        parts = list(_write_here(desk, entries, lambda _: None))
        return _Files(
            [line for part in parts for line in part.lines], sum(part.unwitnessed for part in parts)
        )
    except OSError as error:
        return error


def _write_here(desk: _Desk, entries: Iterable[Entry], tell: Tell) -> Iterator[_Files]:
    """Writes bundles, and yields the lines of the manifest, once files and lines are on the disk."""
    chosen, bundled = tee(entries)
    serialize, is_witnessed, unwitnessed = serializer(), desk.issuer.witnessing(), 0

    def bundles() -> Iterator[tuple[Entry, Bundle, bytes]]:
        nonlocal unwitnessed
        for done, (entry, bundle) in enumerate(zip(chosen, desk.issuer.bundles(bundled), strict=True), 1):
            yield entry, bundle, serialize(bundle if desk.evidence else bundle.without_evidence())
            unwitnessed += desk.evidence and not is_witnessed(bundle)
            tell(done)

    remaining = bundles()
    # One for all of them: ext4 puts each new folder, and so its files, somewhere else on the disk.
    with temporary_folder(desk.folder) as temporary:
        while lines := _write(desk, islice(remaining, desk.at_once), temporary):
            yield _Files(lines, unwitnessed)
            unwitnessed = 0


class _Written(NamedTuple):
    """A bundle on its way to its name."""

    name: str
    former: set[str]
    """The names that it may have had before; mostly the same."""
    id: str
    """The `id` of the credential."""
    line: str
    """The line for the manifest."""


def _write(desk: _Desk, bundles: Iterable[tuple[Entry, Bundle, bytes]], temporary: Path) -> list[str]:
    """Gives no file its name before its content is on the disk.

    Syncing many at once takes no longer than one.
    """
    issuer, folder, written = desk.issuer, desk.folder, list[_Written]()
    forms, name_of = issuer.forms, bundle_names(issuer)
    for number, (entry, bundle, data) in enumerate(bundles):
        name = name_of(entry)
        try:
            write_new(f"{temporary}/{number}", data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(folder / name)) from error  # not of a number
        id_, line = str(identifier(bundle.secured, forms)), line_of(name, entry, data)
        written.append(_Written(name, _former_names(entry), id_, line))
    if not written:
        return []
    sync_files(temporary, map(str, range(len(written))))
    # Under a lock: another export could put a file at a name between the look at it and its replacement. Or
    # its line could follow ours in the manifest, with the digest of a bundle that we replaced.
    with locked_folder(folder, if_possible=True):
        for each in written:
            _make_room(issuer, folder, each)
        for number, each in enumerate(written):
            os.replace(f"{temporary}/{number}", f"{folder}/{each.name}")  # noqa: PTH105 -- thousands
        sync_folder(folder)
        for each in written:  # last: at each instant the diploma has a file
            _remove_former(issuer, folder, each)
        extend_manifest(folder, (each.line for each in written))
    return [each.line for each in written]


def _make_room(issuer: Issuer, folder: Path, written: _Written) -> None:
    """Leave nothing at the path but an older bundle of the same credential.

    If a former release wrote another diploma of the issuer there, that file gets its own name. Raises
    `EXPORT_FOLDER_TAKEN` for a file that is not the issuer's.
    """
    data = _read(folder, written.name)
    if data is None or _is_of(data, issuer, written.id) or _is_torn(data):
        return
    path = folder / written.name
    if _quoted(issuer.did) in data:
        with suppress(Malformed, NotFound, UnsupportedForm):
            other = issuer.finder.find_credential(Bundle.parse(data, issuer.forms).secured)
            renamed = path.with_name(bundle_names(issuer)(other))
            if not renamed.exists():
                path.rename(renamed)
            return
    raise EXPORT_FOLDER_TAKEN(f"{path} is there already, and not by this issuer")


def _remove_former(issuer: Issuer, folder: Path, written: _Written) -> None:
    """Remove files of the same credential under other names."""
    for name in written.former - {written.name}:
        data = _read(folder, name)
        if data is not None and (_is_of(data, issuer, written.id) or _is_torn(data)):
            (folder / name).unlink()


def _read(folder: Path, name: str) -> bytes | None:
    # Mostly there is none, and asking is quicker than an exception.
    if not os.access(f"{folder}/{name}", os.F_OK):
        return None
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        return None


def _is_of(data: bytes, issuer: Issuer, credential_id: str) -> bool:
    """True if the data is a bundle of the issuer's credential with this id."""
    if _quoted(issuer.did) in data and _quoted(credential_id) in data:
        return True  # without reading all of it: a folder may hold a hundred thousand
    try:
        return identifier(Bundle.parse(data, issuer.forms).secured, issuer.forms) == credential_id
    except (Malformed, UnsupportedForm):
        return False


def _quoted(text: str) -> bytes:
    return f'"{text}"'.encode()


def _is_torn(data: bytes) -> bool:
    """True for the rest of a bundle after a power cut: nothing, zeros, or its beginning."""
    if not data.strip(b"\0"):
        return True
    try:
        load_json_object(data, limit=MAX_BYTES)
    except Malformed:
        return data.startswith(_BEGINNING)
    return False
