"""Each folder of examples/uses: its kind, its rows, a run with its attack, and nobody's data in the log."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from did import METHODS, Resolver
from examples.uses import acting
from examples.uses.actors import Institution, Person
from examples.uses.catalogue import validators
from examples.uses.command import bound
from examples.uses.folder import HERE, SECTORS, UseCase, names
from issuer.archive.kept import KindNumber
from issuer.press.document import trial
from kinds import Field
from kinds.check import prove_kind
from kinds.expected import mismatches
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND
from tests import uses
from tests.commandline import Program
from tests.problems import raises
from tests.sources import ROOT
from vc import Bundle, Enveloped
from vc.forms import FORMS, SD_JWT_VC
from verifier import Verifier
from wire.fetch import NoFetcher
from wire.problem import Malformed, NotFound, Problem
from wire.strict import base64url_decode

NAMES = names()
BOUND_BY = {
    "battery-passport": "GTIN, product passport",
    "business-licence": "unified social credit code",
    "data-set-passport": "Croissant file, DCAT file, data file",
    "model-card": "SPDX document, weights",
    "model-evaluation": "benchmark file, weights",
    "vehicle-registration": "vehicle identification number",
}
"""What binds a credential to a thing, of each use that is about one."""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A copy of the library card, by another name."""
    return Path(shutil.copytree(HERE / "library-card", tmp_path / "reading-room"))


def edit(path: Path, **members: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **members}), encoding="utf-8")


def records(use: UseCase) -> list[dict[str, Any]]:
    """The good rows, as they stand in `expected.json`, with each field that has no value."""
    found = use.expected.outcome.records
    return [filled(use.kind.fields, found[row]) for row in sorted(found)]


def filled(fields: Mapping[str, Field], record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [filled(field.fields, item) for item in record.get(name, [])]
        if field.fields
        else record.get(name, "")
        for name, field in fields.items()
    }


# Each folder


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", NAMES)
def test_the_rows_of_a_use_become_what_its_folder_says(name: str) -> None:
    use = UseCase.read(HERE / name)
    assert [*acting.tested(use, acting.rehearsed(use, use.folder / "rows.csv"))] == []
    rows = use.expected.outcome
    assert len({row for row, _, _ in rows.findings}) == 3, "three rows are wrong"
    assert len(rows.records) + 3 >= 20


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", NAMES)
def test_its_kind_is_sound_and_the_version_that_was_published(name: str) -> None:
    use = UseCase.read(HERE / name)
    prove_kind(use.kind, None, lambda record: trial(use.kind).compose(record, 0))
    assert use.published == use.reference, "python -m tests.uses"


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", NAMES)
def test_each_row_of_wrong_csv_is_refused_for_one_reason(name: str) -> None:
    use = UseCase.read(HERE / name)
    assert use.expected.wrong.findings
    counted = Counter(row for row, _, _ in use.expected.wrong.findings)
    assert set(counted.values()) == {1}, counted


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_that_is_taken_away_is_noticed(name: str) -> None:
    """Of each rule, pattern, check, limit and required field: without it alone, `kind test` differs."""
    use = UseCase.read(HERE / name)
    files = use.kind.sources
    unnoticed = []
    for what, text in weakened(json.loads(files["kind.json"])):
        try:
            kind = parse_kind({**files, "kind.json": json.dumps(text).encode()})
        except Problem:  # such as a number that is not required: nothing could be issued by it
            continue
        weaker = UseCase(use.folder, kind, use.expected, use.said, use.attack)
        if not any(differences(weaker)):
            unnoticed.append(what)
    assert unnoticed == []


def differences(use: UseCase) -> Iterator[str]:
    try:
        yield from mismatches(use.expected.wrong, acting.rehearsed(use, use.folder / "wrong.csv"))
        yield from mismatches(use.expected.outcome, acting.rehearsed(use, use.folder / "rows.csv"))
    except Problem as problem:
        yield str(problem)


