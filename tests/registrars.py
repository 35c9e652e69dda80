"""Files as registrars have them: of three institutions, with planted mistakes, and small ones of one trait.

Everybody in them is invented. Columns, words and encodings are those of the place; nothing is tidied up.
Run as a module, it prints the outcome of each small file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from python_calamine import CalamineWorkbook

import kinds
from tests.workbooks import cell, ods, row, texts, with_part, workbook

Table = list[list[str]]
"""Rows of cells; the first has the headings."""

SURNAMES = [*"王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "欧阳"]
GIVEN = ["伟", "芳", "秀英", "敏", "静", "丽", "强", "磊", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超"]
GERMAN = ["Jürgen", "Änne", "Zoë", "Björn", "Käthe", "Søren", "Seán", "Anna-Lena"]
GERMAN_SURNAMES = ["Müller", "Groß", "O'Brien-Müller", "von der Höhe", "Çelik", "Öztürk", "Schäfer", "Weiß"]


class Mistake(NamedTuple):
    """A planted mistake, where the registrar's spreadsheet shows it."""

    row: int
    heading: str
    """Of the column."""
    mended: str | None
    """The right cell; `None` where the row does not belong into the file."""


class World(NamedTuple):
    """An institution's file, and the words that its registrar types."""

    file: Path
    init: Sequence[str]
    """Behind `intaglio issuer init`."""
    issue: Sequence[str]
    """Behind `intaglio issuer issue FILE`."""
    rows: int
    mistakes: Sequence[Mistake]
    says: Mapping[str, str]
    """By the number of a credential, words of the sentence that a verifier shows."""


# Three institutions


def chinese(folder: Path, *, as_workbook: bool, rows: int = 120) -> World:
    """A Chinese university: no numbers, days as people write them; a workbook, or a CSV file in GB18030."""
    chance = random.Random(1)
    table = [["学号", "姓名", "专业", "学位", "毕业日期", "电子邮箱"]]
    table += [
        [
            f"2022{number:05}",
            chance.choice(SURNAMES) + chance.choice(GIVEN),
            chance.choice(["计算机科学与技术", "临床医学", "土木工程", "汉语言文学"]),
            chance.choice(["学士", "硕士", "博士", "工学学士"]),
            chance.choice(["2026年6月30日", "2026.06.30", "20260630", "２０２６年６月３０日"]),
            f"s{number:05}@example.org",
        ]
        for number in range(rows)
    ]
    _cell(table, 17, "毕业日期", "2026年6月31日")
    _cell(table, 40, "姓名", "")
    _cell(table, 79, "学位", "荣誉")
    table[101] = [*table[8]]
    mistakes = [
        Mistake(9, "学号", table[8][0]),  # right as it is, and not issued while row 102 equals it
        Mistake(17, "毕业日期", "2026年6月30日"),
        Mistake(40, "姓名", "欧阳静"),
        Mistake(79, "学位", "学士"),
        Mistake(102, "学号", None),
    ]
    if as_workbook:
        file = workbook(folder / "毕业生.xlsx", lambda sheet: texts(sheet, table), "毕业生名单")
    else:
        file = written(folder / "毕业生.csv", table, "gb18030")
    says = {"SL-2026-000001": f'"{table[1][2]} ({table[1][3]})", to "{table[1][1]}"'}
    return World(file, ("--name", "示例大学"), ("--number", "SL-{year}-{seq:06}"), rows, mistakes, says)


