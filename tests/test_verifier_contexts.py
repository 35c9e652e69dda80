"""Contexts without a version, each published text of which is tried, and a deployment's own."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keys import PrivateKey
from ledger import EntryKind
from tests.commandline import Program
from tests.copying import copy_folder
from tests.world import (
    AWARDED,
    CONTEXT,
    NOW,
    Holder,
    University,
    decided,
    graduate,
    table,
    template_before,
    verifier,
)
from vc import Anchored, Verdict, sign
from vc.anchoring import log_entry
from vc.vcdm.jsonld import Contexts, Respelled, UnknownContext, documents, secured, vouched
from vc.vcdm.jsonld.naming import names_of
from verifier import RecognisedIssuer, Trust
from verifier.judge import Judge, Question, Verifiers
from verifier.policy import OfType
from wire.work import Work

CORE = ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/security/data-integrity/v2"]
BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context.json"
RECORDS = "https://purl.imsglobal.org/spec/clr/v2p0/context.json"
UNIVERSITY = University()
BY_NAME = UNIVERSITY.pinned
LEFT_OUT = ("credentialStatus", "termsOfUse", "validFrom", "awardedDate")


def diploma(*contexts: Any, **change: Any) -> dict[str, Any]:
    """Of version 1.1, as they were while these contexts had no version."""
    bare = {name: value for name, value in UNIVERSITY.diploma().items() if name not in LEFT_OUT}
    del bare["credentialSubject"]["identifier"]
    return {**bare, "@context": [*CORE, *contexts], "issuanceDate": AWARDED, **change}


def editions(*urls: str) -> list[Contexts]:
    return list(secured().editions({"@context": list(urls)}))


def cost(document: Mapping[str, Any]) -> int:
    work = Work()
    assert verifier(BY_NAME).verify(document, now=NOW, work=work)
    return Work().left - work.left


@pytest.mark.parametrize(("urls", "count"), [([BADGES], 2), ([BADGES, RECORDS], 4)])
def test_each_published_text_of_a_context_without_a_version_is_tried(urls: list[str], count: int) -> None:
    tried = editions(*urls)
    assert len(tried) == len({id(found) for found in tried}) == count
    types = ["VerifiableCredential", "OpenBadgeCredential", *(["ClrCredential"] if count > 2 else [])]
    costs = []
    for contexts in tried:
        signed = UNIVERSITY.sign(diploma(*urls, type=types), contexts=contexts)
        report = verifier(BY_NAME).verify(signed, now=NOW, policy=OfType("OpenBadgeCredential"))
        assert report, report.deciding
        (credential,) = report.require()
        assert credential.types == tuple(types)
        assert credential.said["credentialSubject"]["achievement"]["name"] == "Master of Science"
        altered = {**signed, "issuanceDate": "2026-06-29T00:00:00Z"}
        report = verifier(BY_NAME).verify(altered, now=NOW)
        assert report.verdict is Verdict.UNDETERMINED
        assert isinstance(decided(report).problem, UnknownContext)
        assert all(url in decided(report).text for url in urls)
        costs.append(cost(signed))
    first, *others = costs
    assert min(others) > 1.5 * first  # each try is paid for
    report = verifier(BY_NAME).verify(signed, now=NOW, work=Work(costs[-1] - 1))
    assert report.verdict is Verdict.UNDETERMINED
    assert "more to verify" in decided(report).text


def test_a_context_with_a_version_has_one_text() -> None:
    signed = UNIVERSITY.sign(diploma(CONTEXT[1]))
    altered = {**signed, "issuanceDate": "2026-06-29T00:00:00Z"}
    assert verifier(BY_NAME).verify(altered, now=NOW).verdict is Verdict.INVALID


def test_a_credential_is_read_by_the_text_under_which_its_proof_fits() -> None:
    """A word of the earlier one, which the later one does not have, and the issuer that the word hides."""
    _, earlier = editions(BADGES)
    profile = {"id": UNIVERSITY.did, "type": ["Profile"], "name": "Example", "sisSourcedId": "4711"}
    signed = UNIVERSITY.sign(diploma(BADGES, issuer=profile), contexts=earlier)
    report = verifier(BY_NAME).verify(signed, now=NOW)
    assert report, report.deciding
    assert report.require()[0].said["issuer"]["sisSourcedId"] == "4711"
    assert not report.require()[0].unread


def test_proofs_under_different_texts_do_not_add_up() -> None:
    """Nobody would know what the document says."""
    later, earlier = editions(BADGES)
    document = UNIVERSITY.sign(diploma(BADGES), contexts=later)
    both = UNIVERSITY.sign(document, contexts=earlier)
    report = verifier(BY_NAME).verify(both, now=NOW)
    assert report.verdict is Verdict.UNDETERMINED
    assert isinstance(decided(report).problem, UnknownContext)


def test_a_presentation_may_be_signed_under_an_earlier_text() -> None:
    _, earlier = editions(BADGES)
    signed = UNIVERSITY.sign(diploma(BADGES), contexts=earlier)
    holder = Holder()
    asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
    for contexts in editions(BADGES):
        shown = holder.present(signed, contexts=contexts)
        report = verifier(BY_NAME).verify(shown, now=NOW, **asked)
        assert report, report.deciding
        assert report.holder == holder.did


UNVERSIONED = "https://ex.example/v"


def published(folder: Path, *terms: Mapping[str, str]) -> list[Contexts]:
    """As of each text that such a context had."""
    copy_folder(documents.FOLDER, folder, dirs_exist_ok=True)
    rows = json.loads((folder / "index.json").read_bytes())
    for number, term in enumerate(terms):
        text = json.dumps({"@context": term})
        (folder / f"{number}.json").write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        rows.append({"url": UNVERSIONED, "file": f"{number}.json", "sha256": digest})
    (folder / "index.json").write_text(json.dumps(rows))
    found = documents.Documents(folder=folder)
    return list(Contexts(found, names_of(found)).editions({"@context": UNVERSIONED}))


def test_a_status_list_may_be_signed_under_another_text(tmp_path: Path) -> None:
    """And is remembered as what that says."""
    first, other = published(tmp_path, {"thesis": "urn:ex:thesis"}, {"thesis": "urn:ex:t", "by": "urn:ex:by"})
    bits = UNIVERSITY.status_lists()[0].document
    unsigned = {name: value for name, value in bits.items() if name != "proof"}
    document = {**unsigned, "@context": [*unsigned["@context"], UNVERSIONED], "by": "the registrar"}
    signed = UNIVERSITY.sign(document, suite="eddsa-rdfc-2022", contexts=other)
    evidence = UNIVERSITY.anchor(log_entry(signed, signed["proof"][0], EntryKind.STATUS_LIST))
    whole = replace(UNIVERSITY.issue(), status_lists=(Anchored(signed, (evidence,)),))
    judge = verifier(UNIVERSITY.trust, contexts=first)
    for _ in range(2):
        report = judge.verify(whole, now=NOW)
        assert report, report.deciding


def test_no_text_of_a_context_makes_the_credential_another_issuers(tmp_path: Path) -> None:
    """Whoever is trusted under one name does not speak under what that name means in another text."""
    one, two = published(
        tmp_path,
        *(
            {"uni": prefix, "thesis": f"urn:ex:{number}"}
            for number, prefix in enumerate(("https://one.example/", "https://two.example/"))
        ),
    )
    document = diploma(UNVERSIONED, CONTEXT[1], issuer="uni:me", thesis="On snow")
    pins = (UNIVERSITY.key.public_key.multikey(),)
    for name, contexts, verdict in (
        ("https://one.example/me", one, Verdict.VALID),
        ("https://one.example/me", two, Verdict.UNDETERMINED),
        ("https://two.example/me", two, Verdict.UNDETERMINED),
    ):
        method = f"{name}#{pins[0]}"
        signed = sign(
            document, UNIVERSITY.key, verification_method=method, created=UNIVERSITY.now, contexts=contexts
        )
        trust = Trust().adding(RecognisedIssuer(name, keys=pins))
        for other in {"https://one.example/me", "https://two.example/me"} - {name}:  # which is trusted, too
            trust = trust.adding(RecognisedIssuer(other, keys=(PrivateKey.generate().public_key.multikey(),)))
        report = verifier(trust, contexts=one).verify(signed, now=NOW)
        assert report.verdict is verdict, (name, report.to_dict())


# A deployment's own

THESIS = "https://university.example/thesis/v1"


def thesis() -> dict[str, Any]:
    return diploma(THESIS, CONTEXT[1], type=["VerifiableCredential", "OpenBadgeCredential"], thesis="On snow")


def test_a_context_that_a_deployment_vouches_for() -> None:
    own = {THESIS: {"@context": {"thesis": "urn:ex:thesis"}}}
    signed = UNIVERSITY.sign(thesis(), contexts=vouched(own))
    assert verifier(BY_NAME).verify(signed, now=NOW).verdict is Verdict.UNDETERMINED
    judge = verifier(BY_NAME, contexts=vouched(own))
    report = judge.verify(signed, now=NOW)
    assert report, report.deciding
    assert report.require()[0].said["thesis"] == "On snow"
    assert judge.verify({**signed, "thesis": "On ice"}, now=NOW).verdict is Verdict.INVALID


def test_a_status_list_may_name_it_whether_it_is_remembered_or_not() -> None:
    own, university = vouched({THESIS: {"@context": {"thesis": "urn:ex:thesis"}}}), University()
    document = {**university.status_lists()[0].document, "thesis": "On snow"}
    document["@context"] = [*document["@context"], THESIS]
    del document["proof"]
    signed = university.sign(document, contexts=own)
    evidence = university.anchor(log_entry(signed, signed["proof"][0], EntryKind.STATUS_LIST))
    whole = replace(university.issue(), status_lists=(Anchored(signed, (evidence,)),))
    assert verifier(university.trust).verify(whole, now=NOW).verdict is Verdict.UNDETERMINED
    judge = verifier(university.trust, contexts=own)
    for _ in range(2):
        assert judge.verify(whole, now=NOW).verdict is Verdict.VALID


def test_a_service_goes_by_them_with_the_network_too() -> None:
    own = vouched({THESIS: {"@context": {"thesis": "urn:ex:thesis"}}})
    signed = UNIVERSITY.sign(thesis(), contexts=own)
    judge = Judge(lambda: Verifiers(verifier(BY_NAME), verifier(BY_NAME, contexts=own)))
    assert judge.online(Question(json.dumps(signed).encode(), NOW)).status == 200


def test_it_may_name_a_context_without_a_version() -> None:
    """Of which each text is tried even though the document does not name it itself."""
    own = vouched({THESIS: {"@context": [BADGES, {"thesis": "urn:ex:thesis"}]}})
    _, earlier = own.editions({})
    document = diploma(THESIS, thesis="On snow")
    judge = verifier(BY_NAME, contexts=own)
    assert judge.verify(UNIVERSITY.sign(document, contexts=earlier), now=NOW)


def test_it_cannot_give_what_decides_another_meaning() -> None:
    until = "https://www.w3.org/2018/credentials#validUntil"
    own = vouched({THESIS: {"@context": {"thesis": "urn:ex:thesis", "goodUntil": until}}})
    with pytest.raises(Respelled, match="goodUntil"):
        UNIVERSITY.sign({**thesis(), "goodUntil": "2030-01-01T00:00:00Z"}, contexts=own)


def test_the_folder_beside_the_trust_list(program: Program, tmp_path: Path) -> None:
    """Verified, kept and shown: by what `contexts/` lists, and left open without it."""
    own = {"@context": {"thesis": "urn:ex:thesis"}}
    signed = UNIVERSITY.sign(thesis(), contexts=vouched({THESIS: own}))
    file = tmp_path / "thesis.json"
    file.write_text(json.dumps(signed))
    program.home.mkdir()
    (program.home / "trust.json").write_bytes(BY_NAME.to_bytes())
    at = ("--at", f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "--offline")
    assert program("verify", file, *at).code == 3
    folder = program.home / "contexts"
    folder.mkdir()
    text = json.dumps(own)
    (folder / "thesis.json").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    row = {"url": THESIS, "file": "thesis.json", "sha256": digest}
    (folder / "index.json").write_text(json.dumps([row]))
    assert program("verify", file, *at).code == 0
    (folder / "thesis.json").write_text(text.replace("urn:ex:thesis", "urn:ex:snow"))
    answer = program("verify", file, *at)
    assert (answer.code, "SHA-256" in answer.err) == (2, True)


@pytest.mark.slow
def test_a_deployment_issues_keeps_and_shows_by_a_context_of_its_own(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In worker processes, too; and without the folder nobody else is fooled, but left without an answer."""
    monkeypatch.chdir(tmp_path)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery\n")
    template = template_before(program.home / "issuer")
    assert program("issuer", "init", "--name", "U").code == 0
    content = json.loads(template.read_bytes())
    content["@context"].append(THESIS)
    content["thesis"] = "On {programme_title}"
    template.write_text(json.dumps(content))
    Path("g.csv").write_text(table([graduate(1), graduate(2)]))
    assert "is not known here" in program("issuer", "issue", "g.csv", "--dry-run").err
    folder, text = program.home / "contexts", json.dumps({"@context": {"thesis": "urn:ex:thesis"}})
    folder.mkdir()
    (folder / "thesis.json").write_text(text)
    row = {"url": THESIS, "file": "thesis.json", "sha256": hashlib.sha256(text.encode()).hexdigest()}
    (folder / "index.json").write_text(json.dumps([row]))
    assert program("issuer", "issue", "g.csv", "--dry-run").code == 0
    assert program("issuer", "issue", "g.csv", "--workers", "2").code == 0
    diploma = "diplomas/UNI-000001.json"
    assert program("verify", diploma).code == 0
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(passphrase))
    program("wallet", "init")
    name = program("wallet", "import", diploma).out.strip()
    asked = ("--challenge", "c", "--domain", "d")
    shown = program("wallet", "present", name, *asked, "--yes")
    assert shown.code == 0, shown.err
    Path("shown.json").write_text(shown.out)
    assert program("verify", "shown.json", *asked).code == 0
    shutil.rmtree(folder)
    assert program("verify", diploma).code == 3
