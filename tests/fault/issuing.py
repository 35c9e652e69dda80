"""Work of an issuer, and the invariants that must hold however often it was interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.table.source import Source
from ledger import EntryKind, parse_entry
from ledger.audit import audit
from tests.world import reopened
from vc.forms import DataIntegrity


def issue(issuer: Issuer, source: Source, workers: int = 0, forms: Sequence[str] = ()) -> None:
    errors = issuer.home / "errors.csv"
    form = DataIntegrity(suite="eddsa-jcs-2022")
    quick = reopened(issuer.home, form=form, index=issuer.store, store=issuer._log_store)
    quick.issue_file(Order(source, errors, workers=workers, forms=forms))


def require_once(issuer: Issuer) -> None:
    """Every edition of every diploma is in the log once in each form, and nothing else of a diploma is."""
    entries = list(issuer.entries())
    editions = Counter((entry.number, entry.edition, entry.form) for entry in entries)
    assert editions.most_common(1)[0][1] == 1
    log = list(issuer.log.entries(0, audit(issuer.log).size))
    expected = [issuer.line(entry).entry for entry in entries]
    assert [log[entry.leaf] for entry in entries] == expected
    in_log = [entry for entry in log if parse_entry(entry).kind is EntryKind.CREDENTIAL]
    assert sorted(in_log) == sorted(expected)


def everything(issuer: Issuer) -> tuple[Any, ...]:
    entries = list(issuer.entries())
    lines = [issuer.line(entry) for entry in entries]
    return entries, lines, audit(issuer.log).root, (issuer.home / "errors.csv").read_bytes()
