"""The registrar's day: `issuer list`, `status show` and `claim --all`, for people and for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest

from intaglio.session import utc_now
from issuer.desk.claims import ClaimLinks
from issuer.job.order import Order
from issuer.table.source import open_source
from kinds import shipped
from tests.commandline import Answer, Program, typed
from tests.copying import copy_folder
from tests.test_formulas import formulas
from tests.test_issuer_listing import DAY, history
from tests.world import NOW, Holder, graduate, issuer_in, reopened, table

__all__ = ["history"]

NAMES = ("Seán O'Brien-Müller", "张敏", "@SUM A1")


@pytest.fixture
def office(program: Program, history: Path) -> Program:
    """With the six diplomas of `tests.test_issuer_listing`, two days after the first."""
    copy_folder(history, program.home / "issuer")
    program.now = lambda: NOW + 2 * DAY
    return program


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three diplomas whose names are hard for files."""
    folder = tmp_path_factory.mktemp("people")
    rows = [graduate(row, given_name=name, family_name="") for row, name in enumerate(NAMES)]
    (folder / "g.csv").write_text(table(rows), encoding="utf-8")
    issuer = issuer_in(folder / "home")
    source = open_source(folder / "g.csv", kind=shipped("diploma"))
    issuer.issue_file(Order(source, folder / "e.csv", workers=0))
    issuer.store.close()
    assert not (folder / "e.csv").exists(), (folder / "e.csv").read_text()
    return folder / "home"


@pytest.fixture
def named(program: Program, people: Path) -> Program:
    copy_folder(people, program.home / "issuer")
    program.now = lambda: NOW
    return program


def read(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_filters_leave_out_what_is_not_wanted(office: Program) -> None:
    listed = office("issuer", "list", "--state", "valid", "--unclaimed", "--since", "2026-07-02")
    assert listed.out.startswith("UNI-000005  Given5 Family5\nUNI-000001 edition 2  Given1 Family1\n")
    (claimed,) = office("issuer", "list", "Given4", "--claimed").out.splitlines()
    assert claimed.startswith("UNI-000004 edition 2  Given4 Family4, claimed 2026-07-")
    assert " by did:key:z6Mk" in claimed
    data = json.loads(office("issuer", "list", "--claimed", "--json").out)["diplomas"]
    assert [(each["number"], each["claimed"]["date"][:8]) for each in data] == [
        ("UNI-000004", "2026-07-"),
        ("UNI-000003", "2026-07-"),
    ]
    assert "claimed" not in json.loads(office("issuer", "list", "--json").out)["diplomas"][0]
    by_title = office("issuer", "list", "--title", "law", "--state", "revoked")
    assert by_title.out.startswith("UNI-000002")
    nothing = office("issuer", "list", "--until", "2000-01-01")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "No diploma fits.\n")


def test_a_spreadsheet_has_a_row_for_each_edition(office: Program) -> None:
    rows = read(office("issuer", "list", "--format", "csv").out)
    assert len(rows) == 12
    assert rows[2] == {
        "kind": "diploma",
        "number": "UNI-000002",
        "edition": "1",
        "copy": "1",
        "name": "Given2 Family2",
        "email": "graduate2@example.org",
        "issued": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "state": "revoked",
        "reason": "fraud",
        "revoked": rows[2]["revoked"],
        "claimed": "",
        "holder": "",
    }
    last = next(row for row in rows if (row["number"], row["edition"]) == ("UNI-000003", "3"))
    assert last["holder"].startswith("did:key:")
    assert last["claimed"][:10] == rows[5]["issued"][:10] != last["issued"][:10]
    some = office("issuer", "list", "Given2", "--format", "csv", "--columns", "number, state").out
    assert some == "\ufeffnumber,state\nUNI-000002,revoked\n"


def test_programs_read_an_object_a_line(office: Program) -> None:
    lines = office("issuer", "list", "--format", "jsonl").out.splitlines()
    assert len(lines) == 12
    first, _, revoked, *_ = map(json.loads, lines)
    assert [first["edition"], first["revoked"], first["claimed"]] == [1, first["revoked"], None]
    assert revoked["reason"] == "fraud"
    (only,) = office("issuer", "list", "Given5", "--format", "jsonl", "--columns", "number").out.splitlines()
    assert only == '{"number":"UNI-000005"}'


