"""What a thief of an issuer's keys can do: the tables of docs/threat-model.md.

He has one key, or two, or all that a copy of the folder has. He knows all that is public, and has a copy of
the log. Each cell is the best that he can reach.
"""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import combinations, count
from pathlib import Path
from typing import Any

import orjson
import pytest

from did import METHODS, Resolver
from did.document import SIGNS, STATUS_DOCUMENT
from did.methods import key as did_key
from did.methods import web as did_web
from exchange.claim import acceptance
from issuer import Description
from issuer.desk.claims import ClaimLinks
from issuer.issuer import Issuer
from keys import PrivateKey, Signer
from ledger import EntryKind, Evidence, Log, entry
from ledger.evidence import attest
from ledger.tiles.memory import MemoryStore
from tests.conftest import ROOT
from tests.interop.peers import JavaScript, javascript
from tests.loopback import Authority
from tests.test_verifier_controllers import Host
from tests.world import NOW, graduate, of_diploma
from vc import Anchored, Bundle, StatusList, Verdict, sign
from vc.anchoring import document_digest, log_entry
from vc.document_chain import chained
from vc.status import Reason, StatusEntry
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust, Verifier
from wire.fetch import Fetcher, NoFetcher
from wire.problem import Problem

pytestmark = pytest.mark.slow  # test_verifier_attacks.py and test_issuer_keys.py try each theft

KEYS = ("assertion", "status-list", "log", "cosigner", "fee", "TLS")
FOLDER, OWN = "a copy of the folder", "his own"
PLACES = frozenset(("log", "cosigner", "TLS"))
"""Keys by which he writes a log, or answers at the issuer's address, whatever key signs what he makes."""
STOLEN: Mapping[str, tuple[str, ...]] = {
    " and ".join(keys): keys for keys in (*((key,) for key in KEYS), *combinations(KEYS, 2))
}
KINDS = ("keys in the folder", "diploma key on a token", "lists under a DID of their own")
WORDS = {Verdict.VALID: "valid", Verdict.UNDETERMINED: "open", Verdict.INVALID: "no"}
RANK = ("no", "open", "undated", "valid")
LATER, THEN = NOW + timedelta(hours=1), NOW + timedelta(minutes=30)
PAGE = (ROOT / "docs" / "threat-model.md").read_text("utf-8")


def best(words: Iterable[str]) -> str:
    return max(words, key=RANK.index, default="no")


