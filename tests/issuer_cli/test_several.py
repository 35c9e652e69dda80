"""Residents, certificates and diplomas of one issuer: the kind is said where it has to be, and only there."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from issuer.identity.home import Identity
from issuer.job.order import Order
from issuer.table.source import open_source
from kinds import shipped
from tests.commandline import Program, typed, verdict
from tests.copying import copy_folder
from tests.world import NOW, issuer_in

CITY = "City of Example"
KINDS = ("resident", "certificate")
RESIDENTS = (
    ("Personal administrative number", "Family name", "Given name", "Date of birth", "Issuance date"),
    ("L-1", "张", "敏", "1990-03-07", "2026-06-01"),
    ("L-2", "O'Brien-Müller", "Seán", "1979-04-12", "2026-06-01"),
    ("L-3", "Nguyễn Thị", "Ánh", "2001-02-28", "2026-06-01"),
)
CERTIFICATES = (
    ("Certificate number", "Title", "Given name", "Family name", "Issued on"),
    ("L-2", "Welding", "Zoë", "Ádám", "2026-06-01"),
    ("L-9", "Welding", "Bo", "Li", "2026-06-01"),
)


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


ROWS = {"resident": RESIDENTS, "certificate": CERTIFICATES}


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a city with three residents and two certificates, of which one pair shares a number."""
    folder = tmp_path_factory.mktemp("city")
    for kind, rows in ROWS.items():
        issuer = issuer_in(folder / "home", name=CITY, kind=shipped(kind))
        source = open_source(write(folder / f"{kind}.csv", rows), kind=shipped(kind))
        issuer.issue_file(Order(source, folder / "e.csv", workers=0))
    return folder / "home"


@pytest.fixture
def city(program: Program, issued: Path, tmp_path: Path) -> Program:
    for kind, rows in ROWS.items():
        write(tmp_path / f"{kind}.csv", rows)
    copy_folder(issued, program.home / "issuer")
    program.now = lambda: NOW
    return program


def code_of(program: Program, *words: object) -> str:
    return str(json.loads(program(*words, "--json").out)["error"]["code"])


@pytest.mark.slow
def test_each_kind_is_issued_by_its_name_and_found_again(program: Program, tmp_path: Path) -> None:
    city = program
    city.now = lambda: NOW
    for kind, rows in ROWS.items():
        file = write(tmp_path / f"{kind}.csv", rows)
        answer = city("issuer", "issue", file, "--kind", kind, "--name", CITY, "--out", "out")
        assert answer.code == 0, answer.err
    names = {path.name for path in Path("out").glob("*.json")}
    assert names == {"L-1.json", "L-2.json", "L-3.json", "certificate+L-2.json", "L-9.json"}
    assert verdict(city, "out/L-1.json").endswith("of 张敏, born on 1990-03-07")
    assert verdict(city, "out/certificate+L-2.json").startswith(f"VALID: {CITY} issued a certificate")
    again = city("issuer", "issue", "certificate.csv", "--kind", "certificate", "--out", "out")
    assert again.out.startswith("0 issued, 2 issued before"), again.err
    assert city("issuer", "list", "L-2").out.splitlines() == [
        "certificate L-2  Zoë Ádám",
        "resident L-2  Seán O'Brien-Müller",
    ]
    assert city("issuer", "list", "--kind", "certificate").out.count("\n") == 2
    assert city("issuer", "list", "L-", "--kind", "certificate").out.count("\n") == 2
    assert code_of(city, "issuer", "issue", "resident.csv") == "kind-not-named"
    assert code_of(city, "issuer", "list", "--kind", "diploma") == "no-such-kind"


@pytest.mark.quick("show", "revoke")
@pytest.mark.parametrize(
    "words",
    [("show",), ("correct", "--set", "given_name=A"), ("revoke", "--yes"), ("export",), ("claim",)],
    ids=lambda words: words[0],
)
def test_a_number_that_two_have_is_refused_with_both_names(city: Program, words: tuple[str, ...]) -> None:
    verb, *options = words
    answer = city("issuer", verb, "L-2", *options)
    assert answer.code == 1
    assert "the number L-2 is that of a certificate and of a resident" in answer.err
    assert "--kind" in answer.err
    assert code_of(city, "issuer", verb, "L-2", *options) == "kind-not-named"
    for number, kind in (("L-2", "certificate"), ("L-1", "resident")):
        answer = city("issuer", verb, number, *options, "--kind", kind)
        assert answer.code == 0, answer.err
    assert city("issuer", verb, "L-3", *options).code == 0, "nobody else has it"


