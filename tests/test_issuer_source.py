"""A registrar's file: its header, its rows and its spans."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from intaglio.words import remedy
from issuer.problem import (
    COLUMN_AMBIGUOUS,
    COLUMNS_MISSING,
    FAMILY_NAME_MISSING,
    HEADINGS_MISSING,
    UNREADABLE_FILE,
)
from issuer.table.dates import open_date
from issuer.table.source import _spans, open_source
from issuer.table.unchanged import unchanged
from tests.problems import raises
from tests.world import HEADER, graduate, table
from wire.problem import Conflict, NotFound, Problem


def rows_of(path: Path, **options: object) -> list[tuple[int, list[str]]]:
    source = open_source(path, **options)  # type: ignore[arg-type]
    return [row for span in source.spans for row in source.rows(span)]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_files_of_any_spreadsheet_are_read_alike(
    tmp_path: Path, delimiter: str, encoding: str, line_end: str
) -> None:
    graduates = [graduate(1, family_name="O'Brien, jr; of\t1"), graduate(2, given_name="莉")]
    text = table(graduates, delimiter=delimiter, lineterminator=line_end)
    path = tmp_path / "g.csv"
    mark = "\ufeff" if "16" in encoding else ""
    path.write_bytes((mark + text).encode(encoding))
    source = open_source(path)
    found = [source.fields(cells) for span in source.spans for _, cells in source.rows(span)]
    assert found == graduates
    assert source.mapping == {name: name for name in HEADER}
    assert source.unused == []


def test_usual_headings_are_understood_and_others_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text("Diplom-Nr;First Name;SURNAME;Degree;degree type;Date of Award;Remarks\n1;A;B;C;D;E;F\n")
    with raises(COLUMNS_MISSING) as raised:
        open_source(path)
    assert raised.value.detail == (
        "g.csv has no column for diploma_number; recognised are First Name (given_name), SURNAME "
        "(family_name), Degree (programme_title), degree type (achievement_type), Date of Award (award_date)"
    )
    assert "--map diploma_number=COLUMN" in remedy(raised.value)
    source = open_source(path, {"diploma_number": "Diplom-Nr"})
    assert source.mapping == {
        "Diplom-Nr": "diploma_number",
        "First Name": "given_name",
        "SURNAME": "family_name",
        "Degree": "programme_title",
        "degree type": "achievement_type",
        "Date of Award": "award_date",
    }
    assert source.unused == ["Remarks"]


@pytest.mark.parametrize(
    ("chosen", "detail"),
    [
        ({"shoe_size": "email"}, "there is no field 'shoe_size'"),
        ({"email": "E-Mail"}, "g.csv has no column 'E-Mail'"),
        ({"email": "twice"}, "g.csv has 2 columns 'twice'"),
    ],
)
def test_a_wrong_mapping_is_explained(tmp_path: Path, chosen: dict[str, str], detail: str) -> None:
    path = tmp_path / "g.csv"
    path.write_text(",".join([*HEADER, "twice", "twice"]))
    with raises(UNREADABLE_FILE) as raised:
        open_source(path, chosen)
    assert raised.value.detail == detail
    assert remedy(raised.value)


def test_two_columns_for_one_field_are_a_question(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1, **{"E-Mail": "x@example.org"})], [*HEADER, "E-Mail"]))
    with raises(COLUMN_AMBIGUOUS, match="'email' and 'E-Mail' could both be email"):
        open_source(path)
    assert open_source(path, {"email": "E-Mail"}).columns["email"] == len(HEADER)


def test_two_columns_of_one_heading_have_to_be_renamed(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1)], [*HEADER, "email"]))
    for chosen in ({}, {"email": "email"}):
        with raises(UNREADABLE_FILE, match="has 2 columns 'email'") as raised:
            open_source(path, chosen)
        assert "heading of its own" in remedy(raised.value)


def test_all_columns_that_are_missed_are_in_the_hint(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text("Nr,name,Titel,achievement_type,award_date\n1,A,T,Degree,2026-06-30\n")
    with raises(COLUMNS_MISSING, match="no column for diploma_number, programme_title") as raised:
        open_source(path)
    assert "meant: --map diploma_number=COLUMN --map programme_title=COLUMN. If" in remedy(raised.value)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "g.csv is empty"),
        (b"\xef\xbb\xbf\r\n", "g.csv is empty"),
        ("\ufeff\r\n".encode("utf-16-le"), "g.csv is empty"),
        ("\ufeffname\n1,\ud800\n".encode("utf-16-be", "surrogatepass"), "g.csv: line 2 is not in UTF-16"),
        ("\ufeffname\n1".encode("utf-16-le") + b"0", "g.csv ends in the middle of a character"),
        ("student_id,name\n".encode("utf-32"), "g.csv is not a CSV file in UTF-8"),
        ("student_id,name\n".encode("utf-16-le") + b"\0\0", "g.csv is not a CSV file in UTF-8"),
        (b"PK\x03\x04\x00\x00", "g.csv: it is damaged, or no workbook"),
        ("ü,\né,\n".encode() + b"\xfc,\n", "g.csv: line 3 is not in UTF-8"),
        (b"a,b\n\x81\x9d,\x01\xff\n", "g.csv: line 2 is not in UTF-8"),
        (table([]).encode(), "g.csv has a header and no rows"),
        ((table([]) + "\r\n,,,\r\n").encode(), "g.csv has a header and no rows"),
        (b"sep=;\r\n", "the first row of g.csv is empty"),
    ],
)
def test_what_is_no_table_is_said_to_be_none(tmp_path: Path, content: bytes, detail: str) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes(content)
    with raises(UNREADABLE_FILE) as raised:
        open_source(path)
    assert raised.value.detail == detail
    assert remedy(raised.value)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        open_source(tmp_path / "g.csv")
    with raises(UNREADABLE_FILE, match="is a folder"):
        open_source(tmp_path)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("encoding", ["UTF-8", "gb18030", "shift-jis", "big5", "windows-1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_file_that_is_not_in_its_encoding_is_refused_with_its_first_bad_line(
    tmp_path: Path, encoding: str, line_end: str
) -> None:
    path = tmp_path / "g.csv"
    rows = [graduate(row, remarks="of two\nlines") for row in range(1, 200)]
    rows += [graduate(200, remarks="\x81")] * 2  # alone it is a character of none of them
    text = table(rows, [*HEADER, "remarks"], lineterminator="\n").replace("\n", line_end)
    path.write_bytes(text.encode("latin-1"))
    with raises(UNREADABLE_FILE) as raised:
        open_source(path, encoding=encoding.lower(), span_rows=64)
    assert raised.value.detail == f"g.csv: line {1 + 2 * 199 + 1} is not in {encoding}"
    assert remedy(raised.value) == 'Save it as "CSV UTF-8".'


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1), graduate(2)]))
    source = open_source(path)
    spans = source.spans
    path.write_text(table([graduate(1), graduate(3)]))
    with pytest.raises(Conflict, match="was changed while it was read"):
        list(source.rows(spans[0]))


@pytest.mark.parametrize("replaced", [False, True])
def test_what_changes_while_it_is_read_is_refused_for_that(tmp_path: Path, replaced: bool) -> None:
    """Before anything else: what else is wrong may be of a file half written."""
    path, other = tmp_path / "g.csv", tmp_path / "other.csv"

    def read(problem: Problem | None) -> None:
        with unchanged(path):
            if replaced:
                other.replace(path)
            else:
                path.write_text("a,b\n1,2\n")
            if problem:
                raise problem

    for problem in (None, UNREADABLE_FILE("of a file half written")):
        path.write_text("a,b\n")
        other.write_text("c,d\n")
        with pytest.raises(Conflict, match=r"g\.csv was changed while it was read"):
            read(problem)
    with raises(UNREADABLE_FILE), unchanged(path):
        raise UNREADABLE_FILE("of a file that stays")
    with unchanged(path):
        path.read_bytes()


@pytest.mark.quick("c")
@pytest.mark.parametrize("heading", ["", "c"])
def test_a_header_without_end_is_refused_at_once(tmp_path: Path, heading: str) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1)]).replace("\r\n", f",{heading}" * 100_000 + "\r\n", 1))
    with raises(UNREADABLE_FILE, match=r"the headings of g\.csv take more than 64 KB") as raised:
        open_source(path)
    assert "have to be the first row" in remedy(raised.value)


def test_of_thousands_of_headings_the_first_are_named(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(",".join(f"c{index}" for index in range(10_000)) + "\n" + "x," * 9_999 + "x\n")
    with raises(HEADINGS_MISSING) as raised:
        open_source(path)
    assert "c38, c39, … and 9960 others" in remedy(raised.value)


def test_a_quotation_mark_that_is_never_closed_has_a_place(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1)]) + '"' + "x" * 200_000)
    with raises(UNREADABLE_FILE, match=r"^line 3: ") as raised:
        open_source(path)
    assert "never closed" in remedy(raised.value)


@pytest.mark.parametrize("row", [1, 4, 5, 7])
def test_a_quotation_mark_that_swallows_the_rows_behind_it_is_found(tmp_path: Path, row: int) -> None:
    lines = table([graduate(index, remarks="") for index in range(1, 8)], [*HEADER, "remarks"]).splitlines()
    path = tmp_path / "g.csv"
    path.write_text("\n".join([*lines[:row], lines[row] + '"see file', *lines[row + 1 :]]))
    with raises(UNREADABLE_FILE) as raised:
        open_source(path, span_rows=4)
    assert raised.value.detail == f"g.csv: a quotation mark that opens in row {row + 1} is never closed"
    path.write_text("\n".join([lines[0] + ',"note', *lines[1:]]))
    with raises(UNREADABLE_FILE, match="opens in the header is never closed"):
        open_source(path)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("line", ["sep={}\r\n", '"sep={}"\n', "SEP={}\r", "\ufeffsep={}\n"])
def test_the_line_that_names_the_separator_is_no_row(
    tmp_path: Path, mark: str, line: str, encoding: str
) -> None:
    path = tmp_path / "g.csv"
    first = line.format(mark).lstrip("\ufeff" if encoding == "utf-16" else "")
    path.write_text(first + table([graduate(1)], delimiter=mark), encoding=encoding, newline="")
    source = open_source(path)
    assert (source.delimiter, source.header) == (mark, tuple(HEADER))
    assert rows_of(path) == [(2, list(graduate(1).values()))]
    path.write_bytes(line.format(mark).encode() + table([graduate(1, honours="é")]).encode("latin-1"))
    with raises(UNREADABLE_FILE, match="line 3 is not in UTF-8"):
        open_source(path, encoding="utf-8")


@pytest.mark.parametrize("above", ["\n", "\n\n", ",,,\n", "sep=;\n\n"])
def test_what_stands_above_the_header_has_to_go(tmp_path: Path, above: str) -> None:
    path = tmp_path / "g.csv"
    path.write_text(above + table([graduate(1)]))
    with raises(UNREADABLE_FILE, match=r"^the first row of g.csv is empty") as raised:
        open_source(path)
    assert "delete what stands above" in remedy(raised.value)
    path.write_text(f"Graduates 2026{',' * 15}\n" + table([graduate(1)]))
    with raises(HEADINGS_MISSING, match="no column for") as raised:
        open_source(path)
    assert remedy(raised.value).startswith("The headings have to be the first row, which is Graduates 2026. ")


def test_the_separator_is_found_where_no_heading_is_known(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text("Nr;Vorname;Nachname;Studiengang;Art;Datum\n1;A;B;C;Degree;2026-06-30\n")
    chosen = ["diploma_number=Nr", "given_name=Vorname", "family_name=Nachname", "award_date=Datum"]
    chosen += ["programme_title=Studiengang", "achievement_type=Art"]
    source = open_source(path, dict(item.split("=") for item in chosen))
    assert (source.delimiter, len(source.columns)) == (";", 6)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)


@given(st.lists(st.lists(cells, min_size=16, max_size=16), max_size=20), st.integers(1, 4), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_spans_cut_anywhere_give_the_rows_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], size: int, everything_quoted: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if everything_quoted else csv.QUOTE_MINIMAL)
    writer.writerow(HEADER)
    writer.writerows([*rows, graduate(1).values()])
    path = tmp_path_factory.getbasetemp() / "spans.csv"
    path.write_bytes(text.getvalue().encode())
    source = open_source(path, encoding="utf-8", span_rows=size)
    spans = source.spans
    assert [span.rows for span in spans[:-1]] == [size] * (len(spans) - 1)
    assert [row for span in spans for row in source.rows(span)] == [
        (number, row) for number, row in enumerate([*rows, [*graduate(1).values()]], 2) if any(row)
    ]
    assert [span.start for span in spans[1:]] == [span.stop for span in spans[:-1]]


def spans_of(path: Path, size: int, number: Callable[[list[str]], str] | None) -> object:
    try:
        return _spans(path, "utf-8", 0, ",", 1, size, number)
    except Problem as problem:
        return type(problem), problem.detail


PIECES = {each: each.encode() for each in (*'ab,; "', "\n", "\r\n", "\r", '"a,\nb"', "é", "\u2028", "\x0b")}
PIECES |= {"spoilt": b"\xff", "long": b"x" * 70_000, "end": b"\n"}


@given(st.lists(st.sampled_from(sorted(PIECES)), max_size=30), st.integers(1, 4))
@example(["\n", "\n", "long", "long"], 1)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_spans_are_the_same_whether_their_rows_are_parsed_or_seen_to_be_lines(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.csv"
    path.write_bytes(b"".join(map(PIECES.__getitem__, pieces)))
    # With a number of each row, here none, all is parsed: rows of one number are not parted.
    assert spans_of(path, size, None) == spans_of(path, size, lambda _: "")


def test_a_cell_that_no_reader_takes_is_refused_in_a_plain_file_too(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1), graduate(2, programme_title="x" * 140_000), graduate(3)]))
    with raises(UNREADABLE_FILE, match="line 3: a cell of over 131072 characters"):
        open_source(path)


def test_empty_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(1)]) + "\n,,,\n" + table([graduate(2)]).split("\n", 1)[1] + "\n\n")
    assert [row for row, _ in rows_of(path)] == [2, 5]


def test_a_missing_family_name_is_asked_for_with_the_other_columns(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("First name,Number of diploma\nAda,N-1\n")
    with raises(COLUMNS_MISSING, match="programme_title") as raised:
        open_source(file)
    assert str(raised.value.facts["fields"]).split()[-1] == "family_name"


def test_half_a_name_is_never_taken_for_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    rest = "diploma_number,programme_title,achievement_type,award_date\n"
    for heading, whole in (("full_name", True), ("first_name", False)):
        path.write_text(f"{heading},{rest}A,1,T,Degree,2026-06-30\n")
        if whole:
            open_source(path)
        else:
            with raises(FAMILY_NAME_MISSING, match="family_name"):
                open_source(path)


@pytest.mark.parametrize(
    ("dates", "found"),
    [
        (["2026-06-30", "30.06.2026", ""], None),
        (["Juni", "03/04/26"], None),
        (["30/06/2026", "2026-06-30"], ("30/06/2026", {"day-first": "2026-06-30"})),
        (["06/30/2026"], ("06/30/2026", {"month-first": "2026-06-30"})),
        (
            ["30/06/2026", "06/30/2026", " 03-04-2026 "],
            ("03-04-2026", {"day-first": "2026-04-03", "month-first": "2026-03-04"}),
        ),
    ],
)
def test_a_date_is_open_where_only_a_person_knows_the_order(
    tmp_path: Path, dates: list[str], found: object
) -> None:
    path = tmp_path / "g.csv"
    path.write_text(table([graduate(row, award_date=day) for row, day in enumerate(dates)]))
    assert open_date(open_source(path)) == found
    assert open_date(open_source(path, date_order="day-first")) is None