def test_names_are_no_formulas_and_stay_what_they_are(named: Program) -> None:
    out = named("issuer", "list", "--format", "csv").out
    assert not [*formulas(out)]
    assert [row["name"] for row in read(out)] == [*NAMES[:2], f"'{NAMES[2]}"]
    lines = named("issuer", "list", "--format", "jsonl").out
    assert lines.isascii()
    assert [json.loads(line)["name"] for line in lines.splitlines()] == [*NAMES]
    assert named("issuer", "list", "张").out == f"UNI-000001  {NAMES[1]}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "--format", "jsonl", "--json"), "--format jsonl prints a line"),
        (("list", "--columns", "number"), "--columns goes with --format"),
        (("list", "--format", "csv", "--columns", "number,grade"), "there is no column 'grade'"),
        (("list", "--since", "yesterday"), "yesterday"),
        (("list", "--state", "lost"), "lost"),
        (("claim",), "--all --out FILE"),
        (("claim", "UNI-000001", "--all", "--out", "l.csv"), "--all --out FILE"),
        (("claim", "--all"), "--all takes --out FILE"),
        (("claim", "--all", "--out", "l.csv", "--anew"), "does not go with --anew"),
        (("claim", "UNI-000001", "--out", "l.csv"), "go with --all"),
        (("claim", "UNI-000001", "--again"), "go with --all"),
    ],
)
def test_words_that_do_not_fit_together_are_explained(
    named: Program, words: tuple[str, ...], said: str
) -> None:
    answer = named("issuer", *words)
    assert (answer.code, answer.out if "--json" not in words else "") == (2, "")
    assert said in answer.err
    assert not Path("l.csv").exists()


def test_a_kind_that_is_not_issued_here_is_no_filter(named: Program) -> None:
    for words in (("list",), ("claim", "--all", "--out", "l.csv")):
        answer = named("issuer", *words, "--kind", "passport")
        assert (answer.code, "no passport is issued here" in answer.err) == (4, True)


def test_show_says_who_has_claimed_and_when(office: Program) -> None:
    shown = office("issuer", "show", "UNI-000003")
    (line,) = [line for line in shown.out.splitlines() if line.strip().startswith("claimed")]
    assert line.split()[1:3] == [f"{NOW + DAY:%Y-%m-%d}", "by"]
    data = json.loads(office("issuer", "show", "UNI-000003", "--json").out)
    assert data["claimed"]["holder"] == data["credential"]["credentialSubject"]["id"]
    assert json.loads(office("issuer", "show", "UNI-000005", "--json").out)["claimed"] is None
    assert "claimed" not in office("issuer", "show", "UNI-000005").out


def test_status_show_counts_and_says_what_is_due(office: Program) -> None:
    shown = office("issuer", "status", "show")
    assert shown.out.splitlines()[:3] == [
        "6 diplomas, 2 claimed by wallets",
        "12 editions: 5 valid, 1 revoked, 6 superseded",
        f"last file: g.csv of {NOW:%Y-%m-%d}, finished",
    ]
    assert "due now: status list 0; `intaglio issuer status publish` signs what is due" in shown.out
    data = json.loads(office("issuer", "status", "show", "--json").out)
    assert {name: data[name] for name in ("credentials", "issued", "valid", "revoked", "superseded")} == {
        "credentials": 6,
        "issued": 12,
        "valid": 5,
        "revoked": 1,
        "superseded": 6,
    }
    assert data["lastFile"] == {
        "file": "g.csv",
        "date": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "rows": 5,
        "finished": True,
    }
    assert data["dueNow"] == [0]
    assert office("issuer", "status", "publish").code == 0
    again = office("issuer", "status", "show").out.splitlines()[-1]
    assert again.startswith("1 status list, to be signed anew by 202")
    assert json.loads(office("issuer", "status", "show", "--json").out)["lists"][0]["list"] == 0


