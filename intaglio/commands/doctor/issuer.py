"""What `intaglio doctor` finds out about an issuer's folder, without its passphrase."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from did import Document
from issuer import status
from issuer.archive.archive import Archive
from issuer.archive.consistency import require_agreement, require_not_older
from issuer.archive.index import Index
from issuer.archive.shards import Shard
from issuer.archive.store import SQLiteIndex
from issuer.home import Identity, index
from issuer.succession import JOURNAL
from keys import KeyFile
from ledger.audit import audit
from ledger.folder import open_to_read
from ledger.log import LogReader
from vc import Credential
from wire.clock import is_ahead
from wire.files import locked
from wire.problem import Damaged, Problem
from wire.strict import load_json_object
from wire.text import counted

from ...terminal import Finding
from ...words import remedy

_LARGEST = 1 << 25  # bytes of a status list
_WRONG_CLOCK = "Set the clock right. If it is right by now: intaglio issuer clock accept"
_WARNED = timedelta(days=30)  # before a list ends


def findings(home: Path, now: datetime) -> Iterator[Finding]:
    """One by one, the costly ones last. Raises the `Problem` that leaves nothing to look at."""
    identity, is_writable = Identity.read(home), os.access(home, os.W_OK)
    changed: list[Path] = []
    if identity.closing is not None:
        yield Finding("✓", f"{identity.name} closed on {identity.closing:%Y-%m-%d}: it issues nothing more.")
    if (home / JOURNAL).exists():
        yield Finding(
            "✗", "A change of its keys was begun and is not done.", "intaglio issuer status publish"
        )
    if is_writable:
        yield from _index(identity.name, home)
        with closing(SQLiteIndex(index(home))) as store:
            require_not_older(store, home, identity)  # else it says nothing true of the rest
            with locked(home / "status"):
                found = status.unlike(store, home / "status")
        for path, problem in found:
            changed.append(path)
            yield Finding("✗", f"{problem.detail}.", "intaglio issuer status publish")
    else:
        what = f"{identity.name} lives in {home}, which may only be read: its index was not looked into."
        yield Finding("!", what)
    lists = sorted({*(home / "status").glob("[0-9]*")} - {*changed})
    for path in (home / "did.json", home / "template.json", *lists):
        try:
            document = load_json_object(path.read_bytes(), limit=_LARGEST)
            listed = Credential.parse(document) if path in lists else None
            if path.name == "did.json":
                Document.parse(document, identity.did)
        except Problem as problem:
            yield Finding("✗", f"{path} is damaged: {problem.detail}", "Bring it back from a backup.")
            continue
        except OSError as error:
            yield Finding("✗", f"{path} cannot be read: {error.strerror}", "Bring it back from a backup.")
            continue
        if listed is not None:
            yield from _age(path.name, listed, now, closed=bool(identity.closed))
    if not KeyFile.open(home / "keys.json", lambda: None).protected:
        what = "Its keys are not sealed under a passphrase; only the folder's rights guard them."
        yield Finding("!", what, "intaglio issuer password")
    log = open_to_read(home)
    signed, size = log.time(), audit(log).size
    count = counted(size, "entry", "entries")
    yield Finding("✓", f"Its log of {count} was derived again, and is as signed.")
    if signed is not None and is_ahead(signed, now):
        what = (
            f"Its log was signed at {signed:%Y-%m-%d %H:%M}Z, ahead of the clock here: nothing is signed now."
        )
        yield Finding("✗", what, _WRONG_CLOCK)
    if is_writable:
        with closing(SQLiteIndex(index(home))) as store:
            yield from _agreement(store, log)
    for path in sorted((home / "shards").rglob("*.zst")):
        for _ in Shard(path):  # unpacks it
            pass


def _age(name: str, listed: Credential, now: datetime, *, closed: bool) -> Iterator[Finding]:
    """Of a list that is dated ahead, has expired or will within a month, or half of a shorter life."""
    start, end = listed.valid_from, listed.valid_until
    if start is not None and is_ahead(start, now):
        what = f"The status list {name} is dated {start:%Y-%m-%d %H:%M}Z, ahead of the clock here."
        yield Finding("✗", what, _WRONG_CLOCK)
    if start is None or end is None or closed:
        return
    if end <= now:
        yield Finding("✗", f"The status list {name} has expired.", "intaglio issuer status publish")
    elif end - now <= min(_WARNED, (end - start) / 2):
        what = f"The status list {name} ends on {end:%Y-%m-%d}: nobody can tell then what was revoked."
        yield Finding("!", what, "intaglio issuer status publish")


def _agreement(store: Index, log: LogReader) -> Iterator[Finding]:
    try:
        require_agreement(store, log)
    except Damaged as problem:
        yield Finding("✗", f"Its index and its log are of different times: {problem.detail}", remedy(problem))


def _index(name: str, home: Path) -> Iterator[Finding]:
    with closing(SQLiteIndex(index(home))) as store:
        editions, later = store.count(), store.later_editions()
        issued = counted(editions - later, "diploma") + (f" in {editions} editions" if later else "")
        yield Finding("✓", f"{name} lives in {home}, and has issued {issued}.")
        if missing := Archive(store, home / "shards").missing():
            what = f"{counted(len(missing), 'shard')} of diplomas: {missing[0]}"
            yield Finding("✗", f"Gone from its folder: {what}", "Take the file from a backup.")
