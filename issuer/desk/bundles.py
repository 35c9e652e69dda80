"""Bundles: diplomas, each with all that verifies it offline. Parts that many bundles share are made once."""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from kinds import Kind
from kinds.kind import SUSPENSION
from kinds.shipped import is_shipped
from ledger import EntryKind, entry
from ledger.log import LogReader
from ledger.outbox import Outbox
from vc import Anchored, Bundle
from vc.anchoring import CarriedKind
from vc.forms import BITSTRING, STATUS_KINDS
from vc.status import SUSPENSION_SUFFIX, page_of
from vc.status.entry import several
from vc.status.kind import StatusKind, StatusKinds
from vc.status.kind import entries as entries_of
from vc.vcdm.enveloped import Enveloped
from wire.problem import NotFound

from ..archive.archive import Archive
from ..archive.kept import Entry
from ..identity import documents
from ..press.permutation import LIST_BITS
from ..press.press import Line
from ..problem import FormNotKnown
from ..status.files import StatusFolder, anchored, details_name

AT_ONCE = 128
"""The number of editions whose evidence is asked for together: each checkpoint is read once for them."""
_KEPT = 64
"""The number of lists, pages of details and combinations of them that are cached."""


def bundled(
    home: Path,
    entries: Iterable[Entry],
    archive: Archive,
    log: LogReader,
    outbox: Outbox,
    kinds: Iterable[Kind] = (),
    status_kinds: StatusKinds = STATUS_KINDS,
) -> Iterator[Bundle]:
    """The bundle of each edition, one by one, as the issuer's folder, its log and other ledgers have it.

    It has the one of these `kinds` that the credential names. Raises `Damaged` where a diploma, a list, a
    document or the log is not as written.
    """
    carried = _carried(kinds, log)
    versions = documents.anchored_versions(home, log)
    places = sorted(versions)
    published = functools.lru_cache(_KEPT)(
        functools.partial(anchored, archive.store, log, StatusFolder(home), kinds=status_kinds)
    )

    @functools.lru_cache(_KEPT)
    def shared(before: int, *names: str) -> tuple[tuple[Anchored, ...], tuple[Anchored, ...]]:
        """The documents and lists of editions with the same number of documents before them in the log."""
        listed = [published(name) for name in names]
        counts = [before, *(bisect_left(places, leaf) for leaf, _ in listed)]
        return documents.since(versions, counts), tuple(shown for _, shown in listed)

    remaining = iter(entries)
    while batch := list(islice(remaining, AT_ONCE)):
        leaves = [edition.leaf for edition in batch]
        proofs, anchorings = log.evidence_for(leaves), outbox.evidence_for(log, leaves)
        lines = archive.lines((edition.seq, edition.leaf) for edition in batch)
        for edition, line in zip(batch, lines, strict=True):
            number = edition.seq >> LIST_BITS
            names = _lists(line, number, status_kinds)
            for name in names:
                published(name)  # first: where all of `status/` is older, that says so
            is_revoked = edition.reason is not None and not edition.is_suspended
            named_by = entries_of(line.secured.claims, status_kinds) if is_revoked else ()
            for status in islice(named_by, 1):
                details = details_name(number, page_of(status.entry.index))
                with suppress(NotFound):  # in a copy to read, the list may not have this revocation yet
                    published(details)
                    names.append(details)
            evidence = dict.fromkeys((proofs[edition.leaf], *anchorings[edition.leaf]))
            named = _named(line, carried) if carried else ()
            shared_parts = shared(bisect_left(places, edition.leaf), *names)
            yield Bundle(line.credential, tuple(evidence), *shared_parts, named)


def _lists(line: Line, number: int, kinds: StatusKinds) -> list[str]:
    """The files of the lists that a credential names. Most JSON is not parsed for this: parsing is slower."""
    if not isinstance(line.credential, Enveloped):
        named = line.credential.get("credentialStatus")
        if named is None:
            return [str(number)]
        values = [each for each in several(named) if isinstance(each, dict)]
        if values and all(kinds.get(str(each.get("type"))) is BITSTRING for each in values):
            return [f"{number}{_suffix(BITSTRING, each.get('statusPurpose'))}" for each in values]
    with suppress(FormNotKnown):
        statuses = entries_of(line.secured.claims, kinds)
        return [f"{number}{_suffix(kind, entry.purpose)}" for kind, entry in statuses]
    return [str(number)]


def _suffix(kind: StatusKind, purpose: object) -> str:
    return SUSPENSION_SUFFIX if purpose == SUSPENSION else kind.suffix


def _named(line: Line, carried: Mapping[str, tuple[CarriedKind]]) -> tuple[CarriedKind, ...]:
    """The kind that a credential names. The issuer's own JSON is searched as text: parsing is slower."""
    is_json = not isinstance(line.credential, Enveloped)
    terms = (line.credential if is_json else line.secured.claims.said).get("termsOfUse", ())
    return next((carried[each["id"]] for each in terms if each.get("id") in carried), ())


def _carried(kinds: Iterable[Kind], log: LogReader) -> Mapping[str, tuple[CarriedKind]]:
    """The part of each kind that travels with its credentials, and its place in the log, by its reference.

    Kinds that ship with the program, and kinds that are too large, do not travel: trust files have them.
    """
    carried = {}
    for kind in kinds:
        if kind.reference is None or kind.carried is None or is_shipped(kind):
            continue
        leaves = log.find(entry(EntryKind.KIND, bytes.fromhex(kind.digest)))
        evidence = (log.evidence(leaves.start),) if leaves else ()
        carried[kind.reference] = (kind.carried._replace(evidence=evidence),)
    return carried
