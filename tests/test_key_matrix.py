"""What a thief of each of an issuer's keys can do, alone and in pairs: the table of docs/threat-model.md.

The thief knows all that is public, and has a copy of the log. Each cell is the best that he can reach.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
import pytest

from did import METHODS, Resolver
from did.document import SIGNS
from did.methods import key as did_key
from exchange.claim import acceptance
from issuer.desk.claims import Claims
from issuer.issuer import Issuer
from keys import PrivateKey, Signer
from ledger import EntryKind, Log, entry
from ledger.evidence import attest
from ledger.tiles.memory import MemoryStore
from tests.conftest import ROOT
from tests.interop.peers import JavaScript, javascript
from tests.loopback import Authority
from tests.test_verifier_controllers import Host
from tests.world import NOW, graduate
from vc import Anchored, Bundle, StatusList, Verdict, sign
from vc.anchoring import document_digest, log_entry
from vc.status import Reason, StatusEntry, status_list_document
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.sources.lists import ListSource
from wire.fetch import Fetcher, NoFetcher
from wire.problem import Problem

KEYS = ("assertion", "status-list", "log", "cosigner", "fee", "TLS")
STOLEN = [*((key,) for key in KEYS), *combinations(KEYS, 2)]
WORDS = {Verdict.VALID: "valid", Verdict.UNDETERMINED: "open", Verdict.INVALID: "no"}
RANK = ("no", "open", "undated", "valid")
LATER = NOW + timedelta(hours=1)
PAGE = (ROOT / "docs" / "threat-model.md").read_text("utf-8")


def best(words: Iterable[str]) -> str:
    return max(words, key=RANK.index, default="no")


class Published(NoFetcher):
    """The document at the issuer's address."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._data = orjson.dumps(document)

    def fetch(self, url: str, **_: Any) -> bytes:
        return self._data


@dataclass
class Town:
    """An issuer, what people know of it, a diploma of it, and one that it revoked."""

    issuer: Issuer
    signers: dict[str, Signer]
    home: Path
    genuine: Bundle
    revoked: Bundle

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.issuer.home / "did.json").read_bytes())
        return found

    @property
    def trust(self) -> Trust:
        return Trust.parse(orjson.dumps(self.issuer.trust_file()))

    @property
    def alone(self) -> Trust:
        """Whoever knows its DID, and looks at its web site."""
        return Trust().adding(RecognisedIssuer(self.issuer.did))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


ON_A_TOKEN = "diploma key on a token"


@pytest.fixture(params=["keys in the folder", pytest.param(ON_A_TOKEN, marks=pytest.mark.slow)])
def town(tmp_path: Path, request: pytest.FixtureRequest) -> Town:
    token = PrivateKey.generate() if request.param == ON_A_TOKEN else None
    return make(tmp_path, "https://university.example", NOW, token)


def make(folder: Path, url: str, now: datetime, token: PrivateKey | None = None) -> Town:
    issuer = Issuer.create(
        folder / "issuer",
        name="University",
        url=url,
        passphrase=lambda: None,
        clock=lambda: now,
        signer=token,
    )
    genuine, revoked = issuer.issue_many([graduate(1), graduate(2)])
    issuer.lists.revoke([revoked.number], Reason.FRAUD, date=now, now=now)
    held = {name: issuer.keys.signer(name) for name in issuer.keys.public_keys}
    signers: dict[str, Signer] = {"fee": PrivateKey.generate(), "TLS": PrivateKey.generate("P-256"), **held}
    if token is not None:
        signers["assertion"] = token
    return Town(issuer, signers, folder, issuer.bundle(genuine), issuer.bundle(revoked))


