"""JSON Lines and Parquet beside CSV: a table is the same in each, and a hostile one is bounded."""

from __future__ import annotations

import csv
import importlib.util
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.job.bulk import Issued
from issuer.job.checking import Checker
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.problem import COLUMNS_MISSING, HEADINGS_MISSING, UNREADABLE_FILE
from issuer.table import jsonlines
from issuer.table.celltext import FLOAT, NESTED
from issuer.table.finding import CellFinding
from issuer.table.source import Source, open_source
from tests.commandline import Program
from tests.fault.issuing import everything
from tests.problems import raises
from tests.test_issuer_groups import KIND
from tests.world import HEADER, NOW, graduate, issuer_in, table, twin
from wire.problem import Conflict, ExtraMissing, Problem

needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="no pyarrow: pip install '.[parquet]'"
)
Row = Mapping[str, Any]
Write = Callable[[Path, Sequence[Row]], Path]


def as_csv(folder: Path, rows: Sequence[Row]) -> Path:
    path = folder / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*rows[0]])
        writer.writerows([row[name] for name in rows[0]] if any(row.values()) else [] for row in rows)
    return path


def as_json(folder: Path, rows: Sequence[Row]) -> Path:
    return lines(folder, *(json.dumps(row, ensure_ascii=False) for row in rows))


def lines(folder: Path, *of_file: str) -> Path:
    path = folder / "t.jsonl"
    path.write_text("\n".join(of_file) + "\n", encoding="utf-8")
    return path


def as_parquet(folder: Path, rows: Sequence[Row], **options: Any) -> Path:
    return parquet(folder, {name: [row[name] or None for row in rows] for name in rows[0]}, **options)


def parquet(folder: Path, columns: Mapping[str, Any], **options: Any) -> Path:
    """A column is a list of texts, or an array of pyarrow's."""
    import pyarrow
    from pyarrow.parquet import write_table

    arrays = [
        pyarrow.array(each, pyarrow.string()) if isinstance(each, list) else each for each in columns.values()
    ]
    path = folder / "t.parquet"
    write_table(pyarrow.table(arrays, [*columns]), path, **options)
    return path


FORMATS = [
    pytest.param(as_json, id="json"),
    pytest.param(as_parquet, id="parquet", marks=needs_pyarrow),
]


# One table is one table


def checked(source: Source) -> list[tuple[int, Any, list[CellFinding]]]:
    checker = Checker(source, NOW.date(), trial(source.kind))
    return [
        (row, *checker.check(row, cells, further))
        for span in source.spans
        for (row, cells), *further in source.records(span)
    ]


def nested(row: Row) -> Row:
    """The numbered columns of a row as one list."""
    items = [{"course": row[f"course_{each}"], "grade": row[f"grade_{each}"]} for each in (1, 2)]
    return {"no": row["no"], "name": row["name"], "courses": items}


