"""Issuers that certificates name, through the nine steps, in each form of JWT."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from openvc.x5c import X5cError, resolve_x5c_key

from holder.wallet import Held
from intaglio.commands.wallet import text
from intaglio.pages.view import judgement
from keys import PrivateKey, certificates
from ledger import EntryKind, Log, entry
from ledger.tiles.memory import MemoryStore
from tests.authorities import YEAR, Certified, of, recognised, sans
from tests.commandline import Program
from tests.problems import raises
from tests.sd_jwts import b64, bound, framed, jwt
from tests.world import NOW, Holder, University, decided, verifier
from vc import Anchored, Bundle, Report, Verdict
from vc.forms import SD_JWT_VC
from vc.status.token import MEDIA_TYPE as TOKEN_LIST
from vc.vcdm.credential import CONTEXT_V1
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.presentation import presentation
from verifier import RecognisedIssuer, RecognisedLog, Trust
from verifier.judge import Judge, Question, Verifiers
from verifier.sources.trust import TrustSource
from verifier.sources.trust_entries import MOST_ANCHORS
from verifier.sources.trust_index import IndexedTrust, index_of, open_trust
from verifier.summary import summarize
from wire import Conflict, Malformed, Problem
from wire.text import claimed
from wire.work import Work

SECONDS = int(NOW.timestamp())
URL, OTHER_URL = "https://uni.example", "https://other.example"
URI = "https://uni.example/status/7.jwt"
ROOT = Certified("Root", authority=True)
MIDDLE = Certified("Middle", ROOT, of("P-384"), authority=True)
LEAF = Certified("Registrar", MIDDLE, extensions=[(sans(URL, "did:web:uni.example"), False)])
BARE = Certified("Registrar", MIDDLE)
HOST = Certified("Registrar", MIDDLE, extensions=[(sans("uni.example"), False)])
SELF = Certified("Alone")
HOLDER, THIEF = Holder(PrivateKey.generate("P-256")), Holder(PrivateKey.generate("P-256"))
BY_NAME = Trust().adding(recognised(ROOT))
BY_URL = Trust().adding(recognised(ROOT, id=URL, name="University"))
(UTOPIA,) = BY_NAME.issuers
UNIVERSITY = University("uni.example")
ABSENT = object()


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}


def header(kind: str, chain: Sequence[Certified], **more: Any) -> dict[str, Any]:
    by = chain[0].signer.public_key.kind.algorithms[0]
    return present({"alg": by, "typ": kind, "x5c": [one.text for one in chain], **more})


def vc(chain: Sequence[Certified] = (LEAF, MIDDLE), key: PrivateKey | None = None, **said: Any) -> bytes:
    """An SD-JWT VC; `head` has more of its header."""
    head = said.pop("head", {})
    payload = {"iss": URL, "vct": "urn:example:degree", "iat": SECONDS - 60, "name": "Ada Invented", **said}
    frame = framed(present(payload), [("name",)])
    signed = jwt(header("dc+sd-jwt", chain, **head), frame.payload, key or chain[0].signer)
    return b"~".join((signed, *frame.disclosures.values(), b""))


def w3c(chain: Sequence[Certified] = (LEAF, MIDDLE), key: PrivateKey | None = None, **said: Any) -> bytes:
    """A `vc+jwt`; `iss` is its document's `issuer`."""
    head, issuer, claims = said.pop("head", {}), said.pop("iss", URL), said.pop("claims", {})
    document = UNIVERSITY.plain(issuer={"id": issuer, "type": ["Profile"], "name": "Example"})
    payload = {**document, **claims, "iat": SECONDS - 60, **said}
    return jwt(header("vc+jwt", chain, **head), payload, key or chain[0].signer)


def badge(chain: Sequence[Certified] = (LEAF, MIDDLE), key: PrivateKey | None = None, **said: Any) -> bytes:
    """The same as Open Badges 3.0 has it in a JWT, whose claims say the issuer, too."""
    head, issuer = {"typ": "JWT", **said.pop("head", {})}, said.pop("iss", URL)
    return w3c(
        chain, key, head=head, iss=issuer, claims={"iss": issuer, "nbf": SECONDS - 100 * 86_400}, **said
    )


