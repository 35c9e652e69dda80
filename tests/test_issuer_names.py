"""Names on diplomas: in one column or two, in the order of their script and language, and never changed."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intaglio.words import remedy
from issuer.issuer import Issuer
from issuer.problem import COLUMN_MAPPED_TWICE, FAMILY_NAME_MISSING
from issuer.table.source import open_source
from kinds import shipped
from kinds.records import check_cells
from tests.commandline import Program, verdict
from tests.problems import raises
from tests.test_release_before import FIRST, in_home
from tests.world import graduate, table

REST = ("diploma_number", "programme_title", "achievement_type", "award_date")


def one_column(path: Path, heading: str, *names: str, separator: str = ",") -> Path:
    """A file with one column for the name."""
    rows = [{**graduate(row), heading: name} for row, name in enumerate(names, 1)]
    path.write_text(table(rows, [*REST, heading], separator), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("given", "family", "lang", "name"),
    [
        ("伟", "王", "zh", "王伟"),
        ("伟", "王", "en", "王伟"),
        ("敏", "张", "", "张敏"),
        ("花子", "佐々木", "ja", "佐々木花子"),
        ("さくら", "山田", "ja", "山田さくら"),
        ("민수", "김", "ko", "김민수"),
        ("Wei", "Wang", "zh", "Wei Wang"),
        ("Hanako", "Sasaki", "ja", "Hanako Sasaki"),
        ("Éva", "Nagy", "hu", "Nagy Éva"),
        ("Éva", "Nagy", "en", "Éva Nagy"),
        ("Thị Ánh", "Nguyễn", "vi", "Nguyễn Thị Ánh"),
        ("Thị Ánh", "Nguyễn", "vi-VN", "Nguyễn Thị Ánh"),
        ("Seán", "O'Brien-Müller", "ga", "Seán O'Brien-Müller"),
        ("Ann", "王", "zh", "Ann 王"),
        ("Suharto", "", "id", "Suharto"),
        ("Suharto", "", "vi", "Suharto"),
        ("敏", "", "zh", "敏"),
    ],
)
def test_given_and_family_name_stand_in_the_order_of_script_and_language(
    given: str, family: str, lang: str, name: str
) -> None:
    record, wrong = check_cells(shipped(), graduate(1, given_name=given, family_name=family, lang=lang))
    assert (shipped().person.full(record), shipped().person.in_order(record), wrong) == (name, name, [])
    assert ("name" in record) == (name != f"{given} {family}".rstrip())  # as releases before kept it


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("headings", "fields"),
    [
        *(
            (heading, "name")
            for heading in ("name", "Full Name", "Name", "Nom", "姓名", "氏名", "이름", "ФИО")
        ),
        *((heading, "name") for heading in ("Họ và tên", "Ho va ten", "Ho\u0323 va\u0300 te\u0302n", "Név")),
        ("Name|Vorname", "family_name|given_name"),
        ("Nom|Prénom", "family_name|given_name"),
        ("Name|Surname", "given_name|family_name"),
        ("Nombre|Apellidos", "given_name|family_name"),
        ("Họ|Tên", "family_name|given_name"),
        ("姓|名", "family_name|given_name"),
        ("Name|First name|Last name", "name|given_name|family_name"),
        ("Full name|First name|Last name", "name|given_name|family_name"),
        ("given_name", "given_name"),
    ],
)
def test_the_usual_headings_of_names_are_understood(tmp_path: Path, headings: str, fields: str) -> None:
    path = tmp_path / "g.csv"
    path.write_text(";".join([*REST, *headings.split("|")]) + "\n1;T;Degree;2026-06-30;A;B;C\n", "utf-8")
    found = open_source(path).mapping
    assert [found[heading] for heading in headings.split("|")] == fields.split("|")


def test_both_halves_of_a_name_on_one_column_are_refused(tmp_path: Path) -> None:
    path = one_column(tmp_path / "g.csv", "姓名", "张敏")
    with raises(COLUMN_MAPPED_TWICE, match="given and family name are mapped to the column '姓名'") as raised:
        open_source(path, {"given_name": "姓名", "family_name": "姓名"})
    assert "--map 'name=姓名'" in remedy(raised.value)


def test_half_a_name_is_taken_for_a_whole_only_where_that_is_said(tmp_path: Path) -> None:
    path = one_column(tmp_path / "g.csv", "First name", "Suharto")
    with raises(FAMILY_NAME_MISSING, match="no column for family_name") as raised:
        open_source(path)
    assert remedy(raised.value).endswith(" --map 'name=First name'")
    for field in ("name", "given_name"):
        source = open_source(path, {field: "First name"})
        record, wrong = check_cells(shipped(), source.fields(next(source.rows(source.spans[0]))[1]))
        assert (shipped().person.full(record), wrong) == ("Suharto", [])


@pytest.mark.slow
def test_a_file_with_one_name_column_makes_diplomas_with_these_names(program: Program) -> None:
    names = ("张敏", "O'Brien-Müller", "Nguyễn Thị Ánh", "Suharto")
    file = one_column(Path("g.csv"), "Wer", *names)
    refused = program("issuer", "issue", file, "--name", "U")
    assert (refused.code, "--map name=COLUMN" in refused.err) == (1, True)
    answer = program("issuer", "issue", file, "--name", "U", "--map", "name=Wer")
    assert (answer.code, answer.out) == (0, "4 issued, 0 issued before, 0 with errors\n")
    for row, name in enumerate(names, 1):
        assert f'to "{name}", 2026-06-30' in verdict(program, f"diplomas/UNI-{row:06}.json")
    one_column(Path("h.csv"), "given_name", *names)  # the same people, as the releases before read them
    assert program("issuer", "issue", "h.csv").out == "0 issued, 4 issued before, 0 with errors\n"
    part = program("issuer", "correct", "UNI-000001", "--set", "family_name=张")
    assert (part.code, "--set name=…" in part.err) == (1, True)
    assert program("issuer", "correct", "UNI-000001", "--set", "name=张慧敏").code == 0
    assert program("issuer", "list", "张慧敏").out == "UNI-000001 edition 2  张慧敏\n"


@pytest.mark.slow
def test_a_name_that_is_turned_around_is_an_error_unless_it_is_meant(program: Program) -> None:
    file = one_column(Path("g.csv"), "name", "SMITH, Anna", "Bob", separator=";")
    answer = program("issuer", "issue", file, "--name", "U")
    assert (answer.code, answer.out) == (7, "1 issued, 0 issued before, 1 with errors\n")
    assert 'row 2, column name: "SMITH, Anna" has a comma: write the name as it shall stand' in answer.err
    assert program("issuer", "issue", file, "--names", "as-is").out.startswith("1 issued, 1 issued before")
    assert program("issuer", "list", "SMITH, Anna").out == "UNI-000001  SMITH, Anna\n"
    one_column(Path("h.csv"), "name", "Brown, Eve", "", separator=";")
    answer = program("issuer", "issue", "h.csv", "--names", "as-is")
    assert "row 3, column name: is empty" in answer.err
    (again,) = [line.strip() for line in answer.err.splitlines() if "issue h.errors.csv" in line]
    assert shlex.split(again)[-2:] == ["--names", "as-is"]


@pytest.mark.slow
def test_a_corrected_part_of_a_name_is_in_its_place(program: Program) -> None:
    rows = [graduate(1, given_name="伟", family_name="王"), graduate(2, given_name="Éva", family_name="Nagy")]
    Path("g.csv").write_text(table(rows))
    assert program("issuer", "issue", "g.csv", "--name", "U").code == 0
    for number, said, name in (
        ("UNI-000001", "given_name=芳", "王芳"),
        ("UNI-000002", "gpa=4.0", "Éva Nagy"),
        ("UNI-000002", "lang=hu", "Nagy Éva"),
        ("UNI-000002", "family_name=Kis", "Kis Éva"),
        ("UNI-000002", "name=Kis-Nagy Éva", "Kis-Nagy Éva"),
        ("UNI-000002", "lang=en", "Kis-Nagy Éva"),
    ):
        assert program("issuer", "correct", number, "--set", said).code == 0
        assert program("issuer", "list", number).out.rstrip().endswith(f"  {name}"), said


@pytest.mark.slow
def test_names_that_the_release_before_signed_stay(program: Program) -> None:
    in_home(program, FIRST, "university")
    issuer = Issuer(program.home / "issuer", lambda: b"fixture passphrase", lambda: datetime.now(UTC))
    for entry in list(issuer.entries()):
        stored = issuer.line(entry)
        assert (
            shipped().person.full(stored.record)
            == stored.credential["credentialSubject"]["identifier"][0]["identityHash"]
        )
        assert entry.name == shipped().person.full(stored.record)
    corrected = issuer.correct("FIX-0000", {"gpa": "4.0"})
    subject = issuer.line(corrected).credential["credentialSubject"]
    assert (corrected.name, subject["identifier"][0]["identityHash"]) == ("敏 张", "敏 张")
    assert issuer.correct("FIX-0000", {"lang": "zh"}).name == "敏 张"
    assert issuer.correct("FIX-0000", {"given_name": "慧敏"}).name == "张慧敏"
    again = program("issuer", "issue", FIRST / "graduates.csv", "--dry-run")
    assert again.out == "0 would be issued, 5 issued before, 0 with errors\n"
