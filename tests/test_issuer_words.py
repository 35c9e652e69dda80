"""The words of registrars' files: headings, dates, degrees, names, and what the whole file has in common."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intaglio.words import remedy
from issuer.job import bulk
from issuer.job.attached import Attached
from issuer.job.checking import Checker, Survey, read_catalogue
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.problem import (
    COLUMN_AMBIGUOUS,
    COLUMNS_MISSING,
    CONSTANT_HAS_COLUMN,
    INVALID_CONSTANT,
    INVALID_WORD,
    NO_TABLE,
    NO_WHOLE_NAMES,
)
from issuer.table import wordlist
from issuer.table.source import Source, open_source
from issuer.table.wordlist import read_words
from kinds import Kind, Record, shipped
from kinds.parsing import parse_kind
from tests.commandline import Program
from tests.problems import raises
from tests.workbooks import xlsx
from tests.world import NOW, csv_file, graduate, issuer_in, table
from wire.problem import Damaged

REST = {"diploma_number": "1", "programme_title": "Physics", "award_date": "2026-06-30"}


def file_of(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "g.csv"
    path.write_bytes(text.encode(encoding))
    return path


def checked(source: Source) -> tuple[list[Record], list[str]]:
    """The good records of a file, and its findings."""
    checker = Checker(source, NOW.date(), trial(source.kind))
    records: list[Record] = []
    findings: list[str] = []
    for span in source.spans:
        for (row, cells), *further in source.records(span):
            record, wrong = checker.check(row, cells, further)
            findings += map(str, wrong)
            records += [] if wrong else [record]
    return records, findings


def one(path: Path, **options: Any) -> Record:
    """The one record of a file in which nothing is wrong."""
    records, findings = checked(open_source(path, **options))
    assert findings == []
    (record,) = records
    return record


DE = "Urkundennummer;Matrikelnummer;Vorname;Nachname;Studiengang;Abschluss;Abschlussdatum\n"
ZH = "证书编号,学号,姓名,专业,学位,毕业日期\n"
LICENCE = "Numéro de diplôme;Nom;Prénom;Filière;Diplôme;Date d'obtention\n1;Dupont;Zoé;Droit;Licence;"
FIVE = "name,email,degree,date,gpa\nAnna Smith,a@example.org,Physics,2026-06-30,3.1\n"
REGISTRARS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "GB18030": (
        ZH + "1,7,王伟,物理学,学士,2026年6月30日\n",
        "gb18030",
        {"encoding": "gb18030"},
        "BachelorDegree",
    ),
    "traditional": (
        "證書編號,學號,姓名,主修,學位,畢業日期\n1,7,王偉,物理學,碩士,2026.06.30\n",
        "utf-8",
        {},
        "MasterDegree",
    ),
    "full width": (ZH + "1,7,王伟,物理学,理学博士,２０２６年　６月３０日\n", "utf-8", {}, "DoctoralDegree"),
    "Latin-1": (
        DE + "1;7;Jörg;Weiß;Jura;Staatsexamen;20. Juli 2026\n",
        "latin-1",
        {"encoding": "windows-1252"},
        "Degree",
    ),
    "bachelor": (DE + "1;7;Eva;Groß;Physik;Bachelor of Science;20260720\n", "utf-8", {}, "BachelorDegree"),
    "English month": (DE + "1;7;Eva;Groß;Physik;Master of Arts;Jul 20, 2026\n", "utf-8", {}, "MasterDegree"),
    "French": (LICENCE + "30 juin 2026\n", "utf-8", {}, "BachelorDegree"),
    "Spanish": (
        "Número de título;Nombre;Apellidos;Título;Fecha\n"
        "1;Ana;García;Grado en Historia;30 de junio de 2026\n",
        "utf-8",
        {"chosen": {"programme_title": "Título", "achievement_type": "Título"}},
        "BachelorDegree",
    ),
    "Arabic": (
        "رقم الشهادة,الرقم الجامعي,الاسم,التخصص,الدرجة العلمية,تاريخ التخرج\n"
        "1,7,أحمد علي,الفيزياء,بكالوريوس,30 يونيو 2026\n",
        "utf-8",
        {},
        "BachelorDegree",
    ),
    "turned": (
        'Urkundennummer;"Name, Vorname";Studiengang;Abschluss;Abschlussdatum\n'
        "1;SMITH, Anna;Physik;Promotion;30.06.2026\n",
        "utf-8",
        {"names": "last-first", "words": {"achievement_type": {"Promotion": "DoctoralDegree"}}},
        "DoctoralDegree",
    ),
    "five columns": (
        "number," + FIVE.replace("\nAnna", "\n1,Anna"),
        "utf-8",
        {"chosen": {"diploma_number": "number"}, "constants": {"achievement_type": "学士"}},
        "BachelorDegree",
    ),
}
"""A file of each sort that registrars have: its text, encoding, what is said, the type of degree."""


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", REGISTRARS)
def test_a_file_as_registrars_have_it_is_understood(tmp_path: Path, name: str) -> None:
    text, encoding, options, achievement = REGISTRARS[name]
    record = one(file_of(tmp_path, text, encoding), **options)
    assert record["achievement_type"] == achievement
    assert record["award_date"] in ("2026-06-30", "2026-07-20")
    assert record["degree_name"] in (text if not options.get("constants") else "学士")
    assert record["programme_title"] in text


def test_headings_of_a_workbook_are_the_same(tmp_path: Path) -> None:
    path = xlsx(
        tmp_path / "g.xlsx", [["1", "7", "王伟", "物理学", "学士", "2026年6月30日"]], ZH.strip().split(",")
    )
    assert one(path)["achievement_type"] == "BachelorDegree"


def test_a_column_that_is_half_dates_and_half_text_is_issued_by_half(tmp_path: Path) -> None:
    cells = ["2026-06-30", "Juni 2026", "30.06.2026", "WS 25/26", "20260630", "pending", "2026年6月30日", "-"]
    rows = [graduate(row, award_date=cell) for row, cell in enumerate(cells, 1)]
    records, findings = checked(csv_file(tmp_path / "g.csv", rows))
    assert [record["award_date"] for record in records] == ["2026-06-30"] * 4
    assert findings == [
        f'row {row}, column award_date: "{cell}" is not a date (YYYY-MM-DD)'
        for row, cell in ((3, "Juni 2026"), (5, "WS 25/26"), (7, "pending"), (9, "-"))
    ]


# Headings


def test_a_heading_of_the_kind_goes_before_its_labels_and_other_languages(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        table(
            [{**graduate(1), "type": "x", "date": "y", "学号": "z"}], [*graduate(1), "type", "date", "学号"]
        ),
    )
    source = open_source(path)
    assert source.unused == ["type", "date", "学号"]  # as they were: their fields have columns


def test_two_headings_in_other_languages_for_one_field_are_asked_about(tmp_path: Path) -> None:
    with raises(COLUMN_AMBIGUOUS, match="'Moyenne' and 'Promedio' could both be gpa"):
        open_source(
            file_of(
                tmp_path,
                table(
                    [{**REST, "name": "A", "achievement_type": "Degree", "Moyenne": "1", "Promedio": "2"}],
                    [*REST, "name", "achievement_type", "Moyenne", "Promedio"],
                ),
            )
        )


def test_a_column_of_degrees_is_read_as_the_type_only_where_no_other_is(tmp_path: Path) -> None:
    header = [*REST, "name", "学位"]
    row = {**REST, "name": "A", "学位": "学士", "achievement_type": "MasterDegree"}
    assert open_source(file_of(tmp_path, table([row], header))).mapping["学位"] == "achievement_type"
    both = file_of(tmp_path, table([row], [*header, "achievement_type"]))
    assert open_source(both).mapping["学位"] == "degree_name"
    path = file_of(tmp_path, table([row], header))
    record = one(path, constants={"achievement_type": "Certificate"})
    assert (record["achievement_type"], record["degree_name"]) == ("Certificate", "学士")
    with raises(COLUMNS_MISSING, match="no column for achievement_type"):
        open_source(path, {"degree_name": "学位"})


def test_one_column_may_feed_two_fields(tmp_path: Path) -> None:
    path = file_of(tmp_path, table([{**REST, "name": "A", "degree": "学士"}], [*REST, "name", "degree"]))
    mapped = {"achievement_type": "degree", "honours": "degree", "programme_title": "programme_title"}
    source = open_source(path, mapped)
    assert source.mapping["degree"] == "achievement_type, honours"
    records, findings = checked(source)
    assert (findings, records[0]["achievement_type"], records[0]["honours"]) == ([], "BachelorDegree", "学士")


# What all rows share


def test_what_all_rows_share_is_a_cell_of_each(tmp_path: Path) -> None:
    constants = {"achievement_type": "学士", "award_date": "30/06/2026", "programme_title": " Physics "}
    path = file_of(tmp_path, "diploma_number,name\n1,Anna\n2,Eve\n")
    source = open_source(path, constants=constants, date_order="day-first")
    records, findings = checked(source)
    assert findings == []
    for record in records:
        assert (record["degree_name"], record["award_date"]) == ("学士", "2026-06-30")
        assert (record["achievement_type"], record["programme_title"]) == ("BachelorDegree", "Physics")


@pytest.mark.parametrize(
    ("constants", "detail"),
    [
        ({"shoe_size": "42"}, "there is no field 'shoe_size'"),
        (
            {"diploma_number": "7"},
            "diploma_number tells credentials apart, and cannot be the same in all rows",
        ),
        ({"gpa": " "}, "gpa is empty"),
        ({"award_date": "30/06/2026"}, "award_date is day/month/year: write YYYY-MM-DD"),
        ({"award_date": "9999-01-01"}, ""),
        ({"achievement_type": "Baron"}, "achievement_type is not an Open Badges achievement type"),
        ({"email": "a@b"}, "email is not an e-mail address"),
        ({"gpa": "=A1"}, "gpa is what a spreadsheet made of a value"),
        ({"birth_date": "2026-07-01", "award_date": "2026-06-30"}, "birth_date is not before the award"),
    ],
)
def test_a_value_that_no_row_could_have_is_refused_before_a_row_is_read(
    tmp_path: Path, constants: Mapping[str, str], detail: str
) -> None:
    if detail:
        with raises(INVALID_CONSTANT, match=f"^{detail}"):  # there is no such file
            open_source(tmp_path / "none.csv", constants=constants)
        return
    source = open_source(
        file_of(tmp_path, FIVE),
        {"diploma_number": "gpa", "achievement_type": "degree", "programme_title": "degree", "lang": "date"},
        constants=constants,
    )
    with raises(INVALID_CONSTANT, match="award_date is more than a year ahead"):  # by the day of the job
        Checker(source, NOW.date(), trial(shipped()))


def test_a_field_that_has_a_column_has_no_other_value(tmp_path: Path) -> None:
    path = file_of(tmp_path, ZH + "1,7,王伟,物理学,学士,2026年6月30日\n")
    with raises(
        CONSTANT_HAS_COLUMN, match="student_id is to be the same in all rows, and the column '学号'"
    ) as raised:
        open_source(path, constants={"student_id": "7"})
    assert "--set student_id" in remedy(raised.value)


def test_a_name_may_be_in_part_the_same_in_all_rows(tmp_path: Path) -> None:
    path = file_of(
        tmp_path, table([{**REST, "first name": "Anna", "type": "Degree"}], [*REST, "first name", "type"])
    )
    record = one(path, constants={"family_name": "Smith"})
    assert shipped().person.full(record) == "Anna Smith"


def test_a_field_that_names_a_file_is_not_the_same_in_all_rows() -> None:
    scan = {"type": "digest", "source": {"file": True}}
    document = json.loads(shipped("certificate").files["kind.json"])
    kind = parse_kind(
        {
            "kind.json": json.dumps(
                {**document, "name": "x", "fields": {**document["fields"], "scan": scan}}
            ).encode()
        }
    )
    with raises(INVALID_CONSTANT, match="scan is the digest of a file"):
        open_source(Path("none.csv"), kind=kind, constants={"scan": "a.pdf"})


# Words of the registrar's own


def words_in(folder: Path, text: str | bytes, kind: Kind | None = None) -> dict[str, dict[str, str]]:
    path = folder / "words.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_words(path, kind or shipped())


def test_a_list_of_words_gives_values_to_fields_that_take_them(tmp_path: Path) -> None:
    text = "\ufeff学士=BachelorDegree\r\n\r\n Staatsexamen = ext:Staatsexamen \nhonours:一等=First class\n"
    text += "a:b=Degree"
    assert words_in(tmp_path, text) == {
        "achievement_type": {"学士": "BachelorDegree", "Staatsexamen": "ext:Staatsexamen", "a:b": "Degree"},
        "honours": {"一等": "First class"},
    }
    assert words_in(tmp_path, "La-bas=FR\nnationality:Là=DE", shipped("resident")) == {
        "nationality": {"La-bas": "FR", "Là": "DE"},
        "resident_country": {"La-bas": "FR"},
    }


@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        ("学士=BachelorDegree\n硕士", "words.txt, line 2 is not a word, an equals sign and a value"),
        ("=BachelorDegree", "words.txt, line 1 is not a word"),
        ("\n\n学士=", "words.txt, line 3 is not a word"),
        ("achievement_type:=Degree", "words.txt, line 1 is not a word"),
        ("学士=Baron", "words.txt, line 1: no field with codes takes the value"),
        ("achievement_type:学士=Baron", "line 1: the value of achievement_type is not an Open Badges"),
        ("email:x=y", "line 1: the value of email is not an e-mail address"),
        ("学士=Degree\n学士=Diploma", "line 2 gives a word another value than a line before"),
        (b"a=Degree\n\xff=Degree", "words.txt, line 2 is not in UTF-8"),
    ],
)
def test_a_line_that_gives_no_word_its_value_is_named(
    tmp_path: Path, lines: str | bytes, detail: str
) -> None:
    with raises(INVALID_WORD, match=detail):
        words_in(tmp_path, lines)


def test_words_are_for_fields_that_there_are() -> None:
    with raises(INVALID_WORD, match="there is no field 'shoe_size'"):
        open_source(Path("none.csv"), words={"shoe_size": {"large": "45"}})


def test_a_list_of_words_has_a_bound_and_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="longer than 1048576 bytes"):
        words_in(tmp_path, b"\n" * (wordlist.LARGEST + 1))
    for path in (tmp_path / "none.txt", tmp_path):
        with raises(NO_TABLE):
            read_words(path, shipped())


def test_a_word_of_ones_own_goes_before_all_others_and_letter_for_letter(tmp_path: Path) -> None:
    rows = [
        graduate(row, achievement_type=word)
        for row, word in enumerate(("Bachelor", "Diplôme", "bachelor"), 1)
    ]
    csv_file(tmp_path / "g.csv", rows)
    words = {"achievement_type": {"Bachelor": "MasterDegree", "Diplo\u0302me": "Diploma"}}
    records, findings = checked(open_source(tmp_path / "g.csv", words=words))
    found = [(record["achievement_type"], record["degree_name"]) for record in records]
    assert findings == []
    assert found == [("MasterDegree", "Bachelor"), ("Diploma", "Diplôme"), ("BachelorDegree", "bachelor")]


def test_a_catalogue_has_the_same_words(tmp_path: Path) -> None:
    path = file_of(tmp_path, "programme_code,programme_title,achievement_type\nP,Physics,BSc+\n")
    programmes = read_catalogue(path, shipped(), {"achievement_type": {"BSc+": "BachelorDegree"}})
    assert programmes["P"]["achievement_type"] == "BachelorDegree"


# Names that are turned around

WHOLE = json.loads(shipped("certificate").files["kind.json"])
ONLY_WHOLE = parse_kind(
    {
        "kind.json": json.dumps(
            {**WHOLE, "name": "badge", "person": {"name": "name"}, "rules": WHOLE["rules"]}
        ).encode()
    }
)


def names_of(
    folder: Path, kind: Kind, headings: Sequence[str], *names: str, **options: Any
) -> tuple[list[str], list[str]]:
    """The names as they are signed, and the findings, of a file with these headings of one name."""
    cells = {
        "certificate": {"number": "1", "title": "T", "date": "2026-06-30"},
        "badge": {"number": "1", "title": "T", "date": "2026-06-30"},
        "resident": {"personal_number": "1", "date_of_birth": "2000-01-01", "issued": "2026-06-30"},
        "diploma": {**REST, "achievement_type": "Degree"},
    }[kind.name]
    rows = [{**cells, **dict.fromkeys(headings, name)} for name in names]
    path = file_of(folder, table(rows, [*cells, *headings], ";"))
    records, findings = checked(open_source(path, kind=kind, names="last-first", **options))
    return [kind.person.full(record) for record in records], findings


@pytest.mark.parametrize("kind", [shipped(), shipped("certificate"), ONLY_WHOLE], ids=lambda kind: kind.name)
def test_a_turned_name_is_signed_given_name_first(tmp_path: Path, kind: Kind) -> None:
    names = ["SMITH, Anna", "van der Berg ,Jan", "García López， Ana María", "Sukarno"]
    signed, findings = names_of(tmp_path, kind, ["name"], *names)
    assert findings == []
    assert signed == ["Anna SMITH", "Jan van der Berg", "Ana María García López", "Sukarno"]


def test_a_turned_name_has_its_halves_in_fields_and_in_the_order_of_their_script(tmp_path: Path) -> None:
    path = file_of(tmp_path, "编号,名称,日期,姓名\n1,T,2026-06-30,王，伟\n")
    record = one(path, kind=shipped("certificate"), names="last-first")
    assert (record["given_name"], record["family_name"], record["name"]) == ("伟", "王", "王伟")


def test_one_column_may_be_both_halves_of_a_name_where_a_kind_has_no_whole(tmp_path: Path) -> None:
    mapped = {"given_name": "Resident", "family_name": "Resident"}
    signed, findings = names_of(
        tmp_path, shipped("resident"), ["Resident"], "SMITH, Anna", "Anna Smith", "", chosen=mapped
    )
    assert signed == ["Anna SMITH"]
    assert findings == [
        'row 3, column Resident: "Anna Smith" is not a family name, one comma and a given name',
        "row 4, column Resident: is empty",
        "row 4, column Resident: is empty",
    ]


def test_of_two_commas_nobody_can_tell(tmp_path: Path) -> None:
    names = ["Smith, Jr., Anna", "Smith,", ", Anna", "Smith,, Anna"]
    signed, findings = names_of(tmp_path, shipped("certificate"), ["name"], *names)
    assert signed == []
    assert findings == [
        f'row {row}, column name: "{name}" is not a family name, one comma and a given name'
        for row, name in enumerate(names, 2)
    ]


@pytest.mark.parametrize("headings", [["given_name", "family_name"], ["name", "given_name"], ["given_name"]])
def test_names_are_turned_only_where_one_column_has_all_of_them(tmp_path: Path, headings: list[str]) -> None:
    with raises(NO_WHOLE_NAMES) as raised:
        names_of(tmp_path, shipped(), headings, "SMITH, Anna")
    assert "--map" in remedy(raised.value)

    _, findings = names_of(tmp_path, shipped(), ["name"], f"SMITH, {'x' * 301}")
    assert [each.partition('"')[0] for each in findings] == ["row 2, column name: "]


@pytest.mark.slow
def test_a_turned_name_is_the_holder_that_was_issued_to_or_somebody_else(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    before = [graduate(row, given_name="Anna", family_name=name) for row, name in ((1, "SMITH"), (2, "WEST"))]
    assert issuer.issue_file(Order(csv_file(tmp_path / "g.csv", before), workers=0)).issued == 2
    header = [*(each for each in graduate(1) if "name" not in each), "name"]
    turned = [{**graduate(row), "name": name} for row, name in ((1, "SMITH, Anna"), (2, "EAST, Eve"))]
    (tmp_path / "h.csv").write_text(table(turned, header))
    done = issuer.issue_file(Order(open_source(tmp_path / "h.csv", names="last-first"), workers=0))
    assert (done.issued, done.survey.known, done.survey.changed) == (0, {2: 0}, [])
    assert [each.reason for found in done.survey.findings.values() for each in found] == [
        "was issued to somebody else"
    ]


# A job


def test_what_changes_a_record_is_part_of_the_key_and_nothing_else_is(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    source = csv_file(tmp_path / "g.csv", [graduate(1)])

    def key(**change: Any) -> bytes:
        order, presses = Order(replace(source, **change)), [issuer.press()]
        return bulk._key(order, presses, issuer.form, Survey(), Attached())

    words = {"achievement_type": {"学士": "BachelorDegree"}}
    assert key() == key(names="as-is") == key(words={}, constants={})
    others: list[dict[str, Any]] = [
        {"names": "last-first"},
        {"constants": {"gpa": "1"}},
        {"constants": {"gpa": "2"}},
        {"words": words},
        {"words": {"achievement_type": {"学士": "Degree"}}},
        {"columns": {**source.columns, "honours": 1}},
    ]
    assert len({key(), *(key(**each) for each in others)}) == 7


@pytest.mark.slow
def test_what_all_rows_share_is_compared_with_what_was_issued(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    header = [each for each in graduate(1) if each != "gpa"]
    (tmp_path / "g.csv").write_text(table([graduate(1)], header))
    for gpa, issued in (("1.0", 1), ("1.0", 0), ("2.0", 0)):
        source = open_source(tmp_path / "g.csv", constants={"gpa": gpa})
        done = issuer.issue_file(Order(source, workers=0))
        assert done.issued == issued
    assert [change.fields for change in done.survey.changed] == [{"gpa": "2.0"}]


@pytest.mark.slow
def test_a_file_in_a_registrars_words_is_issued_and_its_errors_come_back(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)
    Path("words.txt").write_text("Abschluss A=ext:A\n", "utf-8")
    rows = ["1;SMITH, Anna;Physik;Abschluss A;30.6.2026", "2;Groß, Eva, Dr.;Physik;学士;2026年6月30日"]
    Path("g.csv").write_text("\n".join(["Nr;Name;Fach;Abschluss;Datum", *rows, ""]), "utf-8")
    said = [
        "--map",
        "diploma_number=Nr",
        "--set",
        "lang=de",
        "--values",
        "words.txt",
        "--names",
        "last-first",
    ]
    answer = program("issuer", "issue", "g.csv", "--name", "U", *said)
    assert (answer.code, answer.out) == (7, "1 issued, 0 issued before, 1 with errors\n"), answer.err
    assert "in all rows: lang = de" in answer.err
    (again,) = [line.strip() for line in answer.err.splitlines() if "issue g.errors.csv" in line]
    assert sorted(shlex.split(again)[3:]) == sorted(["g.errors.csv", *said])
    errors = Path("g.errors.csv").read_text("utf-8-sig")
    assert '"Groß, Eva, Dr.";"Physik";"学士";"2026年6月30日"' in errors
    Path("g.errors.csv").write_text(errors.replace("Eva, Dr.", "Dr. Eva"), "utf-8-sig")
    answer = program(*shlex.split(again)[1:])
    assert (answer.code, answer.out) == (0, "1 issued, 0 issued before, 0 with errors\n"), answer.err
    assert program("issuer", "list").out == "1  Anna SMITH\n2  Dr. Eva Groß\n"
    refused = program("issuer", "issue", "g.csv", *said, "--set", "gpa=x")
    assert (refused.code, "gpa is not a grade average" in refused.err) == (1, True)