_TEXT = st.sampled_from(
    ["", "A", " A ", "1", "2.5", "12,5", 'a "b",\nc', "=1+1", "#N/A", "张敏", "\u202e", "x" * 301]
)
_NAMES = ("no", "name", "course_1", "grade_1", "course_2", "grade_2")
_ROWS = st.tuples(*[_TEXT] * len(_NAMES)).map(lambda texts: dict(zip(_NAMES, texts, strict=True)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(_ROWS, min_size=1, max_size=8).filter(lambda rows: any(map(any, map(dict.values, rows)))),
    st.integers(1, 4),
)
def test_a_table_in_json_has_the_records_and_findings_of_the_csv(
    tmp_path: Path, rows: list[dict[str, str]], span_rows: int
) -> None:
    of_csv = open_source(as_csv(tmp_path, rows), kind=KIND, span_rows=span_rows)
    for objects in (rows, [nested(row) for row in rows]):
        of_json = open_source(as_json(tmp_path, objects), kind=KIND, span_rows=span_rows)
        assert checked(of_json) == checked(of_csv)
        assert [span.rows for span in of_json.spans] == [span.rows for span in of_csv.spans]


@pytest.mark.slow  # the table whose shards are compared below is the quick one
@needs_pyarrow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=4)
@given(
    st.lists(_ROWS, min_size=1, max_size=30).filter(lambda rows: any(map(any, map(dict.values, rows)))),
    st.integers(1, 4),
)
def test_a_table_in_parquet_has_the_records_and_findings_of_the_csv(
    tmp_path: Path, rows: list[dict[str, str]], span_rows: int
) -> None:
    of_csv = open_source(as_csv(tmp_path, rows), kind=KIND, span_rows=span_rows)
    for options in ({"row_group_size": 3}, {"use_dictionary": False, "compression": "zstd"}):
        of_parquet = open_source(as_parquet(tmp_path, rows, **options), kind=KIND, span_rows=span_rows)
        assert checked(of_parquet) == checked(of_csv)
        assert [span.rows for span in of_parquet.spans] == [span.rows for span in of_csv.spans]


def test_rows_of_one_number_are_one_record_in_json_too(tmp_path: Path) -> None:
    rows = [{"no": f"{each // 3}", "name": "A", "course": f"C{each}", "grade": "1"} for each in range(12)]
    of_csv, of_json = (
        open_source(write(tmp_path, rows), kind=KIND, span_rows=2) for write in (as_csv, as_json)
    )
    assert checked(of_json) == checked(of_csv)
    assert [span.rows for span in of_json.spans] == [span.rows for span in of_csv.spans] == [3, 3, 3, 3]


@pytest.mark.slow
@pytest.mark.parametrize("write", FORMATS)
def test_a_table_gives_the_shards_the_findings_and_the_root_of_the_csv(write: Write, tmp_path: Path) -> None:
    rows: list[dict[str, str]] = [graduate(row) for row in range(40)]
    rows[3]["birth_date"], rows[20]["ects"], rows[21] = "2001-13-01", "many", dict.fromkeys(HEADER, "")
    one = issuer_in(tmp_path / "one")
    issuers = [one, twin(one, tmp_path / "other" / "two")]
    results: list[Issued] = []
    for issuer, path in zip(issuers, [as_csv(tmp_path, rows), write(tmp_path, rows)], strict=True):
        order = Order(open_source(path, span_rows=16), issuer.home / "errors.csv", workers=0)
        results.append(issuer.issue_file(order))
    assert [each.issued for each in results] == [37, 37]
    assert results[0].survey.findings == results[1].survey.findings
    assert sorted(results[0].survey.findings) == [5, 22]
    assert everything(issuers[0]) == everything(issuers[1])
    shards = [
        {path.relative_to(issuer.home): path.read_bytes() for path in issuer.home.glob("shards/*/*")}
        for issuer in issuers
    ]
    assert shards[0] == shards[1]
    assert len(shards[0]) == 3


@pytest.mark.quick("json")
@pytest.mark.parametrize("write", FORMATS)
def test_the_same_file_again_issues_nothing_and_the_error_file_is_read_back(
    write: Write, tmp_path: Path
) -> None:
    rows = [graduate(row) for row in range(5)]
    rows[3]["birth_date"] = "2001-13-01"
    issuer, path = issuer_in(tmp_path / "home"), write(tmp_path, rows)
    order = Order(open_source(path), tmp_path / "errors.csv", workers=0)
    assert (issuer.issue_file(order).issued, issuer.issue_file(order).issued) == (4, 0)
    mended = (tmp_path / "errors.csv").read_text("utf-8-sig").replace("2001-13-01", "2001-12-01")
    (tmp_path / "errors.csv").write_text(mended)
    assert issuer.issue_file(Order(open_source(tmp_path / "errors.csv"), workers=0)).issued == 1


# Values


def cells(source: Source) -> list[list[str]]:
    return [each for span in source.spans for _, each in source.rows(span)]