def older(chain: Sequence[Certified] = (LEAF, MIDDLE), key: PrivateKey | None = None, **said: Any) -> bytes:
    """One of the data model 1.1."""
    head, issuer = {"typ": "JWT", **said.pop("head", {})}, said.pop("iss", URL)
    document = {
        "@context": [CONTEXT_V1],
        "type": ["VerifiableCredential"],
        "credentialSubject": {"id": HOLDER.did},
    }
    payload = {"vc": document, "iss": issuer, "sub": HOLDER.did, "nbf": SECONDS - 100 * 86_400, **said}
    return jwt(header("JWT", chain, **head), payload, key or chain[0].signer)


FORMS = pytest.mark.parametrize("form", [vc, w3c, badge, older])


def judged(data: bytes, trust: TrustSource = BY_NAME, now: datetime = NOW, **asked: Any) -> Report:
    return verifier(trust, lists=asked.pop("lists", ())).verify(data, now=now, **asked)


def valid(report: Report, entry: RecognisedIssuer = UTOPIA) -> None:
    assert report, decided(report).text
    (claims,) = report.require()
    assert claims.issuer == entry.id
    check = next(check for check in report.checks if check.name == "issuer")
    assert (check.code, check.facts["issuer"]) == ("issuer-key-certified", entry.id)


def refused(report: Report, code: str) -> None:
    assert report.verdict is Verdict.INVALID, decided(report).text
    assert decided(report).code.endswith(code), decided(report).code


def left_open(report: Report, code: str) -> None:
    assert report.verdict is Verdict.UNDETERMINED, decided(report).text
    assert decided(report).code.endswith(code), decided(report).code


# Whose it is


@FORMS
def test_the_issuer_is_the_one_to_whose_anchor_the_chain_leads(form: Any) -> None:
    valid(judged(form()))
    valid(judged(form(iss="did:web:uni.example")))
    valid(judged(form([LEAF, MIDDLE, ROOT])))
    report = judged(form())
    (check,) = (check for check in report.checks if check.name == "issuer")
    assert check.facts["subject"] == "CN=Registrar"
    assert summarize(report.require()[0], BY_NAME).by == "Utopia"
    page = judgement("a.jwt", form(), report, BY_NAME, (), "en", Work())
    assert str(page.sentences[0]).startswith("Utopia issued")
    assert "ni:" not in str([claim.value for claim in page.cards[0].first])


def test_without_iss_the_certificate_alone_names_it() -> None:
    valid(judged(vc(iss=ABSENT)))
    valid(judged(vc(iss=ABSENT), BY_URL), BY_URL.issuers[0])
    left_open(judged(vc([Certified("", MIDDLE), MIDDLE], iss=ABSENT)), "issuer-not-named")
    left_open(judged(vc([BARE, MIDDLE], iss=ABSENT), BY_URL), "certificate-of-another")


@FORMS
def test_an_iss_that_the_certificate_does_not_have_is_not_believed(form: Any) -> None:
    """The anchor says who it is where the list has it by name; else nothing does."""
    valid(judged(form([BARE, MIDDLE])))
    valid(judged(form(iss="https://nobody.example")))
    left_open(judged(form([BARE, MIDDLE]), BY_URL), "certificate-of-another")
    left_open(judged(form(iss=OTHER_URL), BY_URL), "certificate-of-another")


@FORMS
def test_nor_is_one_that_is_somebody_elses_on_the_list(form: Any) -> None:
    """Otherwise the holder of a certificate under one anchor could write another issuer's name."""
    other = RecognisedIssuer(OTHER_URL, "Other", keys=(THIEF.key.public_key.multikey(),))
    left_open(judged(form(iss=OTHER_URL), BY_NAME.adding(other)), "certificate-of-another")
    left_open(
        judged(form([BARE, MIDDLE], iss=URL), BY_NAME.adding(BY_URL.issuers[0])), "certificate-of-another"
    )
    both = Trust().adding(recognised(Certified("Root", authority=True), id=URL)).adding(recognised(ROOT))
    left_open(judged(form(), both), "certificate-of-another")