def weakened(kind: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The content of a `kind.json` without one thing that it refuses."""
    for position, rule in enumerate(kind.get("rules", [])):
        rules = [each for place, each in enumerate(kind["rules"]) if place != position]
        yield f"rule {rule['refusal']}", {**kind, "rules": rules}
    for name, field in kind["fields"].items():
        for member in ("required", "pattern", "check", "earliest", "years_ahead"):
            if field.get(member) not in (None, False):
                less = {each: value for each, value in field.items() if each != member}
                yield f"{name}, {member}", {**kind, "fields": {**kind["fields"], name: less}}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_use_ends_as_its_folder_says_and_its_log_has_nobodys_data(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", None)  # whoever connects fails, and with it this test
    use = UseCase.read(HERE / name)
    ended = acting.run(use, tmp_path)
    assert ended.differences == []
    assert {"valid", "invalid"} <= {each.verdict for each in ended.endings}
    assert {each.code for each in ended.endings} >= {
        use.attack["code"],
        "trust-wrong-type",
        "trust-not-for-type",
        "status-revoked",
    }
    assert set(ended.sentences) == {"en", "zh", "de"}
    altered = [each for each in ended.endings if each.what.endswith(", altered")]
    assert bool(altered) is bool(use.kind.policy.resources), "each document that it states is altered"
    published = b"".join(published_files(tmp_path / "own"))
    assert b"did:web:" in published, "the search sees what is published"
    for value in personal(use):
        assert value.encode() not in published, value
        assert json.dumps(value)[1:-1].encode() not in published, value


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if UseCase.read(HERE / name).parted_forms])
def test_what_a_holder_hides_stands_in_nothing_that_is_shown(name: str, tmp_path: Path) -> None:
    use = UseCase.read(HERE / name)
    own, holder = Institution(tmp_path / "own", "Somebody", use.address, use), Person(tmp_path, use.now)
    own.issue(use)
    record = use.expected.outcome.records[2]
    which = KindNumber(use.kind.name, record[use.kind.number])
    verifier = Verifier(Resolver(METHODS, NoFetcher()), trust=own.trust(use))
    holder.claim(own, which, tmp_path / "claims.sqlite", verifier, SD_JWT_VC)
    shown = Bundle.parse(holder.present(use.now, SD_JWT_VC, use.shows), FORMS).secured
    assert isinstance(shown, Enveloped)
    jwt, *disclosures, binding = shown.data.split(b"~")
    assert binding, "its holder's key is shown"
    parts = (*jwt.split(b".")[:2], *disclosures)
    read = b"".join(base64url_decode(part.decode()) for part in parts)
    said = {name: str(value) for name, value in record.items() if use.kind.fields[name].type != "boolean"}
    assert all(said[name].encode() in read for name in use.shows if name in said)
    hidden = {value for name, value in said.items() if name not in use.shows and len(value) >= 4}
    assert hidden, "something is hidden"
    assert [value for value in hidden if value.encode() in read] == []


def published_files(home: Path) -> Iterator[bytes]:
    """All that the issuer's service would publish: the log, the lists, the documents and kinds."""
    yield from (path.read_bytes() for path in home.glob("did*.json"))
    for folder in ("log", "status", "kinds", "documents", "lookup"):
        yield from (path.read_bytes() for path in (home / folder).rglob("*") if path.is_file())


def personal(use: UseCase) -> set[str]:
    """The personal values of all rows, of four characters and more."""
    fields = [name for name, field in use.kind.fields.items() if field.personal]
    assert fields or use.said["sector"] in ("ai", "transport", "government", "finance"), "nothing is personal"
    said = (record.get(name, "") for record in use.expected.outcome.records.values() for name in fields)
    # A word of two letters stands in any file of some kilobytes; a code of a table is in the kind.
    coded = {value for field in use.kind.fields.values() if field.type == "code" for value in field.names}
    return {str(each) for each in said if isinstance(each, str) and len(each.encode()) >= 4} - coded


def test_a_personal_value_that_were_published_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    value = max(personal(UseCase.read(HERE / "income")))
    (tmp_path / "log" / "checkpoint").write_text(f"did:web:{value}")
    assert value.encode() in b"".join(published_files(tmp_path))


# All folders together


def test_the_page_of_uses_is_fresh() -> None:
    assert uses.PAGE.read_text("utf-8") == uses.page(), "python -m tests.uses"


def test_no_two_uses_refuse_the_same() -> None:
    counted = Counter(uses.refusal(UseCase.read(HERE / name)) for name in NAMES)
    assert [each for each, count in counted.items() if count > 1] == []
    assert sum(change == "signed" for change, *_ in counted) <= 3


def test_the_page_names_a_test_that_there_is() -> None:
    assert uses.SHOWN_BY.partition("::")[2] in globals()


def test_each_validator_of_the_page_is_run_by_a_test() -> None:
    named = {each for name in NAMES for each in validators(UseCase.read(HERE / name).said["validator"])}
    assert uses.JUDGED_BY.keys() == named
    for test in uses.JUDGED_BY.values():
        file, _, function = test.partition("::")
        assert f"def {function}(" in (ROOT / file).read_text("utf-8"), test


def test_each_use_has_a_validator_or_a_reason() -> None:
    for name in NAMES:
        said = UseCase.read(HERE / name).said
        judged = said["validator"]
        assert judged.get("none") or (judged["name"] and judged["of"] in ("credential", "document"))
        assert said["bytes"].keys() == {"credential", "bundle"}
        assert said["standard"].keys() == {"name", "version", "date"}
        assert len((HERE / name / "story.md").read_text("utf-8").splitlines()) <= 40


def test_each_sector_has_three() -> None:
    counted = Counter(UseCase.read(HERE / name).said["sector"] for name in NAMES)
    assert all(counted[sector] >= 3 for sector in SECTORS), counted


def test_folders_of_uses_have_no_program() -> None:
    assert [path for name in NAMES for path in (HERE / name).rglob("*.py")] == []


# The command


@pytest.mark.slow
def test_a_use_is_added_by_copying_a_folder_and_no_change_elsewhere(program: Program, card: Path) -> None:
    """The copy is of another kind, for other types; nothing but files of that folder was written."""
    text = (card / "kind.json").read_text("utf-8")
    changed = text.replace("library_card", "reading_room").replace("LibraryCard", "ReadingRoom")
    (card / "kind.json").write_text(changed, encoding="utf-8")
    ended = program("use", "run", card, "--json")
    assert ended.code == 0, ended.out + ended.err
    data = json.loads(ended.out)
    assert (data["use"], data["differences"], data["issued"]) == ("reading-room", [], 18)
    assert len(data["findings"]) == 3


@pytest.mark.slow
def test_a_changed_kind_is_told_which_version_to_write(program: Program, card: Path) -> None:
    text = (card / "kind.json").read_text("utf-8").replace("issued a library card", "lends books by a card")
    (card / "kind.json").write_text(text, encoding="utf-8")
    refused = program("use", "run", card)
    assert (refused.code, 'Write "version": "2" into its kind.json' in refused.err) == (1, True)
    rows = (card / "rows.csv").read_text("utf-8").replace("Quillona Vantreese", "Somebody Else")
    (card / "rows.csv").write_text(rows.replace("L-4701", "L-9999"), encoding="utf-8")
    tried = program("use", "run", card, "--try")
    assert tried.code == 0
    assert "lends books by a card to Somebody Else (adult)" in tried.out
    assert "NOT AS EXPECTED: sentence (en)" in tried.out
    assert re.search("name +Somebody Else +Somebody Else", tried.out), "paper would have shown the same name"
    (card / "kind.json").write_text(text.replace('"version": "1"', '"version": "2"'), encoding="utf-8")
    ended = program("use", "run", card)
    assert (ended.code, "NOT AS EXPECTED: rows.csv, row 2, name" in ended.out) == (1, True)
    assert "things are not as the folder expects" in ended.out.splitlines()[-1]
    as_it_came = program("use", "run", "library-card").out.splitlines()[-1]
    assert as_it_came == "  All of it is as the folder expects."


def test_what_there_is_is_listed_and_what_there_is_not_is_named(program: Program, tmp_path: Path) -> None:
    listed = json.loads(program("use", "list", "--json").out)["uses"]
    assert [each["name"] for each in listed] == NAMES
    assert program("use", "run").code == 2
    assert program("use", "run", "no-such-use").code == 4
    assert program("use", "run", tmp_path).code == 4


@pytest.mark.parametrize(
    ("file", "members"),
    [
        ("use.json", {"sector": "sports"}),
        ("use.json", {"more": 1}),
        ("attack.json", {"change": "nothing"}),
        ("attack.json", {"pointer": "/"}),
    ],
)
def test_a_folder_of_another_form_is_refused(card: Path, file: str, members: dict[str, Any]) -> None:
    edit(card / file, **members)
    with pytest.raises(Malformed, match=file):
        UseCase.read(card)


def test_a_folder_without_its_files_is_refused(card: Path) -> None:
    (card / "attack.json").unlink()
    with pytest.raises(NotFound, match=r"attack\.json"):
        UseCase.read(card)
    edit(card / "kind.json", fields={})
    shutil.copy(HERE / "library-card" / "attack.json", card)
    with raises(INVALID_KIND):
        UseCase.read(card)


@pytest.mark.slow
def test_the_age_of_a_status_is_tried_on_both_sides_of_its_limit(card: Path, tmp_path: Path) -> None:
    edit(card / "kind.json", policy={"status_age": 1}, list_life=2)
    (tmp_path / "scratch").mkdir()
    ended = acting.run(UseCase.read(card), tmp_path / "scratch")
    assert [each[:3] for each in ended.endings[-3:]] == [
        ("1 day later", "valid", ""),
        ("1 day later, and an hour", "undetermined", "trust-status-too-old"),
        ("1 day later, with a fresh status list", "valid", ""),
    ]


@pytest.mark.slow
def test_the_age_of_a_check_is_tried_on_both_sides_of_its_limit(tmp_path: Path) -> None:
    ended = acting.run(UseCase.read(HERE / "identity-checked"), tmp_path)
    assert [each[:3] for each in ended.endings[-2:]] == [
        ("365 days after the check", "valid", ""),
        ("366 days after the check", "invalid", "trust-check-too-old"),
    ]


def test_policies_of_uses_are_those_of_their_people_and_things() -> None:
    """Whose key is asked for, how old statuses and checks may be, and how to get a fresh list."""
    policies = {name: UseCase.read(HERE / name).kind for name in NAMES}
    asked = {name for name, kind in policies.items() if kind.policy.holder}
    assert {"age-over-18", "resident", "residence-card", "driving-licence", "identity-checked"} <= asked
    assert not {"vaccination", "diploma", "model-card"} & asked
    ages = {name: (kind.policy.status_age, kind.list_life) for name, kind in policies.items()}
    of_a_day = ("driving-licence", "practitioner-licence", "business-licence")
    assert {name: ages[name] for name in ages if ages[name][0]} == {
        **dict.fromkeys(of_a_day, (1, 2)),
        "model-card": (7, 14),
    }
    for name in (*of_a_day, "model-card"):
        assert re.search(r"fresh (status )?list", (HERE / name / "story.md").read_text("utf-8"), re.I), name
    checks = {name: kind.policy.check_age[1] for name, kind in policies.items() if kind.policy.check_age}
    assert checks == {"income": 90, "identity-checked": 365}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", NAMES)
def test_it_is_said_whether_the_holder_was_checked_or_what_binds_the_file_to_its_thing(name: str) -> None:
    use = UseCase.read(HERE / name)
    line = bound(use)
    personal = {field.name for field in use.kind.fields.values() if field.personal}
    assert ("The holder was checked" in line) is bool(use.kind.policy.holder)
    assert ("No person is in it" in line) is not bool(personal)
    if name in BOUND_BY:
        assert line.endswith(f"the thing: {BOUND_BY[name]}.")
    else:
        assert line.startswith("The holder was")


@pytest.mark.slow
def test_an_attack_that_nothing_refuses_is_a_difference(card: Path, tmp_path: Path) -> None:
    """Without the change, the same steps end valid: then a run says so."""
    (card / "attack.json").write_text('{"change": "time", "days": 1, "code": "dates-expired"}')
    (tmp_path / "scratch").mkdir()
    (difference,) = acting.run(UseCase.read(card), tmp_path / "scratch").differences
    assert difference.startswith("attack (time): ('invalid', 'dates-expired') is expected")
