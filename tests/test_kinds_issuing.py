"""Residents and certificates from a registrar's file to what a stranger reads, over the command line."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from intaglio.commands.issuer.terminal import bundles_folder
from intaglio.words.report import VERDICTS
from issuer.archive.store import SQLiteIndex
from issuer.identity.creation import create_home
from issuer.identity.description import Description
from issuer.identity.kind import Kinds, read_kind
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.press.permutation import LIST_ENTRIES
from issuer.table.source import Source, open_source
from kinds import Kind, shipped
from kinds.problem import INVALID_KIND
from tests.commandline import Program, verdict
from tests.pages import Reader, page_served, send
from tests.problems import raises
from tests.test_kinds_facts import CLUB, CLUB_FIELDS, FULL, UNTIDY, WELDING, ZHANG
from tests.world import NOW, issuer_in, reopened, verifier
from vc import Verdict
from verifier import Trust
from wire.problem import NotFound

CITY = "City of Example"
FOLDER = "kinds/resident-1"
RESIDENTS: Sequence[tuple[str, ...]] = (
    ("身份证号", "姓", "名", "出生日期", "城市", "Staatsangehörigkeit", "Ausstellungsdatum", "备注"),
    ("R-1", "张", "敏", "1990/3/7", "北京", "CN", "01.06.2026", "x"),
    ("R-2", "O'Brien-Müller", "Seán", "12.04.2009", "Köln", "IE", "2026-06-01", ""),
    ("R-3", "Nguyễn Thị", "Ánh", "2008-02-29", "", "VN", "2026-06-01", ""),
)
CERTIFICATES: Sequence[tuple[str, ...]] = (
    ("Nummer", "课程", "Vorname", "姓", "Datum", "Note", "gültig bis"),
    ("C-1", "Schweißen “MAG”", "Seán", "O'Brien-Müller", "1. June 2026", "1,0", "2029-06-01"),
    ("C-2", "{issuer} ]$ <b>", "敏", "张", "2026-06-01", "", ""),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)
    write("residents.csv", RESIDENTS)
    write("certificates.csv", CERTIFICATES)


@pytest.fixture
def program(program: Program) -> Program:
    program.now = lambda: NOW
    return program


def write(name: str, rows: Sequence[Sequence[str]]) -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def city(program: Program) -> Program:
    """A city with three residents, whose bundles are in `out`."""
    answer = program("issuer", "issue", "residents.csv", "--kind", "resident", "--name", CITY, "--out", "out")
    assert (answer.code, answer.out) == (0, "3 issued, 0 issued before, 0 with errors\n"), answer.err
    return program


def shown(program: Program, path: str, language: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LC_ALL", language)
    line = verdict(program, path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return line


# From a file to a verified credential


@pytest.mark.slow
def test_residents_with_untidy_names_under_headings_in_three_languages(
    city: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, english, chinese in (
        ("R-1", " of 张敏, born on 1990-03-07, in 北京", "：张敏，出生日期 1990-03-07，居住地 北京"),
        (
            "R-2",
            " of Seán O'Brien-Müller, born on 2009-04-12, in Köln",
            "：Seán O'Brien-Müller，出生日期 2009-04-12，居住地 Köln",
        ),
        ("R-3", " of Ánh Nguyễn Thị, born on 2008-02-29", "：Ánh Nguyễn Thị，出生日期 2008-02-29"),
    ):
        path = f"out/{number}.json"
        assert shown(city, path, "C.UTF-8", monkeypatch) == f"VALID: {CITY} certifies the residence{english}"
        assert shown(city, path, "zh_CN.UTF-8", monkeypatch) == f"有效：{CITY}出具居民证明{chinese}"
    assert json.loads(Path("out/R-2.json").read_text())["version"] == 1, "everybody has the kind"
    told = json.loads(city("verify", "out/R-2.json", "--offline", "--json").out)
    assert told["fields"] == [
        {
            "personal_administrative_number": "R-2",
            "family_name": "O'Brien-Müller",
            "given_name": "Seán",
            "birth_date": "2009-04-12",
            "age_over_18": False,
            "nationality": "IE",
            "resident_city": "Köln",
            "issuance_date": "2026-06-01",
        }
    ]
    assert len(told["credentials"]) == 1


@pytest.mark.slow
def test_certificates_of_any_spreadsheet(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = program(
        "issuer", "issue", "certificates.csv", "--kind", "certificate", "--name", "U", "--out", "o"
    )
    assert (answer.code, answer.out) == (0, "2 issued, 0 issued before, 0 with errors\n"), answer.err
    assert verdict(program, "o/C-1.json") == (
        "VALID: U issued a certificate “Schweißen 'MAG'” to Seán O'Brien-Müller, dated 2026-06-01"
    )
    assert shown(program, "o/C-2.json", "zh_CN.UTF-8", monkeypatch) == (
        "有效：U颁发证书“{issuer} ]$ <b>”，持有人：张敏，日期：2026-06-01"
    )
    told = json.loads(program("verify", "o/C-1.json", "--offline", "--json").out)
    assert told["fields"][0]["title"] == "Schweißen “MAG”"
    assert (told["fields"][0]["grade"], told["fields"][0]["valid_until"]) == ("1,0", "2029-06-01")


def test_a_dry_run_says_what_a_verifier_will_and_leaves_nothing(program: Program) -> None:
    words = ("issuer", "issue", "residents.csv", "--kind", "resident", "--name", CITY, "--dry-run")
    answer = program(*words)
    assert (answer.code, answer.out.splitlines()[0]) == (
        0,
        "3 would be issued, 0 issued before, 0 with errors",
    )
    assert f"{CITY} certifies the residence of 张敏, born on 1990-03-07, in 北京" in answer.out + answer.err
    assert "not used: 备注" in answer.err
    assert not program.home.exists() or not (program.home / "issuer").exists()


def test_a_wrong_row_is_explained_in_the_words_of_its_kind(program: Program) -> None:
    wrong = ("R-4", "Li", "Na", "2027-01-01", "Köln", "Atlantis", "2026-06-01", "")
    write("residents.csv", [*RESIDENTS, wrong])
    answer = program("issuer", "issue", "residents.csv", "--kind", "resident", "--name", CITY, "--json")
    assert answer.code == 7
    found = [(error["column"], error["reason"]) for error in json.loads(answer.out)["errors"]]
    assert ("Staatsangehörigkeit", "is not a country of two letters (ISO 3166-1)") in found
    assert ("出生日期", "is in the future: is the year right?") in found


# Afterwards


def test_a_city_is_told_of_its_proofs_of_residence(city: Program) -> None:
    assert "No proof of residence fits." in city("issuer", "list", "nobody").err
    card = city("issuer", "show", "R-1").out.splitlines()
    width = len("personal_administrative_number")  # the longest of the names
    assert {
        f"  {name:<{width}} {value}" for name, value in (("family_name", "张"), ("age_over_18", "yes"))
    } <= {*card}
    answer = city("issuer", "revoke", "R-1", "--date", "2026-05-31", "--yes")
    assert (answer.code, answer.out) == (2, "")
    assert (
        "The proof of residence R-1 is valid from 2026-06-01; it cannot be revoked from a day" in answer.err
    )
    assert city("issuer", "revoke", "R-1", "--yes").code == 0
    assert "1 proof of residence had been revoked before" in city("issuer", "revoke", "R-1", "--yes").err
    assert "proof of residence R-1 was revoked" in city("issuer", "claim", "R-1").err
    assert city("issuer", "export").out == "2 bundles in proofs-of-residence\n"


def test_what_was_issued_is_looked_at_without_the_files_of_its_kind(city: Program) -> None:
    spoilt(city.home / "issuer")
    assert "No credential fits." in city("issuer", "list", "nobody").err
    assert city("issuer", "show", "R-1").out.startswith("R-1  ")


@pytest.mark.parametrize(
    ("many", "folder"),
    [
        ("diplomas", "diplomas"),
        ("residents' proofs", "residents-proofs"),
        ("居民身份凭证", "居民身份凭证"),
        ("../../etc", "etc"),
        ("/tmp", "tmp"),
        ("..", "credentials"),
    ],
)
def test_bundles_lie_in_a_folder_of_their_name_and_nowhere_else(many: str, folder: str) -> None:
    assert bundles_folder(("one", many)) == Path(folder)


@pytest.mark.slow
def test_a_resident_is_corrected_revoked_and_carried_in_a_wallet(
    city: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.now = lambda: NOW + timedelta(days=1)
    answer = city("issuer", "correct", "R-2", "--set", "family_name=Müller", "--yes", "--out", "out")
    assert (answer.code, answer.out) == (0, "R-2 edition 2  Seán Müller: out/R-2.2.json\n")
    assert verdict(city, "out/R-2.2.json").endswith("of Seán Müller, born on 2009-04-12, in Köln")
    assert verdict(city, "out/R-2.json").startswith("NOT VALID: ")
    assert city("issuer", "correct", "R-1", "--set", "age_over_18=no", "--yes").code == 1
    assert city("issuer", "revoke", "R-3", "--yes").code == 0
    assert verdict(city, "out/R-3.json").startswith("NOT VALID: ")

    (tmp_path / "secret").write_text("correct horse battery\n")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    city("wallet", "init")
    held = city("wallet", "import", "out/R-1.json").out.strip()
    card = city("wallet", "show", held).out
    for label, value in (
        ("personal number", "R-1"),
        ("family name", "张"),
        ("date of birth", "1990-03-07"),
        ("18 or older", "yes"),
        ("city", "北京"),
        ("by", CITY),
    ):
        assert label_and_value(card, label) == value
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    card = city("wallet", "show", "R-1").out
    assert label_and_value(card, "年满 18 周岁") == "是"


def label_and_value(card: str, label: str) -> str:
    (line,) = [line for line in card.splitlines() if line.startswith(f"  {label} ")]
    return line.removeprefix(f"  {label} ").strip()


def test_a_row_that_differs_is_no_other_person_where_a_kind_names_nobody(tmp_path: Path) -> None:
    """A device or a membership: whatever changed, the number is the same thing's."""
    folder = tmp_path / "club"
    folder.mkdir()
    (folder / "kind.json").write_text(json.dumps(CLUB))
    issuer = issuer_in(tmp_path / "home", kind=read_kind(folder))
    for who, differ in (("A", 0), ("B", 1)):
        write("club.csv", [("no", "who"), ("1", who)])
        source = open_source(tmp_path / "club.csv", kind=issuer.kind)
        done = issuer.issue_file(Order(source, tmp_path / "e.csv", workers=0))
        assert (done.survey.findings, len(done.survey.changed)) == ({}, differ)