@FORMS
def test_an_address_is_in_the_certificate_as_it_stands(form: Any) -> None:
    valid(judged(form(), BY_URL), BY_URL.issuers[0])
    valid(judged(form([HOST, MIDDLE]), BY_URL), BY_URL.issuers[0])
    did = Trust().adding(recognised(ROOT, id="did:web:uni.example"))
    valid(judged(form(iss="did:web:uni.example"), did), did.issuers[0])
    for url in ("https://uni.example/", "https://UNI.example", "https://uni.example.evil.example"):
        entry = Trust().adding(recognised(ROOT, id=url))
        left_open(judged(form(iss=url), entry), "certificate-of-another")
        left_open(judged(form(), entry), "certificate-of-another")
    wild = Certified("Registrar", MIDDLE, extensions=[(sans("*.example"), False)])
    left_open(judged(form([wild, MIDDLE]), BY_URL), "certificate-of-another")


@FORMS
def test_an_address_that_stands_for_a_did_is_in_the_certificate_too(form: Any) -> None:
    entry = recognised(ROOT, id="did:web:uni.example", address=URL)
    trust = Trust().adding(entry)
    valid(judged(form(), trust), entry)
    valid(judged(form(iss=entry.id), trust), entry)
    valid(judged(form([HOST, MIDDLE]), trust), entry)
    left_open(judged(form([HOST, MIDDLE], iss=entry.id), trust), "certificate-of-another")
    left_open(judged(form(iss=OTHER_URL), trust), "certificate-of-another")
    other = Trust().adding(replace(entry, address=OTHER_URL))
    left_open(judged(form(iss=OTHER_URL), other), "certificate-of-another")


@FORMS
def test_an_entry_with_the_address_goes_before_one_by_name(form: Any) -> None:
    both = BY_NAME.adding(BY_URL.issuers[0])
    valid(judged(form(), both), BY_URL.issuers[0])
    valid(judged(form(iss="https://nobody.example"), both))


@FORMS
def test_a_stranger_is_named_in_quotes(form: Any) -> None:
    for trust in (Trust(), Trust().adding(recognised(Certified("Other", authority=True)))):
        report = judged(form(), trust)
        left_open(report, "certificate-not-listed")
        assert '"CN=Registrar"' in decided(report).text
        left_open(judged(form(), trust, strangers=True), "certificate-not-listed")
    odd = Certified('A" \u202e<b>' + "x" * 40, MIDDLE)
    assert (
        f'"{claimed(odd.certificate.subject.rfc4514_string())}"' in decided(judged(form([odd]), Trust())).text
    )
    left_open(judged(form(iss="did:web:uni.example"), UNIVERSITY.trust), "certificate-not-listed")


def test_a_self_signed_leaf_counts_where_it_is_itself_pinned() -> None:
    valid(judged(vc([SELF]), pinned := Trust().adding(recognised(SELF))), pinned.issuers[0])
    left_open(judged(vc([SELF])), "certificate-not-listed")
    left_open(judged(vc([Certified("Root", key=ROOT.key)])), "certificate-not-listed")
    by_url = Trust().adding(recognised(SELF, id=URL))
    valid(judged(vc([SELF]), by_url), by_url.issuers[0])
    left_open(judged(vc([SELF], iss=OTHER_URL), by_url), "certificate-of-another")


@FORMS
def test_types_are_those_of_the_entry(form: Any) -> None:
    entry = recognised(ROOT, types=("urn:example:other",))
    refused(judged(form(), Trust().adding(entry)), "not-for-type")


def test_of_two_anchors_the_one_that_is_valid_longer_counts() -> None:
    ended = Certified("Root", key=ROOT.key, authority=True, until=NOW - YEAR / 2)
    for anchors in ((ended, ROOT), (ROOT, ended)):
        trust = Trust().adding(entry := recognised(*anchors))
        valid(judged(vc(), trust), entry)
    left_open(judged(vc(), Trust().adding(recognised(ended))), "certificate-not-in-force")


# By which key


@FORMS
def test_the_key_of_the_leaf_signs(form: Any) -> None:
    refused(judged(form(key=THIEF.key)), "invalid-proof")
    wide = [Certified("Registrar", MIDDLE, of("P-384")), MIDDLE]
    valid(judged(form(wide)))
    refused(judged(form(wide, key=THIEF.key, head={"alg": "ES256"})), "invalid-proof")


