"""`intaglio issuer revoke|correct|list|show|export`: the one that is meant, and no other."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from issuer.archive.kept import Entry
from issuer.job.order import Progress
from issuer.keeping.export import export, file_name
from tests.commandline import Program, typed, verdict
from tests.fault.heard import hearing
from tests.world import csv_file, graduate, reopened, table


@pytest.mark.slow
def test_many_rows_get_their_bundles_by_export(
    program: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intaglio.commands.issuer.issue.MOST_FILES", 3)
    answer = program("issuer", "issue", file, "--name", "U")
    assert "`intaglio issuer export` writes the bundles" in answer.err
    assert not Path("diplomas").exists()
    program("issuer", "revoke", "UNI-000001")
    assert program("issuer", "export", "--out", "all").out == "5 bundles in all\n"
    assert program("issuer", "export", "row 2", "--out", "one").out == "1 bundle in one\n"
    assert [path.name for path in Path("one").glob("*.json")] == ["UNI-000001.json"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "selector",
    ["UNI-000002", "row 3", "diplomas/UNI-000002.json", "Given2", "graduate2@example.org"],
)
def test_revoking_is_one_command_that_the_next_check_sees(issued: Program, selector: str) -> None:
    answer = issued("issuer", "revoke", selector, "--reason", "issued-in-error", "--date", "2026-07-01")
    assert (answer.code, answer.out) == (
        0,
        "revoked UNI-000002  Given2 Family2, revoked 2026-07-01: issued in error\n",
    )
    checked = issued("verify", "diplomas/UNI-000002.json", "--offline")
    assert checked.code == 1
    assert "revoked by the issuer on 2026-07-01: issued in error" in checked.out
    again = issued("issuer", "revoke", selector, "--json")
    assert json.loads(again.out)["diplomas"][0]["revoked"]["reason"] == "issued-in-error"
    assert "1 diploma had been revoked before" in again.err
    assert verdict(issued, "diplomas/UNI-000001.json").startswith("VALID")


def test_when_several_fit_nothing_is_revoked_without_a_terminal(issued: Program) -> None:
    answer = issued("issuer", "revoke", "given1")
    assert answer.code == 2
    assert "UNI-000001  Given1 Family1" in answer.err
    assert "UNI-000006  Given1 =CMD" in answer.err
    for empty, said in (("", "Nothing stands after UNI-000001"), (" ", "An empty text names nothing")):
        assert said in issued("issuer", "revoke", "UNI-000001", empty).err
    assert issued("issuer", "revoke", "UNI-000001", "--date", "2999-01-01").code == 2
    listed = json.loads(issued("issuer", "list", "--json").out)["diplomas"]
    assert [diploma["revoked"] for diploma in listed] == [None] * 6


def test_what_fits_nothing_is_named_and_nothing_is_revoked(issued: Program) -> None:
    answer = issued("issuer", "revoke", "UNI-000001", "nobody", "UNI-000002")
    assert (answer.code, answer.out) == (4, "")
    assert "no diploma fits 'nobody'" in answer.err
    answer = issued("issuer", "revoke", "UNI-000001", "row 8")
    assert (answer.code, answer.out) == (4, "")
    assert "no diploma was issued from row 8 of graduates.csv" in answer.err
    assert "revoked" not in issued("issuer", "list").out


@pytest.mark.slow
def test_of_which_file_a_row_is_stands_before_the_question(issued: Program) -> None:
    Path("later.csv").write_text(table([graduate(8), graduate(9)]))
    issued("issuer", "issue", "later.csv")
    question = b"row 3 of later.csv: UNI-000009  Given9 Family9\nRevoke for good: UNI-000009  Given9 Family9?"
    out, _ = typed(issued.home, ["issuer", "revoke", "row 3"], [(question, b"y")])
    assert out.startswith("revoked UNI-000009")


@pytest.mark.quick("correct")
@pytest.mark.parametrize("verb", ["revoke", "show", "export", "correct"])
def test_a_row_in_two_words_is_explained(program: Program, verb: str) -> None:
    Path("g.csv").write_text(table([graduate(1, family_name="Brown", diploma_number="1")]))
    program("issuer", "issue", "g.csv", "--name", "U")
    answer = program("issuer", verb, "row", "1", *(["--set", "gpa=4.0"] if verb == "correct" else []))
    assert (answer.code, answer.out) == (2, "")
    assert "A row is named in one word: row:1" in answer.err
    assert program("issuer", "list").out == "1  Given1 Brown\n"


def test_nothing_is_revoked_from_before_it_was_awarded(issued: Program) -> None:
    answer = issued("issuer", "revoke", "UNI-000002", "UNI-000001", "--date", "2026-06-29")
    assert (answer.code, answer.out) == (2, "")
    assert "The diploma UNI-000002 is valid from 2026-06-30" in answer.err
    assert "revoked" not in issued("issuer", "list").out
    assert issued("issuer", "revoke", "UNI-000001", "--date", "2026-06-30").code == 0


@pytest.mark.slow
def test_a_diploma_can_be_revoked_before_the_ceremony(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1, award_date=f"{datetime.now(UTC).year + 1}-01-01")]))
    program("issuer", "issue", "g.csv", "--name", "U")
    assert program("issuer", "revoke", "UNI-000001").code == 0


@pytest.mark.slow
def test_diplomas_are_looked_at_whatever_the_template_has_become(issued: Program) -> None:
    (issued.home / "issuer" / "kinds" / "diploma-2" / "template.json").write_text("{")
    assert "No credential fits." in issued("issuer", "list", "nobody").err
    assert issued("issuer", "show", "UNI-000001").code == 0


@pytest.mark.slow
def test_a_correction_writes_the_new_bundle(issued: Program) -> None:
    answer = issued("issuer", "correct", "UNI-000003", "--set", "family_name=Müller", "--set", "gpa=4.0")
    assert answer.out == "UNI-000003 edition 2  Given3 Müller: diplomas/UNI-000003.2.json\n"
    assert "Given3 Müller" in verdict(issued, "diplomas/UNI-000003.2.json")
    assert verdict(issued, "diplomas/UNI-000003.json").startswith("NOT VALID")
    assert issued("issuer", "correct", "UNI-000003", "--set", "gpa=excellent").code == 1
    assert issued("issuer", "correct", "UNI-000003", "--set", "gpa").code == 2
    assert issued("issuer", "correct", "UNI-000003", "--set", "gpa=1", "--set", "gpa=2").code == 2
    assert "gpa: the value is not" in issued("issuer", "correct", "UNI-000003", "--set", "gpa=x").err
    assert (
        "given_name: the value is empty"
        in issued("issuer", "correct", "UNI-000003", "--set", "given_name=").err
    )
    unknown = issued("issuer", "correct", "UNI-000003", "--set", "grade=1")
    assert unknown.code == 1
    assert "there is no field 'grade'" in unknown.err
    assert "isced_f, gpa, honours" in unknown.err
    again = issued("issuer", "correct", "UNI-000003", "--set", "gpa=4.0")
    assert (again.code, again.out) == (0, answer.out)
    assert "no new edition was issued" in again.err


def test_list_and_show_say_what_there_is(issued: Program) -> None:
    issued("issuer", "revoke", "UNI-000002", "--reason", "fraud", "--date", "2026-07-02")
    lines = issued("issuer", "list").out.splitlines()
    assert lines[:2] == [
        "UNI-000001  Given1 Family1",
        "UNI-000002  Given2 Family2, revoked 2026-07-02: fraud",
    ]
    assert issued("issuer", "list", "given3").out == "UNI-000003  Given3 Family3\n"
    shown = issued("issuer", "show", "UNI-000001")
    assert "graduate1@example.org" in shown.out
    document = json.loads(issued("issuer", "show", "UNI-000001", "--json").out)
    assert document["credential"]["id"] == document["id"]
    assert issued("issuer", "show", document["id"]).out == shown.out


def test_what_a_graduate_is_called_cannot_steer_the_terminal(program: Program) -> None:
    Path("g.csv").write_text(table([graduate(1, honours="x\u200fy")]))
    program("issuer", "issue", "g.csv", "--name", "Uni\u202eversity")
    shown = program("issuer", "show", "UNI-000001")
    assert "\u200f" not in shown.out
    assert "⟨200F⟩" in shown.out


def test_without_an_issuer_there_is_nothing_to_show(program: Program) -> None:
    for words in (
        ["list"],
        ["show", "x"],
        ["revoke", "x"],
        ["export"],
        ["status", "publish"],
        ["backup", "b"],
    ):
        if words[0] != "backup":
            answer = program("issuer", *words)
            assert (answer.code, "there is no issuer" in answer.err) == (4, True), words


@pytest.mark.parametrize(
    ("number", "edition", "name"),
    [
        ("UNI-2026-1", 1, "UNI-2026-1.json"),
        ("UNI-2026-1", 3, "UNI-2026-1.3.json"),
        ("2026/17", 1, "2026_17-"),
        ("../../etc/passwd", 1, "_.._etc_passwd-"),
        ("Zeugnis Nr. ä", 1, "Zeugnis_Nr.__-"),
        ("-rf", 1, "rf-"),
        ("x" * 250, 1, "x" * 100 + "-"),
    ],
)
def test_a_bundle_is_named_after_its_number_and_stays_in_its_folder(
    number: str, edition: int, name: str
) -> None:
    found = file_name(Entry(0, "diploma", number, edition, 1, 0, "", "", None, None))
    assert found.startswith(name)
    assert "/" not in found
    assert len(found.encode()) < 200


def test_numbers_that_look_alike_get_files_of_their_own() -> None:
    names = {
        file_name(Entry(0, "diploma", number, 1, 1, 0, "", "", None, None))
        for number in ("a/b", "a_b", "a b", "A_b")
    }
    assert len(names) == 4


def test_a_row_beyond_the_end_of_the_file_is_nobody_elses_diploma(issued: Program) -> None:
    issued("issuer", "correct", "UNI-000003", "--set", "gpa=4.0")  # takes the sequence number behind row 7
    answer = issued("issuer", "revoke", "row 8")
    assert (answer.code, answer.out) == (4, "")
    assert "no diploma was issued from row 8 of graduates.csv" in answer.err
    assert issued("issuer", "list").out.count("revoked") == 1  # the edition that was corrected


def test_bytes_that_are_no_text_name_no_diploma(issued: Program) -> None:
    odd = os.fsdecode(b"\xff")
    for words in (("show", odd), ("revoke", "UNI-000003", odd), ("export", odd), ("list", odd)):
        answer = issued("issuer", *words)
        assert (answer.code, answer.out) == (2, "")
        assert "this is not text in UTF-8" in answer.err


def test_an_export_that_fails_leaves_the_older_bundle(issued: Program) -> None:
    before = Path("diplomas/UNI-000001.json").read_bytes()

    def full(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and str(arguments[1]) == "diplomas/UNI-000001.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fails() -> None:
        assert issued("issuer", "export", "UNI-000001", "--out", "diplomas").code != 0

    hearing(full, fails)
    assert Path("diplomas/UNI-000001.json").read_bytes() == before
    assert not [path for path in Path("diplomas").glob("*.json") if path.suffix != ".json"]


@pytest.mark.slow
def test_a_long_export_shows_how_far_it_is(issued: Program) -> None:
    told: list[Progress] = []
    made = reopened(issued.home / "issuer", lambda: datetime.now(UTC))
    paths = list(export(made, made.entries(), Path("all"), told.append, 6))
    assert len(paths) == 6
    assert told == [Progress("writing", done, 6) for done in range(1, 7)]


def test_numbers_are_listed_by_their_beginning_and_only_listed(issued: Program) -> None:
    listed = issued("issuer", "list", "UNI-00000").out.splitlines()
    assert [line.split()[0] for line in listed] == [f"UNI-00000{row}" for row in range(1, len(listed) + 1)]
    assert len(listed) > 3
    assert "No diploma fits" in issued("issuer", "list", "UNI-9").err
    assert issued("issuer", "revoke", "UNI-00000", "--yes").code == 4


@pytest.mark.slow
def test_a_search_that_finds_very_many_says_so(program: Program) -> None:
    csv_file(Path("many.csv"), [graduate(number) for number in range(1, 121)])
    program("issuer", "issue", "many.csv", "--name", "U")
    answer = program("issuer", "list", "given")
    assert (answer.code, len(answer.out.splitlines())) == (0, 100)
    assert "More than 100 fit" in answer.err
    assert json.loads(program("issuer", "list", "given", "--json").out)["more"] is True
    assert json.loads(program("issuer", "list", "given11", "--json").out)["more"] is False
    answer = program("issuer", "revoke", "given")
    assert (answer.code, "more than 100 diplomas fit" in answer.err) == (1, True)


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 3000])
def test_a_text_that_is_too_long_for_a_file_names_no_diploma(issued: Program, name: str) -> None:
    answer = issued("issuer", "show", name)
    assert (answer.code, "no diploma fits" in answer.err) == (4, True)
    assert issued("trust", "add", name).code == 4


def test_a_file_of_an_edition_that_is_superseded_names_no_other(issued: Program) -> None:
    issued("issuer", "correct", "UNI-000001", "--set", "gpa=4.0", "--out", "again")
    for words in (
        ("revoke", "diplomas/UNI-000001.json"),
        ("correct", "diplomas/UNI-000001.json", "--set", "gpa=1"),
    ):
        answer = issued("issuer", *words)
        assert (answer.code, "is edition 1 of diploma UNI-000001, superseded" in answer.err) == (1, True)
        assert "edition 2" in answer.err
    assert issued("issuer", "revoke", "again/UNI-000001.2.json").code == 0


@pytest.mark.slow
def test_revoking_what_is_revoked_says_no_more_than_that(issued: Program) -> None:
    issued("issuer", "revoke", "UNI-000001")
    answer = issued("issuer", "revoke", "UNI-000001")
    assert "had been revoked before: nothing changes there" in answer.err
    assert "The next check on this machine" not in answer.err


@pytest.mark.slow
def test_an_export_names_the_files_that_a_mail_merge_should_not_send(issued: Program) -> None:
    """The manifest has the edition that was replaced as well, and the diploma that was revoked."""
    assert "outdated" not in issued("issuer", "export", "--out", "out").err
    assert issued("issuer", "revoke", "UNI-000002", "--yes").code == 0
    told = issued("issuer", "export", "--out", "out").err
    assert "1 file in out is outdated, revoked or replaced by a later edition: UNI-000002.json\n" in told
    assert "manifest.csv lists it, too: take it away before a mail merge.\n" in told
    assert issued("issuer", "correct", "UNI-000003", "--set", "gpa=3.99").code == 0
    told = issued("issuer", "export", "--out", "out").err
    assert "2 files in out are outdated, revoked or replaced by a later edition: UNI-000002.json and" in told
    for name in ("UNI-000002.json", "UNI-000003.json"):
        Path("out", name).unlink()
    assert "outdated" not in issued("issuer", "export", "--out", "out").err
    assert "UNI-000002" not in Path("out", "manifest.csv").read_text("utf-8")
