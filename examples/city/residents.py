"""The invented residents of the city."""

from __future__ import annotations

import csv
from pathlib import Path

_COLUMNS = ("Personal number", "Family name", "Given name", "Date of birth", "Issued on", "Valid until")
_FAMILIES = ("Quarrington-Ashe", "O'Brien-Müller", "上官", "Nguyễn", "Tarrow", "Lindqvist-Øst", "Samplers")
_GIVEN = ("Isolde", "云舒澜", "Thị Ánh", "Bartholomew", "Zoë", "敏", "Ignatius")


def write_residents(path: Path, first: int, rows: int) -> None:
    """A file of invented residents."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in range(first, first + rows):
            born = f"{1940 + row % 66}-{1 + row % 12:02}-{1 + row % 28:02}"
            names = _FAMILIES[row % len(_FAMILIES)], _GIVEN[row // 7 % len(_GIVEN)]
            writer.writerow([f"XPID{row:06}", *names, born, "2026-01-10", "2030-01-10"])