def test_what_is_done_to_one_leaves_its_namesake_alone(city: Program) -> None:
    answer = city("issuer", "correct", "L-2", "--kind", "resident", "--set", "given_name=S", "--out", "out")
    assert answer.out == "resident L-2 edition 2  S O'Brien-Müller: out/resident+L-2.2.json\n", answer.err
    assert city("issuer", "revoke", "L-2", "--kind", "certificate", "--yes").code == 0
    shown = {
        kind: json.loads(city("issuer", "show", "L-2", "--kind", kind, "--json").out)
        for kind in ("resident", "certificate")
    }
    assert [(each["kind"], each["edition"], each["copy"]) for each in shown.values()] == [
        ("resident", 2, 1),
        ("certificate", 1, 1),
    ]
    assert shown["resident"]["revoked"] is None
    assert shown["certificate"]["revoked"]["reason"] == "unspecified"
    link = json.loads(city("issuer", "claim", "L-2", "--kind", "resident", "--json").out)["links"]
    assert list(link) == ["L-2"]


def test_words_are_of_the_kind_that_is_meant(city: Program) -> None:
    assert city("issuer", "revoke", "L-2", "--kind", "certificate", "--yes").code == 0
    again = city("issuer", "revoke", "L-1", "L-2", "--kind", "certificate", "--yes")
    assert again.code == 4, "no certificate has the number L-1"
    assert "no certificate fits 'L-1'" in again.err
    again = city("issuer", "revoke", "L-2", "--kind", "certificate", "--yes")
    assert "1 certificate had been revoked before" in again.err
    assert "No credential fits." in city("issuer", "list", "nobody").err
    assert city("issuer", "export", "--kind", "resident").out == "3 bundles in proofs-of-residence\n"
    assert city("issuer", "export").out == "4 bundles in credentials\n"


def test_links_of_a_mixed_lot_are_told_apart(city: Program) -> None:
    ids = [json.loads(city("issuer", "show", "L-2", "--kind", kind, "--json").out)["id"] for kind in KINDS]
    answer = city("issuer", "claim", *ids, "L-9", "--json")
    assert list(json.loads(answer.out)["links"]) == ["resident L-2", "certificate L-2", "L-9"]
    assert "Earlier links for the same credentials" in answer.err


def test_the_remedy_for_a_changed_row_names_the_kind(city: Program) -> None:
    write(Path("certificate.csv"), [CERTIFICATES[0], (*CERTIFICATES[1][:1], "Cooking", *CERTIFICATES[1][2:])])
    answer = city("issuer", "issue", "certificate.csv", "--kind", "certificate")
    assert "issuer correct L-2 --kind certificate --set title=Cooking" in answer.err


def test_a_kind_is_added_by_init_and_a_dry_run_adds_none(city: Program) -> None:
    home = city.home / "issuer"
    before = Identity.read(home)
    kind = Path("club")
    kind.mkdir()
    (kind / "kind.json").write_text(
        json.dumps(
            {
                "name": "club",
                "version": "1",
                "nouns": {"en": ["membership", "memberships"]},
                "number": "no",
                "fields": {"no": {"type": "text", "required": True, "iri": "urn:example:no"}},
            }
        )
    )
    write(Path("club.csv"), [("no",), ("1",)])
    assert city("issuer", "issue", "club.csv", "--kind", "club", "--dry-run").code == 0
    assert Identity.read(home) == before
    assert city("issuer", "init", "--name", CITY, "--kind", "club").code == 0
    assert Identity.read(home).kinds[:2] == before.kinds
    assert city("issuer", "issue", "club.csv", "--kind", "club").out.startswith("1 issued")
    assert code_of(city, "issuer", "issue", "club.csv", "--kind", "nonsense") == "not-found"


@pytest.mark.slow
def test_at_a_terminal_a_new_kind_is_asked_about(program: Program, tmp_path: Path) -> None:
    assert program("issuer", "init", "--name", CITY, "--kind", "resident").code == 0
    file = write(tmp_path / "c.csv", CERTIFICATES)
    words = ["issuer", "issue", str(file), "--kind", "certificate", "--out", str(tmp_path / "out")]
    asked = f"{CITY} issues resident so far. certificate 1 as well, for good?".encode()
    _, told = typed(program.home, words, [(asked, b"n")], code=5)
    assert "nothing was issued, and the kind was not added" in told
    assert len(Identity.read(program.home / "issuer").kinds) == 1
    out, _ = typed(program.home, words, [(asked, b"y"), (b"Issue 2 certificates for good?", b"y")])
    assert out.startswith("2 issued")


def test_an_issuer_of_diplomas_issues_residents_too(program: Program, tmp_path: Path) -> None:
    program.now = lambda: NOW
    assert program("issuer", "init", "--name", CITY).code == 0
    file = write(tmp_path / "r.csv", RESIDENTS)
    answer = program("issuer", "issue", file, "--kind", "resident", "--out", tmp_path / "out")
    assert (answer.code, answer.out) == (0, "3 issued, 0 issued before, 0 with errors\n"), answer.err
    trust = json.loads(program("issuer", "trust").out)
    assert "kinds" not in trust["issuers"][0], "both come along"