# Whether somebody is 18 follows from the day


def residents(path: Path, *births: str, span_rows: int = 100) -> Source:
    header = ("personal_administrative_number", "family_name", "given_name", "birth_date", "issuance_date")
    rows = [(f"R-{number}", "Li", "Na", born, "2026-01-01") for number, born in enumerate(births)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return open_source(path, kind=shipped("resident"), span_rows=span_rows)


def at(day: str) -> Callable[[], datetime]:
    return lambda: datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def adults(issuer: Issuer) -> list[bool]:
    return [issuer.line(entry).credential["credentialSubject"]["age_over_18"] for entry in issuer.entries()]


def test_a_correction_on_a_later_day_counts_anew_and_the_same_file_issues_nothing(tmp_path: Path) -> None:
    home, source = tmp_path / "home", residents(tmp_path / "r.csv", "2008-08-02", "2008-02-29")
    issuer = issuer_in(home, kind=shipped("resident"), clock=at("2026-08-01"))
    issuer.issue_file(Order(source, tmp_path / "e.csv", workers=0))
    assert adults(issuer) == [False, True]
    later = reopened(home, clock=at("2026-08-02"))
    again = later.issue_file(Order(source, tmp_path / "e.csv", workers=0))
    assert (again.issued, again.survey.changed) == (0, [])
    assert later.correct("R-0", {"family_name": "Wu"}).edition == 2
    assert adults(later) == [False, True, True]


def test_a_job_that_goes_on_after_a_birthday_is_still_of_its_day(tmp_path: Path) -> None:
    """One of equal people is not younger on paper than the other because a machine stopped between them."""
    home, source = tmp_path / "home", residents(tmp_path / "r.csv", *["2008-08-02"] * 6, span_rows=2)
    issuer = issuer_in(home, kind=shipped("resident"), clock=at("2026-08-01"))

    def stop(progress: Any) -> None:
        if progress.stage == "issuing" and progress.done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        issuer.issue_file(Order(source, tmp_path / "e.csv", workers=0, progress=stop))
    begun = issuer.store.count()
    later = reopened(home, clock=at("2026-08-02"))
    done = later.issue_file(Order(source, tmp_path / "e.csv", workers=0))
    assert 0 < done.issued < 6
    assert begun + done.issued <= 6
    assert adults(later) == [False] * 6


# A version of a kind is for ever


def test_another_kind_under_the_same_name_and_version_is_refused(city: Program) -> None:
    Path("resident").mkdir()
    files = dict(shipped("resident").files)
    files["kind.json"] = files["kind.json"].replace(b'"Proof of residence"', b'"Proof of innocence"')
    for path, data in files.items():
        (Path("resident") / path).parent.mkdir(exist_ok=True)
        (Path("resident") / path).write_bytes(data)
    for words in (
        ("issue", "residents.csv"),
        ("issue", "residents.csv", "--dry-run"),
        ("init", "--name", CITY),
    ):
        answer = city("issuer", *words, "--kind", "./resident", "--json")
        assert (answer.code, json.loads(answer.out)["error"]["code"]) == (1, "another-kind")
    assert city("issuer", "init", "--name", CITY, "--kind", "resident").code == 0
    answer = city("issuer", "issue", "residents.csv", "--out", "out")
    assert answer.out.startswith("0 issued, 3 issued before")


@pytest.mark.parametrize(("kind", "code"), [("nonsense", 4), ("empty", 4), ("broken", 1)])
def test_what_is_no_kind_makes_no_issuer(program: Program, kind: str, code: int) -> None:
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/kind.json").write_text("{}")
    answer = program("issuer", "init", "--name", "U", "--kind", kind)
    assert (answer.code, answer.out) == (code, "")
    assert not (program.home / "issuer").exists()


def changed(home: Path) -> None:
    path = home / FOLDER / "kind.json"
    path.write_bytes(path.read_bytes().replace(b'"Proof of residence"', b'"Proof of innocence"'))


def spoilt(home: Path) -> None:
    (home / FOLDER / "kind.json").write_bytes(b"{")


def gone(home: Path) -> None:
    shutil.rmtree(home / FOLDER)


def added(home: Path) -> None:
    (home / FOLDER / "template.json").write_bytes(shipped().template.text)


def linked(home: Path) -> None:
    path = home / FOLDER / "kind.json"
    path.rename(home / "kind.json")
    path.symlink_to(home / "nowhere.json")


def newer_version(home: Path) -> None:
    path = home / FOLDER / "kind.json"
    path.write_bytes(path.read_bytes().replace(b'"version": "1"', b'"version": "2"'))


@pytest.mark.quick("changed", "gone")
@pytest.mark.parametrize("damage", [changed, spoilt, gone, added, linked, newer_version])
def test_a_kind_that_is_not_as_it_was_is_refused_and_the_doctor_says_so(
    program: Program, damage: Callable[[Path], None]
) -> None:
    assert program("issuer", "init", "--name", CITY, "--kind", "resident").code == 0
    home = program.home / "issuer"
    log = (home / "log" / "checkpoint").read_bytes()
    damage(home)
    answer = program("issuer", "issue", "residents.csv", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["error"]["code"] == "damaged-issuer-file"
    assert (home / "log" / "checkpoint").read_bytes() == log
    assert SQLiteIndex(home / "issuer.sqlite").count() == 0
    doctor = program("doctor", "--json")
    assert doctor.code == 1
    assert str(home / FOLDER) in doctor.out


def test_what_a_killed_run_left_of_another_kind_does_no_harm(tmp_path: Path) -> None:
    """`issuer.json` is written last: before it is there, the folder may be made anew with any kind."""
    folder, home = tmp_path / "club", tmp_path / "home"
    (folder / "tables").mkdir(parents=True)
    level = {"type": "code", "table": "x", "iri": "urn:example:vocab:level"}
    kind = {**CLUB, "fields": {**CLUB_FIELDS, "level": level}}
    (folder / "kind.json").write_text(json.dumps(kind))
    (folder / "tables" / "x.csv").write_text("value,synonyms\nA,a\n")
    create_home(home, Description("U", kind=read_kind(folder)), lambda: None)
    (home / "issuer.json").unlink()
    shutil.rmtree(home / "log", ignore_errors=True)
    create_home(home, Description("U", kind=shipped("resident")), lambda: None)
    assert Kinds(home).newest().reference == shipped("resident").reference


def test_a_folder_has_a_kind_or_says_why_not(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no kind"):
        read_kind(tmp_path)
    (tmp_path / "kind.json").write_text(json.dumps(CLUB))
    assert read_kind(tmp_path).name == "club"
    (tmp_path / "kind.json").write_text(json.dumps({**CLUB, "named": False}))
    with raises(INVALID_KIND, match="that is not shipped"):
        read_kind(tmp_path)
    (tmp_path / "kind.json").write_text(json.dumps(CLUB))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a b.csv").write_text("value,synonyms\nA,a\n")
    with raises(INVALID_KIND, match="a kind has no file"):
        read_kind(tmp_path)


@pytest.mark.slow
def test_a_backup_has_the_kind_and_a_restored_issuer_goes_on(
    city: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("correct horse battery\n")
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert city("issuer", "backup", "b").code == 0
    elsewhere = ("--home", tmp_path / "elsewhere")
    assert city(*elsewhere, "issuer", "restore", "b").code == 0
    home = tmp_path / "elsewhere" / "issuer"
    assert Kinds(home).newest().reference == shipped("resident").reference
    write("more.csv", [RESIDENTS[0], ("R-9", "Li", "Na", "1990-01-01", "", "", "2026-06-01", "")])
    answer = city(*elsewhere, "issuer", "issue", "more.csv", "--out", "more")
    assert (answer.code, answer.out) == (0, "1 issued, 0 issued before, 0 with errors\n"), answer.err
    (tmp_path / "trust.json").write_text(city(*elsewhere, "issuer", "trust").out)
    assert city(*elsewhere, "trust", "add", "trust.json").code == 0
    assert verdict(city, "more/R-9.json").startswith("VALID: ")


# Two issuers of one number


class Both(NamedTuple):
    """A resident and a certificate of one number, each by its issuer."""

    issuers: tuple[Issuer, Issuer]
    documents: tuple[dict[str, Any], dict[str, Any]]


HASHED = {
    "@context": ["https://www.w3.org/ns/credentials/v2", {"@vocab": "urn:example:"}],
    "type": ["VerifiableCredential"],
    "credentialSubject": {"no": "{no}", "mail": "{mail_hash}", "salt": "{mail_salt}"},
}


def own_kind(folder: Path, name: str) -> Kind:
    folder.mkdir()
    fields = {**CLUB_FIELDS, "mail": {"type": "text"}}
    (folder / "kind.json").write_text(json.dumps({**CLUB, "name": name, "fields": fields, "sentence": {}}))
    (folder / "template.json").write_text(json.dumps(HASHED))
    return read_kind(folder)


def test_two_issuers_of_one_number_share_no_id_salt_or_place(tmp_path: Path) -> None:
    """Else one of them, or whoever has both credentials, could tell who is behind the other's."""
    issuers = [
        issuer_in(tmp_path / name, name="U", kind=own_kind(tmp_path / f"kind-{name}", name))
        for name in ("library", "club")
    ]
    row = {"no": "1", "mail": "a@example.org"}
    documents = [issuer.line(issuer.issue(row)).credential for issuer in issuers]
    ids = {document["id"].rpartition(":")[2] for document in documents}
    assert len(ids) == 2
    for member in ("salt", "mail"):
        assert len({document["credentialSubject"][member] for document in documents}) == 2
    places = [[issuer.press().composer.positions.locate(seq) for seq in range(100)] for issuer in issuers]
    assert sum(one == other for one, other in zip(*places, strict=True)) < 5  # by chance 100 in LIST_ENTRIES
    assert LIST_ENTRIES > 100_000


def test_a_resident_and_a_certificate_of_one_number_have_nothing_in_common(tmp_path: Path) -> None:
    kinds = {"resident": ZHANG, "certificate": {**WELDING, "certificate_number": "R-1"}}
    lines = []
    for name, row in kinds.items():
        issuer = issuer_in(tmp_path / name, name="U", kind=shipped(name))
        lines.append(issuer.line(issuer.issue(row)).credential)
    one, other = ({*map(str, leaves(line))} for line in lines)
    constant = {"VerifiableCredential", "U", "R-1", "https://www.w3.org/ns/credentials/v2"}
    shared = {text for text in one & other if len(text) > 12 and "vocab:" not in text} - constant
    assert {text for text in shared if "intaglio" in text or "did:" in text} == set()


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in leaves(member)]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


# What a stranger sees


def test_a_stranger_hears_the_sentence_from_the_trust_file(city: Program, tmp_path: Path) -> None:
    Path("trust.json").write_text(city("issuer", "trust").out)
    elsewhere = ("--home", tmp_path / "elsewhere")
    assert city(*elsewhere, "verify", "out/R-1.json", "--offline").code == 3
    assert city(*elsewhere, "trust", "add", "trust.json").code == 0
    answer = city(*elsewhere, "verify", "out/R-1.json", "--offline")
    assert answer.out.splitlines()[0].startswith(f"VALID: {CITY} certifies the residence of 张敏")


def test_the_page_shows_what_was_typed_and_runs_none_of_it(tmp_path: Path) -> None:
    text = " / ".join(UNTIDY)
    issuer = issuer_in(tmp_path / "home", kind=shipped("certificate"))
    row = {**FULL["certificate"], "title": text, "description": text}
    bundle = issuer.bundle(issuer.issue(row)).to_bytes()
    trust = Trust.parse(json.dumps(issuer.trust_file()).encode())
    with page_served(trust, tmp_path) as url:
        html = send(url, bundle).text
    page = Reader(html)
    assert f"Invented University issued a certificate “{text}” to Seán O'Brien-Müller" in page.text
    assert page.text.count(text) >= 3  # the sentence, the title's line, the description's
    assert page.text.count("valid until1 June 2029") == 1  # the record's day is that of the credential
    assert "<script>alert(1)" not in html
    assert "<b>&amp;" not in html


@pytest.mark.slow
def test_a_bundle_of_a_resident_says_the_same_to_a_program(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", kind=shipped("resident"))
    bundle = issuer.bundle(issuer.issue(ZHANG))
    trust = Trust.parse(json.dumps(issuer.trust_file()).encode())
    report = verifier(trust).verify(bundle, now=NOW)
    assert report.verdict is Verdict.VALID, report.checks
    assert VERDICTS[report.verdict] == "VALID"
