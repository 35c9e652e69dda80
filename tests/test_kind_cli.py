"""`intaglio kind` and a kind of one's own, from a spreadsheet to what others are told of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from issuer import Description, Issuer
from kinds.check import prove_kind
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from kinds.shipped import SHIPPED, diploma_1, shipped
from ledger import EntryKind, entry
from tests.commandline import Program, verdict
from tests.problems import raises
from tests.world import NOW
from verifier import RecognisedIssuer, Trust
from verifier.sources.trust import names_another
from verifier.sources.trust_entries import LARGEST_KIND, MOST_KINDS, KindFiles
from wire import Malformed, TooLarge

CLUB = (
    "Mitgliedsnr;姓名;Beitritt;Tarif\nM-1;张敏;31.01.2020;Gold\nM-2;Seán O’Brien-Müller;2021-03-01;Silber\n"
)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def club(tmp_path: Path) -> Path:
    file = tmp_path / "club.csv"
    file.write_text(CLUB)
    return file


@pytest.mark.slow
def test_what_comes_along_is_listed_shown_proved_and_to_be_filled_in(program: Program) -> None:
    listed = json.loads(program("kind", "list", "--json").out)["kinds"]
    assert [each["name"] for each in listed] == list(SHIPPED)
    for name in SHIPPED:
        assert program("kind", "check", name).code == 0
        told = json.loads(program("kind", "show", name, "--json").out)
        assert told["version"] == 2, "that of the output, as everywhere"
        assert told["reference"] == shipped(name).reference
        shown = told["fields"]
        columns = program("kind", "export", name).out.strip().split(",")
        assert columns == [field["name"] for field in shown]
    assert "age_over_18" not in columns
    assert "* personal_administrative_number" in program("kind", "show", "resident").out


@pytest.mark.slow
def test_from_a_spreadsheet_to_a_credential_of_a_kind_of_ones_own(program: Program, club: Path) -> None:
    drafted = program("kind", "new", "card", "--from", club)
    assert (drafted.code, drafted.out) == (0, "card/kind.json\n")
    kind = json.loads(Path("card/kind.json").read_text())
    assert {name: field["type"] for name, field in kind["fields"].items()} == {
        "mitgliedsnr": "text", "name": "text", "beitritt": "date", "tarif": "text",
    }  # fmt: skip
    assert program("kind", "check", "card").code == 0
    issued = program("issuer", "issue", club, "--name", "Club", "--kind", "card", "--out", "out")
    assert (issued.code, issued.out) == (0, "2 issued, 0 issued before, 0 with errors\n")
    assert verdict(program, "out/M-1.json") == "VALID: Club issued a card to 张敏"
    corrected = program("issuer", "correct", "M-2", "--set", "tarif=Gold", "--yes", "--out", "out")
    assert corrected.code == 0
    (fields,) = json.loads(program("verify", "out/M-2.2.json", "--json").out)["fields"]
    assert fields == {
        "mitgliedsnr": "M-2", "name": "Seán O’Brien-Müller", "beitritt": "2021-03-01", "tarif": "Gold",
    }  # fmt: skip
    # Others are told the same by the trust file, and by the kind in the bundle, which the log shows.
    Path("club.trust.json").write_text(program("issuer", "trust").out)
    others = ("verify", "out/M-1.json", "--trust", "club.trust.json")
    assert program(*others).out.startswith("VALID: Club issued a card to 张敏\n")
    trust = json.loads(Path("club.trust.json").read_text())
    assert trust["version"] == 6
    assert "speaks of its credentials by the kind card, version 1" in program("trust", "list").out
    del trust["issuers"][0]["kinds"]
    Path("club.trust.json").write_text(json.dumps(trust))
    assert program(*others).out.startswith("VALID: Club issued a card to 张敏\n")
    bundle = json.loads(Path("out/M-1.json").read_text())
    assert bundle["version"] == 3
    del bundle["kinds"]
    Path("out/M-1.json").write_text(json.dumps({**bundle, "version": 1}))
    assert program(*others).out.startswith('VALID: by Club: "Card", to "张敏"\n')


def test_a_draft_replaces_nothing_and_a_folder_without_a_kind_is_said(program: Program, club: Path) -> None:
    assert program("kind", "new", "card", "--from", club).code == 0
    again = program("kind", "new", "card", "--from", club)
    assert (again.code, "card/kind.json is there already" in again.err) == (1, True)
    missing = program("kind", "check", "nowhere")
    assert (missing.code, "there is no kind.json in nowhere" in missing.err) == (4, True)
    assert "Name one of diploma, resident, certificate, or the folder of your own." in missing.err


def test_a_kind_of_the_issuer_in_this_home_is_known_by_its_name(program: Program, club: Path) -> None:
    """Its author's folder may lie elsewhere or be gone: the issuer has kept the files."""
    assert program("kind", "new", "card", "--from", club).code == 0
    assert program("issuer", "issue", club, "--name", "Club", "--kind", "card").code == 0
    folder, columns = Path("card"), program("kind", "export", "card").out
    kept = folder.rename("elsewhere") / "kind.json"
    assert [line.split()[0] for line in program("kind", "list").out.splitlines()] == [*SHIPPED, "card"]
    assert program("kind", "export", "card").out == columns
    assert program("kind", "check", "card").code == 0
    assert "* mitgliedsnr" in program("kind", "show", "card").out
    # Its author's folder comes first, and is the next version.
    folder.mkdir()
    (folder / "kind.json").write_text(kept.read_text().replace('"version": "1"', '"version": "2"'))
    assert json.loads(program("kind", "show", "card", "--json").out)["reference"].split(":")[4] == "2"
    assert "takes another kind, for good" in program("issuer", "init", "--help").out
    assert program("issuer", "init", "--kind", "card").code == 0
    kept.unlink()
    (folder / "kind.json").unlink()
    listed = json.loads(program("kind", "list", "--json").out)["kinds"]
    assert [(each["name"], each["version"]) for each in listed[len(SHIPPED) :]] == [("card", "2")]
    assert program("kind", "new", "badge", "--from", "card").code == 0
    missing = program("kind", "check", "nowhere")
    assert "Name one of diploma, resident, certificate, card, or the folder of your own." in missing.err


