"""Finding and signing anew everything that a clock dated ahead, once the clock is right again.

A verifier cannot tell which of two clocks is wrong, so anything dated ahead stays undecided until its date.
Checkpoint, status lists and the ends of keys are replaced; a diploma gets another edition, once its registrar
says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ledger.log import time_to_sign
from wire.clock import is_ahead
from wire.datetimestamp import format_datetimestamp

from ..archive.archive import Archive, unpack
from ..archive.kept import Entry
from ..identity import documents
from ..identity.clock import ClockJournal
from ..identity.home import Identity
from ..identity.succession import ended_ahead
from ..issuer import Issuer
from ..status.files import latest


def signed_until(issuer: Issuer) -> datetime | None:
    """The latest date of the log's checkpoint or of a status list."""
    return max(filter(None, (issuer.reader.time(), latest(issuer.store))), default=None)


def dated_until(issuer: Issuer, now: datetime) -> datetime | None:
    """The same, also counting the latest end, ahead of `now`, that the issuer's document gives a key."""
    ends = ended_ahead(documents.newest(issuer.home), now).values()
    return max(filter(None, (signed_until(issuer), *ends)), default=None)


def accept_clock(issuer: Issuer, now: datetime) -> None:
    """Accepts the issuer's clock, which says `now`, as right: checkpoint and status lists are signed anew.

    Keys that ended ahead of time end now, by another version of the document. With nothing dated ahead,
    nothing changes. If it is killed, the next signing command finishes it.

    An issuer that closed ahead of time is open again: its last lists would be dated ahead like the closing.
    """
    now, signed = time_to_sign(now, None), signed_until(issuer)
    if signed is not None and is_ahead(signed, now):
        issuer.require_list_signer()
        if issuer.identity.closing is not None and is_ahead(issuer.identity.closing, now):
            issuer.store.revocations.note_closed(False)
            issuer.identity = Identity.change(issuer.home, closed="")
        issuer.store.revocations.none_later(format_datetimestamp(now))
        ClockJournal(issuer.home).add(clock=now, ahead=signed, checkpoint=issuer.reader.checkpoint())
    issuer.reread()  # so that `lists` looks at the document again
    issuer.lists.publish(now=issuer.log.now())


def dated_ahead(issuer: Issuer, now: datetime) -> Iterator[Entry]:
    """As `editions_ahead`, for an issuer."""
    return editions_ahead(issuer.archive, issuer.reader.checkpoint().size, now)


def editions_ahead(archive: Archive, size: int, now: datetime) -> Iterator[Entry]:
    """The diplomas whose current edition is dated ahead, the oldest first; the log has `size` entries.

    Of single diplomas it reads only these and a thousand more; of files, only the jobs begun ahead.
    """
    store, leaf = archive.store, size
    seqs = set[int]()
    for shard in store.chunks_after(format_datetimestamp(now)):
        for line in archive.chunk(shard):
            if not line.is_ahead(now):
                break  # all of a chunk have one date
            seqs.add(line.seq)
    while page := store.newest_singles(leaf):
        leaf = page[-1][1]
        ahead = {seq for seq, _, packed in page if unpack(seq, packed, archive.forms).is_ahead(now)}
        if not ahead:
            break
        seqs |= ahead
    for edition in map(store.entry, sorted(seqs)):
        if edition.reason is None:
            yield edition
