"""Which degree it is: kept in the registrar's own word, and seen wherever a diploma is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from intaglio.words.report import sentence
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.press.document import trial
from issuer.table.source import open_source
from kinds import shipped
from kinds.records import InvalidRecord, check_record
from tests.commandline import Program, verdict
from tests.copying import copy_folder
from tests.doubles import at, stops
from tests.fixtures.make import MADE, PASSPHRASE
from tests.pages import answer, page_served
from tests.world import (
    COLLEGE,
    University,
    csv_file,
    graduate,
    issuer_before,
    issuer_in,
    reopened,
    table,
    template_before,
)
from vc import Credential
from vc.vcdm import jsonld
from vc.vcdm.schema import Schemas
from verifier.summary import summarize

RELEASE = Path(__file__).parent / "fixtures" / "f31e11f"
UNIVERSITY = University()
OLD_TEMPLATE = (RELEASE / "university" / "issuer" / "template.json").read_bytes()
SAME = {"given_name": "Ada", "family_name": "Invented", "programme_title": "Physics"}
DEGREES = {
    "Bachelor of Science": "BachelorDegree",
    "学士": "BachelorDegree",
    "Magister": "MasterDegree",
    "": "DoctoralDegree",
}
"""The registrar's word, if she has one, and the type that Open Badges has."""
SEEN = [*filter(None, DEGREES), "Doctoral degree"]