@FORMS
def test_nothing_falls_back_to_kid(form: Any) -> None:
    """A key of one's own beside a chain of somebody else's, and the other way round."""
    head = {"kid": THIEF.method}
    refused(judged(form(key=THIEF.key, head=head)), "invalid-proof")
    left_open(
        judged(form([SELF], key=THIEF.key, iss=THIEF.did, head=head), THIEF.trust), "certificate-not-listed"
    )
    valid(judged(form(head=head)))
    pins = RecognisedIssuer(URL, keys=(THIEF.key.public_key.multikey(),))
    left_open(judged(form([SELF], key=THIEF.key, head={"kid": "#k"}), Trust().adding(pins)), "not-listed")


@FORMS
def test_an_anchor_is_a_pin_beside_which_no_other_key_counts(form: Any) -> None:
    for method in ("#key", f"{URL}#key", "did:web:uni.example#key"):
        head = {"kid": method, "x5c": ABSENT}
        for name in (URL, "did:web:uni.example"):
            trust = Trust().adding(recognised(ROOT, id=name))
            report = judged(form(iss=name, head=head, key=THIEF.key), trust)
            assert report.verdict is not Verdict.VALID
    head = {"kid": f"{URL}#key", "x5c": ABSENT}
    left_open(judged(form(head=head, key=THIEF.key), BY_URL), "key-not-pinned")
    head = {"kid": THIEF.method, "x5c": ABSENT}
    left_open(judged(form(iss=UTOPIA.id, head=head, key=THIEF.key)), "key-not-pinned")


@pytest.mark.quick(every=4)
@FORMS
@pytest.mark.parametrize(
    ("x5c", "code"),
    [
        ([], "invalid-jws"),
        ("MIIB", "invalid-jws"),
        (["MIIB"], "invalid-certificates"),
        ([LEAF.text.translate(str.maketrans("+/", "-_")) + "\n"], "invalid-jws"),
        ([LEAF.text, ROOT.text, MIDDLE.text], "invalid-certificates"),
        ([LEAF.text, LEAF.text, MIDDLE.text], "invalid-certificates"),
        ([LEAF.text, MIDDLE.text, ROOT.text, ROOT.text], "invalid-certificates"),
    ],
)
def test_a_chain_that_is_none_is_refused(form: Any, x5c: object, code: str) -> None:
    refused(judged(form(head={"x5c": x5c})), code)


@FORMS
def test_more_than_is_read_is_open(form: Any) -> None:
    left_open(judged(form([LEAF, *9 * [MIDDLE]])), "too-large")


@FORMS
def test_a_chain_that_breaks_a_rule_is_refused_and_one_that_is_not_read_is_open(form: Any) -> None:
    none = Certified("Middle", BARE)
    refused(judged(form([Certified("Registrar", none), none, BARE, MIDDLE])), "invalid-certificates")
    server = [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]
    refused(judged(form([Certified("Registrar", MIDDLE, extensions=server), MIDDLE])), "invalid-certificates")
    wide = Certified("Middle", ROOT, of("P-521"), authority=True)
    left_open(judged(form([Certified("Registrar", wide), wide])), "certificates-not-supported")


# When


ENDED = Certified("Registrar", MIDDLE, until=NOW - timedelta(days=30))
LATER = Certified("Registrar", MIDDLE, since=NOW + timedelta(days=30))


@FORMS
def test_past_the_end_of_a_certificate_it_is_open_whatever_date_the_signer_wrote(form: Any) -> None:
    written = {"iat": SECONDS - 90 * 86_400}
    left_open(judged(form([ENDED, MIDDLE], **written)), "certificate-not-in-force")
    middle = Certified("Middle", ROOT, authority=True, until=NOW - timedelta(days=30))
    left_open(judged(form([Certified("Registrar", middle), middle], **written)), "certificate-not-in-force")
    left_open(judged(form([LATER, MIDDLE])), "certificate-not-in-force")
    ending = Certified("Registrar", MIDDLE, until=NOW)
    valid(judged(form([ending, MIDDLE])))  # whose last second is its own
    left_open(judged(form([ending, MIDDLE]), now=NOW + timedelta(seconds=1)), "certificate-not-in-force")


