"""An issuer whose index is of another class than ours, and lies elsewhere than in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping import rotation
from issuer.keeping.export import export
from ledger.audit import audit
from tests.delegating import DelegatingIndex, delegating
from tests.fault.issuing import require_once
from tests.world import NOW, csv_file, graduate, issuer_in, verifier_for
from vc import Bundle, Verdict
from vc.forms import FORMS
from vc.status import Reason

pytestmark = pytest.mark.slow  # contract/test_indexes.py has each rule of an index


def test_an_issuer_works_with_any_index(tmp_path: Path) -> None:
    home, index = tmp_path / "home", delegating(tmp_path / "elsewhere.sqlite")
    made = issuer_in(home, url="https://university.example", index=index)
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(6)], 2)
    for issued in (6, 0):
        done = made.issue_file(Order(source, tmp_path / "errors.csv", workers=2))
        assert (done.issued, len(done.survey.known)) == (issued, 6 - issued)
    made.issue(graduate(6))
    made.correct("UNI-000001", {"gpa": "4.0"})
    made.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW)
    rotation.rotate(made)
    again = Issuer(home, lambda: None, lambda: NOW, index=delegating(tmp_path / "elsewhere.sqlite"))
    assert [entry.number for entry in again.find("Given2")] == ["UNI-000002"]
    written = list(export(again, again.entries(), tmp_path / "bundles"))
    verdicts = {
        path.stem: verifier_for(again).verify(Bundle.parse(path.read_bytes(), FORMS), now=NOW).verdict
        for path in written
    }
    assert len(verdicts) == 8, "edition 1 of a corrected one, too"
    invalid = {name for name, verdict in verdicts.items() if verdict is not Verdict.VALID}
    assert invalid == {"UNI-000001", "UNI-000002"}
    require_once(again)
    assert audit(again.log).size == again.store.logged.known().size
    assert not list(home.glob("*.sqlite*")), "nothing of it is in the folder"
    assert isinstance(index, DelegatingIndex)
    assert {"begin_chunk", "begin_singles", "revocations", "logged"} <= index.asked.keys()