def test_a_value_of_json_is_the_text_of_a_cell(tmp_path: Path) -> None:
    values = ["text", 7, -12345678901234567, True, None, 3.5, 3.0, 1e22, [], [1], {"a": 1}, [{"a": 1}, 2]]
    path = lines(tmp_path, *(json.dumps({"no": "1", "name": value}) for value in values))
    texts = [row[1] for row in cells(open_source(path, kind=KIND))]
    of_name = ["text", "7", "-12345678901234567", "TRUE", "", FLOAT, FLOAT, FLOAT, "", *[NESTED] * 3]
    assert texts == of_name
    path = lines(
        tmp_path,
        *(
            json.dumps({"no": "1", "name": "A", "courses": [{"course": "C", "grade": value}]})
            for value in values
        ),
    )
    texts = [row[3] for row in cells(open_source(path, kind=KIND))]
    assert texts == ["text", "7", "-12345678901234567", "TRUE", "", "3.5", "3", "1e+22", *[NESTED] * 4]


def test_a_binary_fraction_is_a_finding_but_of_a_number(tmp_path: Path) -> None:
    good = {"no": "1", "name": "A", "courses": [{"course": "C", "grade": 2.5}]}
    wrong = {"no": 2.5, "name": {"given": "A"}, "courses": [{"course": 0.1, "grade": [1]}]}
    (_, record, none), (_, _, found) = checked(
        open_source(lines(tmp_path, json.dumps(good), json.dumps(wrong)), kind=KIND)
    )
    assert (record["courses"], none) == ([{"course": "C", "grade": 2.5}], [])
    assert {(each.row, each.column, each.reason.partition(",")[0]) for each in found} == {
        (3, "no", "is a binary fraction"),
        (3, "name", "is a list or an object"),
        (3, "course_1", "is a binary fraction"),
        (3, "grade_1", "is a list or an object"),
    }


@needs_pyarrow
def test_a_value_of_parquet_is_the_text_of_a_cell(tmp_path: Path) -> None:
    import pyarrow as pa

    kinds: list[tuple[Any, Any, str]] = [
        ("0012", pa.string(), "0012"),
        ("0012", pa.large_string(), "0012"),
        ("x", pa.dictionary(pa.int8(), pa.string()), "x"),
        (7, pa.int8(), "7"),
        (18446744073709551615, pa.uint64(), "18446744073709551615"),
        (True, pa.bool_(), "TRUE"),
        (date(2026, 6, 30), pa.date32(), "2026-06-30"),
        (datetime(2026, 6, 30), pa.timestamp("ns"), "2026-06-30"),  # noqa: DTZ001 -- none is meant
        (datetime(2026, 6, 30, 12, 5), pa.timestamp("ms"), "2026-06-30T12:05:00"),  # noqa: DTZ001 -- none is meant
        (Decimal("1250.10"), pa.decimal128(9, 2), "1250.10"),
        (Decimal("100"), pa.decimal128(9, 0), "100"),
        (3.5, pa.float64(), FLOAT),
        (0.1, pa.float32(), FLOAT),
        (None, pa.null(), ""),
    ]
    columns: dict[str, Any] = {"no": ["1"], "name": ["A"]}
    columns |= {f"x{place}": pa.array([value], kind) for place, (value, kind, _) in enumerate(kinds)}
    columns |= {"course_1": ["C"], "grade_1": pa.array([2.5])}
    (row,) = cells(open_source(parquet(tmp_path, columns), kind=KIND))
    assert row == ["1", "A", *(text for _, _, text in kinds), "C", "2.5"]


# What cannot be read

