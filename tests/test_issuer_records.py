"""A graduate's record: what a cell may hold, and what is said of one that may not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intaglio.words import remedy
from issuer.table.finding import CellFinding
from kinds import InvalidRecord, shipped
from kinds.cells import LONGEST, check_cell
from kinds.days import KEPT_AS_NUMBER
from kinds.problem import BadCell
from kinds.records import check_cells, check_record
from tests.world import graduate

DAY_FIRST = "is day/month/year: write YYYY-MM-DD"
WHICH_ORDER = "is day/month/year or month/day/year: write YYYY-MM-DD"
SPOILT = "is what a spreadsheet made of a value: a formula, an error, or a number cut short"
NO_TYPE = (
    "is not an Open Badges achievement type, such as BachelorDegree, MasterDegree, DoctoralDegree, Degree, "
    "Diploma, Certificate, MicroCredential or Course"
)


def test_a_good_row_becomes_a_record() -> None:
    record, wrong = check_cells(shipped(), graduate(1, ects="7.5", email=" graduate1@example.org "))
    assert wrong == []
    assert record == {**graduate(1), "ects": 7.5}
    assert record.keys() == shipped().fields.keys() - {"name", "degree_name"}


@pytest.mark.parametrize(
    ("given_name", "family_name", "name"),
    [
        ("Suharto", "", "Suharto"),
        ("Eve", "=CMD", "Eve =CMD"),
        ("Jörg", "<b>Smith</b>", "Jörg <b>Smith</b>"),
        ("Christopher", "Null", "Christopher Null"),
        ("E", "#1", "E #1"),
        ("莉", "黄", "黄莉"),
        ("طه", "الجفالي", "طه الجفالي"),
        ("X Æ", "O'Brien-Müller", "X Æ O'Brien-Müller"),
        ("می\u200cترا", "", "می\u200cترا"),
    ],
)
def test_every_real_name_is_a_name(given_name: str, family_name: str, name: str) -> None:
    record, wrong = check_cells(shipped(), graduate(1, given_name=given_name, family_name=family_name))
    assert wrong == []
    assert shipped().person.full(record) == name


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("field", "cell", "reason"),
    [
        ("email", "3.71", "is not an e-mail address"),
        ("email", "a@b", "is not an e-mail address"),
        ("email", "a b@example.org", "is not an e-mail address"),
        ("award_date", "30/06/2026", DAY_FIRST),
        ("award_date", "06-30-2026", DAY_FIRST.replace("day/month", "month/day").replace("day-", "month-")),
        ("award_date", "1/2/2026 0:00", WHICH_ORDER),
        ("award_date", "30/30/2026", "is not a date (YYYY-MM-DD)"),
        ("award_date", "06.30.2026", "is not a day of the calendar"),
        ("award_date", "30.06.26", "is not a date (YYYY-MM-DD)"),
        ("award_date", "2026-06-30 09:30", "is not a date (YYYY-MM-DD)"),
        ("award_date", "46203", KEPT_AS_NUMBER),
        ("award_date", "30.06.1026", "is before 1900: is the year right?"),
        ("birth_date", "३०.०६.२००१", "is not a date (YYYY-MM-DD)"),
        ("award_date", "20062026", "is not a date (YYYY-MM-DD)"),
        *(("diploma_number", cell, SPOILT) for cell in ("2.02601E+11", "2,02601E+11", '="0012"', "#######")),
        *(("family_name", cell, SPOILT) for cell in ("#N/A", "#NAME?", "#REF!", "#DIV/0!", "#NV", "#BEZUG!")),
        ("birth_date", "2026-02-30", "is not a day of the calendar"),
        (
            "given_name",
            "=1+1",
            "is what a spreadsheet made of a value: a formula, an error, or a number cut short",
        ),
        (
            "given_name",
            '=HYPERLINK("http://x")',
            "is what a spreadsheet made of a value: a formula, an error, or a number cut short",
        ),
        (
            "given_name",
            "=cmd|calc",
            "is what a spreadsheet made of a value: a formula, an error, or a number cut short",
        ),
        (
            "given_name",
            "=$A$17",
            "is what a spreadsheet made of a value: a formula, an error, or a number cut short",
        ),
        ("birth_date", "2026-W01-1", "is not a date (YYYY-MM-DD)"),
        ("ects", "abc", "is not a number of credits"),
        ("ects", "-1", "is not a number of credits"),
        ("ects", "1e9", "is not a number of credits"),
        ("ects", "١٢", "is not a number of credits"),
        ("eqf_level", "9", "is not an EQF level (1 to 8)"),
        ("isced_f", "x", "is not an ISCED-F code (2 to 4 digits)"),
        ("gpa", "good", "is not a grade average"),
        ("lang", "english please", "is not a language tag"),
        ("achievement_type", "Baron", NO_TYPE),
        ("achievement_type", "ext:", NO_TYPE),
        ("given_name", "", "is empty"),
        ("given_name", " \t", "is empty"),
        ("diploma_number", "", "is empty"),
        ("given_name", "x" * (LONGEST + 1), f"is longer than {LONGEST} characters"),
        ("given_name", "\udce9ric", "is not UTF-8 text"),
    ],
)
def test_a_bad_cell_is_named_with_its_reason(field: str, cell: str, reason: str) -> None:
    _, wrong = check_cells(shipped(), graduate(1, **{field: cell}))
    assert wrong == [(field, reason, cell.strip())]


@pytest.mark.parametrize("character", ["\n", "\x00", "\x1b", "\x7f", "\u202e", "\u2066", "\u2028", "\ufffe"])
def test_what_could_steer_a_terminal_or_turn_a_line_around_is_refused(character: str) -> None:
    with pytest.raises(BadCell, match="line break or an invisible control character"):
        check_cell(shipped().fields["family_name"], f"O{character}Brien")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "cell",
    [
        *("2026-06-30 00:00:00", "2026-06-30 00:00", "2026-06-30T00:00:00", "2026-06-30 00:00:00.000"),
        *("2026/06/30", "2026-6-30", "30.06.2026", "30.6.2026 0:00"),
        *("30 June 2026", "June 30, 2026", "30-Jun-2026"),
    ],
)
@pytest.mark.parametrize("order", ["", "day-first", "month-first"])
def test_a_date_that_can_be_read_in_one_way_only_is_taken(cell: str, order: str) -> None:
    assert check_cell(shipped().fields["award_date"], cell, order) == "2026-06-30"
    assert check_cell(shipped().fields["birth_date"], cell, order) == "2026-06-30"


@pytest.mark.parametrize("cell", ["03/04/2026", "3/4/2026", "03-04-2026", "3/4/2026 0:00"])
def test_the_order_of_day_and_month_is_what_the_registrar_says(cell: str) -> None:
    assert check_cell(shipped().fields["award_date"], cell, "day-first") == "2026-04-03"
    assert check_cell(shipped().fields["award_date"], cell, "month-first") == "2026-03-04"
    with pytest.raises(BadCell, match=r"is not a date"):  # what contradicts it is not turned around
        check_cell(shipped().fields["award_date"], cell.replace("3", "13", 1), "month-first")


def test_text_is_kept_in_its_composed_form() -> None:
    assert check_cell(shipped().fields["family_name"], unicodedata.normalize("NFD", "Müller")) == "Müller"


@pytest.mark.parametrize(("cell", "value"), [("7,5", 7.5), ("180,0", 180), ("180.00", 180)])
def test_credits_have_a_point_or_a_comma(cell: str, value: float) -> None:
    assert check_cell(shipped().fields["ects"], cell) == value


def test_an_extension_is_an_achievement_type() -> None:
    assert check_cell(shipped().fields["achievement_type"], "ext:Habilitation") == "ext:Habilitation"


REASONS = {
    "is not a date (YYYY-MM-DD)",
    WHICH_ORDER,
    SPOILT,
    "is not an e-mail address",
    "is not a language tag",
    NO_TYPE,
    "is not an EQF level (1 to 8)",
    "is not a number of credits",
    "is not an ISCED-F code (2 to 4 digits)",
    "is not a grade average",
    "is not UTF-8 text",
    "has a line break or an invisible control character in it (is a quotation mark missing?)",
    f"is longer than {LONGEST} characters",
}


@given(st.text(), st.sampled_from(list(shipped().fields)))
def test_any_cell_has_a_value_or_one_of_few_reasons(cell: str, field: str) -> None:
    reason = None
    try:
        check_cell(shipped().fields[field], cell)
    except BadCell as problem:
        reason = problem.detail
    assert reason is None or reason in REASONS  # so that none can repeat what the cell says


def test_a_single_record_names_its_bad_fields_without_their_values() -> None:
    with pytest.raises(InvalidRecord) as raised:
        check_record(shipped(), graduate(1, email="secret", given_name=""))
    assert raised.value.detail == (
        "given_name: the value is empty; email: the value is not an e-mail address"
    )
    with pytest.raises(InvalidRecord, match="there is no field 'nickname'") as raised:
        check_record(shipped(), {**graduate(1), "nickname": "x"})
    assert "given_name, family_name" in remedy(raised.value)
    assert check_record(shipped(), graduate(1))["email"] == "graduate1@example.org"


def test_a_finding_shows_the_cell_harmlessly() -> None:
    assert str(CellFinding(17, "E-Mail", "is not an e-mail address", "3.71")) == (
        'row 17, column E-Mail: "3.71" is not an e-mail address'
    )
    assert "\x1b" not in str(CellFinding(1, "x", "is odd", "\x1b[2J"))
    assert str(CellFinding(1, "x", "is empty")) == "row 1, column x: is empty"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Bachelor", "BachelorDegree"), ("bachelor's degree", "BachelorDegree"), ("Degree", "Degree"),
        ("Master’s Degree", "MasterDegree"), ("MASTER", "MasterDegree"), ("Ph.D.", "DoctoralDegree"),
        ("micro-credential", "MicroCredential"), ("ext:Habilitation", "ext:Habilitation"),
    ],
)  # fmt: skip
def test_a_type_may_be_written_as_people_write_it(written: str, meant: str) -> None:
    assert check_cell(shipped().fields["achievement_type"], written) == meant


@pytest.mark.parametrize("written", ["3 Apr 2026", "3. April 2026", "3-Apr-2026", "03.04.2026", "2026/04/03"])
def test_a_day_may_be_written_as_people_write_it(written: str) -> None:
    assert check_cell(shipped().fields["award_date"], written) == "2026-04-03"


def test_nobody_graduates_before_birth() -> None:
    for born, wrong in (("2026-06-29", []), ("2026-06-30", ["birth_date"]), ("2030-01-01", ["birth_date"])):
        _, found = check_cells(shipped(), {**graduate(1), "award_date": "2026-06-30", "birth_date": born})
        assert [field for field, _, _ in found] == wrong
    assert check_cells(shipped(), {**graduate(1), "birth_date": ""})[1] == []