class Thief:
    """Whoever has some of the keys; in the place of the others he takes new ones of his own."""

    def __init__(
        self, town: Town, stolen: Iterable[str], now: datetime = NOW, own: PrivateKey | None = None
    ) -> None:
        self.town, self.stolen, self._now = town, set(stolen), now
        self.own = own or PrivateKey.generate()
        self.signers = {name: town.signers[name] for name in self.stolen & town.signers.keys()}
        self.log = Log(
            town.issuer.identity.log,
            self.signers.get("log", PrivateKey.generate()),
            self.signers.get("cosigner", PrivateKey.generate()),
            MemoryStore(),
            clock=lambda: now,
        )
        size = town.issuer.log.checkpoint().size
        self.log.append([number.to_bytes(34) for number in range(size)], b"as many as the genuine one")

    def signed(self, document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The document by each key that he has, as the issuer's; by his own, where he is the web site."""
        for signer in (*self.signers.values(), *([self.own] if "TLS" in self.stolen else [])):
            yield self.by(signer, document)

    def by(self, signer: Signer, document: Mapping[str, Any]) -> dict[str, Any]:
        suite = {"Ed25519": "eddsa-rdfc-2022", "P-256": "ecdsa-rdfc-2019"}[signer.public_key.type]
        method = f"{self.town.issuer.did}#{signer.public_key.multikey()}"
        return sign(document, signer, verification_method=method, created=self._now, suite=suite)

    def anchored(self, leaf: bytes) -> Any:
        (index,) = self.log.append([leaf], leaf)
        return self.log.evidence(index)

    @property
    def diploma(self) -> dict[str, Any]:
        genuine = self.town.genuine.secured
        claims = {name: value for name, value in genuine.items() if name != "proof"}
        return {**claims, "id": str(claims["id"])[:-8] + "aaaaaaaa"}

    @property
    def document(self) -> dict[str, Any]:
        """The issuer's, with a key of his own."""
        document = self.town.document
        method = {
            "id": f"{document['id']}#{self.own.public_key.multikey()}",
            "type": "Multikey",
            "controller": document["id"],
            "publicKeyMultibase": self.own.public_key.multikey(),
            SIGNS: ["credentials", "statusLists"],
        }
        document["verificationMethod"] = [method, *document["verificationMethod"]]
        document["assertionMethod"] = [method["id"], *document["assertionMethod"]]
        return document

    @property
    def list(self) -> dict[str, Any]:
        """A list of now in which nothing is revoked."""
        status = StatusEntry.parse(self.town.revoked.secured["credentialStatus"])
        return status_list_document(
            status.list_url,
            self.town.issuer.did,
            StatusList(),
            valid_from=self._now,
            lifetime=timedelta(days=30),
        )

    @property
    def site(self) -> Published:
        """What answers at the issuer's address: with the key of its TLS, the thief does."""
        return Published(self.document if "TLS" in self.stolen else self.town.document)

    def judged(self, bundle: Bundle, trust: Trust, lists: Iterable[ListSource] = ()) -> str:
        fetcher: Fetcher = NoFetcher() if trust.logs else self.site
        judge = Verifier(Resolver(METHODS, fetcher), trust=trust, lists=lists)
        report = judge.verify(bundle.to_bytes(), now=LATER)
        return WORDS[report.verdict]

    # What he tries

    def issues(self, trust: Trust) -> str:
        """A diploma by the issuer's document, with evidence and without."""
        genuine = self.town.genuine
        tries = [
            Bundle(made, evidence, genuine.issuer_documents, genuine.status_lists)
            for made in self.signed(self.diploma)
            for evidence in ((), (self.anchored(log_entry(made, made["proof"][0])),))
        ]
        return best(self.judged(bundle, trust) for bundle in tries)

    def takes_back(self, trust: Trust) -> str:
        """A revoked diploma with a list by which it is not, and a document that has his own key for lists."""
        revoked, document = self.town.revoked, self.document
        evidence = self.anchored(entry(EntryKind.DID_DOCUMENT, document_digest(document)))
        brought = (*revoked.issuer_documents, Anchored(document, (evidence,)))
        tries = [
            replace(revoked, issuer_documents=documents, status_lists=(Anchored(made, proofs),))
            for made in (*self.signed(self.list), self.by(self.own, self.list))
            for proofs in ((), (self.anchored(log_entry(made, made["proof"][0], EntryKind.STATUS_LIST)),))
            for documents in (revoked.issuer_documents, brought)
        ]
        return best(self.judged(bundle, trust) for bundle in tries)

    def names_a_key(self, trust: Trust) -> str:
        """A diploma by a key of his own, and a document that has it."""
        genuine, document = self.town.genuine, self.document
        evidence = self.anchored(entry(EntryKind.DID_DOCUMENT, document_digest(document)))
        brought = (*genuine.issuer_documents, Anchored(document, (evidence,)))
        made = self.by(self.own, self.diploma)
        proved = self.anchored(log_entry(made, made["proof"][0]))
        return self.judged(Bundle(made, (proved,), brought, genuine.status_lists), trust)

    def rewrites(self, trust: Trust) -> str:
        """A checkpoint of a log that has what he likes."""
        self.anchored(entry(EntryKind.CREDENTIAL, bytes(32)))
        policy = trust.policy_for(self.town.issuer.did)
        try:
            found = attest(self.log.store.get("checkpoint") or b"", policy)
        except Problem:
            return "no"
        return "valid" if found.time else "undated"

    def claims(self, _: Trust) -> str:
        """Somebody's diploma, bound to his key: he needs the link, which passes over TLS."""
        issuer, service = self.town.issuer, "https://university.example"
        links = Claims(self.town.home / f"{'_'.join(sorted(self.stolen))}.sqlite", service)
        link = links.offer("UNI-000001", issuer, now=NOW)
        token = link.token if "TLS" in self.stolen else "A" * len(link.token)
        did = did_key.create(self.own.public_key)
        method = f"{did}#{self.own.public_key.multikey()}"
        try:
            invitation = links.invite(token, issuer, now=NOW)
            answer = acceptance(invitation, self.own, holder=did, verification_method=method, created=NOW)
            links.redeem(token, answer, issuer, now=NOW)
        except Problem:
            return "no"
        finally:
            links.close()
        issuer.release("UNI-000001")
        return "valid"


GAINS: Mapping[str, Callable[[Thief, Trust], str]] = {
    "diploma": Thief.issues,
    "list": Thief.takes_back,
    "document": Thief.names_a_key,
    "checkpoint": Thief.rewrites,
    "claim": Thief.claims,
}


def table(town: Town, trust: Trust, without: Iterable[str] = ()) -> dict[tuple[str, ...], dict[str, str]]:
    """By what was stolen, what each attack reaches."""
    kinds = {kind: attack for kind, attack in GAINS.items() if kind not in without}
    found = {}
    for stolen in STOLEN:
        thief = Thief(town, stolen)
        found[stolen] = {kind: attack(thief, trust) for kind, attack in kinds.items()}
    return found


def rows(found: Mapping[tuple[str, ...], Mapping[str, str]]) -> list[str]:
    """As Markdown: each key, and the pairs by which more is reached than by either key of them."""
    kinds = list(next(iter(found.values())))
    lines = ["| Stolen | " + " | ".join(kinds) + " |", "| --- |" + " --- |" * len(kinds)]
    for stolen, cells in found.items():
        alone = {kind: best(found[(key,)][kind] for key in stolen) for kind in kinds}
        if len(stolen) == 1 or any(cells[kind] != alone[kind] for kind in kinds):
            lines.append(f"| {' and '.join(stolen)} | " + " | ".join(cells.values()) + " |")
    return lines


def compare(found: Mapping[tuple[str, ...], Mapping[str, str]]) -> None:
    """With the table of the threat model, which is a copy of what is printed here."""
    printed = rows(found)
    print(*printed, sep="\n")
    assert "\n".join(printed) in PAGE


def test_by_the_trust_file(town: Town) -> None:
    compare(table(town, town.trust))


def test_by_its_document_alone(town: Town) -> None:
    compare(table(town, town.alone, ("checkpoint", "claim")))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["keys in the folder", ON_A_TOKEN])