def test_each_version_is_in_the_log_once_before_what_is_made_by_it(tmp_path: Path) -> None:
    kind = shipped("resident")
    leaf = entry(EntryKind.KIND, bytes.fromhex(kind.digest))
    home = tmp_path / "issuer"
    for _ in range(2):
        issuer = Issuer.create(home, Description("City", kind=kind), lambda: None, lambda: NOW)
        assert (issuer.log.find(leaf), issuer.log.checkpoint().size) == (range(1, 2), 2)
    diplomas = Issuer.create(
        tmp_path / "other", Description("University", kind=diploma_1()), lambda: None, lambda: NOW
    )
    assert diplomas.log.checkpoint().size == 1


def test_the_files_of_a_kind_are_for_ever(program: Program) -> None:
    assert program("issuer", "init", "--name", "City", "--kind", "resident").code == 0
    file = program.home / "issuer" / "kinds" / "resident-1" / "kind.json"
    file.write_text(file.read_text().replace('"years": 18', '"years": 16'))
    answer = program("issuer", "issue", "r.csv", "--json")
    assert json.loads(answer.out)["error"]["code"] == "damaged-issuer-file"
    assert "is not the kind that issuer.json names" in program("doctor").out


def test_a_kind_that_is_damaged_keeps_nobody_from_revoking(program: Program) -> None:
    Path("r.csv").write_text(program("kind", "export", "certificate").out + "1,T,N,,,,,,2026-01-01,,\n")
    assert program("issuer", "issue", "r.csv", "--name", "U", "--kind", "certificate").code == 0
    file = program.home / "issuer" / "kinds" / "certificate-1" / "kind.json"
    file.write_text(f"{file.read_text()} ")
    assert program("issuer", "revoke", "1", "--yes").code == 0
    assert program("issuer", "trust").code == 0


