"""Files that belong to a credential: compared by digest where they are given, and never "ok" where not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from intaglio.pages.inspection import judgements
from intaglio.pages.unpacking import Given
from kinds import Kind
from kinds.cells import sri
from tests.commandline import Program
from tests.test_kind_policy import PLAN, asking
from tests.test_kinds_facts import CLUB_FIELDS, club
from tests.test_sd_jwt_issuing import facts, secured
from tests.test_verifier_kinds import UNIVERSITY, check, issued, shown
from tests.world import NOW, Holder, decided, verifier
from vc import Bundle, Report, Verdict
from vc.possession import Asked
from verifier import GivenFile
from verifier.judge import Judge, Verifiers
from verifier.policy import Findings, load_policy
from verifier.resources import FilesFit, files_stated
from wire.problem import Problem

URN = "urn:example:"
PLAN_FILE, LIST_FILE = b"a plan of the building", b"a list of rooms"


def resource(name: str, data: bytes, **digests: str) -> dict[str, str]:
    return {"id": URN + name, **(digests or {"digestSRI": sri(hashlib.sha256(data).digest())})}


TWO = (resource("plan", PLAN_FILE), resource("list", LIST_FILE))


def stating(*resources: dict[str, str], kind: Kind | None = None) -> Bundle:
    """A credential that states files; of a kind that asks for none, unless one is named."""
    document = json.loads(json.dumps(dict(issued(kind or asking()).secured)))
    del document["proof"]
    if resources:
        document["relatedResource"] = list(resources)
    bundle = UNIVERSITY.issue(document)
    return replace(bundle, kinds=(shown(kind),)) if kind else bundle


def given(data: bytes, name: str = "") -> GivenFile:
    return GivenFile.read(BytesIO(data), name and URN + name)


def outcome(report: Report) -> tuple[Verdict, str]:
    return report.verdict, "" if report else decided(report).code


ANOTHER = (Verdict.INVALID, "trust-another-resource")
NO_SUCH = (Verdict.UNDETERMINED, "trust-no-such-resource")
VALID = (Verdict.VALID, "")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("stated", "files", "ends"),
    [
        (TWO[:1], [given(PLAN_FILE)], VALID),
        (TWO[:1], [given(PLAN_FILE, "plan")], VALID),
        (TWO[:1], [given(LIST_FILE)], ANOTHER),
        (TWO[:1], [given(LIST_FILE, "plan")], ANOTHER),
        (TWO[:1], [given(PLAN_FILE, "list")], NO_SUCH),
        (TWO[:1], [given(PLAN_FILE), given(LIST_FILE)], ANOTHER),
        (TWO, [given(PLAN_FILE, "plan"), given(LIST_FILE, "list")], VALID),
        (TWO, [given(PLAN_FILE), given(LIST_FILE)], VALID),
        (TWO, [given(PLAN_FILE)], VALID),
        (TWO, [given(LIST_FILE, "plan")], ANOTHER),  # the right digest of another file
        (TWO, [given(b"neither")], NO_SUCH),
        (TWO, [given(b"neither", "plan"), given(b"neither")], ANOTHER),
        ((), [given(PLAN_FILE)], NO_SUCH),
        ((), [], VALID),
        ((resource("plan", PLAN_FILE, digestSRI="sha256-AAAA"),), [given(PLAN_FILE)], ANOTHER),
        (
            (resource("plan", PLAN_FILE, digestSRI=TWO[0]["digestSRI"], digestMultibase="u" + "A" * 43),),
            [given(PLAN_FILE)],
            ANOTHER,
        ),
    ],
)
def test_a_file_is_what_the_credential_states_or_refused(
    stated: tuple[dict[str, str], ...], files: list[GivenFile], ends: tuple[Verdict, str]
) -> None:
    assert outcome(check(stating(*stated), files=files)) == ends


def test_a_digest_that_no_file_has_is_told_from_another_file() -> None:
    bundle = stating(resource("plan", PLAN_FILE, digestSRI="sha384-" + "A" * 43 + "="))
    decision = decided(check(bundle, files=[given(PLAN_FILE)]))
    assert (decision.code, "one that no file has" in decision.text) == ("trust-another-resource", True)


def test_what_was_not_given_is_not_compared_and_never_said_to_be_as_stated() -> None:
    def said(*files: GivenFile) -> list[str]:
        report = check(stating(*TWO), files=files)
        return [each.code + ": " + each.text for each in report.checks if "resources" in each.code]

    partly = "signature-resources: of 2 related resources {} are as it says, and the others are not compared"
    assert said() == [partly.format(0)]
    assert said(given(PLAN_FILE)) == [partly.format(1)]
    assert said(*map(given, (PLAN_FILE, LIST_FILE))) == [
        "signature-all-resources: 2 of 2 related resources are as it says"
    ]


def test_a_kind_that_asks_for_files_is_open_without_and_invalid_with_another() -> None:
    bundle = stating(*TWO, kind=asking(resources=True))
    missing = (Verdict.UNDETERMINED, "trust-resource-missing")
    assert outcome(check(bundle)) == missing
    assert outcome(check(bundle, files=[given(PLAN_FILE, "plan")])) == missing
    assert outcome(check(bundle, files=[given(PLAN_FILE, "plan"), given(PLAN_FILE, "list")])) == ANOTHER
    assert outcome(check(bundle, files=[given(PLAN_FILE), given(LIST_FILE)])) == VALID


def test_a_file_of_one_of_two_credentials_is_not_looked_for_in_the_other() -> None:
    both = Holder().present(*(dict(stating(each).secured) for each in TWO))
    asked = Asked("challenge", "employer.example")

    def refused(*files: GivenFile) -> list[tuple[str, int | None]]:
        report = verifier(UNIVERSITY.pinned).verify(
            both,
            now=NOW,
            policy=load_policy("anyPresenter"),
            files=files,
            asked=asked,
        )
        return [(each.code, each.credential) for each in report.checks if "resource" in each.code]

    compared = [("signature-all-resources", 0), ("signature-all-resources", 1)]
    assert refused(given(PLAN_FILE, "plan"), given(LIST_FILE)) == compared
    assert ("trust-another-resource", 1) in refused(given(PLAN_FILE, "plan"), given(PLAN_FILE, "list"))
    assert ("trust-another-resource", 0) not in refused(given(PLAN_FILE, "plan"), given(PLAN_FILE, "list"))


def test_in_a_form_without_related_resources_a_field_of_its_kind_states_a_file() -> None:
    fields = {**CLUB_FIELDS, "plan": {"type": "digest", "iri": "https://example.org/terms#plan"}}
    kind = club(fields=fields, policy={"resources": True})
    claims = secured(facts(kind, {"no": "1", "plan": sri(PLAN)})).claims
    (stated,) = found = files_stated(claims, kind)
    assert stated.id == "plan"
    assert files_stated(claims, None) == []

    def kept(file: GivenFile) -> str:
        try:
            FilesFit([file], found).check(Findings(claims, NOW, None, stated=found))
        except Problem as problem:
            return problem.code
        return ""

    assert kept(given(PLAN_FILE)) == kept(GivenFile({PLAN}, "plan")) == ""
    assert kept(given(LIST_FILE)) == "another-resource"
    assert kept(given(PLAN_FILE, "list")) == "no-such-resource"


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("standard", ["ob3", "clr2", "elm", "eu-diploma"])
def test_samples_of_a_standard_are_compared_byte_for_byte_where_they_lie(
    standard: str, corpora: Path
) -> None:
    samples = {path.name: path for path in sorted((corpora / "samples" / standard).glob("*.json*"))}
    assert samples
    bundle = stating(*(resource(name, path.read_bytes()) for name, path in samples.items()))
    files = []
    for name, path in samples.items():
        with path.open("rb") as opened:
            files.append(GivenFile.read(opened, URN + name))
    assert outcome(check(bundle, files=files)) == VALID
    for name, path in samples.items():
        others = [each for each in files if each.id != URN + name]
        rewritten = path.read_bytes() + b"\n"  # the same JSON, in other bytes
        assert outcome(check(bundle, files=[*others, given(rewritten, name)])) == ANOTHER


# The page


def test_a_page_takes_a_file_beside_its_credential_and_judges_it_no_further() -> None:
    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
    asks = stating(TWO[0], kind=asking(resources=True)).to_bytes()

    def seen(*files: bytes) -> list[tuple[str, str]]:
        given = [Given(f"{number}.json", data) for number, data in enumerate(files)]
        found = judgements(Judge(lambda: judges), given, NOW, "en")
        return [(each.file, each.report.verdict.value) for each in found]

    assert seen(PLAN_FILE, asks) == [("1.json", "valid")]
    assert seen(asks, LIST_FILE) == [("0.json", "undetermined"), ("1.json", "undetermined")]
    assert seen(asks, PLAN_FILE, LIST_FILE) == [("0.json", "valid"), ("2.json", "undetermined")]
    assert seen(PLAN_FILE) == [("0.json", "undetermined")]
    # A file of a credential that is not valid is no part of any verdict.
    bundle = json.loads(asks)
    bundle["credential"]["name"] = "Altered"
    forged = json.dumps(bundle).encode()
    assert seen(forged, PLAN_FILE)[1] == ("1.json", "undetermined")


# The command


@pytest.fixture
def files(program: Program, tmp_path: Path) -> Path:
    program.now = lambda: NOW
    (tmp_path / "one.json").write_bytes(stating(TWO[0]).to_bytes())
    (tmp_path / "two.json").write_bytes(stating(*TWO).to_bytes())
    (tmp_path / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    (tmp_path / "a=plan").write_bytes(PLAN_FILE)
    (tmp_path / "list").write_bytes(LIST_FILE)
    return tmp_path


def test_files_are_given_with_and_without_their_ids(program: Program, files: Path) -> None:
    def ends(credential: str, *words: object) -> tuple[int, str]:
        words = tuple(part for word in words for part in ("--with", word))
        ended = program("verify", files / credential, "--trust", files / "trust.json", "--offline", *words)
        return ended.code, ended.out + ended.err

    plan, rooms = files / "a=plan", files / "list"
    assert ends("one.json", plan)[0] == 0
    assert ends("one.json", f"{URN}plan={plan}")[0] == 0
    code, said = ends("one.json", rooms)
    assert (code, "NOT VALID: the file given for 'urn:example:plan' is another one" in said) == (1, True)
    assert "Ask the holder for the file that the issuer signed" in said
    assert ends("two.json", f"{URN}plan={plan}", f"{URN}list={rooms}")[0] == 0
    assert ends("two.json", f"{URN}plan={rooms}")[0] == 1
    code, said = ends("two.json", f"{URN}map={plan}")
    assert (code, "a file was given that is none of 'urn:example:plan', 'urn:example:list'" in said) == (
        3,
        True,
    )
    assert "--with ID=FILE" in said
    code, said = ends("two.json", f"{URN}plan={files / 'nothing'}")
    assert (code, "there is no file" in said) == (2, True)


def test_of_several_credentials_each_takes_its_own_files(program: Program, files: Path) -> None:
    words = ("verify", files / "one.json", files / "two.json", "--trust", files / "trust.json", "--offline")
    assert program(*words, "--with", files / "list", "--with", files / "a=plan").code == 0
    assert program(*words, "--with", f"{URN}plan={files / 'list'}").code == 2