def parts(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The issuer's document, and that of its DID for status lists, which stands in it."""
    return [dict(one) for one in (document, document.get(STATUS_DOCUMENT)) if one]


class Published(NoFetcher):
    """The documents at the issuer's address."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._data = {did_web.url(one["id"]): orjson.dumps(one) for one in parts(document)}

    def fetch(self, url: str, **_: Any) -> bytes:
        return self._data[url]


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
    def dids(self) -> list[str]:
        """The issuer's, and that of its status lists, if they have one."""
        return [one["id"] for one in parts(self.document)]

    @property
    def list_url(self) -> str:
        return StatusEntry.parse(self.revoked.secured["credentialStatus"]).list_url

    @property
    def listed(self) -> dict[str, Any]:
        """The genuine list, by which the one diploma is revoked."""
        found: dict[str, Any] = json.loads((self.issuer.home / "status" / "0").read_bytes())
        return found

    @property
    def thefts(self) -> dict[str, tuple[str, ...]]:
        """By its name in the table, each theft's keys. The key of the web server's TLS is elsewhere."""
        in_folder = self.issuer.keys.public_keys.keys() | {"fee"}
        folder = tuple(key for key in KEYS if key in in_folder)
        return {**STOLEN, FOLDER: folder, f"{FOLDER} and TLS": (*folder, "TLS")}

    @property
    def trust(self) -> Trust:
        return Trust.parse(orjson.dumps(self.issuer.trust_file()))

    @property
    def alone(self) -> Trust:
        """Whoever knows its DIDs, and looks at its web site."""
        own, *of_lists = self.dids
        return Trust().adding(RecognisedIssuer(own, status_issuers=tuple(of_lists)))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture(params=KINDS)
def town(tmp_path: Path, request: pytest.FixtureRequest) -> Town:
    return make(tmp_path, "https://university.example", NOW, request.param)


def make(folder: Path, url: str, now: datetime, kind: str) -> Town:
    """One whose lists are under a DID of their own has its diploma key on a token, too."""
    token = None if kind == "keys in the folder" else PrivateKey.generate()
    issuer = Issuer.create(
        folder / "issuer",
        Description("University", url, has_status_did=kind == "lists under a DID of their own"),
        lambda: None,
        lambda: now,
        signer=token,
    )
    genuine, revoked = issuer.issue_many([graduate(1), graduate(2)])
    issuer.revoke([revoked.number], Reason.FRAUD, date=now, now=now)
    held = {name: issuer.keys.signer(name) for name in issuer.keys.public_keys}
    signers: dict[str, Signer] = {"fee": PrivateKey.generate(), "TLS": PrivateKey.generate("P-256"), **held}
    if token is not None:
        signers["assertion"] = token
    return Town(issuer, signers, folder, issuer.bundle(genuine), issuer.bundle(revoked))


class Thief:
    """Whoever has these keys of the issuer's log and web server, and new ones of his own for the others.

    What he makes he signs with one key at a time: one that he stole, or his own.
    """

    def __init__(
        self, town: Town, place: Iterable[str], now: datetime = THEN, own: PrivateKey | None = None
    ) -> None:
        self.town, self.place, self._now = town, frozenset(place), now
        self.own = own or PrivateKey.generate()
        log, cosigner = (
            town.signers[key] if key in self.place else PrivateKey.generate() for key in ("log", "cosigner")
        )
        self.log = Log(town.issuer.identity.log, log, cosigner, MemoryStore(), clock=lambda: now)
        size = town.issuer.log.checkpoint().size
        self.log.append([number.to_bytes(34) for number in range(size)], b"as many as the genuine one")
        self._numbers = count()

    @property
    def is_site(self) -> bool:
        """Whether he answers at the issuer's address."""
        return "TLS" in self.place

    def diplomas(self, signer: Signer) -> list[dict[str, Any]]:
        """One more, by this key, under each DID of the issuer. No two are equal: a log has each but once."""
        genuine = self.town.genuine.secured
        claims = {name: value for name, value in genuine.items() if name != "proof"}
        claims["id"] = f"{str(claims['id'])[:-8]}{next(self._numbers):08x}"
        return [self.by(signer, claims, did) for did in self.town.dids]

    def lists(self, signer: Signer) -> list[dict[str, Any]]:
        """Lists of now in which nothing is revoked, by this key, of each DID of the issuer."""
        start, life = self._now, timedelta(days=30)
        return [
            self.by(
                signer,
                status_list_document(self.town.list_url, did, StatusList(), valid_from=start, lifetime=life),
                did,
            )
            for did in self.town.dids
        ]

    def by(self, signer: Signer, document: Mapping[str, Any], did: str) -> dict[str, Any]:
        suite = {"Ed25519": "eddsa-rdfc-2022", "P-256": "ecdsa-rdfc-2019"}[signer.public_key.type]
        method = f"{did}#{signer.public_key.multikey()}"
        return sign(document, signer, verification_method=method, created=self._now, suite=suite)

    def anchored(self, *leaves: bytes) -> list[Evidence]:
        indexes = self.log.append(leaves, sha256(b"".join(leaves)).digest())
        return [self.log.evidence(index) for index in indexes]

    def anchored_document(self, document: Mapping[str, Any]) -> Anchored:
        return Anchored(
            document, tuple(self.anchored(entry(EntryKind.DID_DOCUMENT, document_digest(document))))
        )

    def each_anchored(
        self, documents: Sequence[dict[str, Any]], kind: EntryKind
    ) -> Iterator[tuple[dict[str, Any], tuple[Evidence, ...]]]:
        """Each document without evidence, and with that of his log."""
        leaves = [log_entry(made, made["proof"][0], kind) for made in documents]
        for made, evidence in zip(documents, self.anchored(*leaves), strict=True):
            yield made, ()
            yield made, (evidence,)

    @property
    def document(self) -> dict[str, Any]:
        """The issuer's, with a key of his own."""
        document, *inner = parts(self.town.document)
        for one in (document, *inner):
            method = {
                "id": f"{one['id']}#{self.own.public_key.multikey()}",
                "type": "Multikey",
                "controller": one["id"],
                "publicKeyMultibase": self.own.public_key.multikey(),
                SIGNS: ["credentials", "statusLists"],
            }
            one["verificationMethod"] = [method, *one["verificationMethod"]]
            one["assertionMethod"] = [method["id"], *one["assertionMethod"]]
        return {**document, **({STATUS_DOCUMENT: inner[0]} if inner else {})}

    def judged(self, bundle: Bundle, trust: Trust, listed: Mapping[str, Any] | None) -> str:
        """The verdict of whoever finds this list at its address, or does not reach that.

        Who has the trust file looks up nothing else, the others the document that is published.
        """
        lists = [{self.town.list_url: orjson.dumps(listed)}.get] if listed else []
        published = Published(self.document if self.is_site else self.town.document)
        fetcher: Fetcher = NoFetcher() if trust.logs else published
        judge = Verifier(Resolver(METHODS, fetcher), trust=trust, lists=lists)
        report = judge.verify(bundle.to_bytes(), now=LATER)
        return WORDS[report.verdict]

    # What he tries

    def issues(self, trust: Trust, signer: Signer) -> str:
        """A diploma by the issuer's document, with evidence and without."""
        if signer is self.own and not self.is_site:
            return "no"
        genuine = self.town.genuine
        tries = [
            Bundle(made, evidence, genuine.issuer_documents, genuine.status_lists)
            for made, evidence in self.each_anchored(self.diplomas(signer), EntryKind.CREDENTIAL)
        ]
        return best(self.judged(bundle, trust, self.town.listed) for bundle in tries)

    def takes_back(self, trust: Trust, signer: Signer) -> str:
        """A revoked diploma with a list by which it is not, and with a document that has his key."""
        revoked, genuine = self.town.revoked, self.town.revoked.issuer_documents
        brought = (*genuine, self.anchored_document(self.document))
        tries = [
            replace(revoked, issuer_documents=documents, status_lists=(Anchored(listed, evidence),))
            for listed, evidence in self.each_anchored(self.lists(signer), EntryKind.STATUS_LIST)
            for documents in (genuine, brought)
        ]
        return best(
            self.judged(bundle, trust, bundle.status_lists[0].document if self.is_site else None)
            for bundle in tries
        )

    def names_a_key(self, trust: Trust, signer: Signer) -> str:
        """A diploma by a key of his own, and a document with it, signed as the genuine one's successor."""
        document, genuine = self.document, self.town.genuine
        if signer is not self.own:
            if not self.place >= {"log", "cosigner"}:
                return "no"
            document = chained(document, self.town.document, signer, created=self._now)
        brought = (*genuine.issuer_documents, self.anchored_document(document))
        tries = [
            Bundle(made, evidence, brought, genuine.status_lists)
            for made, evidence in self.each_anchored(self.diplomas(self.own), EntryKind.CREDENTIAL)
        ]
        return best(self.judged(bundle, trust, self.town.listed) for bundle in tries)

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
        """Somebody's diploma, bound to his key: he needs the link, which passes over TLS.

        The folder has a digest of it.
        """
        issuer, service = self.town.issuer, "https://university.example"
        file = self.town.home / f"{'_'.join(sorted(self.place))}.sqlite"
        links = ClaimLinks(file, service)
        link = links.offer(of_diploma("UNI-000001"), issuer, now=NOW)
        with closing(sqlite3.connect(file)) as database:
            ((kept,),) = database.execute("SELECT token FROM link")
        token = link.token if self.is_site else urlsafe_b64encode(kept).rstrip(b"=").decode()
        did = did_key.create(self.own.public_key)
        method = f"{did}#{self.own.public_key.multikey()}"
        try:
            invitation = links.invite(token, issuer, now=NOW)
            answer = acceptance(invitation, self.own, verification_method=method, created=NOW)
            links.redeem(token, answer, issuer, now=NOW)
        except Problem:
            return "no"
        finally:
            links.close()
        issuer.release("UNI-000001")
        return "valid"


BY_KEY: Mapping[str, Callable[[Thief, Trust, Signer], str]] = {
    "credential": Thief.issues,
    "list": Thief.takes_back,
    "document": Thief.names_a_key,
}
BY_PLACE: Mapping[str, Callable[[Thief, Trust], str]] = {
    "checkpoint": Thief.rewrites,
    "claim": Thief.claims,
}


def table(
    town: Town, trust: Trust, by_place: Mapping[str, Callable[[Thief, Trust], str]]
) -> dict[str, dict[str, str]]:
    """By what was stolen, what each attack reaches. Each is tried once by each key in each place."""

    @cache
    def thief(place: frozenset[str]) -> Thief:
        return Thief(town, place)

    @cache
    def signed(kind: str, place: frozenset[str], key: str) -> str:
        who = thief(place)
        return BY_KEY[kind](who, trust, town.signers.get(key, who.own))

    @cache
    def placed(kind: str, place: frozenset[str]) -> str:
        return by_place[kind](thief(place), trust)

    found = {}
    for name, stolen in town.thefts.items():
        place = PLACES.intersection(stolen)
        found[name] = {kind: best(signed(kind, place, key) for key in (*stolen, OWN)) for kind in BY_KEY}
        found[name] |= {kind: placed(kind, place) for kind in by_place}
    return found


def rows(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """As Markdown: each key, the pairs that reach more than either key of them, and the folder."""
    kinds = list(next(iter(found.values())))
    lines = ["| Stolen | " + " | ".join(kinds) + " |", "| --- |" + " --- |" * len(kinds)]
    for name, cells in found.items():
        keys = STOLEN.get(name, ())
        alone = {kind: best(found[key][kind] for key in keys) for kind in kinds}
        if len(keys) != 2 or any(cells[kind] != alone[kind] for kind in kinds):
            lines.append(f"| {name} | " + " | ".join(cells.values()) + " |")
    return lines


def compare(found: Mapping[str, Mapping[str, str]]) -> None:
    """With the table of the threat model, which is a copy of what is printed here."""
    printed = rows(found)
    print(*printed, sep="\n")
    assert "\n".join(printed) in PAGE


def test_by_the_trust_file(town: Town) -> None:
    compare(table(town, town.trust, BY_PLACE))


def test_by_its_document_alone(town: Town) -> None:
    compare(table(town, town.alone, {}))


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("kind", KINDS)
def test_in_other_programs(kind: str, tmp_path: Path, authority: Authority) -> None:
    """They read `did.json` where it is published, and the list that is there."""
    host = Host(authority)
    with host.site.running():
        now = datetime.now(UTC).replace(microsecond=0)
        town = make(tmp_path, host.site.url("").rstrip("/"), now, kind)
        own = PrivateKey.generate()  # of both thieves, since what was read of a document is remembered
        by_key: dict[tuple[bool, str], dict[str, str]] = {}
        for thief in (Thief(town, (), now, own), Thief(town, ("TLS",), now, own)):
            with javascript(authority.ca_file) as ask:
                for one in parts(thief.document if thief.is_site else town.document):
                    host.serve(one, did_web.url(one["id"]).removeprefix(host.site.url("").rstrip("/")))
                for key in (*KEYS, OWN):
                    signer = town.signers.get(key, own)
                    by_key[thief.is_site, key] = dict(reached(thief, signer, host, ask))
    found = {}
    for name, stolen in town.thefts.items():
        each = [by_key["TLS" in stolen, key] for key in (*stolen, OWN)]
        found[name] = {column: best(one[column] for one in each) for column in each[0]}
    compare(found)


def reached(thief: Thief, signer: Signer, host: Host, ask: JavaScript) -> Iterator[tuple[str, str]]:
    """By program and attack, what one key reaches: these programs look at nothing but that signature.

    The genuine list is served but where the thief puts one of his in its place.
    """
    for name, judge in (("DCC", verifier_core), ("Digital Bazaar", digitalbazaar)):
        host.serve(thief.town.listed, "/status/0")
        yield f"{name}: credential", best(judge(ask, one) for one in thief.diplomas(signer))
        taken_back = []
        for forged in thief.lists(signer):
            host.serve(forged, "/status/0")
            taken_back.append(judge(ask, thief.town.revoked.secured))
        yield f"{name}: list", best(taken_back)


def verifier_core(ask: JavaScript, credential: Mapping[str, Any]) -> str:
    """What the Digital Credentials Consortium's verifier says."""
    steps = {step["id"]: step.get("valid", False) for step in ask("verifierCore", credential).get("log", ())}
    return "valid" if all(steps.get(name) for name in ("valid_signature", "revocation_status")) else "no"


def digitalbazaar(ask: JavaScript, credential: Mapping[str, Any]) -> str:
    """What Digital Bazaar's library says, told to take lists by another issuer, as DCC's verifier does."""
    outcome = ask("verify", credential, verifyMatchingIssuers=False)
    status = outcome.get("statusResult", {"verified": False, "results": []})
    is_clear = status["verified"] and not any(result["status"] for result in status["results"])
    return "valid" if outcome["verified"] and is_clear else "no"