def test_no_link_hands_out_a_file_of_the_issuers(program: Program) -> None:
    Path("secret").write_text("value,synonyms\nsecret,\n")
    Path("got/tables").mkdir(parents=True)
    Path("got/kind.json").write_text('{"name": "got"}')
    Path("got/tables/level.csv").symlink_to(Path("secret").absolute())
    refused = program("issuer", "init", "--name", "U", "--kind", "got", "--json")
    assert json.loads(refused.out)["error"]["code"] == "invalid-kind"
    assert "tables/level.csv is a link" in refused.out


def test_the_proof_finds_two_facts_in_one_place() -> None:
    """As in the template of a diploma whose results are told apart by nothing."""
    diploma = shipped()
    text = diploma.files["template.json"].replace(b"#honours", b"#gpa")
    with raises(INVALID_KIND, match="it also changes|makes no credential|does not say"):
        prove_kind(parse_kind({**diploma.files, "template.json": text}))
    assert "gpa" in prove_kind(diploma)


@pytest.mark.parametrize("place", ["evidence", "credentialSubject", "@context"])
def test_no_cell_decides(place: str) -> None:
    diploma = shipped()
    template = json.loads(diploma.files["template.json"])
    template[place] = {"id": "urn:x:{honours}"}
    files = {**diploma.files, "template.json": json.dumps(template).encode()}
    with raises(INVALID_KIND, match="honours stands under"):
        prove_kind(parse_kind(files))


class TestTrust:
    """Whose words: a sentence is spoken only where the issuer's entry has the very kind."""

    def kinds(self, count: int = 1, size: int = 10) -> tuple[KindFiles, ...]:
        return tuple(KindFiles((("kind.json", "x" * size + str(number)),)) for number in range(count))

    def entry(self, *kinds: KindFiles) -> Trust:
        return Trust((RecognisedIssuer("did:example:a", "A", kinds=kinds),))

    def test_files_stand_in_the_list_as_they_are(self) -> None:
        trust = self.entry(*self.kinds(2))
        assert Trust.parse(trust.to_bytes()) == trust
        assert json.loads(trust.to_bytes())["version"] == 6
        assert json.loads(self.entry().to_bytes())["version"] == 1

    def test_there_are_few_and_they_are_small(self) -> None:
        with pytest.raises(Malformed):
            Trust.parse(self.entry(*self.kinds(MOST_KINDS + 1)).to_bytes())
        with pytest.raises(TooLarge):
            Trust.parse(self.entry(*self.kinds(1, LARGEST_KIND)).to_bytes())
        wrongs: tuple[object, ...] = ({}, [1], [{"kind.json": 1}])
        for wrong in wrongs:
            text = {"version": 6, "issuers": [{"id": "did:example:a", "kinds": wrong}]}
            with pytest.raises(Malformed):
                Trust.parse(json.dumps(text).encode())

    def test_a_newer_file_adds_a_kind_and_contradicts_nothing(self) -> None:
        first, second = self.kinds(2)
        joined = self.entry(first).joined(self.entry(second))
        assert joined.issuers[0].kinds == (second, first)

    def test_no_sentence_borrows_the_name_of_another_issuer(self) -> None:
        trust = Trust(
            (
                RecognisedIssuer("did:example:a", "City Library"),
                RecognisedIssuer("did:example:b", "Example University"),
            )
        )
        assert names_another(["{issuer}, with EXAMPLE  uni", "{x}versity"], "did:example:a", trust)
        assert names_another(["{issuer} for did:example:c certifies"], "did:example:a", trust)
        assert not names_another(["{issuer}, the City Library, certifies"], "did:example:a", trust)
