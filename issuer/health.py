"""What can be found out about an issuer's folder, without its passphrase."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from did import Document
from keys import KeyFile
from ledger.audit import audit
from ledger.folder import open_to_read
from ledger.log import LogReader
from vc import Credential
from wire.clock import is_ahead
from wire.files import locked
from wire.health import Finding
from wire.problem import Damaged, NotFound, Problem
from wire.strict import load_json_object

from . import documents, status
from .archive.archive import Archive
from .archive.consistency import require_agreement, require_not_older
from .archive.index import Index
from .archive.shards import Shard
from .archive.store import SQLiteIndex
from .home import STATUS_DOCUMENT_NAME, Identity, index
from .succession import JOURNAL

_LARGEST = 1 << 25  # bytes of a status list
_WARNED = timedelta(days=30)  # before a list ends


def examine_issuer(home: Path, now: datetime) -> Iterator[Finding]:
    """One by one, the costly ones last. Raises the `Problem` that leaves nothing to look at."""
    identity, is_writable = Identity.read(home), os.access(home, os.W_OK)
    changed: list[Path] = []
    if identity.closing is not None:
        yield Finding.passed("issuer-has-closed", name=identity.name, day=f"{identity.closing:%Y-%m-%d}")
    if (home / JOURNAL).exists():
        yield Finding.failed("issuer-keys-half-changed")
    if is_writable:
        yield from _index(identity.name, home)
        with closing(SQLiteIndex(index(home))) as store:
            require_not_older(store, home, identity)  # else it says nothing true of the rest
            with locked(home / "status"):
                found = status.unlike(store, home / "status")
        for path, problem in found:
            changed.append(path)
            yield Finding.failed("issuer-status-file-unlike", problem, file=str(path))
    else:
        yield Finding.warned("issuer-index-not-read", name=identity.name, home=str(home))
    lists = sorted({*(home / "status").glob("[0-9]*")} - {*changed})
    for path in (home / "did.json", home / "template.json", *lists):
        try:
            document = load_json_object(path.read_bytes(), limit=_LARGEST)
            listed = Credential.parse(document) if path in lists else None
            if path.name == "did.json":
                Document.parse(document, identity.did)
        except Problem as problem:
            yield Finding.failed("issuer-file-damaged", problem, file=str(path))
            continue
        except OSError as error:
            yield Finding.failed("issuer-file-unreadable", file=str(path), reason=error.strerror)
            continue
        if listed is not None:
            yield from _age(path.name, listed, now, closed=bool(identity.closed))
    if identity.status_did and (home / "status").exists():  # written with the first list
        yield from _status_document(home)
    keys = home / "keys.json"
    if identity.signer_uri:
        yield Finding.passed("issuer-key-elsewhere", key=identity.signer_uri, keys=str(keys))
    else:
        yield Finding.passed("issuer-keys-found", keys=str(keys))
    held = KeyFile.open(keys, lambda: None)
    if identity.status_did:
        yield Finding.passed("issuer-list-key-apart", did=identity.status_did, keys=str(keys))
    elif "status-list" in held.public_keys and "assertion" not in held.public_keys:
        yield Finding.warned("issuer-list-key-in-folder", keys=str(keys))
    elif "status-list" in held.public_keys and identity.rotates:
        yield Finding.passed("issuer-list-key-beside", keys=str(keys))
    if not held.protected:
        yield Finding.warned("issuer-keys-not-sealed")
    log = open_to_read(home)
    log.store.examine()
    signed, size = log.time(), audit(log).size
    yield Finding.passed("issuer-log-audited", entries=size)
    if signed is not None and is_ahead(signed, now):
        yield Finding.failed("issuer-log-ahead", time=_minute(signed))
    if is_writable:
        with closing(SQLiteIndex(index(home))) as store:
            yield from _agreement(store, log)
    for path in sorted((home / "shards").rglob("*.zst")):
        for _ in Shard(path):  # unpacks it
            pass


def _status_document(home: Path) -> Iterator[Finding]:
    path = home / "status" / STATUS_DOCUMENT_NAME
    try:
        if path.read_bytes() != documents.published_status_document(home):
            yield Finding.failed("issuer-status-file-unlike", status.not_as_published(path), file=str(path))
    except FileNotFoundError:
        yield Finding.failed("issuer-status-file-unlike", status.gone(path), file=str(path))
    except (Damaged, NotFound):
        pass  # `did.json` is not as it was written, which is said of that file


def _age(name: str, listed: Credential, now: datetime, *, closed: bool) -> Iterator[Finding]:
    """Of a list that is dated ahead, has expired or will within a month, or half of a shorter life."""
    start, end = listed.valid_from, listed.valid_until
    if start is not None and is_ahead(start, now):
        yield Finding.failed("issuer-list-ahead", list=name, time=_minute(start))
    if start is None or end is None or closed:
        return
    if end <= now:
        yield Finding.failed("issuer-list-expired", list=name, day=f"{end:%Y-%m-%d}")
    elif end - now <= min(_WARNED, (end - start) / 2):
        yield Finding.warned("issuer-list-ends", list=name, day=f"{end:%Y-%m-%d}")


def _agreement(store: Index, log: LogReader) -> Iterator[Finding]:
    try:
        require_agreement(store, log)
    except Damaged as problem:
        yield Finding.failed("issuer-index-unlike-log", problem)


def _index(name: str, home: Path) -> Iterator[Finding]:
    with closing(SQLiteIndex(index(home))) as store:
        editions, later = store.count(), store.later_editions()
        yield Finding.passed(
            "issuer-found", name=name, home=str(home), diplomas=editions - later, editions=editions
        )
        if missing := Archive(store, home / "shards").missing():
            yield Finding.failed("issuer-shards-gone", shards=len(missing), first=str(missing[0]))


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}Z"