def test_status_show_needs_no_passphrase_and_changes_nothing(
    program: Program, tmp_path: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_folder(people, program.home / "issuer")
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    monkeypatch.setenv("INTAGLIO_NEW_PASSPHRASE_FILE", str(passphrase))
    assert program("issuer", "password").code == 0
    before = (program.home / "issuer" / "log" / "checkpoint").read_bytes()
    program.now = lambda: NOW.replace(year=NOW.year + 2)  # every list has ended
    answer = program("issuer", "status", "show")
    assert (answer.code, "due now: status list 0;" in answer.out) == (0, True)
    assert (program.home / "issuer" / "log" / "checkpoint").read_bytes() == before


def test_status_show_of_an_issuer_that_closed(named: Program) -> None:
    assert named("issuer", "close", "--yes").code == 0
    assert named("issuer", "status", "show").out.splitlines()[-1] == (
        f"closed on {NOW:%Y-%m-%d}: no status list is due any more"
    )
    assert named("issuer", "claim", "--all", "--out", "l.csv").code == 1
    assert not Path("l.csv").exists()


def test_everybody_without_a_link_gets_one_in_the_file(office: Program) -> None:
    """Two have claimed and one is revoked; editions that were superseded have no row."""
    answer = office("issuer", "claim", "--all", "--out", "links.csv")
    assert (answer.code, answer.out) == (0, "3 new links, 0 kept: links.csv\n")
    assert "links.csv has the only copy of these links" in answer.err
    rows = read(Path("links.csv").read_text("utf-8"))
    assert [row["number"] for row in rows] == ["UNI-000005", "UNI-000001", "UNI-000000"]
    assert stat.S_IMODE(Path("links.csv").stat().st_mode) == 0o600
    assert "/claim/" not in answer.out + answer.err
    again = office("issuer", "claim", "--all", "--out", "links.csv", "--json")
    assert json.loads(again.out) == {
        "version": 2,
        "file": "links.csv",
        "new": 0,
        "kept": 3,
        "ended": 0,
        "elsewhere": 0,
    }
    assert read(Path("links.csv").read_text("utf-8")) == rows


@pytest.mark.slow
def test_a_link_of_the_file_is_claimed_as_any_other(named: Program) -> None:
    named("issuer", "claim", "--all", "--out", "links.csv")
    issuer = reopened(named.home / "issuer")
    claims = ClaimLinks(issuer.home / "claims.sqlite", "https://localhost:8460")
    _, row, _ = read(Path("links.csv").read_text("utf-8"))
    token = row["link"].rpartition("/")[2]
    wallet = Holder()
    claims.redeem(token, wallet.accept(claims.invite(token, issuer, now=NOW)), issuer, now=NOW)
    assert wallet.did in named("issuer", "list", "--claimed").out
    answer = named("issuer", "claim", "--all", "--out", "links.csv")
    assert answer.out == "0 new links, 2 kept: links.csv\n"


@pytest.mark.slow
def test_a_filter_says_for_whom_links_are_made(office: Program) -> None:
    day = f"{NOW + 2 * DAY:%Y-%m-%d}"
    words = ("claim", "--all", "--out", "links.csv", "--since", day, "--kind", "diploma")
    assert office("issuer", *words).out == "1 new link, 0 kept: links.csv\n"
    assert office("issuer", "claim", "--all", "--out", "links.csv").out == "2 new links, 1 kept: links.csv\n"


def sent_before(named: Program) -> Answer:
    assert named("issuer", "claim", "UNI-000000").code == 0
    return named("issuer", "claim", "--all", "--out", "links.csv")


def test_links_that_were_sent_before_end_only_by_again(named: Program) -> None:
    first = sent_before(named)
    assert first.out == "2 new links, 0 kept: links.csv\n"
    assert "1 good link made by another command: links.csv does not have it, nor a new one." in first.err
    again = named("issuer", "claim", "--all", "--out", "links.csv", "--again")
    assert again.out == "1 new link, 2 kept: links.csv\n"
    assert "1 good link that links.csv did not have will end." in again.err
    done = named("issuer", "claim", "--all", "--out", "links.csv", "--again")
    assert done.out == "0 new links, 3 kept: links.csv\n"
    assert "will end" not in done.err


@pytest.mark.slow
@pytest.mark.parametrize(("typing", "code"), [(b"n", 5), (b"y", 0)])
def test_a_person_is_asked_before_links_end(named: Program, tmp_path: Path, typing: bytes, code: int) -> None:
    named.now = utc_now  # the time of the process below
    sent_before(named)
    file = tmp_path / "links.csv"
    before = file.read_bytes()
    question = f"End 1 good link that {file} does not have, and make new ones?".encode()
    words = ["issuer", "claim", "--all", "--out", str(file), "--again"]
    out, _ = typed(named.home, words, [(question, typing)], code)
    assert out.startswith("1 new link, 2 kept") is (typing == b"y")
    assert (file.read_bytes() == before) is (typing == b"n")


def test_another_file_in_the_place_stays(named: Program) -> None:
    Path("g.csv").write_text("number,name\n1,Ada\n")
    answer = named("issuer", "claim", "--all", "--out", "g.csv")
    assert (answer.code, answer.out) == (1, "")
    assert "g.csv is there already, and is no file of this issuer's claim links" in answer.err
    assert "Name another file: --out" in answer.err
    assert Path("g.csv").read_text() == "number,name\n1,Ada\n"


@pytest.mark.parametrize("day", ["29.11.2026", "tomorrow", "2026-13-01"])
def test_a_day_that_cannot_be_read_is_told_how_to_write_it(office: Program, day: str) -> None:
    for words in (("list", "--since", day), ("list", "--until", day), ("claim", "--all", "--since", day)):
        answer = office("issuer", *words)
        assert (answer.code, answer.out) == (2, "")
        assert f"'{day}' is no day: write it as 2026-07-01." in answer.err


def test_a_file_of_links_in_no_folder_ends_no_link(named: Program) -> None:
    sent_before(named)
    before = Path("links.csv").read_bytes()
    answer = named("issuer", "claim", "--all", "--again", "--out", "absent/links.csv")
    assert (answer.code, answer.out) == (2, "")
    assert "There is no folder absent for --out absent/links.csv." in answer.err
    assert "will end" not in answer.err
    assert named("issuer", "claim", "--all", "--out", "links.csv").out.startswith("0 new links, 2 kept")
    assert Path("links.csv").read_bytes() == before


def test_the_advice_on_links_keeps_the_port(named: Program) -> None:
    answer = named("issuer", "claim", "UNI-000000", "--url", "https://localhost:8469")
    assert "--url https://HOST:8469 names one that others can reach" in answer.err