def german(folder: Path, rows: int = 120) -> World:
    """A German university: semicolons, Latin-1, days with the month's name, a comma in each grade."""
    chance = random.Random(2)
    table = [["Matrikelnummer", "Nachname", "Vorname", "E-Mail", "Studiengang", "Abschluss"]]
    table[0] += ["Abschlussdatum", "Gesamtnote", "Urkundennummer"]
    table += [
        [
            f"00{number:05}",
            chance.choice(GERMAN_SURNAMES),
            chance.choice(GERMAN),
            f"m{number}@example.org",
            chance.choice(["Informatik", "Öffentliches Recht", "Maschinenbau"]),
            chance.choice(["Bachelor of Science", "Master of Science", "Staatsexamen", "Doktor"]),
            chance.choice(["20. Juli 2026", "20.07.2026", "1. März 2026"]),
            chance.choice(["1,7", "2,0", "1,3"]),
            f"U-{number:05}",
        ]
        for number in range(rows)
    ]
    _cell(table, 5, "Abschlussdatum", "31. Juni 2026")
    _cell(table, 52, "Urkundennummer", "U-00020")
    _cell(table, 63, "E-Mail", "m61 at example.org")
    mistakes = [
        Mistake(5, "Abschlussdatum", "30. Juni 2026"),
        Mistake(52, "Urkundennummer", "U-00050"),
        Mistake(63, "E-Mail", "m61@example.org"),
    ]
    file = written(folder / "Absolventen.csv", table, "latin-1", ";")
    # Graduates come from several countries: no single language has all letters, so the encoding is asked.
    _, family, given_name, _, programme, degree, *_ = table[1]
    says = {"U-00000": f'"{programme} ({degree})", to "{given_name} {family}"'}
    options = ("--encoding", "latin-1")
    return World(file, ("--name", "Beispiel-Universität"), options, rows, mistakes, says)


def city(folder: Path, rows: int = 2_000) -> World:
    """A city with a kind of its own, whose numbers have check digits (GB 11643); homonyms, and twins.

    Of a few thousand residents dozens share their name, and some the birthday, too: they are not mistakes.
    """
    chance = random.Random(3)
    births = [date(1940, 1, 1) + timedelta(days=chance.randrange(30_000)) for _ in range(rows)]
    births[11], births[21] = births[10], births[20]
    rest = ("示例路1号", "示例市", "中国", "2026-06-01")
    table = [["公民身份号码", "姓", "名", "出生日期", "住址", "城市", "国籍", "签发日期"]]
    table += [
        [number, chance.choice(SURNAMES), chance.choice(GIVEN), f"{born:%Y年%m月%d日}", *rest]
        for number, born in zip(_residents(births), births, strict=True)
    ]
    for second in (12, 22):  # twins; of the second pair the numbers alone tell who is who
        table[second][1:] = table[second - 1][1:]
    table[12][2] = "双双"
    repeated, sound = table[700][0], table[899][0]
    _cell(table, 32, "出生日期", "2026-02-30")
    _cell(table, 502, "姓", "")
    _cell(table, 701, "公民身份号码", table[699][0])
    _cell(table, 900, "公民身份号码", sound[:-1] + ("1" if sound.endswith("0") else "0"))
    mistakes = [
        Mistake(32, "出生日期", births[30].isoformat()),
        Mistake(502, "姓", "欧阳"),
        Mistake(701, "公民身份号码", repeated),
        Mistake(900, "公民身份号码", sound),
    ]
    file = written(folder / "居民.csv", table, "utf-8-sig")
    says = {cells[0]: f"residence of {cells[1]}{cells[2]}" for cells in (*table[11:13], *table[21:23])}
    init = ("--name", "示例市", "--kind", str(_city_kind(folder)))
    return World(file, init, (), rows, mistakes, says)


def _city_kind(folder: Path) -> Path:
    """A copy of `resident`, in which the number has check digits."""
    shipped, copy = Path(kinds.__file__).parent / "resident", folder / "city_resident"
    kind = json.loads((shipped / "kind.json").read_text("utf-8"))
    kind["name"] = copy.name
    kind["fields"]["personal_administrative_number"]["check"] = "gb11643"
    (copy / "tables").mkdir(parents=True)
    (copy / "kind.json").write_text(json.dumps(kind, ensure_ascii=False), encoding="utf-8")
    (copy / "tables" / "country.csv").write_bytes((shipped / "tables" / "country.csv").read_bytes())
    return copy


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999


def _residents(births: Sequence[date]) -> Iterator[str]:
    """A resident's number for each: an uninhabited area, the day of birth, and a serial number."""
    places: Counter[date] = Counter()
    for born in births:
        places[born] += 1
        body = f"999999{born:%Y%m%d}{places[born]:03}"
        total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
        yield body + "10X98765432"[total % 11]


