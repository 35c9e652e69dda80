"""Diplomas of two versions: new homes issue the one that credentials name, homes of before go over to it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from issuer import Description, Issuer, Order
from issuer.identity.creation import create_home
from issuer.identity.home import ISSUER_CLOSED, Identity
from issuer.identity.kind import Kinds
from issuer.keeping.closing import close
from issuer.press.update import TEMPLATE
from kinds import shipped
from kinds.diff import differences
from kinds.shipped import diploma_1
from ledger import EntryKind, entry
from ledger.audit import audit
from tests.commandline import Program, verdict
from tests.doubles import at, stops
from tests.problems import raises
from tests.world import (
    NOW,
    csv_file,
    graduate,
    issuer_before,
    issuer_in,
    of_diploma,
    reopened,
    template_before,
    trust_in,
    verifier,
)
from vc import Verdict

SECOND = shipped().reference


def named(issuer: Issuer, number: str) -> str | None:
    """The kind that the newest edition of a diploma names."""
    return issuer.line(issuer.store.current(of_diploma(number))).secured.claims.kind


def test_the_second_version_adds_its_name_and_changes_nothing_else() -> None:
    first, second = diploma_1(), shipped()
    assert [found[:2] for found in differences(first, second)] == [("named", "compatible")]
    assert first.template.text == second.template.text
    assert (first.version, second.version) == ("1", "2")


def test_a_new_home_issues_the_second_and_one_with_a_template_the_first(tmp_path: Path) -> None:
    new, before = tmp_path / "new", tmp_path / "before"
    create_home(new, Description("U"), lambda: None)
    assert (Kinds(new).reference(), (new / TEMPLATE).exists()) == (SECOND, False)
    template_before(before)
    create_home(before, Description("U"), lambda: None)
    assert (Kinds(before).reference(), Identity.read(before).kinds) == (None, ())


@pytest.mark.slow
def test_a_diploma_of_either_version_is_verified_offline_and_the_second_by_its_schema(tmp_path: Path) -> None:
    for make, code in ((issuer_in, "schema-fits"), (issuer_before, "schema-none-known")):
        issuer = make(tmp_path / code)
        report = verifier(trust_in(issuer)).verify(issuer.bundle(issuer.issue(graduate(1))), now=NOW)
        assert report.verdict is Verdict.VALID
        assert [check.code for check in report.checks if check.name == "schema"] == [code]


@pytest.mark.slow
def test_a_home_of_before_goes_over_and_what_it_issued_stays_what_it_is(tmp_path: Path) -> None:
    issuer = issuer_before(tmp_path)
    first = issuer.issue(graduate(1))
    identifier = issuer.line(first).id
    assert issuer.leave_template()
    assert not issuer.leave_template()
    assert issuer.log.find(entry(EntryKind.KIND, bytes.fromhex(shipped().digest))) == range(3, 4)
    issuer.issue(graduate(2))
    assert (named(issuer, "UNI-000001"), named(issuer, "UNI-000002")) == (None, SECOND)
    later = reopened(tmp_path)
    later.correct("UNI-000001", {"gpa": "4.0"})
    later.correct("UNI-000002", {"gpa": "4.0"})
    assert (named(later, "UNI-000001"), named(later, "UNI-000002")) == (None, SECOND)
    assert later.find(str(identifier)) == [later.store.entry(first.seq)]
    for each in ("UNI-000001", "UNI-000002"):
        bundle = later.bundle(later.store.current(of_diploma(each)))
        assert verifier(trust_in(later)).verify(bundle, now=NOW).verdict is Verdict.VALID
    assert audit(later.log).size > 4


class Interruption(Exception):
    """A stand-in for SIGKILL where a test has to go on."""


def test_a_job_that_was_begun_before_goes_on_with_the_template(tmp_path: Path) -> None:
    home = tmp_path / "home"
    issuer_before(home)
    order = Order(csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 9)], 4), workers=0)
    end = at(home, "index.begin_chunk", stops(Interruption(), on_call=2, before=True))
    with pytest.raises(Interruption):
        reopened(home, **end).issue_file(order)
    assert reopened(home).leave_template()
    issuer = reopened(home)
    assert issuer.issue_file(order).issued == 4
    assert {named(issuer, f"UNI-{row:06}") for row in range(1, 9)} == {None}


def test_an_issuer_that_never_had_a_template_gets_no_diplomas_by_leaving_one(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path, kind=shipped("resident"))
    assert not issuer.leave_template()
    assert issuer.kinds.names == ["resident"]


def test_a_closed_issuer_stays_as_it_is(tmp_path: Path) -> None:
    issuer = issuer_before(tmp_path)
    close(issuer)
    with raises(ISSUER_CLOSED):
        issuer.leave_template()


@pytest.mark.slow
def test_doctor_names_the_step_until_it_was_made(program: Program) -> None:
    template = template_before(program.home / "issuer")
    assert program("issuer", "init", "--name", "U").code == 0
    told = program("doctor")
    assert (told.code, "intaglio issuer template leave" in told.out) == (0, True)
    left = program("issuer", "template", "leave")
    assert (left.code, left.out) == (0, f"new credentials name {SECOND}\n")
    assert "template leave" not in program("doctor").out
    again = json.loads(program("issuer", "template", "leave", "--json").out)
    assert (again["kind"], again["changed"]) == (SECOND, False)
    template.write_text("{")
    assert "template.json" in program("doctor").out  # which begun jobs may need


def test_doctor_leaves_alone_who_edited_the_template(program: Program) -> None:
    template = template_before(program.home / "issuer")
    template.write_bytes(template.read_bytes().replace(b"Grade point", b"Weighted grade point"))
    assert program("issuer", "init", "--name", "U").code == 0
    assert "template leave" not in program("doctor").out


@pytest.mark.slow
def test_an_edited_template_becomes_a_kind_of_ones_own(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/issuing.md says."""
    monkeypatch.chdir(tmp_path)
    template = json.loads(diploma_1().template.text)
    template["credentialSubject"]["achievement"]["fieldOfStudy"] = "{faculty}"
    Path("template.json").write_text(json.dumps(template))
    made = program("kind", "new", "my_diploma", "--from", "diploma")
    assert (made.code, made.out) == (0, "my_diploma/kind.json\n")
    shutil.copy("template.json", "my_diploma/template.json")
    assert program("kind", "check", "my_diploma").code == 0
    row = {**graduate(1), "faculty": "Science"}
    with Path("g.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row.keys(), row.values()])
    answer = program("issuer", "issue", "g.csv", "--name", "U", "--kind", "my_diploma", "--out", "out")
    assert (answer.code, answer.out) == (0, "1 issued, 0 issued before, 0 with errors\n"), answer.err
    assert verdict(program, "out/UNI-000001.json").startswith("VALID: ")
    (credential,) = json.loads(program("verify", "out/UNI-000001.json", "--json").out)["credentials"]
    assert credential["credentialSubject"]["achievement"]["fieldOfStudy"] == "Science"
    (kind,) = [each["id"] for each in credential["termsOfUse"] if each["type"].endswith(":Kind")]
    assert kind.startswith("urn:intaglio:kind:my_diploma:1:")


def test_a_copy_of_a_kind_is_a_first_version_of_its_own(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert program("kind", "new", "one", "--from", "resident").code == 0
    assert program("kind", "new", "two", "--from", "one").code == 0
    written = {path.name for path in Path("two").iterdir()}
    assert written == {"kind.json", "tables"}
    assert json.loads(program("kind", "diff", "one", "two", "--json").out)["changes"] == [
        {"place": "name", "level": "breaking", "what": "changed"}
    ]
    assert program("kind", "new", "two", "--from", "one").code == 1
    assert program("kind", "new", "Bad-Name", "--from", "one").code == 1
    assert not Path("Bad-Name").exists()
