"""One graduate's record: which fields there are, and what each cell of a registrar's file must look like.

A record is a `dict` from field to value: text, except `ects`, which is a number; an empty cell is `""`.
What is wrong with a cell is a `CellFinding`: the place and the reason. The cell's value belongs to the
registrar: it appears in her terminal and her error file and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from wire.problem import Malformed
from wire.text import printable

from .names import settle_name

Record = dict[str, Any]

FIRST_ROW = 2
"""Rows are counted as a spreadsheet shows them: the headings are row 1."""

LONGEST = 300  # characters in a cell: a name, a title, a diploma number


class InvalidRecord(Malformed):
    """A record's cells are not what its fields ask for."""

    code = "invalid-record"
    title = "The record cannot become a diploma"


DAY_FIRST = "is day/month/year: write YYYY-MM-DD"
MONTH_FIRST = "is month/day/year: write YYYY-MM-DD"
ORDER_UNKNOWN = "is day/month/year or month/day/year: write YYYY-MM-DD"
NOT_A_DATE = "is not a date (YYYY-MM-DD)"
DATES_BY_ORDER = (DAY_FIRST, MONTH_FIRST, ORDER_UNKNOWN)
"""What is wrong with dates that can be read once somebody says which comes first, day or month."""
TURNED = "has a comma: write the name as it shall stand"

CODES: Mapping[str, str] = {
    DAY_FIRST: "date-day-first",
    MONTH_FIRST: "date-month-first",
    ORDER_UNKNOWN: "date-order-unknown",
    NOT_A_DATE: "date-unread",
    TURNED: "name-turned",
}
"""Codes of the faults of which the whole file has many: another way of reading or writing it mends them."""


class CellFinding(NamedTuple):
    """One thing wrong with one cell of one row."""

    row: int
    column: str
    reason: str
    value: str = ""

    @property
    def code(self) -> str:
        """One of `CODES`, else that of `BadCell`."""
        return CODES.get(self.reason, BadCell.code)

    def __str__(self) -> str:
        """The finding with the cell's value, for the registrar's own terminal."""
        shown = f'"{printable(self.value[:60])}" ' if self.value else ""
        return f"row {self.row}, column {self.column}: {shown}{self.reason}"


class Field(NamedTuple):
    """A field of a record: how a cell becomes its value, and the usual headings of its column."""

    check: Callable[[str], Any]
    headings: tuple[str, ...]


class BadCell(Malformed):
    """The cell's text is not a value of its field; `detail` says why, without the text."""

    code = "bad-cell"


def _text(cell: str) -> str:
    return cell


def _pattern(expression: str, reason: str) -> Callable[[str], str]:
    matches = re.compile(expression).fullmatch

    def check(cell: str) -> str:
        if matches(cell):
            return cell
        raise BadCell(reason)

    return check


_is_number = re.compile(r"[0-9]{1,4}(?:[.,][0-9]{1,2})?").fullmatch


def _credits(cell: str) -> int | float:
    if not _is_number(cell):
        raise BadCell("is not a number of credits")
    value = float(cell.replace(",", "."))
    return int(value) if value.is_integer() else value


DATE_ORDERS: Mapping[str, tuple[str, ...]] = {
    "day-first": ("%d/%m/%Y", "%d-%m-%Y"),
    "month-first": ("%m/%d/%Y", "%m-%d-%Y"),
}
"""The dates that end with their year, by the order of day and month, which only a registrar can say."""

# With dots nobody writes the month first.
_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %B %Y", "%d. %B %Y", "%d %b %Y", "%B %d, %Y", "%d-%b-%Y"),
)
_LOOKS_LIKE_A_DATE = re.compile(r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}")
_MIDNIGHT = re.compile(r"[ T]0?0:00(:00(\.0+)?)?$")  # a spreadsheet's date with its time