def test_in_other_programs(kind: str, tmp_path: Path, authority: Authority) -> None:
    """They read `did.json` where it is published, and the list that is there."""
    host = Host(authority)
    token = PrivateKey.generate() if kind == ON_A_TOKEN else None
    found: dict[tuple[str, ...], dict[str, str]] = {}
    with host.site.running():
        now = datetime.now(UTC).replace(microsecond=0)
        town = make(tmp_path, host.site.url("").rstrip("/"), now, token)
        genuine = json.loads((town.issuer.home / "status" / "0").read_bytes())
        own = PrivateKey.generate()  # of all thieves, since what was read of a document is remembered
        for is_site in (False, True):
            with javascript(authority.ca_file) as ask:
                for stolen in STOLEN:
                    if is_site is ("TLS" in stolen):
                        thief = Thief(town, stolen, now, own)
                        found[stolen] = dict(reached(thief, host, ask, genuine))
    compare({stolen: found[stolen] for stolen in STOLEN})


def reached(
    thief: Thief, host: Host, ask: JavaScript, genuine: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """By program and attack. The genuine list is served but where the thief puts one of his in its place."""
    document = thief.document if "TLS" in thief.stolen else thief.town.document
    host.serve(document, "/.well-known/did.json")
    for name, judge in (("DCC", verifier_core), ("Digital Bazaar", digitalbazaar)):
        host.serve(genuine, "/status/0")
        yield f"{name}: diploma", best(judge(ask, one) for one in thief.signed(thief.diploma))
        taken_back = []
        for forged in thief.signed(thief.list):
            host.serve(forged, "/status/0")
            taken_back.append(judge(ask, thief.town.revoked.secured))
        yield f"{name}: list", best(taken_back)


def verifier_core(ask: JavaScript, credential: Mapping[str, Any]) -> str:
    """What the Digital Credentials Consortium's verifier says."""
    steps = {step["id"]: step.get("valid", False) for step in ask("verifierCore", credential).get("log", ())}
    return "valid" if all(steps.get(name) for name in ("valid_signature", "revocation_status")) else "no"


def digitalbazaar(ask: JavaScript, credential: Mapping[str, Any]) -> str:
    """What Digital Bazaar's library says."""
    outcome = ask("verify", credential)
    status = outcome.get("statusResult", {"verified": False, "results": []})
    is_clear = status["verified"] and not any(result["status"] for result in status["results"])
    return "valid" if outcome["verified"] and is_clear else "no"