def corrected(error_file: Path, mistakes: Sequence[Mistake]) -> None:
    """Correct the rows of an error file where they stand, as a registrar does in a spreadsheet."""
    is_workbook = error_file.suffix == ".xlsx"
    if is_workbook:
        sheet = CalamineWorkbook.from_path(error_file).get_sheet_by_index(0)
        table = [[str(each) for each in cells] for cells in sheet.to_python()]
    else:
        text = error_file.read_text("utf-8-sig")
        delimiter = ";" if text.startswith('"problem_row";') else ","
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    mended = {str(mistake.row): mistake for mistake in mistakes}
    kept = [table[0]]
    for cells in table[1:]:
        mistake = mended[cells[0]]
        if mistake.mended is not None:
            cells[table[0].index(mistake.heading)] = mistake.mended
            kept.append(cells)
    if is_workbook:
        workbook(error_file, lambda sheet: texts(sheet, kept))
    else:
        written(error_file, kept, "utf-8-sig", delimiter)


def written(path: Path, table: Table, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """A table as a text file."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(table)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def _cell(table: Table, row_number: int, heading: str, text: str) -> None:
    """Writes a cell by the row number and the heading that a spreadsheet shows."""
    table[row_number - 1][table[0].index(heading)] = text


# Small files of one trait

UNDERSTOOD, ASKED, REFUSED = "understood", "asked", "refused"


class Small(NamedTuple):
    """A small file of one trait, and what becomes of it without a terminal."""

    trait: str
    name: str
    """Of the file."""
    make: Callable[[Path], object]
    """Writes it."""
    outcome: str
    """`UNDERSTOOD`; `ASKED`, where an error names the option that says it; or `REFUSED`."""
    words: str
    """The decisive words in the messages; if the file is understood, a sentence to be signed."""
    options: Sequence[str] = ()
    """Options that the registrar types in any case."""
    answer: Sequence[str] = ()
    """If the outcome is `ASKED`, the options with which the file is understood."""
    bad_rows: bool = False
    """True if single rows are asked about or refused, and others would be issued."""

    @property
    def code(self) -> int:
        """The exit code of a dry run."""
        return 0 if self.outcome == UNDERSTOOD else 7 if self.bad_rows else 1

    @property
    def is_workbook(self) -> bool:
        """True if a separate process reads the file, which takes some tenths of a second to start."""
        return self.name.endswith((".xlsx", ".xlsm", ".ods"))


HEADINGS = ["Certificate number", "Name", "Programme", "Degree type", "Graduation date"]


def _graduates(*names: str, days: Sequence[str] = (), numbers: Sequence[str] = ()) -> Table:
    days = days or ["2026-06-30"] * len(names)
    numbers = numbers or [f"U-{place}" for place in range(1, len(names) + 1)]
    people = zip(numbers, names, days, strict=True)
    return [[*HEADINGS], *([number, name, "Physics", "Bachelor", day] for number, name, day in people)]


ANNA, TWO = "Anna Smith", ("Anna Smith", "Maja Lindqvist")


def _to(name: str, degree: str = "Bachelor") -> str:
    """The words that are to be signed about a graduate."""
    return f'"Physics ({degree})", to "{name}", 2026-06-30'


def _text(
    table: Table, encoding: str = "utf-8", delimiter: str = ",", above: str = ""
) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        written(path, table, encoding, delimiter)
        path.write_bytes(above.encode(encoding) + path.read_bytes())

    return make


def _sheet(fill: Callable[[Any], None]) -> Callable[[Path], object]:
    return lambda path: workbook(path, fill)


def _book(fill: Callable[[Any], None]) -> Callable[[Path], object]:
    return lambda path: workbook(path, fill, "")


def _titled(sheet: Any) -> None:
    texts(sheet, [["Graduates of 2026"], *_graduates(*TWO)])


def _merged(sheet: Any) -> None:
    table = _graduates(*TWO)
    for index, heading in enumerate(table[0]):
        if index in (0, 1, 4):
            sheet.merge_range(0, index, 1, index, heading)
    sheet.merge_range(0, 2, 0, 3, "Studies")
    texts(sheet, [["", "", "Programme", "Degree type"], *table[1:]], top=1)


def _two_sheets(book: Any) -> None:
    for year in ("2025", "2026"):
        texts(book.add_worksheet(year), _graduates(*TWO))


def _hidden(sheet: Any) -> None:
    texts(sheet, _graduates(*TWO))
    sheet.set_row(2, options={"hidden": True})


def _not_available(sheet: Any) -> None:
    texts(sheet, _graduates(*TWO))
    sheet.write_formula(2, 2, "=NA()", None, "#N/A")


def _uncalculated(sheet: Any) -> None:
    texts(sheet, _graduates(*TWO))
    sheet.write_formula(2, 2, "=C2", None, "")


def _serial_day(sheet: Any) -> None:
    texts(sheet, _graduates(*TWO))
    sheet.write_number(2, 4, 46203)


def _leading_zeros(book: Any) -> None:
    sheet = book.add_worksheet()
    texts(sheet, _graduates(ANNA))
    sheet.write_number(1, 2, 12345, book.add_format({"num_format": "0000000"}))


def _open_document(path: Path) -> None:
    ods(path, [row(map(cell, cells)) for cells in _graduates(*TWO)])


def _with_macros(path: Path) -> None:
    workbook(path, lambda sheet: texts(sheet, _graduates(*TWO)))
    with_part(path, "xl/vbaProject.bin", lambda _: b"\xd0\xcf\x11\xe0")


def _with_links(path: Path) -> None:
    workbook(path, lambda sheet: texts(sheet, _graduates(*TWO)))
    link = b'<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
    with_part(path, "xl/externalLinks/externalLink1.xml", lambda _: link)


def _own_word(path: Path) -> None:
    table = _graduates(ANNA)
    _cell(table, 2, "Degree type", "Kandidat")
    written(path, table)
    path.with_name("words.txt").write_text("Kandidat=BachelorDegree\n", encoding="utf-8")


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def _ole(rest: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(_OLE + rest)


FIVE = [
    ["name", "email", "degree", "date", "gpa"],
    ["Anna Smith", "anna@example.org", "Physics", "2026-06-30", "3.71"],
    ["Maja Lindqvist", "maja@example.org", "Physics", "2026-06-30", "3.20"],
]
TRADITIONAL = [
    ["證書編號", "學號", "姓名", "主修", "學位", "畢業日期"],
    ["U-1", "7", "王偉", "物理學", "理學碩士", "2026.06.30"],
]
IN_GERMAN = [
    ["Urkundennummer", "Name", "Vorname", "Studiengang", "Abschluss", "Abschlussdatum"],
    ["U-1", "Groß", "Jörg", "Jura", "Staatsexamen", "20. Juli 2026"],
]
IN_FRENCH = [
    ["Numéro de diplôme", "Nom", "Prénom", "Filière", "Diplôme", "Date d'obtention"],
    ["U-1", "Dupont", "Zoé", "Droit", "Licence", "30 juin 2026"],
]
IN_SPANISH = [
    ["Número de título", "Nombre", "Apellidos", "Titulación", "Tipo de título", "Fecha"],
    ["U-1", "Ana", "García López", "Historia", "Grado en Historia", "30 de junio de 2026"],
]
IN_ARABIC = [
    ["رقم الشهادة", "الرقم الجامعي", "الاسم", "التخصص", "الدرجة العلمية", "تاريخ التخرج"],
    ["U-1", "7", "أحمد علي", "الفيزياء", "بكالوريوس", "30 يونيو 2026"],
]
NUMBERLESS = [cells[1:] for cells in _graduates(*TWO)]
UNSEEN = [cells[1:] for cells in _graduates(ANNA, "Anna\u200b Smith")]

_NUMBER = ("--number", "{year}-{seq:06}")
_TYPE = ("--set", "achievement_type=BachelorDegree")

SMALL: Sequence[Small] = (
    # Encodings
    Small(
        "UTF-8 with a byte order mark",
        "bom.csv",
        _text(_graduates("Zoë"), "utf-8-sig"),
        UNDERSTOOD,
        _to("Zoë"),
    ),
    Small(
        "UTF-16 and tabs, Excel's Unicode text",
        "u.txt",
        _text(_graduates("张敏"), "utf-16", "\t"),
        UNDERSTOOD,
        _to("张敏"),
    ),
    Small(
        "GB18030",
        "gb.csv",
        _text(_graduates("张敏", "王伟", "欧阳修", "刘洋"), "gb18030"),
        UNDERSTOOD,
        _to("张敏"),
    ),
    Small(
        "Big5",
        "big5.csv",
        _text(_graduates("張敏", "陳大文", "黃小明", "林志玲"), "cp950"),
        UNDERSTOOD,
        _to("陳大文"),
    ),
    Small(
        "Shift-JIS",
        "sjis.csv",
        _text(_graduates("田中", "山田さくら", "佐藤健"), "cp932"),
        UNDERSTOOD,
        _to("山田さくら"),
    ),
    Small(
        "windows-1251",
        "ru.csv",
        _text(_graduates("Анна Петрова", "Иванов", "Щукин"), "cp1251"),
        UNDERSTOOD,
        _to("Анна Петрова"),
    ),
    Small(
        "Latin-1, two Spanish names",
        "es.csv",
        _text(_graduates("Muñoz", "Peña"), "latin-1"),
        ASKED,
        "--encoding NAME",
        answer=("--encoding", "windows-1252"),
    ),
    # Text files
    Small("semicolons", "semicolons.csv", _text(_graduates(ANNA), delimiter=";"), UNDERSTOOD, _to(ANNA)),
    Small(
        "a line sep=;",
        "sep.csv",
        _text(_graduates(ANNA), delimiter=";", above="sep=;\r\n"),
        UNDERSTOOD,
        _to(ANNA),
    ),
    Small(
        "a title above the headings of a CSV",
        "title.csv",
        _text(_graduates(ANNA), above="Graduates of 2026\r\n"),
        REFUSED,
        "The headings have to be the first row, which is Graduates of 2026",
    ),
    # Workbooks
    Small(
        "a title above the headings of a sheet",
        "title.xlsx",
        _sheet(_titled),
        UNDERSTOOD,
        "1 row stands above the headings",
    ),
    Small("merged headings", "merged.xlsx", _sheet(_merged), UNDERSTOOD, _to(ANNA)),
    Small(
        "two sheets that fit",
        "two.xlsx",
        _book(_two_sheets),
        ASKED,
        "--sheet NAME",
        answer=("--sheet", "2026"),
    ),
    Small(
        "a hidden row",
        "hidden.xlsx",
        _sheet(_hidden),
        ASKED,
        "--hidden include or --hidden skip",
        answer=("--hidden", "skip"),
    ),
    Small(
        "#N/A",
        "na.xlsx",
        _sheet(_not_available),
        REFUSED,
        'row 3, column Programme: "#N/A" is an error of the spreadsheet',
        bad_rows=True,
    ),
    Small(
        "a formula without a stored value",
        "formula.xlsx",
        _sheet(_uncalculated),
        REFUSED,
        'row 3, column Programme: "#CALC!" is a formula without a stored value',
        bad_rows=True,
    ),
    Small(
        "a date kept as a number",
        "serial.xlsx",
        _sheet(_serial_day),
        REFUSED,
        '"46203" is not a date, or one that a spreadsheet keeps as a number',
        bad_rows=True,
    ),
    Small(
        "leading zeros by format",
        "zeros.xlsx",
        _book(_leading_zeros),
        UNDERSTOOD,
        '"0012345 (Bachelor)", to "Anna Smith"',
    ),
    Small("OpenDocument", "calc.ods", _open_document, UNDERSTOOD, _to(ANNA)),
    Small("macros", "macros.xlsm", _with_macros, UNDERSTOOD, _to(ANNA)),
    Small("a link to another workbook", "links.xlsx", _with_links, UNDERSTOOD, _to(ANNA)),
    Small("Excel 97", "old.xls", _ole(b""), REFUSED, "is in the format of Excel 97 to 2003"),
    Small(
        "a password",
        "locked.xlsx",
        _ole("EncryptedPackage".encode("utf-16-le")),
        REFUSED,
        "is locked by a password",
    ),
    # Headings and words
    Small(
        "traditional Chinese",
        "zh.csv",
        _text(TRADITIONAL),
        UNDERSTOOD,
        '"物理學 (理學碩士)", to "王偉", 2026-06-30',
    ),
    Small(
        "German",
        "de.csv",
        _text(IN_GERMAN, delimiter=";"),
        UNDERSTOOD,
        '"Jura (Staatsexamen)", to "Jörg Groß", 2026-07-20',
    ),
    Small("French", "fr.csv", _text(IN_FRENCH), UNDERSTOOD, '"Droit (Licence)", to "Zoé Dupont", 2026-06-30'),
    Small(
        "Spanish",
        "egresados.csv",
        _text(IN_SPANISH),
        UNDERSTOOD,
        '"Historia (Grado en Historia)", to "Ana García López", 2026-06-30',
    ),
    Small("Arabic", "ar.csv", _text(IN_ARABIC), UNDERSTOOD, "أحمد علي"),
    Small(
        "five columns and no number",
        "five.csv",
        _text(FIVE),
        UNDERSTOOD,
        _to(ANNA, "Bachelor's degree"),
        options=(*_NUMBER, *_TYPE),
    ),
    Small(
        "five columns, and nothing said",
        "bare.csv",
        _text(FIVE),
        ASKED,
        "--number '{year}-{seq:06}'. For a value that all rows share: --set achievement_type=VALUE",
        answer=(*_NUMBER, *_TYPE),
    ),
    Small(
        "a degree in a word of its own",
        "degree.csv",
        _own_word,
        ASKED,
        "--values FILE, with a line WORD=VALUE for each",
        answer=("--values", "words.txt"),
        bad_rows=True,
    ),
    Small(
        "no numbers", "numberless.csv", _text(NUMBERLESS), ASKED, "--number '{year}-{seq:06}'", answer=_NUMBER
    ),
    # Cells
    Small(
        "03/04/2026",
        "dates.csv",
        _text(_graduates(*TWO, days=["03/04/2026", "04/05/2026"])),
        ASKED,
        "--dates day-first or --dates month-first",
        answer=("--dates", "day-first"),
        bad_rows=True,
    ),
    Small(
        "half dates, half text",
        "half.csv",
        _text(_graduates(*TWO, days=["2026-06-30", "after the exam"])),
        REFUSED,
        'row 3, column Graduation date: "after the exam" is not a date',
        bad_rows=True,
    ),
    Small(
        "full-width digits",
        "wide.csv",
        _text(_graduates(ANNA, days=["２０２６／０６／３０"])),
        UNDERSTOOD,
        _to(ANNA),
    ),
    Small(
        "SMITH, Anna",
        "turned.csv",
        _text(_graduates("SMITH, Anna")),
        ASKED,
        "--names last-first",
        answer=("--names", "last-first"),
        bad_rows=True,
    ),
    Small(
        "a number twice",
        "twice.csv",
        _text(_graduates(*TWO, numbers=["U-1", "U-1"])),
        REFUSED,
        'row 3, column Certificate number: "U-1" is the number of row 2 as well',
        bad_rows=True,
    ),
    Small(
        "rows that differ in an invisible character",
        "invisible.csv",
        _text(UNSEEN),
        REFUSED,
        "row 3, column Name: ",
        options=_NUMBER,
        bad_rows=True,
    ),
    Small(
        "a byte order mark in the middle",
        "middle.csv",
        _text(_graduates("Anna \ufeffSmith")),
        REFUSED,
        'row 2, column Name: "Anna ⟨FEFF⟩Smith"',
        bad_rows=True,
    ),
)


def outcomes() -> Iterator[tuple[Small, list[str]]]:
    """The lines of messages that matter of each small file, as the program prints them."""
    for small in SMALL:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / small.name
            small.make(path)
            command = [sys.executable, "-m", "intaglio", "issuer", "issue", str(path), "--dry-run"]
            done = subprocess.run(
                [*command, *small.options],
                env={**os.environ, "INTAGLIO_HOME": f"{folder}/home", "LC_ALL": "C.UTF-8"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == small.code, done.stderr
            yield small, [line.strip() for line in done.stderr.splitlines() if small.words in line]


if __name__ == "__main__":
    for small, lines in outcomes():
        print(f"| {small.trait} | {small.outcome} | {' '.join(lines)} |")