@pytest.mark.parametrize(
    ("days", "leaf", "code"),
    [(60, ENDED, ""), (10, ENDED, "certificate-not-in-force"), (0, LATER, "certificate-not-in-force")],
)
def test_the_time_that_evidence_shows_counts(days: int, leaf: Certified, code: str) -> None:
    moment = NOW - timedelta(days=days)
    keys = (PrivateKey.generate(), PrivateKey.generate())
    log = Log("uni.example/log", *keys, MemoryStore(), clock=lambda: moment)
    data = vc([leaf, MIDDLE], iat=SECONDS - 90 * 86_400)
    digest = hashlib.sha256(data.partition(b"~")[0]).digest()
    (index,) = log.append([entry(EntryKind.CREDENTIAL, digest)], digest)
    bundle = Bundle(Enveloped(SD_JWT_VC, data), (log.evidence(index),)).to_bytes()
    trust = BY_NAME.adding(UTOPIA, RecognisedLog(str(log.verifier_key), clock=str(log.clock_key)))
    report = judged(bundle, trust)
    if code:
        left_open(report, code)
    else:
        valid(report)
    # taken away it makes nothing valid
    left_open(judged(data, trust), "evidence-missing")
    # a log that states no time shows none: now counts
    undated = BY_NAME.adding(UTOPIA, RecognisedLog(str(log.verifier_key)))
    left_open(judged(bundle, undated), "certificate-not-in-force")


def test_a_log_that_states_no_time_holds_a_certificate_that_is_valid_now() -> None:
    keys = (PrivateKey.generate(), PrivateKey.generate())
    log = Log("uni.example/log", *keys, MemoryStore(), clock=lambda: NOW)
    data = vc()
    digest = hashlib.sha256(data.partition(b"~")[0]).digest()
    (index,) = log.append([entry(EntryKind.CREDENTIAL, digest)], digest)
    bundle = Bundle(Enveloped(SD_JWT_VC, data), (log.evidence(index),)).to_bytes()
    valid(judged(bundle, BY_NAME.adding(UTOPIA, RecognisedLog(str(log.verifier_key)))))


def test_a_name_that_is_not_given_is_the_id() -> None:
    report = judged(vc(), Trust().adding(recognised(ROOT, name="")))
    valid(report)
    assert any(check.text.startswith(f"{UTOPIA.id}: the key is certified") for check in report.checks)


# Its status list


def listed(chain: Sequence[Certified], value: int = 0, key: PrivateKey | None = None, **said: Any) -> bytes:
    packed = bytearray(64)
    packed[0] = value << 7
    lst = {"bits": 1, "lst": b64(zlib.compress(bytes(packed), 9)).decode()}
    head = said.pop("head", {})
    payload = {"sub": URI, "iat": SECONDS - 60, "exp": SECONDS + 86_400, "status_list": lst, **said}
    return jwt(header("statuslist+jwt", chain, **head), present(payload), key or chain[0].signer)


STATUS: Mapping[str, Any] = {"status": {"status_list": {"idx": 7, "uri": URI}}}


@pytest.mark.parametrize("trust", [BY_NAME, BY_URL])
def test_a_list_is_signed_by_the_chain_of_its_issuer(trust: Trust) -> None:
    signer = Certified("Status", MIDDLE, extensions=[(sans(URL), False)])
    for chain in ([LEAF, MIDDLE], [signer, MIDDLE]):
        for iss in (ABSENT, URL):
            for value, code in ((0, ""), (1, "revoked-unexplained")):
                found = {URI: listed(chain, value, iss=iss)}.get
                report = judged(vc(**STATUS), trust, lists=[found])
                assert (report.verdict is Verdict.VALID) == (not code), decided(report).text
                assert not code or decided(report).code.endswith(code)