def read_day(cell: str, order: str = "") -> str:
    """The day that a cell says, as YYYY-MM-DD. Raises `BadCell`."""
    try:
        if len(cell) == 10 and cell[4] == cell[7] == "-":  # as most are: ten times as fast
            date.fromisoformat(cell)
            return cell
    except ValueError:
        pass
    text = _MIDNIGHT.sub("", cell)
    if found := _read_as(text, (*_DATES, *DATE_ORDERS.get(order, ()))):
        return found
    orders = [name for name, forms in DATE_ORDERS.items() if _read_as(text, forms)] if not order else []
    if len(orders) == 1:
        raise BadCell(DAY_FIRST if orders == ["day-first"] else MONTH_FIRST)
    if orders:
        raise BadCell(ORDER_UNKNOWN)
    if _LOOKS_LIKE_A_DATE.fullmatch(text):
        raise BadCell("is not a day of the calendar")
    raise BadCell(NOT_A_DATE)


@lru_cache(maxsize=1 << 15)  # few days, many graduates
def _read_as(text: str, forms: tuple[str, ...]) -> str | None:
    for form in forms if text.isascii() else ():
        with suppress(ValueError):
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 -- a day is no moment
    return None


def _award_date(day: str) -> str:
    if day < EARLIEST_AWARD:
        raise BadCell(f"is before {EARLIEST_AWARD[:4]}: is the year right?")
    return day


ACHIEVEMENT_TYPES = frozenset(
    """
    Achievement ApprenticeshipCertificate Assessment Assignment AssociateDegree Award Badge
    BachelorDegree Certificate CertificateOfCompletion Certification CommunityService Competency
    Course CoCurricular Degree Diploma DoctoralDegree Fieldwork GeneralEducationDevelopment
    JourneymanCertificate LearningProgram License Membership ProfessionalDoctorate
    QualityAssuranceCredential MasterCertificate MasterDegree MicroCredential ResearchDoctorate
    SecondarySchoolDiploma
    """.split()  # noqa: SIM905 -- thirty short lines otherwise
)
"""The values of Open Badges 3.0 `AchievementType`; others start with `ext:`."""

_USUAL_TYPES: Mapping[str, str] = {
    **{name.lower(): name for name in ACHIEVEMENT_TYPES},
    **dict.fromkeys(("bachelor", "bachelors", "bachelorsdegree"), "BachelorDegree"),
    **dict.fromkeys(("master", "masters", "mastersdegree"), "MasterDegree"),
    **dict.fromkeys(("doctor", "doctorate", "doctorsdegree", "phd"), "DoctoralDegree"),
}
"""What people write for them, in small letters and without anything else."""

_EXTENSION = re.compile(r"ext:[A-Za-z0-9._-]+")


def _achievement_type(cell: str) -> str:
    if cell in ACHIEVEMENT_TYPES or _EXTENSION.fullmatch(cell):
        return cell
    if usual := _USUAL_TYPES.get(re.sub(r"[\s.'’_-]", "", cell).lower()):
        return usual
    raise BadCell(
        "is not an Open Badges achievement type, such as BachelorDegree, MasterDegree, DoctoralDegree, "
        "Degree, Diploma, Certificate, MicroCredential or Course"
    )


HALVES_TOO = (
    *("name", "nom", "nombre", "nome", "naam", "navn", "namn", "jméno", "név", "ad", "имя", "tên", "이름"),
)
"""Headings of a whole name; beside a column that has one half of it they mean the other."""

