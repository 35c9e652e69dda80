"""Credentials and presentations exchanged with Digital Bazaar's JavaScript libraries, in both directions."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from did import METHODS, Resolver
from did.methods import key as did_key
from issuer.clock import ClockJournal
from issuer.status import Lists
from keys import PrivateKey
from tests.registrar import graduate, issuer_in
from tests.world import NOW, Holder, University
from vc import sign
from vc.jsonld.documents import Documents
from vc.status import Reason
from verifier import RecognisedIssuer, Trust, Verifier
from wire.fetch import NoFetcher

HERE = Path(__file__).parent
SUITES = {"eddsa-rdfc-2022": "Ed25519", "eddsa-jcs-2022": "Ed25519", "ecdsa-rdfc-2019": "P-256"}

Peer = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def peer() -> Peer:
    """Gives a task to the other program. `make peers` installs it."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").is_dir():
        pytest.skip("Digital Bazaar's libraries are not installed: they take node and `make peers`")
    documents = Documents()
    contexts = {url: documents.load(url) for url in documents.urls}

    def ask(do: str, document: object, suite: str, **more: str) -> dict[str, Any]:
        task = {"do": do, "document": document, "suite": suite, "contexts": contexts, **more}
        done = subprocess.run(
            [node, HERE / "digitalbazaar.mjs"], input=json.dumps(task), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return ask


def ours(suite: str) -> dict[str, Any]:
    """A diploma signed here by a did:key."""
    key = PrivateKey.generate(SUITES[suite])
    did = did_key.create(key.public_key)
    document = University().diploma(issuer={"id": did, "type": ["Profile"], "name": "Example"})
    return sign(
        document, key, verification_method=f"{did}#{key.public_key.multikey()}", suite=suite, created=NOW
    )


def verifier(did: str) -> Verifier:
    return Verifier(Resolver(METHODS, NoFetcher()), trust=Trust().adding(RecognisedIssuer(did)))


def unsigned() -> dict[str, Any]:
    document = University().diploma()
    return {name: document[name] for name in document if name not in ("credentialStatus", "termsOfUse")}


@pytest.mark.parametrize("suite", SUITES)
def test_they_accept_our_diploma_and_refuse_a_changed_one(suite: str, peer: Peer) -> None:
    diploma = ours(suite)
    answer = peer("verify", diploma, suite)
    assert answer["verified"], answer
    diploma["credentialSubject"]["achievement"]["name"] = "Doctor of Science"
    assert not peer("verify", diploma, suite)["verified"]


@pytest.mark.parametrize("suite", SUITES)
def test_we_accept_their_credential_and_refuse_a_changed_one(suite: str, peer: Peer) -> None:
    theirs = peer("issue", unsigned(), suite)
    report = verifier(theirs["issuer"]).verify(theirs, now=NOW.replace(year=NOW.year + 10))
    assert report, report.checks
    theirs["credentialSubject"]["achievement"]["name"] = "Doctor of Science"
    report = verifier(theirs["issuer"]).verify(theirs, now=NOW.replace(year=NOW.year + 10))
    assert report.deciding is not None
    assert report.deciding.name == "signature"


def test_they_find_a_meaning_in_every_term_of_our_lists_and_details(peer: Peer, tmp_path: Path) -> None:
    key, now = PrivateKey.generate("P-256"), datetime.now(UTC)
    did = did_key.create(key.public_key)
    made = issuer_in(tmp_path, clock=lambda: now)
    number, profile = made.issue(graduate(1)).number, replace(made.identity.profile, did=did)
    positions, method = made.press().positions, f"{did}#{key.public_key.multikey()}"
    lists = Lists(made.store, made.log, tmp_path, profile, positions, key, method, ClockJournal(tmp_path))
    lists.revoke([number], Reason.FRAUD, date=now, now=now)
    for name in ("0", "0-details"):
        answer = peer("verify", json.loads((tmp_path / "status" / name).read_bytes()), "ecdsa-rdfc-2019")
        assert answer["verified"], answer


def test_they_accept_our_presentation_for_its_challenge_only(peer: Peer) -> None:
    shown = Holder().present(ours("eddsa-rdfc-2022"), challenge="k7Qw2", domain="employer.example")
    asked = {"challenge": "k7Qw2", "domain": "employer.example"}
    answer = peer("verifyPresentation", shown, "eddsa-rdfc-2022", **asked)
    assert answer["verified"], answer
    assert not peer("verifyPresentation", shown, "eddsa-rdfc-2022", **{**asked, "challenge": "x"})["verified"]


def test_we_accept_their_presentation_for_its_challenge_only(peer: Peer) -> None:
    diploma = peer("issue", unsigned(), "eddsa-rdfc-2022")
    shown = peer("present", diploma, "eddsa-rdfc-2022", challenge="k7Qw2", domain="employer.example")
    judge, now = verifier(diploma["issuer"]), NOW.replace(year=NOW.year + 10)
    asked = {"challenge": "k7Qw2", "domain": "employer.example"}
    report = judge.verify(shown, now=now, **asked)
    assert report, report.checks
    assert not judge.verify(shown, now=now, **{**asked, "challenge": "x"})
    assert not judge.verify(shown, now=now, **{**asked, "domain": "elsewhere.example"})