def degrees() -> list[dict[str, str]]:
    """One person's degrees of one day in one subject."""
    return [
        graduate(number, **SAME, degree_name=name, achievement_type=kind)
        for number, (name, kind) in enumerate(DEGREES.items(), 1)
    ]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text(table(rows, [*rows[0]]), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def issued(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A machine on which the degrees were issued into `diplomas/`."""
    secret = tmp_path / "passphrase.txt"
    secret.touch(mode=0o600)
    secret.write_text("correct horse battery")
    file = written(Path("degrees.csv"), degrees())
    assert program("issuer", "issue", file, "--name", "Example University").code == 0
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(secret))
    return program


FILES = [f"diplomas/UNI-{number:06}.json" for number in range(1, 5)]

# Where people look


@pytest.mark.slow
def test_the_sentence_says_which_degree_it_is(issued: Program) -> None:
    assert [verdict(issued, file) for file in FILES] == [
        f'VALID: by Example University: "Physics ({degree})", to "Ada Invented", 2026-06-30'
        for degree in SEEN
    ]


@pytest.mark.slow
def test_so_does_the_table(issued: Program) -> None:
    lines = issued("verify", "diplomas", "--offline").out.splitlines()
    assert [line.partition('"')[2].partition('"')[0] for line in lines[1:5]] == [
        f"Physics ({degree})" for degree in SEEN
    ]


@pytest.mark.slow
def test_so_do_the_lists_and_cards_of_a_wallet(issued: Program) -> None:
    assert issued("wallet", "init").code == 0
    for file in FILES:
        assert issued("wallet", "import", file).code == 0
    listed = issued("wallet", "list").out
    assert [
        degree for degree in SEEN if f"Physics ({degree}) of Ada Invented" in " ".join(listed.split())
    ] == SEEN
    cards = [issued("wallet", "show", f"UNI-{number:06}").out for number in range(1, 5)]
    assert [card.splitlines()[0] for card in cards] == [f"Physics ({degree})" for degree in SEEN]
    assert "  degree      学士\n" in cards[1]
    assert "  type        Bachelor's degree\n" in cards[1]
    assert "  degree" not in cards[3]
    assert "  类型        学士学位\n" in issued("--lang", "zh", "wallet", "show", "UNI-000002").out
    (held,) = [
        one
        for one in json.loads(issued("wallet", "list", "--json").out)["credentials"]
        if one["number"] == "UNI-000002"
    ]
    assert (held["title"], held["degreeName"], held["achievementType"]) == (
        "Physics",
        "学士",
        "BachelorDegree",
    )


@pytest.mark.slow
def test_a_label_is_in_the_readers_language_and_a_registrars_word_in_hers(issued: Program) -> None:
    said = [issued("--lang", "zh", "verify", file, "--offline").out.splitlines()[0] for file in FILES[1:]]
    assert [line.partition("“")[2].partition("”")[0] for line in said] == [
        "Physics（学士）",
        "Physics（Magister）",
        "Physics（博士学位）",
    ]


@pytest.mark.parametrize(
    ("lang", "sentence", "rows"),
    [
        (
            "en",
            "Example University issued “Physics (学士)” to Ada Invented",
            ("credentialPhysics", "degree学士", "typeBachelor's degree"),
        ),
        ("zh", "“Physics（学士）”", ("学位学士", "类型学士学位")),
    ],
)
def test_so_does_the_page(tmp_path: Path, lang: str, sentence: str, rows: tuple[str, ...]) -> None:
    with page_served(UNIVERSITY.trust, tmp_path) as address:
        text = answer(address, UNIVERSITY.issue(_badge(UNIVERSITY)).to_bytes(), lang=lang).text
    assert sentence in text
    assert [row for row in rows if row in text] == [*rows]


def _badge(university: University, **change: Any) -> dict[str, Any]:
    document = university.diploma()
    achievement = {
        **document["credentialSubject"]["achievement"],
        "name": "Physics",
        "achievementType": "BachelorDegree",
        "otherIdentifier": [
            {"type": "IdentifierEntry", "identifierType": "identifier", "identifier": "BSC-1"},
            {"type": "IdentifierEntry", "identifierType": "ext:degreeName", "identifier": "学士"},
        ],
        **change,
    }
    return {**document, "credentialSubject": {**document["credentialSubject"], "achievement": achievement}}


@pytest.mark.parametrize(
    ("lang", "first"),
    [("en", "“Bachelor of Science (Bachelor's degree)”"), ("zh", "“Bachelor of Science（学士学位）”")],
)
def test_a_diploma_of_a_release_before_is_shown_by_its_type(program: Program, lang: str, first: str) -> None:
    file, at_then = RELEASE / "bundles/valid.json", f"{MADE + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    trust = ("--trust", RELEASE / "trust.json", "--offline", "--at", at_then)
    said = program("--lang", lang, "verify", file, *trust).out.splitlines()[0]
    assert first.strip("“”") in said


@pytest.mark.slow
def test_a_long_title_leaves_the_degree_in_sight(issued: Program) -> None:
    row = graduate(9, programme_title="Physics " * 30, achievement_type="Master's degree")
    assert issued("issuer", "issue", written(Path("long.csv"), [row])).code == 0
    assert "… (Master's degree)\"" in verdict(issued, "diplomas/UNI-000009.json")


@pytest.mark.parametrize(
    ("achievement_type", "shown"),
    [("ext:Habilitation", "Habilitation"), ("Program", "Program"), ("Course", "Course"), ("", "")],
)
def test_every_type_has_a_label_or_its_own_name(achievement_type: str, shown: str) -> None:
    document = _badge(UNIVERSITY, achievementType=achievement_type, otherIdentifier=[])
    assert said_of(document).startswith(f'Physics ({shown})"' if shown else 'Physics"')


def said_of(document: Mapping[str, Any]) -> str:
    """What the sentence says of a credential, from the title on."""
    return sentence(summarize(Credential.parse(document), UNIVERSITY.trust)).partition('"')[2]


def test_every_type_of_open_badges_has_a_label(corpora: Path) -> None:
    schema = json.loads((corpora / "samples/schemas/ob3-achievementcredential.json").read_bytes())
    types = schema["$defs"]["Achievement"]["properties"]["achievementType"]["oneOf"][0]["enum"]
    assert len(types) == 31
    for name in types:
        said = said_of(_badge(UNIVERSITY, achievementType=name, otherIdentifier=[]))
        assert re.match(r"Physics \([A-Z][a-z]+[^A-Z]*(\(GED\))?\)\"", said), "a label is words"


# What stands on the diploma


@pytest.mark.parametrize(
    ("cells", "kind", "name"),
    [
        ({"achievement_type": "PhD"}, "DoctoralDegree", "PhD"),
        ({"achievement_type": " bachelor's degree "}, "BachelorDegree", "bachelor's degree"),
        ({"achievement_type": "PhD", "degree_name": "Dr. rer. nat."}, "DoctoralDegree", "Dr. rer. nat."),
        ({"degree_name": "学士"}, "BachelorDegree", "学士"),
    ],
)
def test_the_registrars_word_stands_beside_the_type(cells: dict[str, str], kind: str, name: str) -> None:
    document = trial(shipped()).compose(_checked(graduate(1, **cells)), 0)
    achievement = document["credentialSubject"]["achievement"]
    assert achievement["achievementType"] == kind
    assert name in json.dumps(achievement, ensure_ascii=False)


def _checked(cells: Mapping[str, str]) -> dict[str, Any]:
    """The record of these cells, with the names of fields that this release may not know as its own."""
    return check_record(shipped(), cells, further={"degree_name"})


@pytest.mark.parametrize("typed", ["BachelorDegree", "ext:Habilitation"])
def test_a_type_of_open_badges_is_nobodys_own_word(typed: str) -> None:
    record = check_record(shipped(), graduate(1, achievement_type=typed))
    assert "degree_name" not in record, "nor does an empty one change what releases before would have kept"


def test_the_schema_of_open_badges_takes_it_and_every_word_has_a_meaning(corpora: Path) -> None:
    schema = json.loads((corpora / "samples/schemas/ob3-achievementcredential.json").read_bytes())
    document = trial(shipped()).compose(_checked(graduate(1, degree_name="学士")), 0)
    assert "学士" in jsonld.canonicalize(document).decode()
    proof = {"proof": [{"type": "DataIntegrityProof", "created": "2026-07-01T00:00:00Z"}]}
    assert Schemas({"ob3": schema}).check(Credential.parse({**document, **proof}), "ob3") == ("ob3",)


def test_it_is_read_by_what_the_terms_mean() -> None:
    vocabulary = "https://purl.imsglobal.org/spec/vc/ob/vocab.html#"
    document = {**_badge(UNIVERSITY), "issuer": UNIVERSITY.did}
    document["@context"] = [
        document["@context"][0],
        {
            name: f"{vocabulary}{iri}"
            for name, iri in {
                "Leistung": "Achievement",
                "Art": "achievementType",
                "Namen": "otherIdentifier",
                "Sorte": "identifierType",
                "Wort": "identifier",
                "achievement": "achievement",
                "OpenBadgeCredential": "OpenBadgeCredential",
                "AchievementSubject": "AchievementSubject",
                "awardedDate": "awardedDate",
            }.items()
        }
        | {"otherIdentifier": "https://example.org/otherIdentifier"},
    ]
    meant = {"Art": "MasterDegree", "Namen": {"Sorte": "ext:degreeName", "Wort": "Magister"}}
    other = {"otherIdentifier": {"Sorte": "ext:degreeName", "Wort": "Doctor"}}
    document["credentialSubject"] = {
        "type": "AchievementSubject",
        "achievement": {"type": "Leistung", "name": "Physics", **meant, **other},
    }
    assert said_of(document).startswith('Physics (Magister)"')
    del document["credentialSubject"]["achievement"]["Namen"]
    assert said_of(document).startswith("Physics (Master's degree)\"")


def test_another_type_takes_the_former_name_with_it(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    issuer.issue(graduate(1, achievement_type="Bachelors"))
    kept = issuer.correct("UNI-000001", {"gpa": "1.0"})
    assert _degree(issuer, kept) == ("BachelorDegree", "Bachelors")
    other = issuer.correct("UNI-000001", {"achievement_type": "MasterDegree"})
    assert _degree(issuer, other) == ("MasterDegree", "")
    typed = issuer.correct("UNI-000001", {"achievement_type": "PhD"})
    assert _degree(issuer, typed) == ("DoctoralDegree", "PhD")
    named = issuer.correct("UNI-000001", {"achievement_type": "Master", "degree_name": "Magister"})
    assert _degree(issuer, named) == ("MasterDegree", "Magister")
    with pytest.raises(InvalidRecord):
        issuer.correct("UNI-000001", {"degree_name": "a\nb"})


def _degree(issuer: Issuer, entry: Any) -> tuple[str, str]:
    """The type and the name that a diploma states."""
    achievement = issuer.line(entry).credential["credentialSubject"]["achievement"]
    names = [other["identifier"] for other in achievement.get("otherIdentifier", [])]
    return achievement["achievementType"], "".join(names)


def test_a_row_that_words_its_type_otherwise_is_named_with_what_corrects_it(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    issuer.issue_file(
        Order(csv_file(tmp_path / "g.csv", [graduate(1, achievement_type="Bachelor")]), workers=0)
    )
    for typed in ("Bachelor", "BachelorDegree"):
        again = csv_file(tmp_path / "again.csv", [graduate(1, achievement_type=typed)])
        assert issuer.issue_file(Order(again, workers=0)).survey.changed == []
    other = csv_file(tmp_path / "other.csv", [graduate(1, achievement_type="Bachelors")])
    changed = issuer.issue_file(Order(other, workers=0)).survey.changed
    assert [change.fields for change in changed] == [{"achievement_type": "Bachelors"}]
    assert _degree(issuer, issuer.correct("UNI-000001", changed[0].fields)) == ("BachelorDegree", "Bachelors")


# Before anything is signed


def test_a_dry_run_warns_of_rows_that_differ_in_nothing_shown(program: Program) -> None:
    rows = [
        *degrees(),
        graduate(5, **SAME, degree_name="学士", gpa="1.0"),
        graduate(6, **SAME, degree_name="学士", award_date="2025-06-30"),
        graduate(7, **{**SAME, "given_name": "Bea"}, degree_name="学士"),
    ]
    dry = program("issuer", "issue", written(Path("g.csv"), rows), "--dry-run", "--json")
    assert dry.code == 0
    assert [warning[:15] for warning in json.loads(dry.out)["warnings"]] == ["rows 3 and 6 di"]
    assert "warning: rows 3 and 6 differ in nothing that `verify` says of them" in " ".join(dry.err.split())
    assert not (program.home / "issuer").exists()


def test_a_dry_run_with_a_template_of_before_warns_where_that_shows_no_name(program: Program) -> None:
    before_home(program)
    rows = [graduate(1, **SAME, degree_name=name) for name in ("Bachelor of Science", "Bachelor of Arts")]
    rows[1]["diploma_number"] = "UNI-000002"
    dry = program("issuer", "issue", written(Path("g.csv"), rows), "--dry-run")
    told = " ".join(dry.err.split())
    assert "rows 2 and 3 differ in nothing that `verify` says" in told
    assert "degree_name would stand nowhere" in told
    assert program("issuer", "template", "update").code == 0
    dry = program("issuer", "issue", "g.csv", "--dry-run")
    assert "differ in nothing" not in dry.err
    assert '"Physics (Bachelor of Arts)"' in dry.err


# Homes of before


def before_home(program: Program) -> Path:
    """An issuer whose template is of a release that knew no degree."""
    path = template_before(program.home / "issuer")
    path.write_bytes(OLD_TEMPLATE)
    assert program("issuer", "init", "--name", "Example University").code == 0
    return path


def test_doctor_names_the_step_for_a_home_of_before(program: Program) -> None:
    template = before_home(program)
    told = program("doctor")
    assert (told.code, "intaglio issuer template update" in told.out) == (0, True)
    assert (
        program("issuer", "template", "update").out
        == f"{template}: new credentials state the degree by name\n"
    )
    assert "template" not in program("doctor").out
    assert program("issuer", "template", "update").out == f"{template}: nothing to update\n"
    expected, before = json.loads(shipped().template.text), json.loads(OLD_TEMPLATE)
    achievement = expected["credentialSubject"]["achievement"]
    expected["description"] = before["description"]  # the issuer's own by now
    for member in ("description", "criteria"):
        achievement[member] = before["credentialSubject"]["achievement"][member]
    assert json.loads(template.read_bytes()) == expected
    (kept,) = template.parent.glob("template.*.json")
    assert kept.read_bytes() == OLD_TEMPLATE
    kept.write_bytes(OLD_TEMPLATE[:-2])
    assert program("issuer", "issue", written(Path("damaged.csv"), degrees())).code == 1
    assert f"{kept} is damaged" in program("doctor").out
    kept.write_bytes(OLD_TEMPLATE)
    assert program("issuer", "issue", written(Path("g.csv"), degrees())).code == 0
    assert "(学士)" in verdict(program, FILES[1])


def test_the_registrars_own_edits_stay(program: Program) -> None:
    template = before_home(program)
    content = json.loads(OLD_TEMPLATE)
    content["validUntil"] = "2099-12-31T00:00:00Z"
    own = {"type": "IdentifierEntry", "identifierType": "identifier", "identifier": "{programme_code}"}
    content["credentialSubject"]["achievement"]["otherIdentifier"] = [own]
    template.write_text(json.dumps(content))
    assert program("issuer", "template", "update").code == 0
    updated = json.loads(template.read_bytes())
    first, second = updated["credentialSubject"]["achievement"].pop("otherIdentifier")
    content["credentialSubject"]["achievement"].pop("otherIdentifier")
    assert (updated, first, second["identifier"]) == (content, own, "{degree_name}")


@pytest.mark.parametrize(
    "achievement", [None, {"achievementType": "{achievement_type}", "otherIdentifier": "x"}]
)
def test_a_template_of_another_form_is_left_alone(program: Program, achievement: Any) -> None:
    template = before_home(program)
    content = json.loads(OLD_TEMPLATE)
    content["credentialSubject"] = {"type": ["AchievementSubject"], "role": "{achievement_type}"}
    if achievement:
        content["credentialSubject"]["achievement"] = achievement
    template.write_text(json.dumps(content))
    answered = program("issuer", "template", "update")
    assert answered.code == 1
    assert "Put {degree_name} where the degree's name is to stand" in answered.err
    assert json.loads(template.read_bytes()) == content


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The issuer of a release before, in a copy of its own."""
    copy_folder(RELEASE / "university" / "issuer", tmp_path / "issuer")
    return tmp_path / "issuer"


@pytest.mark.slow
def test_what_a_template_of_before_made_it_makes_again(release: Path) -> None:
    issuer = Issuer(release, PASSPHRASE.encode, lambda: MADE + timedelta(hours=1))
    composer = issuer.press().composer
    for entry in issuer.entries():
        line = issuer.line(entry)
        made = composer.compose(line.record, line.seq, entry.edition, line.holder)
        assert json.dumps(made) == json.dumps({k: v for k, v in line.credential.items() if k != "proof"})


class Interruption(Exception):
    """A stand-in for SIGKILL where a test has to go on."""


def test_a_job_that_was_begun_keeps_its_template_and_so_do_its_editions(tmp_path: Path) -> None:
    home = tmp_path / "home"
    issuer_before(home)
    (home / "template.json").write_bytes(OLD_TEMPLATE)
    rows = [graduate(number, achievement_type="Bachelor") for number in range(1, 9)]
    order = Order(csv_file(tmp_path / "g.csv", rows, 4), workers=0)
    with pytest.raises(Interruption):
        reopened(
            home, **at(home, "index.begin_chunk", stops(Interruption(), on_call=2, before=True))
        ).issue_file(order)
    issuer = reopened(home)
    assert issuer.update_template()
    issuer = reopened(home)
    result = issuer.issue_file(order)
    assert (result.issued, len(result.survey.known)) == (4, 4)
    assert [_degree(issuer, entry)[1] for entry in issuer.entries()] == [""] * 8
    corrected = issuer.correct("UNI-000001", {"gpa": "1.0"})
    assert _degree(issuer, corrected) == ("BachelorDegree", "")
    issuer.claim("UNI-000002", COLLEGE.did)
    assert _degree(issuer, issuer.current("UNI-000002")) == ("BachelorDegree", "")
    assert _degree(issuer, issuer.release("UNI-000002")) == ("BachelorDegree", "")
    wanted = issuer.correct("UNI-000001", {"degree_name": "Bachelor of Science"})
    assert _degree(issuer, wanted) == ("BachelorDegree", "Bachelor of Science")
    assert _degree(issuer, issuer.issue(graduate(9, achievement_type="PhD"))) == ("DoctoralDegree", "PhD")


@pytest.mark.slow
def test_a_job_that_a_release_before_began_goes_on_as_it_was(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_folder(RELEASE / "killed-between", program.home)
    home = program.home / "issuer"
    issuer = Issuer(home, PASSPHRASE.encode, lambda: MADE + timedelta(hours=1))
    assert issuer.update_template()
    job = issuer.store.latest_job()
    issuer.issue_file(Order(open_source(RELEASE / "killed-between.csv"), workers=0))
    assert issuer.store.latest_job() == job


# Credentials that are no Open Badges

_TERMS = {
    "@protected": True,
    "Person": "https://example.org/vocab#Person",
    "LicenceCredential": "https://example.org/vocab#LicenceCredential",
    "givenName": "https://schema.org/givenName",
    "familyName": "https://schema.org/familyName",
    "class": "https://example.org/vocab#class",
}


def licence(university: University, subject: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **university.diploma(),
        "@context": ["https://www.w3.org/ns/credentials/v2", _TERMS],
        "issuer": university.did,
        "type": ["VerifiableCredential", "LicenceCredential"],
        "awardedDate": None,
        "credentialSubject": {"type": "Person", "class": "B", **subject},
    }


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("subject", "whom"),
    [
        ({"givenName": "Ada", "familyName": "Invented"}, "Ada Invented"),
        ({"familyName": "Invented"}, "Invented"),
        ({"name": "A. Invented", "givenName": "Ada"}, "A. Invented"),
        ({}, ""),
    ],
)
def test_a_credential_of_another_kind_is_shown_by_names_and_a_short_type(
    tmp_path: Path, subject: dict[str, str], whom: str
) -> None:
    document = {k: v for k, v in licence(UNIVERSITY, subject).items() if v is not None}
    bundle = UNIVERSITY.issue(document).to_bytes()
    with page_served(UNIVERSITY.trust, tmp_path) as address:
        text = answer(address, bundle).text
    to = f" to {whom}" if whom else ""
    assert f"issued “LicenceCredential”{to}, dated" in text
    assert ("Compare the name with an identity document" in text) == bool(whom)
    assert ("it names nobody" in text) == (not whom)


@pytest.mark.parametrize(
    "vocabulary",
    ["https://www.w3.org/ns/credentials/undefined-terms/v2", "https://www.w3.org/ns/credentials/examples/v2"],
)
def test_a_name_is_one_in_any_vocabulary(vocabulary: str) -> None:
    document = licence(UNIVERSITY, {"givenName": "Ada", "familyName": "Invented"})
    document["@context"] = ["https://www.w3.org/ns/credentials/v2", vocabulary]
    said = said_of({k: v for k, v in document.items() if v is not None})
    assert said.startswith('LicenceCredential", to "Ada Invented"')


def test_an_unknown_issuers_file_is_described_by_its_short_type(tmp_path: Path) -> None:
    other = University("other.example")
    document = {k: v for k, v in licence(other, {"givenName": "Ada"}).items() if v is not None}
    with page_served(UNIVERSITY.trust, tmp_path) as address:
        text = answer(address, other.issue(document).to_bytes()).text
    assert "credentialLicenceCredential" in text