DEEP = "[" * 60 + "]" * 60


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1]", "line 2: the JSON text is not an object"),
        ('{"no": "1"', "line 2: "),
        ('{"no": "1", "no": "2"}', "line 2: "),
        ('{"no": NaN}', "line 2: "),
        ('{"no": 1e999}', "line 2: "),
        ('{"no": "\\ud800"}', "line 2: "),
        (f'{{"no": {DEEP}}}', "line 2: "),
        ('{"no": "' + "x" * (1 << 20) + '"}', "a line has more than 1 MB"),
        ('{"no": "' + "x" * (1 << 18) + '"}', "line 2: a value has more than 131072 characters"),
        (json.dumps({f"c{each}": "" for each in range(100_000)}), "t.jsonl"),
        (json.dumps({f"c{each}": "" for each in range(20_000)}), "headings of t.jsonl take more than 64 KB"),
        (json.dumps({"courses": [{"course": "C"}] * 1001}), "line 2: a list has more than 1000 items"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_row_is_named(line: str, words: str, tmp_path: Path) -> None:
    path = lines(tmp_path, '{"no": "1", "name": "A"}', line)
    with raises(UNREADABLE_FILE) as refused:
        open_source(path, kind=KIND)
    assert words in refused.value.detail
    assert len(refused.value.detail) < 200


def test_json_lines_are_utf8_and_may_have_a_mark_blank_lines_and_any_end(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"no": "1", "name": "A"}\r\n\n{"name": "B", "no": "2"}')
    source = open_source(path, kind=KIND)
    assert [each for span in source.spans for each in source.rows(span)] == [(2, ["1", "A"]), (4, ["2", "B"])]
    path.write_bytes(b'{"no": "1", "name": "\xff"}')
    with raises(UNREADABLE_FILE):
        open_source(path, kind=KIND)


@pytest.mark.parametrize(
    "text",
    ['[{"given_name": "Ánh"}]', '\ufeff[\r\n    {\r\n        "given_name": "Ánh"\r\n    }\r\n]', " [] "],
)
def test_a_list_in_json_is_told_from_json_lines(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(text)
    with raises(UNREADABLE_FILE, match=r"t\.json is a list in JSON") as raised:
        open_source(path)
    assert "jq" in raised.value.hint


def test_json_lines_without_a_column_or_a_row_are_refused_as_a_csv_is(tmp_path: Path) -> None:
    with raises(COLUMNS_MISSING):
        open_source(lines(tmp_path, '{"no": "1"}'), kind=KIND)
    for empty in ("{}", '{"no": null, "name": ""}'):
        with raises(UNREADABLE_FILE):
            open_source(lines(tmp_path, empty), kind=KIND)


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    source = open_source(lines(tmp_path, '{"no": "1", "name": "A"}'), kind=KIND)
    lines(tmp_path, '{"no": "2", "name": "A"}')
    with raises(Conflict):
        cells(source)


@pytest.mark.slow
def test_memory_has_a_bound_whatever_columns_come(tmp_path: Path) -> None:
    """The headings end at the first line that has too many, not at the end of the file."""
    path = tmp_path / "t.jsonl"
    with path.open("w") as file:
        file.writelines(
            json.dumps({f"{line}-{each}": 1 for each in range(2000)}) + "\n" for line in range(50)
        )
    with raises(UNREADABLE_FILE):
        jsonlines.find_places(path, 1 << 16)


def test_without_pyarrow_it_is_said_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + bytes(100))
    with raises(ExtraMissing) as missing:
        open_source(tmp_path / "t.parquet")
    assert missing.value.facts == {"package": "pyarrow", "extra": "parquet"}


@needs_pyarrow
@pytest.mark.quick("binary")
@pytest.mark.parametrize("name", ["list<", "struct<", "binary", "timestamp[us"])
def test_a_type_that_is_no_text_number_or_day_is_refused_by_name(tmp_path: Path, name: str) -> None:
    import pyarrow as pa

    value, kind = {
        "list<": (["x"], pa.list_(pa.string())),
        "struct<": ({"a": 1}, pa.struct([("a", pa.int8())])),
        "binary": (b"x", pa.binary()),
        "timestamp[us": (datetime(2026, 1, 1), pa.timestamp("us", "Asia/Shanghai")),  # noqa: DTZ001 -- Arrow adds the zone
    }[name]
    path = parquet(tmp_path, {"no": ["1"], "name": pa.array([value], kind)})
    with raises(UNREADABLE_FILE) as refused:
        open_source(path, kind=KIND)
    assert f"the column 'name' has the type {name}" in refused.value.detail


def hostile(folder: Path) -> dict[str, Callable[[], Path]]:
    import pyarrow as pa

    def cut() -> Path:
        path = parquet(folder, {"no": ["1"], "name": ["A"]})
        path.write_bytes(path.read_bytes()[:-20])
        return path

    def magic_alone() -> Path:
        path = folder / "t.parquet"
        path.write_bytes(b"PAR1\xff\xff\xff\x7fPAR1")
        return path

    def bomb() -> Path:
        """Some kilobytes, of which each row would have 16 MB: the dictionary's one value."""
        value = pa.array(["x" * (1 << 24)])
        names = pa.DictionaryArray.from_arrays(pa.array([0] * 4096, pa.int32()), value)
        path = parquet(folder, {"no": ["1"] * 4096, "name": names}, compression="zstd")
        assert path.stat().st_size < 1 << 16
        return path

    return {
        "cut": cut,
        "magic alone": magic_alone,
        "columns": lambda: parquet(folder, {f"c{each}": pa.nulls(1) for each in range(20_000)}),
        "a long cell": lambda: parquet(folder, {"no": ["1"], "name": ["x" * (1 << 18)]}),
        "a bomb": bomb,
        "nanoseconds": lambda: parquet(folder, {"no": ["1"], "name": pa.array([1], pa.timestamp("ns"))}),
    }


@needs_pyarrow
@pytest.mark.slow
@pytest.mark.parametrize("name", ["cut", "magic alone", "columns", "a long cell", "a bomb", "nanoseconds"])
def test_a_hostile_file_ends_its_own_process_only(name: str, tmp_path: Path) -> None:
    path = hostile(tmp_path)[name]()
    with raises(UNREADABLE_FILE):
        open_source(path, kind=KIND)


@needs_pyarrow
@pytest.mark.slow
@pytest.mark.parametrize("tries", [12, pytest.param(400, marks=pytest.mark.soak)])
def test_a_spoilt_file_is_refused_or_read_and_nothing_else_happens(tries: int, tmp_path: Path) -> None:
    rows = [{"no": f"{each}", "name": f"Name {each % 7}"} for each in range(200)]
    path = as_parquet(tmp_path, rows, compression="snappy")
    whole, chance, codes = path.read_bytes(), random.Random(7), set[str]()
    for _ in range(tries):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            cells(open_source(path, kind=KIND))
        except Problem as problem:  # any other error is one of the test
            codes.add(problem.code)
    assert codes <= {UNREADABLE_FILE.code, COLUMNS_MISSING.code, HEADINGS_MISSING.code}


# The command


@pytest.mark.slow
@pytest.mark.parametrize("write", FORMATS)
def test_the_command_issues_it_and_says_where_a_row_is_wrong(
    write: Write, program: Program, tmp_path: Path
) -> None:
    rows = [graduate(row) for row in range(1, 6)]
    rows[1]["birth_date"] = "2001-13-01"
    path = write(tmp_path, rows)
    answer = program("issuer", "issue", path, "--name", "Invented University", "--yes")
    assert answer.code == 7
    assert answer.out.startswith("4 issued, 0 issued before, 1 with errors")
    assert 'row 3, column birth_date: "2001-13-01"' in answer.err
    assert (tmp_path / "t.errors.csv").exists()
    path.with_name("t.csv").write_text(table(rows))
    assert program("issuer", "issue", path.with_name("t.csv"), "--yes").out.startswith(
        "0 issued, 4 issued before"
    )
