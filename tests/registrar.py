"""A registrar for tests: CSV files of invented graduates, and an issuer whose clock stands still."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from did import METHODS, Resolver
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.table.source import SPAN_ROWS, Source, open_source
from vc import Credential
from verifier import RecognisedIssuer, RecognisedLog, Trust, Verifier
from verifier.sources.lists import ListSource
from wire.fetch import NoFetcher
from wire.strict import load_json_object

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def graduate(index: int, **change: str) -> dict[str, str]:
    """The cells of an invented graduate, by field."""
    return {
        "student_id": f"S{index:06}",
        "given_name": f"Given{index}",
        "family_name": f"Family{index}",
        "birth_date": "2001-02-03",
        "email": f"graduate{index}@example.org",
        "lang": "en",
        "programme_code": "BSC",
        "programme_title": "Bachelor of Science",
        "achievement_type": "BachelorDegree",
        "eqf_level": "6",
        "ects": "180",
        "isced_f": "0613",
        "gpa": "3.5",
        "honours": "merit",
        "award_date": "2026-06-30",
        "diploma_number": f"UNI-{index:06}",
        **change,
    }


HEADER = list(graduate(0))


def table(
    rows: Sequence[Mapping[str, str]], header: Sequence[str] = HEADER, delimiter: str = ",", **options: Any
) -> str:
    """A CSV file with these columns."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, **options)
    writer.writerow(header)
    writer.writerows([row[field] for field in header] for row in rows)
    return text.getvalue()


def csv_file(path: Path, rows: Sequence[Mapping[str, str]], span_rows: int = SPAN_ROWS) -> Source:
    """A file with these graduates, opened; a job takes so many rows at a time."""
    path.write_text(table(rows), encoding="utf-8")
    return open_source(path, span_rows=span_rows)


def issuer_in(home: Path, **options: Any) -> Issuer:
    """An issuer, made if need be, whose clock stands still."""
    wanted: dict[str, Any] = {"name": "Invented University", "passphrase": lambda: None, "clock": lambda: NOW}
    return Issuer.create(home, **{**wanted, **options})


def index_of(issuer: Issuer) -> SQLiteIndex:
    """The embedded index, which all issuers of these tests have."""
    assert isinstance(issuer.store, SQLiteIndex)
    return issuer.store


def twin(issuer: Issuer, home: Path, **options: Any) -> Issuer:
    """The same issuer, with the same keys, before it issued anything, in another folder."""
    home.mkdir(parents=True)
    for name in ("issuer.json", "keys.json", "template.json", "did.json"):
        shutil.copy2(issuer.home / name, home / name)
    SQLiteIndex(home / "issuer.sqlite").close()
    return Issuer(home, lambda: None, lambda: NOW, **options)


def trust_in(issuer: Issuer) -> Trust:
    """A trust list with this issuer alone, and its log."""
    entry = issuer.trust_entry()
    return Trust().adding(RecognisedIssuer(**entry["issuer"]), RecognisedLog(**entry["log"]))


def verifier_for(issuer: Issuer, *lists: ListSource) -> Verifier:
    """A verifier without network that recognises the issuer, and finds its lists where it is told."""
    return Verifier(Resolver(METHODS, NoFetcher()), trust=trust_in(issuer), lists=lists)


def listed(home: Path, name: str = "0") -> Credential:
    """A status list, or its details, as it is published."""
    return Credential.parse(load_json_object((home / "status" / name).read_bytes(), limit=1 << 25))


def life(home: Path) -> timedelta:
    """How long the first status list lasts."""
    found = listed(home)
    assert found.valid_from is not None
    assert found.valid_until is not None
    return found.valid_until - found.valid_from
