"""Bundles: diplomas, each with all that verifies it offline. What many share is made once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import tee
from pathlib import Path

from ledger.log import LogReader
from ledger.outbox import Outbox
from vc import Bundle
from vc.status import StatusEntry, page_of
from wire.problem import NotFound

from ..archive.archive import Archive
from ..archive.kept import Entry
from ..identity import documents
from ..press.permutation import LIST_BITS
from ..status.files import anchored, details_name


def bundled(
    home: Path, entries: Iterable[Entry], archive: Archive, log: LogReader, outbox: Outbox
) -> Iterator[Bundle]:
    """The bundle of each edition, one by one, as the issuer's folder, its log and other ledgers have it.

    Raises `Damaged` where a diploma, a list, a document or the log is not as written.
    """
    versions = documents.anchored_versions(home, log)
    published = functools.cache(functools.partial(anchored, archive.store, log, home / "status"))
    chosen, placed = tee(entries)
    lines = archive.lines((found.seq, found.leaf) for found in placed)
    for found, line in zip(chosen, lines, strict=True):
        number = found.seq >> LIST_BITS
        listed = [published(str(number))]
        for status in line.secured.claims.status[:1] if found.reason else ():
            page = page_of(StatusEntry.parse(status).index)
            with suppress(NotFound):  # in a copy to read, the list may not have this revocation yet
                listed.append(published(details_name(number, page)))
        yield Bundle(
            line.credential,
            tuple(dict.fromkeys((log.evidence(found.leaf), *outbox.evidence(log, found.leaf)))),
            documents.since(versions, [found.leaf, *(leaf for leaf, _ in listed)]),
            tuple(shown for _, shown in listed),
        )
