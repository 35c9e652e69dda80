"""`intaglio issuer revoke --from`: a file of numbers, all of whose credentials are revoked, or none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from issuer.issuer import Issuer
from tests.commandline import Program, typed
from tests.workbooks import texts, workbook
from tests.world import NOW, graduate, listed, of_diploma, reopened, table
from vc.status import Reason, StatusList
from wire.datetimestamp import format_datetimestamp

NUMBERS = ["UNI-000001", "UNI-000003"]


def revoked(program: Program) -> list[str]:
    """The numbers whose bits are set in the published list."""
    issuer = reopened(program.home / "issuer")
    bits, positions = (
        StatusList.decode(listed(issuer.home).subjects[0]["encodedList"]),
        issuer.finder.positions(),
    )
    return [entry.number for entry in issuer.entries() if bits[positions.locate(entry.seq)[1]]]


@pytest.mark.quick("with a heading, and one twice")
@pytest.mark.parametrize(
    "content",
    [
        "UNI-000001\r\nUNI-000003\n",
        "\ufeffdiploma_number\nUNI-000001\n\n  UNI-000003\nUNI-000001\n",
        table([graduate(1), graduate(3)]),
        "gpa;diploma_number\n1.0;UNI-000001\n2.0;UNI-000003\n",
    ],
    ids=["a number in each line", "with a heading, and one twice", "the file that was issued", "semicolons"],
)
def test_all_whose_numbers_stand_in_the_file_are_revoked(
    registrar: Program, tmp_path: Path, content: str
) -> None:
    (tmp_path / "numbers.csv").write_text(content)
    answer = registrar("issuer", "revoke", "--from", "numbers.csv", "--reason", "fraud")
    assert (answer.code, answer.out) == (0, "2 diplomas revoked, 0 revoked before\n"), answer.err
    assert revoked(registrar) == NUMBERS
    answer = registrar("issuer", "revoke", "--from", "numbers.csv", "--json")
    assert json.loads(answer.out) == {"version": 2, "file": "numbers.csv", "revoked": 0, "revokedBefore": 2}
    assert "2 diplomas had been revoked before" in answer.err


@pytest.mark.slow
def test_a_workbook_is_read_as_for_issuing(registrar: Program, tmp_path: Path) -> None:
    rows = [["Diploma number"], *([number] for number in NUMBERS)]
    workbook(tmp_path / "n.xlsx", lambda book: texts(book.add_worksheet("A"), rows), "")
    assert registrar("issuer", "revoke", "--from", "n.xlsx").code == 0
    assert revoked(registrar) == NUMBERS


def test_what_list_prints_is_read_and_no_row_of_another_kind_is_taken_for_one_of_this(
    registrar: Program, tmp_path: Path
) -> None:
    listed = registrar("issuer", "list", "--format", "csv").out
    (tmp_path / "l.csv").write_text(listed.replace("diploma,UNI-000002", "resident,UNI-000002"))
    answer = registrar("issuer", "revoke", "--from", "l.csv")
    assert (answer.code, 'row 3, column number: "UNI-000002" names no diploma' in answer.err) == (4, True)
    assert revoked(registrar) == []
    (tmp_path / "l.csv").write_text("".join(listed.splitlines(keepends=True)[:2]))
    assert registrar("issuer", "revoke", "--from", "l.csv").code == 0
    assert revoked(registrar) == ["UNI-000001"]


def test_where_one_number_is_not_known_nothing_is_revoked_and_the_rows_are_named(
    registrar: Program, tmp_path: Path
) -> None:
    rows = ["diploma_number,gpa", "UNI-000001,1", "UNI-9,2", ",3", "=1+1,4", "UNI-000003,5"]
    (tmp_path / "n.csv").write_text("\n".join(rows))
    answer = registrar("issuer", "revoke", "--from", "n.csv", "--yes")
    assert answer.code == 4
    assert 'row 3, column diploma_number: "UNI-9" names no diploma that was issued here' in answer.err
    assert "row 4, column diploma_number: is empty" in answer.err
    assert "3 rows of n.csv name no diploma that was issued here, so nothing was revoked" in answer.err
    errors = (tmp_path / "n.errors.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in errors] == ['"problem_row"', '"3"', '"4"', '"5"']
    assert "'=1+1" in errors[3]
    assert revoked(registrar) == []
    (tmp_path / "n.csv").write_text("UNI-1\nUNI-000003\n")  # the first may be no heading
    answer = registrar("issuer", "revoke", "--from", "n.csv")
    assert (answer.code, 'row 1, column diploma_number: "UNI-1" names no' in answer.err) == (4, True)
    assert revoked(registrar) == []


@pytest.mark.quick("words0-1", "words2-2", "words5-4")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--from", "two.csv"), 1),  # several columns, none of numbers
        (("--from", "none.csv"), 2),
        (("--from", "g.csv", "UNI-000001"), 2),
        ((), 2),
        (("--from", "g.csv", "--date", "2026-06-29"), 2),  # before they are valid
        (("--from", "g.csv", "--kind", "resident"), 4),
    ],
)
def test_what_is_no_such_file_revokes_nothing(
    registrar: Program, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    (tmp_path / "two.csv").write_text("a,b\nUNI-000001,UNI-000002\n")
    answer = registrar("issuer", "revoke", *words)
    assert answer.code == code, answer
    assert revoked(registrar) == []


@pytest.mark.slow
def test_how_many_they_are_is_asked_at_a_terminal(registrar: Program, tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("\n".join(NUMBERS))
    question = b"Revoke 2 diplomas of n.txt for good?"
    typed(registrar.home, ["issuer", "revoke", "--from", str(tmp_path / "n.txt")], [(question, b"n")], 5)
    assert revoked(registrar) == []


def test_what_was_journalled_before_a_kill_is_published_by_the_same_command(
    registrar: Program, tmp_path: Path
) -> None:
    issuer: Issuer = reopened(registrar.home / "issuer")
    date = format_datetimestamp(NOW)
    issuer.store.revocations.revoke(map(of_diploma, NUMBERS), Reason.FRAUD.value, date)
    issuer.store.close()
    assert revoked(registrar) == []
    (tmp_path / "n.txt").write_text("\n".join(NUMBERS))
    assert registrar("issuer", "revoke", "--from", "n.txt").code == 0
    assert revoked(registrar) == NUMBERS