FIELDS: Mapping[str, Field] = {
    "diploma_number": Field(
        _text,
        (
            "diploma_no",
            "certificate_number",
            "certificate_no",
            "licence_number",
            "urkundennummer",
            "urkunden_nr",
        ),
    ),
    "student_id": Field(_text, ("student_number", "matriculation_number", "matrikelnummer")),
    "name": Field(
        _text,
        (
            *HALVES_TOO,
            *("full_name", "student_name", "graduate_name", "vollständiger name", "nom complet"),
            *("nom et prénom", "nombre completo", "nombre y apellidos", "nome completo", "volledige naam"),
            *("imię i nazwisko", "jméno a příjmení", "teljes név", "ad soyad", "adı soyadı", "фио", "ф.и.о."),
            *("họ và tên", "họ tên", "nama lengkap", "ονοματεπώνυμο", "姓名", "氏名", "名前", "성명"),
            *("الاسم", "الاسم الكامل"),
        ),
    ),
    "given_name": Field(
        _text,
        (
            *("first_name", "forename", "vorname", "prénom", "voornaam", "förnamn", "fornavn", "etunimi"),
            *("imię", "keresztnév", "utónév", "名"),
        ),
    ),
    "family_name": Field(
        _text,
        (
            *("last_name", "surname", "nachname", "familienname", "zuname", "nom de famille", "apellido"),
            *("apellidos", "cognome", "sobrenome", "apelido", "achternaam", "efternamn", "etternavn"),
            *(
                "sukunimi",
                "nazwisko",
                "příjmení",
                "vezetéknév",
                "soyadı",
                "soyad",
                "фамилия",
                "họ",
                "姓",
                "성",
            ),
        ),
    ),
    "birth_date": Field(_text, ("date_of_birth", "birthdate", "dob", "geburtsdatum")),
    "email": Field(
        _pattern(r"[^\s@\"<>(),:;\[\\\]]{1,64}@[\w-]+(?:\.[\w-]+)+", "is not an e-mail address"),
        ("e_mail", "mail", "email_address"),
    ),
    "lang": Field(_pattern(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", "is not a language tag"), ("language",)),
    "programme_code": Field(_text, ("program_code", "course_code", "degree_code")),
    "programme_title": Field(
        _text, ("program_title", "programme", "program", "degree", "degree_title", "studiengang")
    ),
    "achievement_type": Field(_achievement_type, ("degree_type", "award_type", "abschlussart")),
    "degree_name": Field(_text, ("name_of_degree", "学位")),
    "eqf_level": Field(_pattern(r"[1-8]", "is not an EQF level (1 to 8)"), ("eqf",)),
    "ects": Field(_credits, ("credits", "ects_credits")),
    "isced_f": Field(
        _pattern(r"[0-9]{2,4}", "is not an ISCED-F code (2 to 4 digits)"), ("isced", "isced_code")
    ),
    "gpa": Field(
        _pattern(r"[0-9]{1,3}(?:[.,][0-9]{1,3})?", "is not a grade average"),
        ("grade", "average_grade", "final_grade", "gesamtnote"),
    ),
    "honours": Field(_text, ("honors", "distinction", "classification")),
    "award_date": Field(
        _award_date,
        (
            *("awarded_date", "date_awarded", "date_of_award", "awarded_on", "graduation_date"),
            *("abschlussdatum", "verleihungsdatum"),
        ),
    ),
}
"""Every field, in the order in which a mapping is shown."""

DATES = ("birth_date", "award_date")
"""The fields whose value is a day, YYYY-MM-DD however the cell is written."""

REQUIRED = ("diploma_number", "name", "programme_title", "achievement_type", "award_date")
"""The fields that no diploma can do without; a given name is a name."""

EARLIEST_AWARD, _ANY = "1900-01-01", "9999-12-31"

_CODE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff\ufffe\uffff]")
_SPOILT = re.compile(
    r"=.*[-+*/^&|!:(\"].*|=\$?[A-Z]{1,3}\$?[0-9]+"  # a formula; a family may still be called =CMD
    r"|##+|#(?:N/A|NV|DIV/0!|\w+[!?])|[0-9](?:[.,][0-9]+)?E\+[0-9]+"
)
_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")  # what Python makes of other bytes on a command line


@lru_cache(maxsize=1 << 12)  # few programmes, titles, days and grades, many graduates
def check_cell(field: str, cell: str, date_order: str = "") -> Any:
    """The value of a cell that is not empty: NFC, trimmed. Raises `BadCell`."""
    if not cell.isprintable():  # seldom, and then most often for the sake of a harmless joiner
        if _NOT_UTF8.search(cell):
            raise BadCell("is not UTF-8 text")
        if _CODE.search(cell):
            raise BadCell(
                "has a line break, control or direction character in it (is a quotation mark missing?)"
            )
    if len(cell) > LONGEST:
        raise BadCell(f"is longer than {LONGEST} characters")
    if (cell[:1] in ("=", "#") or "E+" in cell) and _SPOILT.fullmatch(cell):
        raise BadCell("is what a spreadsheet made of a value: a formula, an error, or a number cut short")
    text = unicodedata.normalize("NFC", cell)
    if field in DATES:
        text = read_day(text, date_order)
    known = FIELDS.get(field)
    return known.check(text) if known else text


def check_record(cells: Mapping[str, str], latest: str = _ANY, own: Collection[str] = ()) -> Record:
    """The record of a graduate given field by field, as for a single diploma. Raises `InvalidRecord`.

    `own` are the fields that the issuer's template has beside `FIELDS`.
    """
    for field in sorted(cells.keys() - FIELDS.keys() - set(own)):
        names = ", ".join([*FIELDS, *sorted(set(own) - FIELDS.keys())])
        raise InvalidRecord(f"there is no field {field!r}", hint=f"The fields are {names}.")
    record, wrong = check_cells(cells, latest=latest)
    if wrong:
        raise InvalidRecord("; ".join(f"{field}: the value {reason}" for field, reason, _ in wrong))
    return record


def check_cells(
    cells: Mapping[str, str],
    required: Collection[str] = REQUIRED,
    latest: str = _ANY,
    date_order: str = "",
) -> tuple[Record, list[tuple[str, str, str]]]:
    """The record of one row, and what is wrong with it as (field, reason, cell).

    `latest` is the last award date to be expected: a wrong year would be signed for good. `date_order` is one
    of `DATE_ORDERS`, or empty where none was said.
    """
    record: Record = {}
    wrong = []
    own = cells.keys() - FIELDS.keys()
    if "name" in required and ("name" not in cells or cells.get("given_name", "").strip()):
        required = {*required, "given_name"} - {"name"}
    for field in (*FIELDS, *sorted(own)) if own else FIELDS:
        cell = cells.get(field, "").strip()
        try:
            if cell:
                record[field] = check_cell(field, cell, date_order)
            elif field in required:
                raise BadCell("is empty")
            else:
                record[field] = ""
        except BadCell as problem:
            wrong.append((field, problem.detail, cell))
    if not wrong:
        settle_name(record)
        _settle_degree(record, cells.get("achievement_type", ""))
    if record.get("birth_date", "") >= (record.get("award_date") or _ANY):
        wrong.append(("birth_date", "is not before the award", record["birth_date"]))
    if record.get("award_date", "") > latest:
        wrong.append(("award_date", "is more than a year ahead: is the year right?", record["award_date"]))
    return record, wrong


def _settle_degree(record: Record, typed: str) -> None:
    """Names the degree as its type was `typed`, such as PhD, where the row has no other name for it.

    A record without a name has no such member: it then equals, byte for byte, what 81e9505 kept.
    """
    word = unicodedata.normalize("NFC", typed.strip())
    if not record["degree_name"] and word != record["achievement_type"]:
        record["degree_name"] = word
    if not record["degree_name"]:
        del record["degree_name"]


def digest(record: bytes) -> bytes:
    """What tells two records apart, given as JSON."""
    return hashlib.blake2b(record, digest_size=16).digest()


def latest_award(today: date) -> str:
    """A year from `today`: some days ahead are usual before a ceremony, more is a mistyped year."""
    return f"{today.year + 1:04}-{today:%m-%d}"