def test_a_list_by_anybody_else_is_none() -> None:
    other = Certified("Other", authority=True)
    chain = [Certified("Status", other)]
    for trust in (BY_NAME, BY_NAME.adding(recognised(other))):
        found = {URI: listed(chain)}.get
        assert judged(vc(**STATUS), trust, lists=[found]).verdict is Verdict.UNDETERMINED
    thief = listed([LEAF, MIDDLE], key=THIEF.key, head={"kid": THIEF.method})
    left_open(judged(vc(**STATUS), lists=[{URI: thief}.get]), "status-list-unusable")
    ended = listed([ENDED, MIDDLE])
    left_open(judged(vc(**STATUS), lists=[{URI: ended}.get]), "status-list-unusable")


def test_somebody_else_whom_the_list_names_keeps_the_lists() -> None:
    other = Certified("Other", authority=True)
    keeper = Certified("Keeper", other, extensions=[(sans(OTHER_URL), False)])
    found = [{URI: listed([keeper], iss=OTHER_URL)}.get]
    known = Trust().adding(recognised(other, id=OTHER_URL))
    assert not judged(vc(**STATUS), known.adding(UTOPIA), lists=found)
    named = replace(UTOPIA, status_issuers=(OTHER_URL,))
    valid(judged(vc(**STATUS), known.adding(named), lists=found))


def test_a_list_that_came_along_is_judged_alike() -> None:
    def brought(data: bytes) -> bytes:
        lists = (Anchored(Enveloped(TOKEN_LIST, data)),)
        return Bundle(Enveloped(SD_JWT_VC, vc(**STATUS)), status_lists=lists).to_bytes()

    valid(judged(brought(listed([BARE, MIDDLE]))))
    refused(judged(brought(listed([BARE, MIDDLE], 1))), "revoked-unexplained")
    left_open(judged(brought(listed([Certified("Alone")]))), "status-unknown")


# Who shows it


def test_its_holder_shows_it() -> None:
    shown = bound(vc(cnf={"jwk": HOLDER.key.public_key.jwk()}), HOLDER.key)
    report = judged(shown, challenge="challenge", domain="employer.example")
    valid(report)
    assert report.holder == HOLDER.did


def named(issuer: str) -> str:
    """The names of a trust list that has one entry."""
    return "Utopia" if issuer == HOLDER.did else ""


def test_a_wallet_names_the_subject_whatever_iss_says() -> None:
    held = Held("c3c8610c5665", vc(iss="https://nobody.example"), NOW, Verdict.VALID)
    assert text.issuer(held, named) == "CN=Registrar"
    assert text.named(held, named) == "degree, CN=Registrar"
    card = text.card(held, BY_NAME)
    assert "CN=Registrar" in card
    assert "nobody.example" not in card
    by_did = framed({"iss": HOLDER.did, "vct": "urn:example:degree"}, [])
    plain = jwt({"alg": "ES256", "typ": "dc+sd-jwt"}, by_did.payload, HOLDER.key) + b"~"
    assert text.issuer(Held("c3c8610c5665", plain, NOW, Verdict.VALID), lambda _: "") == claimed(HOLDER.did)


def test_a_wallet_names_an_issuer_as_the_trust_list_does() -> None:
    """An SD-JWT VC has no name of its issuer. A file that was not verified gets none from the list."""
    content = framed({"iss": HOLDER.did, "vct": "urn:example:degree"}, []).payload
    plain = jwt({"alg": "ES256", "typ": "dc+sd-jwt"}, content, HOLDER.key) + b"~"
    valid, open_ = (Held("c3c8610c5665", plain, NOW, each) for each in (Verdict.VALID, Verdict.UNDETERMINED))
    assert text.named(valid, named) == "degree, Utopia"
    assert text.named(open_, named) == f"degree, {claimed(HOLDER.did)}"


def test_no_holder_is_named_by_a_certificate() -> None:
    held = dict(Enveloped(SD_JWT_VC, vc()))
    said = {"aud": "employer.example", "nonce": "challenge", "iat": SECONDS}
    payload = {**presentation(HOLDER.did, []), "verifiableCredential": [held], **said}
    for head in ({"kid": HOLDER.method}, {}):
        whole = {"alg": "ES256", "typ": "vp+jwt", "x5c": [LEAF.text], **head}
        shown = jwt(whole, payload, HOLDER.key)
        left_open(judged(shown, challenge="challenge", domain="employer.example"), "certificate-not-read")


