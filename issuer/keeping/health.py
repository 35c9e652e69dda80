"""The health of an issuer's folder, examined without its passphrase.

It answers two questions: could the next diploma be issued, and what stays dated ahead of the clock?
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from random import sample
from typing import Any, TypeVar

from did import Document
from keys import KeyFile, PublicKey
from kinds import Kind, Template
from kinds.shipped import diploma_1
from ledger import EntryKind
from ledger.audit import audit
from ledger.folder import Engines, is_elsewhere, open_to_read, store_in
from ledger.log import LogReader
from ledger.tiles.store import examine, mark_of
from vc import Claims, Credential
from vc.forms import STATUS_KINDS
from vc.reading.status_digest import NAME as DIGEST
from vc.secured import Form
from vc.status.kind import StatusKinds, of_file
from wire.clock import is_ahead
from wire.health import Finding
from wire.problem import Damaged, NotFound, Problem
from wire.strict import load_json_object
from wire.work import Work

from ..archive.archive import Archive
from ..archive.consistency import require_agreement, require_not_older
from ..archive.engines import open_index
from ..archive.index import Index
from ..archive.shard_store import ShardStore
from ..archive.shard_stores import ShardStores, shards_in
from ..archive.shards import lines_of, read_shard
from ..desk.opening import require_links
from ..identity import documents
from ..identity.clock import ClockJournal
from ..identity.home import METADATA_NAME, STATUS, STATUS_DOCUMENT_NAME, Identity, kind_folder
from ..identity.kind import Kinds
from ..identity.succession import ROLES, KeysChanged, ended_ahead, is_pending, require_in_force
from ..press.update import REPLACED, TEMPLATE, lacks_degree
from ..problem import FormNotKnown
from ..shared import Shared, shared_in
from ..shared.machines import examine_machines
from ..status.digest import published_digest
from ..status.files import StatusFolder, gone, not_as_published, unlike
from . import leftovers
from .ahead import editions_ahead

_T = TypeVar("_T")

_LARGEST = 1 << 25  # bytes of a status list
_WARNED = timedelta(days=30)  # before a list ends
_SAMPLE = 16  # shards
_CREDENTIAL = bytes((EntryKind.CREDENTIAL,))
_WRITTEN = ("", "issuer.sqlite", "log", "status", "shards", "documents")
"""The files and folders, where they exist, that issuing has to be able to write to."""


def examine_issuer(
    home: Path,
    now: datetime,
    *,
    engines: Engines | None = None,
    shard_stores: ShardStores | None = None,
    status_kinds: StatusKinds = STATUS_KINDS,
) -> Iterator[Finding]:
    """Yields findings one by one, the costly ones last. Raises the `Problem` that prevents all checks.

    `engines` are as in `ledger.folder`, `shard_stores` as in `shards_in`, `status_kinds` as in `Issuer`. Of
    shards that are kept elsewhere, a random sample is read.
    """
    identity, is_writable = Identity.read(home), os.access(home, os.W_OK)
    shards = shards_in(home, identity.shards, identity.did, stores=shard_stores)
    if identity.closing is not None:
        yield Finding.passed("issuer-has-closed", name=identity.name, day=f"{identity.closing:%Y-%m-%d}")
    if is_pending(home):
        yield Finding.failed("issuer-keys-half-changed")
    if left := leftovers.found(home):
        yield Finding.warned("issuer-left-over", files=len(left), first=str(left[0]))
    if identity.closing is None and (fixed := _read_only(home)):
        yield Finding.failed("issuer-read-only", file=str(fixed))
    shared, folder = shared_in(home), StatusFolder(home)
    changed: list[str] = []
    if is_writable:
        yield from _index(identity.name, home, shards)
        with closing(open_index(home)) as store:
            require_not_older(
                store, home, identity.closing, engines=engines
            )  # else it says nothing true of the rest
            with folder.held():
                not_published = unlike(store, folder)
            links = store.links()
        for name, problem in not_published:
            changed.append(name)
            yield Finding.failed("issuer-status-file-unlike", problem, file=folder.where(name))
        yield from _claims(home, links)
    else:
        yield Finding.warned("issuer-index-not-read", name=identity.name, home=str(home))
    document = yield from _read(
        shared, documents.FILE, lambda data: Document.parse(_json(data), identity.did)
    )
    if document is not None:
        for end in [*ended_ahead(document.value, now).values()][:1]:
            yield Finding.failed("issuer-key-end-ahead", time=_minute(end))
    yield from _templates(home, identity)
    for name in (name for name in folder.names() if name[0].isdigit() and name not in changed):
        kind = of_file(name, status_kinds.values())
        form = None if kind is None else kind.form
        listed = yield from _read(shared, f"{STATUS}/{name}", functools.partial(_list, form))
        if listed is not None:
            yield from _age(name, listed, now, closed=bool(identity.closed))
    try:
        published_digest(folder)
    except Damaged as problem:
        yield Finding.failed("issuer-status-file-unlike", problem, file=folder.where(DIGEST))
    if folder.names():  # written with the first list
        if identity.status_did:
            yield from _derived(
                folder, STATUS_DOCUMENT_NAME, lambda: documents.published_status_document(home)
            )
        if address := identity.address:
            yield from _derived(
                folder, METADATA_NAME, lambda: documents.published_metadata(home, identity.did, address)
            )
    yield from _keys(home, identity, document)
    yield from examine_machines(home, KeyFile.open(home / "keys.json", lambda: None).public_keys)
    examine(store_in(home, read_only=True, engines=engines))  # first: it may keep the log from being opened
    log = open_to_read(home, engines=engines)
    signed, size = log.time(), audit(log).size
    yield Finding.passed("issuer-log-audited", entries=size)
    mark = mark_of(log.store)
    if mark is not None and mark.is_closed:
        yield Finding.failed("issuer-log-left", home=str(home))
    if document is not None:
        yield from _versions(home, log, size)
    if signed is not None and is_ahead(signed, now):
        yield Finding.failed("issuer-log-ahead", time=_minute(signed))
    if is_writable:
        with closing(open_index(home)) as store:
            yield from _agreement(store, log)
            yield from _unknown(store, log)
            yield from _editions(Archive(store, shards), size, [signed, ClockJournal(home).ahead()], now)
    shards.examine()
    names = sorted(shards.names(), key=str)
    for shard in names if shards.is_local else sample(names, min(_SAMPLE, len(names))):
        for _ in lines_of(read_shard(shards, shard), f"{shards.address}/{shard}"):  # unpacks it
            pass


def _read_only(home: Path) -> Path | None:
    """The first place that issuing has to write to, and that is read-only."""
    names = (name for name in _WRITTEN if not (name == "log" and is_elsewhere(home)))
    there = (path for name in names if (path := home / name).exists())
    return next((path for path in there if not os.access(path, os.W_OK)), None)


def _json(data: bytes) -> dict[str, Any]:
    return load_json_object(data, limit=_LARGEST)


def _read(shared: Shared, name: str, parse: Callable[[bytes], _T]) -> Generator[Finding, None, _T | None]:
    """Parse a file; where that fails, yield a finding and return `None`."""
    where = shared.where(name)
    try:
        content = shared.read(name)
        if content is not None:
            return parse(content)
        yield Finding.failed("issuer-file-unreadable", file=where, reason=os.strerror(errno.ENOENT))
    except Problem as problem:
        yield Finding.failed("issuer-file-damaged", problem, file=where)
    except OSError as error:
        yield Finding.unread(error, Path(where))
    return None


def _templates(home: Path, identity: Identity) -> Iterator[Finding]:
    """Checks the templates of diplomas, in force and replaced, and the files of other kinds."""
    kinds = Kinds(home)
    for reference in identity.kinds:
        yield from _kind(home, reference)
    if None not in kinds.references:
        return
    is_left = identity.closed or kinds.reference(diploma_1().name) is not None
    shared = shared_in(home)
    replaced = (name for name in shared.names("") if fnmatchcase(name, REPLACED))
    for name in (TEMPLATE, *replaced):
        template = yield from _read(shared, name, Template)
        if template is not None and name == TEMPLATE and not is_left:
            yield from _outdated(shared.where(name), template)


def _outdated(where: str, template: Template) -> Iterator[Finding]:
    """The properties that new credentials lack by a template.

    A template edited by its registrar stays as it is.
    """
    if lacks_degree(template):
        yield Finding.warned("issuer-template-lacks-degree", file=where)
    elif template.text == diploma_1().template.text:
        yield Finding.warned("issuer-names-no-kind", file=where)


def _kind(home: Path, reference: str) -> Generator[Finding, None, Kind | None]:
    return _read(shared_in(home), f"{kind_folder(reference)}/kind.json", lambda _: Kinds(home).of(reference))


def _claims(home: Path, links: int) -> Iterator[Finding]:
    try:
        require_links(home, links)
    except Problem as problem:
        yield Finding.of(problem)


def _keys(home: Path, identity: Identity, document: Document | None) -> Iterator[Finding]:
    """The location of the keys, and whether the document has those that sign now or next."""
    path = home / "keys.json"
    if identity.signer_uri:
        yield Finding.passed("issuer-key-elsewhere", key=identity.signer_uri, keys=str(path))
    else:
        yield Finding.passed("issuer-keys-found", keys=str(path))
    file, elsewhere = KeyFile.open(path, lambda: None), identity.kept_elsewhere
    has_list_key = identity.rotates and "status-list" in file.public_keys
    if identity.status_did:
        yield Finding.passed("issuer-list-key-apart", did=identity.status_did, keys=str(path))
    elif has_list_key and "assertion" not in file.public_keys:
        yield Finding.warned("issuer-list-key-in-folder", keys=str(path))
    elif has_list_key:
        yield Finding.passed("issuer-list-key-beside", keys=str(path))
    if not file.protected:
        yield Finding.warned("issuer-keys-not-sealed")
    if document is None or is_pending(home):
        return  # a change that is under way ends with the keys in their places
    held = {**file.public_keys, **({"assertion": elsewhere} if elsewhere else {})}
    try:
        for role in held.keys() & (set(ROLES) if identity.rotates else {"assertion"}):
            require_in_force(home, identity.verification_method(held[role], role))
    except KeysChanged:
        yield Finding.failed("issuer-keys-older", keys=str(path))
    else:
        yield from _announced(identity, document, held)


def _announced(identity: Identity, document: Document, held: Mapping[str, PublicKey]) -> Iterator[Finding]:
    """Keys of the document that have no end, and that are not in the key file.

    A key for diplomas may be kept elsewhere: the folder has no address of it before it signs, or none at all.
    """
    names = {identity.verification_method(key, name) for name, key in held.items()}
    methods = documents.methods(document.value)
    absent = [name for name in methods if "expires" not in methods[name] and name not in names]
    if not absent or not identity.rotates:
        return
    keys = ", ".join(name.partition("#")[2] for name in absent)
    may_be_elsewhere = len(absent) == 1 and absent[0] in document.value.get("authentication", ())
    if may_be_elsewhere:
        yield Finding.warned("issuer-key-announced-elsewhere", key=keys)
    else:
        yield Finding.failed("issuer-keys-announced-gone", key=keys)


def _derived(folder: StatusFolder, name: str, content: Callable[[], bytes]) -> Iterator[Finding]:
    """Check that a published file agrees with `did.json`."""
    there, where = folder.read(name), folder.where(name)
    try:
        if there is None:
            yield Finding.failed("issuer-status-file-unlike", gone(where), file=where)
        elif there != content():
            yield Finding.failed("issuer-status-file-unlike", not_as_published(where), file=where)
    except (Damaged, NotFound):
        pass  # `did.json` is not as it was written, which is said of that file


def _list(form: Form | None, data: bytes) -> Claims:
    return Credential.parse(_json(data)) if form is None else form.read(data, {}, Work()).claims


def _age(name: str, listed: Claims, now: datetime, *, closed: bool) -> Iterator[Finding]:
    """Findings on a list that is dated ahead, has expired, or will within a month or half a shorter life."""
    start, end = listed.valid_from, listed.valid_until
    if start is not None and is_ahead(start, now):
        yield Finding.failed("issuer-list-ahead", list=name, time=_minute(start))
    if start is None or end is None or closed:
        return
    if end <= now:
        yield Finding.failed("issuer-list-expired", list=name, day=f"{end:%Y-%m-%d}")
    elif end - now <= min(_WARNED, (end - start) / 2):
        yield Finding.warned("issuer-list-ends", list=name, day=f"{end:%Y-%m-%d}")


def _versions(home: Path, log: LogReader, size: int) -> Iterator[Finding]:
    """Compares each version of the document with the log: bundles and trust file are made of them."""
    if is_pending(home):
        return  # a change that is under way keeps its version after the log has it
    if files := documents.unlike_log(home, log, size):
        yield Finding.failed("issuer-documents-unlike-log", versions=len(files), first=str(files[0]))


def _agreement(store: Index, log: LogReader) -> Iterator[Finding]:
    try:
        require_agreement(store, log)
    except Damaged as problem:
        yield Finding.failed("issuer-index-unlike-log", problem)


def _unknown(store: Index, log: LogReader) -> Iterator[Finding]:
    """Credentials that the log holds and the index does not know: somebody else has the log's key."""
    explained, begun = store.logged.known()
    # Work under way may have entries before those of work that is done: no fault.
    if begun or store.begun_chunks() or store.begun_singles() or explained > log.checkpoint().size:
        return
    unknown = bytearray(explained // 8 + 1)  # a bit for each entry: there may be hundreds of millions
    for place, leaf in enumerate(log.entries(0, explained)):
        if leaf.startswith(_CREDENTIAL):
            unknown[place >> 3] |= 1 << (place & 7)
    after = -1
    while page := store.entries(after):
        for edition in page:
            if edition.leaf < explained:
                unknown[edition.leaf >> 3] &= ~(1 << (edition.leaf & 7))
        after = page[-1].seq
    if count := int.from_bytes(unknown).bit_count():
        first = next(at for at, bits in enumerate(unknown) if bits)
        lowest = (unknown[first] & -unknown[first]).bit_length() - 1
        yield Finding.warned("issuer-log-unexplained", entries=count, first=first << 3 | lowest)


def _editions(archive: Archive, size: int, signed: list[datetime | None], now: datetime) -> Iterator[Finding]:
    """Diplomas that stay dated ahead; looked for only if one of the `signed` times is ahead."""
    if not any(is_ahead(time, now) for time in signed if time is not None):
        return
    with suppress(FormNotKnown):  # of such a diploma nobody here knows when it was signed
        if next(editions_ahead(archive, size, now), None) is not None:
            yield Finding.warned("issuer-diplomas-ahead")


def _index(name: str, home: Path, shards: ShardStore) -> Iterator[Finding]:
    with closing(open_index(home)) as store:
        editions, later = store.count(), store.later_editions()
        yield Finding.passed(
            "issuer-found", name=name, home=str(home), diplomas=editions - later, editions=editions
        )
        archive = Archive(store, shards)
        if missing := archive.missing():
            yield Finding.failed("issuer-shards-gone", shards=len(missing), first=missing[0])
        if strays := archive.strays():
            yield Finding.warned("issuer-shards-stray", shards=len(strays), first=archive.where(strays[0]))


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}Z"
