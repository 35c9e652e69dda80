"""A dry run's sentences, and columns of the registrar's own in places that take no free text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.commandline import Program, verdict
from tests.conftest import ROOT
from tests.world import graduate, table, template_before


def test_a_dry_run_prints_what_verify_will_say_of_the_first_three(program: Program) -> None:
    people = (("敏", "张", "zh"), ("x", "#N/A", "en"), ("Thị Ánh", "Nguyễn", "vi"), ("Suharto", "", "id"))
    rows = [
        graduate(row, given_name=given, family_name=family, lang=lang)
        for row, (given, family, lang) in enumerate([*people, ("Late", "Comer", "en")], 1)
    ]
    Path("g.csv").write_text(table(rows))
    dry = program("issuer", "issue", "g.csv", "--dry-run", "--name", "Invented University")
    told = dry.err.partition("What `verify` will say of the first:\n")[2].splitlines()[:4]
    assert [line.partition(", to ")[2] for line in told[:3]] == [
        '"张敏", 2026-06-30',
        '"Nguyễn Thị Ánh", 2026-06-30',
        '"Suharto", 2026-06-30',
    ]
    assert "Comer" not in dry.err
    assert program("issuer", "issue", "g.csv", "--name", "Invented University").code == 7
    for number, line in zip((1, 3, 4), told, strict=False):
        assert verdict(program, f"diplomas/UNI-{number:06}.json") == f"VALID: {line.strip()}"
    again = program("issuer", "issue", "g.csv", "--dry-run")
    assert "What `verify` will say" not in again.err  # all good ones are issued


def with_members(program: Program, **members: Any) -> None:
    """The issuer's template, with more in it."""
    path = template_before(program.home / "issuer")
    assert program("issuer", "init", "--name", "U").code == 0
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


@pytest.mark.slow
@pytest.mark.parametrize("end", ["{valid_until}", "{valid_until}T00:00:00Z"])
def test_an_own_column_says_until_when_a_diploma_is_valid(program: Program, end: str) -> None:
    with_members(program, validUntil=end, evidence=[{"id": "{thesis}", "type": ["Evidence"]}])
    time = "T00:00:00Z" if end == "{valid_until}" else ""
    cells = (
        (f"2099-06-30{time}", "https://u.example/thesis/1"),
        ("", ""),
        ("soon", ""),
        (f"2026-06-29{time}", "https://u.example/thesis/4"),
        (f"2099-06-30{time}", "On tests"),
    )
    rows = [{**graduate(n), "valid_until": a, "thesis": b} for n, (a, b) in enumerate(cells, 1)]
    Path("g.csv").write_text(table(rows, [*rows[0]]))
    dry, answer = (program("issuer", "issue", "g.csv", *words) for words in (("--dry-run",), ()))
    assert (answer.code, answer.out) == (7, "2 issued, 0 issued before, 3 with errors\n")
    assert dry.out == "2 would be issued, 0 issued before, 3 with errors\n"
    for told in (dry.err, answer.err):
        assert 'column valid_until: "soon" does not fit its place in the template: validUntil is not' in told
        assert "template: validUntil is before validFrom\n" in told
        assert 'column thesis: "On tests" does not fit its place in the template: ' in told
    first = json.loads(Path("diplomas/UNI-000001.json").read_bytes())["credential"]
    second = json.loads(Path("diplomas/UNI-000002.json").read_bytes())["credential"]
    assert (first["validUntil"], first["evidence"][0]["id"]) == ("2099-06-30T00:00:00Z", cells[0][1])
    assert "validUntil" not in second
    assert program("verify", "diplomas/UNI-000001.json", "--offline").code == 0
    wrong = program("issuer", "correct", "UNI-000001", "--set", "valid_until=soon")
    assert (wrong.code, "valid_until: the value does not fit its place" in wrong.err) == (1, True)


def test_a_place_that_nothing_fits_is_found_before_anything_is_signed(program: Program) -> None:
    with_members(program, validUntil="until {valid_until}")
    rows = [{**graduate(1), "valid_until": "2099-06-30"}]
    Path("g.csv").write_text(table(rows, [*rows[0]]))
    for words in (("--dry-run",), ()):
        answer = program("issuer", "issue", "g.csv", *words)
        assert (answer.code, "The template is not usable" in answer.err) == (1, True)


@pytest.mark.slow
def test_the_example_of_an_end_takes_days_as_spreadsheets_write_them(program: Program) -> None:
    """The member as docs/issuing.md prints it; what is valid until a day is valid on that day."""
    (member,) = re.findall(r'`("validUntil": "[^`]*)`', (ROOT / "docs" / "issuing.md").read_text())
    with_members(program, **json.loads(f"{{{member}}}"))
    ends = ("2099-06-30", "30.06.2099", "2099-06-30 00:00:00", "30/06/2099", "2099-06-30T12:00:00Z", "")
    rows = [{**graduate(number), "valid_until": end} for number, end in enumerate(ends, 1)]
    Path("g.csv").write_text(table(rows, [*rows[0]]))
    asked = program("issuer", "issue", "g.csv", "--dry-run")
    assert asked.out == "5 would be issued, 0 issued before, 1 with errors\n"
    assert 'column valid_until: "30/06/2099" is day/month/year: write YYYY-MM-DD\n' in asked.err
    assert program("issuer", "issue", "g.csv", "--dates", "day-first").code == 0
    files = [Path(f"diplomas/UNI-{number:06}.json") for number in range(1, 7)]
    issued = [json.loads(file.read_bytes())["credential"].get("validUntil") for file in files]
    assert issued == [*["2099-06-30T23:59:59Z"] * 4, "2099-06-30T12:00:00Z", None]
    corrected = program("issuer", "correct", "UNI-000006", "--set", "valid_until=30.06.2098")
    assert corrected.code == 0
    assert "2098-06-30T23:59:59Z" in program("issuer", "show", "UNI-000006").out


@pytest.mark.slow
def test_a_day_stays_a_day_where_the_template_adds_the_time(program: Program) -> None:
    with_members(program, validUntil="{valid_until}T00:00:00Z")
    Path("g.csv").write_text(table([row := {**graduate(1), "valid_until": "30.06.2099"}], [*row]))
    assert program("issuer", "issue", "g.csv").code == 0
    issued = json.loads(Path("diplomas/UNI-000001.json").read_bytes())["credential"]
    assert issued["validUntil"] == "2099-06-30T00:00:00Z"