# What is believed


def test_a_source_that_knows_no_certificates_leaves_it_open() -> None:
    class Registry:
        issuer, policy_for = BY_NAME.issuer, BY_NAME.policy_for

    left_open(judged(vc(), Registry()), "certificate-not-listed")


def test_a_service_says_whose_it_is() -> None:
    one = verifier(BY_NAME)
    answer = json.loads(Judge(lambda: Verifiers(one, one))(Question(vc(), NOW)).content)
    (check,) = (check for check in answer["checks"] if check["code"] == "issuer-key-certified")
    assert check["facts"] == {"issuer": UTOPIA.id, "subject": "CN=Registrar", "name": "Utopia"}
    assert check["text"] == 'Utopia: the key is certified for "CN=Registrar"'


def test_anchors_are_of_version_7_and_a_list_without_them_is_not() -> None:
    written = json.loads(BY_NAME.to_bytes())
    assert written["version"] == 7
    assert written["issuers"] == [{"id": UTOPIA.id, "name": "Utopia", "anchors": [ROOT.text]}]
    assert Trust.parse(BY_NAME.to_bytes()) == BY_NAME
    assert json.loads(Trust().adding(replace(UTOPIA, anchors=())).to_bytes())["version"] == 1
    with raises(Malformed, "needs version 7"):
        Trust.parse(json.dumps({**written, "version": 6}).encode())


@pytest.mark.parametrize(
    "anchors",
    [
        ROOT.text,
        ["MIIB"],
        [ROOT.text + "\n"],
        [ROOT.pem.decode()],
        [""],
        [5],
        MOST_ANCHORS * [ROOT.text] + [""],
    ],
)
def test_what_is_no_certificate_makes_the_file_unreadable(anchors: object) -> None:
    written = json.loads(BY_NAME.to_bytes())
    written["issuers"][0]["anchors"] = anchors
    with raises(Malformed):
        Trust.parse(json.dumps(written).encode())


@pytest.mark.parametrize("name", ["http://uni.example", "Utopia", "urn:example:a", ""])
def test_an_entry_with_anchors_has_an_address_or_the_digest_of_one(name: str) -> None:
    written = json.loads(BY_NAME.to_bytes())
    written["issuers"][0]["id"] = name
    with raises(Malformed, "has anchors, and is named by neither"):
        Trust.parse(json.dumps(written).encode())


def test_one_anchor_is_not_two_issuers_without_an_address() -> None:
    again = recognised(MIDDLE, ROOT, name="Another")
    with raises(Malformed, "two issuers"):
        Trust.parse(BY_NAME.adding(again).to_bytes())
    assert Trust.parse(BY_NAME.adding(BY_URL.issuers[0]).to_bytes())


def test_a_file_from_somebody_brings_no_anchor_for_a_name_that_is_known() -> None:
    ours = Trust().adding(RecognisedIssuer("did:web:a.example", status_issuers=(URL,)))
    for known in (ours, Trust().adding(RecognisedIssuer(URL)), Trust().adding(recognised(MIDDLE, id=URL))):
        with raises(Conflict):
            known.joined(BY_URL)
    assert BY_URL.joined(BY_URL) == BY_URL


def test_an_index_finds_anchors_by_their_names(tmp_path: Path) -> None:
    import os

    crowd = tuple(RecognisedIssuer(f"did:web:u{number}.example", f"U {number}") for number in range(1500))
    whole = Trust((*crowd, UTOPIA, *BY_URL.issuers))
    path = tmp_path / "trust.json"
    path.write_bytes(whole.to_bytes())
    open_trust(path)
    later = path.stat().st_ctime_ns + 2_000_000_000
    os.utime(index_of(path), ns=(later, later))
    indexed = open_trust(path)
    assert isinstance(indexed, IndexedTrust)
    valid(judged(vc(), indexed), BY_URL.issuers[0])
    valid(judged(vc(iss="https://nobody.example"), indexed))
    left_open(judged(vc([SELF]), indexed), "certificate-not-listed")


# The command


def test_somebody_is_added_by_name_or_by_address(program: Program, tmp_path: Path) -> None:
    pem = tmp_path / "root.pem"
    pem.write_bytes(ROOT.pem)
    added = program("trust", "add", "Utopia", "--anchor", pem)
    assert added.code == 0, added.err
    digest = hashlib.sha256(ROOT.der).hexdigest().upper()
    shown = added.err.replace("\n  ", " ").replace(" ", "")
    assert ":".join(digest[at : at + 2] for at in range(0, 64, 2)) in shown
    assert "fingerprint:" in added.err
    assert '"CN=Root"' in added.err
    assert program("trust", "add", URL, "--name", "University", "--anchor", pem).code == 0
    known = Trust.load(program.home / "trust.json")
    assert [(one.id, one.name, one.anchors) for one in known.issuers] == [
        (UTOPIA.id, "Utopia", (ROOT.text,)),
        (URL, "University", (ROOT.text,)),
    ]
    listed = program("trust", "list")
    assert listed.out.count('"CN=Root"') == 2
    assert program("trust", "add", "Utopia", "--anchor", pem).code != 0  # is there already
    assert program("trust", "remove", UTOPIA.id).code == 0
    shown_file = tmp_path / "shown.sdjwt"
    shown_file.write_bytes(vc())
    judged_here = program("verify", shown_file, "--offline", "--at", "2026-07-01T12:00:00Z")
    assert (judged_here.code, "by University" in judged_here.out) == (0, True), judged_here


def test_a_certificate_that_could_lead_nowhere_is_not_added(program: Program, tmp_path: Path) -> None:
    for name, data in (
        ("wide", Certified("Root", key=of("P-521"), authority=True).pem),
        ("none", b"garbage"),
    ):
        (tmp_path / name).write_bytes(data)
        answer = program("trust", "add", "Utopia", "--anchor", tmp_path / name)
        assert answer.code in (1, 3)
    (tmp_path / "root").write_bytes(ROOT.pem)
    for address in ("http://uni.example", "urn:example:a"):
        answer = program("trust", "add", address, "--anchor", tmp_path / "root")
        assert (answer.code, "is no address" in answer.err) == (1, True), answer
    assert not (program.home / "trust.json").exists()


# Others


@pytest.mark.slow
def test_openvc_core_says_the_same_of_an_address() -> None:
    """No chain that openvc-core refuses is valid here."""
    server = [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False), LEAF.extensions[0]]
    none = Certified("Middle", BARE)
    chains: list[Sequence[Certified]] = [
        [LEAF, MIDDLE],
        [LEAF, MIDDLE, ROOT],
        [HOST, MIDDLE],
        [BARE, MIDDLE],
        [LEAF],
        [LEAF, ROOT],
        [SELF],
        [Certified("Registrar", none, extensions=LEAF.extensions), none, BARE, MIDDLE],
        [Certified("Registrar", MIDDLE, extensions=server), MIDDLE],
        [replace(LEAF, until=NOW - YEAR / 2), MIDDLE],
        [replace(LEAF, since=NOW + YEAR / 2), MIDDLE],
    ]
    both = []
    for chain in chains:
        try:
            anchors, texts = [ROOT.certificate], [one.text for one in chain]
            key = resolve_x5c_key(texts, URL, trust_anchors=anchors, now=NOW)
            theirs = key["x"] == chain[0].signer.public_key.jwk()["x"]
        except X5cError:
            theirs = False
        both.append((theirs, judged(vc(chain), BY_URL).verdict is Verdict.VALID))
    assert [theirs for theirs, _ in both] == [True] * 3 + [False] * 5 + [True] + [False] * 2
    # it does not ask what a certificate is for
    assert [ours for _, ours in both] == [True] * 3 + [False] * 8


def test_roots_of_the_web_are_read_and_those_of_other_keys_are_no_anchors() -> None:
    def code(data: bytes) -> str:
        try:
            certificates.from_pem(data)
        except Problem as problem:
            return problem.code
        return ""

    begin = "-----BEGIN CERTIFICATE-----"
    codes = [code((begin + text).encode()) for text in Path(certifi.where()).read_text().split(begin)[1:]]
    assert set(codes) == {"", "certificates-not-supported"}
    assert codes.count("") > 20
