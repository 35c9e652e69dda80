"""JWTs of the data model 1.1 and of Open Badges 3.0 through the nine steps; each rule broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from holder import Wallet
from tests.problems import raises
from tests.sd_jwts import jwt
from tests.test_vc_jwt import (
    ABSENT,
    AFTER,
    ASKED,
    BEFORE,
    HOLDER,
    ISSUER,
    SECONDS,
    THIEF,
    day,
    document,
    judged,
    left_open,
    refused,
    vc,
    vp,
    without_absent,
)
from tests.world import COLLEGE, NOW, Holder, diploma, verifier
from vc import Enveloped, Report, StatusList, Verdict
from vc.forms import FORMS, PLAIN_JWT, VC_JWT, VP_JWT
from vc.possession import MAX_AGE, MAX_CREDENTIALS
from vc.problem import MalformedCredential, UnsupportedForm
from vc.reading import read
from vc.secured import Options
from vc.vcdm.credential import CONTEXT_V1, CONTEXT_V2
from verifier import RecognisedIssuer, Trust
from verifier.sources.lists import Fetched
from wire import NotFound
from wire.work import Work

FORM = FORMS[PLAIN_JWT]
Members = Mapping[str, Any]


def said(**change: Any) -> dict[str, Any]:
    """A diploma by the data model 1.1; members that are `ABSENT` are left out."""
    whole = document(validFrom=ABSENT, issuanceDate="2026-06-30T00:00:00Z")
    whole["@context"] = [CONTEXT_V1, *whole["@context"][1:]]
    return without_absent({**whole, **change})


def claimed(held: Any = None, header: Members | None = None, by: Holder = ISSUER, **claims: Any) -> bytes:
    """A JWT with a document in its claim `vc`; claims and parameters that are `ABSENT` are left out."""
    whole = {"alg": by.key.public_key.kind.algorithms[0], "typ": "JWT", "kid": by.method, **(header or {})}
    payload = {"iss": ISSUER.did, "vc": said() if held is None else held, **claims}
    return jwt(without_absent(whole), without_absent(payload), by.key)


def shown(*items: object, by: Holder = HOLDER, held: Members | None = None, **claims: Any) -> bytes:
    """A presentation of the diploma, or of these items."""
    context = {"@context": [CONTEXT_V1], "type": ["VerifiablePresentation"]}
    document = {**context, "verifiableCredential": list(items) or [claimed().decode()], **(held or {})}
    answer = {"iss": HOLDER.did, "aud": ASKED["domain"], "nonce": ASKED["challenge"], "iat": SECONDS}
    whole = {"alg": by.key.public_key.kind.algorithms[0], "typ": "JWT", "kid": by.method}
    return jwt(whole, without_absent({**answer, "vp": document, **claims}), by.key)


# By the data model 1.1


@pytest.mark.parametrize("kind", ["JWT", ABSENT])
def test_it_says_what_its_document_says(kind: object) -> None:
    data = claimed(header={"typ": kind}, jti=said()["id"], sub=HOLDER.did, iat=SECONDS, nbf=SECONDS)
    (claims,) = judged(data + b"\n").require()
    assert claims.said == said()
    assert FORM.identifier(data) == claims.id
    assert FORM.identifier(claimed()) == said()["id"]
    assert FORM.identifier(claimed(held=5)) is None
    assert judged(claimed(iss=ABSENT))
    assert judged(claimed(header={"kid": ABSENT}))


def test_what_only_claims_say_is_said() -> None:
    """6.3.1: claims may stand instead of members, and members of neither have any other source."""
    whole = said(expirationDate="2036-06-30T00:00:00Z")
    less = said(id=ABSENT, issuanceDate=ABSENT, issuer={"type": ["Profile"], "name": "Example"})
    del less["credentialSubject"]["id"]
    dates: dict[str, Any] = {"nbf": 1782777600, "exp": 2098396800}
    (claims,) = judged(claimed(less, jti=whole["id"], sub=HOLDER.did, **dates)).require()
    assert claims.said == whole
    (claims,) = judged(
        claimed({**less, "credentialSubject": [less["credentialSubject"]]}, sub=HOLDER.did, **dates)
    ).require()
    assert [subject["id"] for subject in claims.subjects] == [HOLDER.did]
    without_issuer = {name: value for name, value in less.items() if name != "issuer"}
    assert judged(claimed(without_issuer, **dates)).require()[0].issuer == ISSUER.did
    refused(judged(claimed(said(issuanceDate=ABSENT))), "malformed-credential")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("claim", ["iss", "jti", "sub"])
@pytest.mark.parametrize("value", ["did:example:another", "", None, 5])
def test_a_claim_that_says_something_else_than_the_document_is_refused(claim: str, value: Any) -> None:
    refused(judged(claimed(**{claim: value})), "malformed-credential")
    refused(judged(claimed(header={claim: value}, iss=ABSENT)), "malformed-credential")


def test_dates_narrow_each_other() -> None:
    """An issuer who means one date writes it in both places; a later start and an earlier end are safe."""
    early, late = (int(moment.timestamp()) for moment in (BEFORE, AFTER))
    held = said(issuanceDate="2026-01-01T00:00:00Z")
    refused(judged(claimed({**held, "expirationDate": day(AFTER)}, exp=early)), "expired")
    refused(judged(claimed({**held, "expirationDate": day(BEFORE)}, exp=late)), "expired")
    refused(judged(claimed(nbf=int(AFTER.timestamp()))), "not-yet-in-force")
    refused(judged(claimed(said(issuanceDate=day(AFTER)), nbf=SECONDS - 9)), "not-yet-in-force")
    assert judged(claimed(nbf=SECONDS - 9, exp=SECONDS + 9))
    refused(judged(claimed(nbf="now")), "malformed-credential")
    left_open(judged(claimed(exp=1e18)))


def test_one_form_is_none_of_the_others() -> None:
    """Threat 19: what was signed as one thing counts for nothing as another."""
    refused(judged(claimed(header={"typ": "vc+jwt"})), "malformed-credential")
    for data in (claimed(), shown()):
        for name in (VC_JWT, VP_JWT):
            refused(
                judged(Enveloped(name, data), **({} if name == VC_JWT else ASKED)), "malformed-credential"
            )
    for data in (vc(), vp()):
        refused(judged(Enveloped(PLAIN_JWT, data), **ASKED), "malformed-credential")
    for kind in ("vp+jwt", "at+jwt", "kb+jwt", "statuslist+jwt", "jwt", "", 5):
        assert not FORM.recognises(claimed(header={"typ": kind}))
        refused(judged(Enveloped(PLAIN_JWT, claimed(header={"typ": kind}))), "malformed-credential")


def test_a_presentation_is_no_credential_and_no_jwt_is_both() -> None:
    envelope = dict(Enveloped(PLAIN_JWT, shown()))
    assert envelope["type"] == "EnvelopedVerifiableCredential"
    refused(judged(envelope, **ASKED), "malformed-credential")
    with raises(MalformedCredential):
        _ = read(Enveloped(PLAIN_JWT, shown()), FORMS, Work()).claims
    presentation = {"@context": [CONTEXT_V1], "type": ["VerifiablePresentation"]}
    refused(judged(claimed(presentation)), "malformed-credential")
    refused(judged(shown(vp=said()), **ASKED), "malformed-credential")
    refused(judged(claimed(vp=presentation), **ASKED), "malformed-credential")
    refused(judged(claimed("eyJ9")), "malformed-credential")


def test_what_is_not_known_is_open() -> None:
    left_open(judged(claimed(document())), "unsupported-form")  # of the data model 2.0
    left_open(judged(claimed(said(surprise="x"))))
    unknown = [*said()["@context"], "https://unknown.example/v1"]
    left_open(judged(claimed(said(**{"@context": unknown}))), "unknown-context")
    left_open(judged(claimed(aud="https://employer.example")), "audience-named")
    left_open(judged(claimed(cnf={"jwk": THIEF.key.public_key.jwk()})), "holder-key-unknown")
    left_open(judged(claimed(header={"alg": "RS256"})), "jws-not-supported")


def test_other_jwts_are_named_by_sight() -> None:
    for payload in ({"iss": ISSUER.did, "nbf": 1}, {"@context": [CONTEXT_V2], "iss": ISSUER.did}):
        left_open(judged(jwt({"alg": "EdDSA", "typ": "JWT"}, payload, ISSUER.key)), "known-by-sight")
    for content in (b"a.b.c", b"eyJ9.eyJ9.AA", {"vc": said()}):
        assert not FORM.recognises(content)
    left_open(judged(claimed(said(name="x" * FORM.limit))), "known-by-sight")
    left_open(judged(Enveloped(PLAIN_JWT, claimed(said(name="x" * FORM.limit)))))


def test_the_signer_is_the_issuer_whatever_key_the_header_has() -> None:
    """Threat 12: Open Badges 3.0, 8.2.3, has the key in `jwk` where there is no `kid`."""
    for jwk in (ISSUER.key.public_key.jwk(), THIEF.key.public_key.jwk(), {}):
        assert judged(claimed(header={"jwk": jwk, "kid": ABSENT}))
        refused(judged(claimed(header={"jwk": jwk, "kid": ABSENT}, by=THIEF)), "invalid-proof")
    refused(judged(claimed(by=THIEF)))
    refused(judged(claimed(header={"kid": ISSUER.method}, by=THIEF)), "invalid-proof")
    refused(judged(claimed(header={"jku": "https://a.example"})), "invalid-jws")
    address = "https://university.example/issuer"
    pinned = Trust().adding(RecognisedIssuer(address, keys=(ISSUER.key.public_key.multikey(),)))
    data = claimed(said(issuer=address), {"kid": ABSENT, "jwk": ISSUER.key.public_key.jwk()}, iss=address)
    assert judged(data, pinned)
    left_open(judged(data))


# Its status

LIST = "https://university.example/status/1"


def status_list(as_jwt: bool, *revoked: int, by: Holder = ISSUER) -> bytes:
    bits = StatusList()
    for position in revoked:
        bits[position] = 1
    subject = {"id": f"{LIST}#list", "type": "StatusList2021", "statusPurpose": "revocation"}
    whole = {
        "@context": [
            CONTEXT_V1,
            "https://w3id.org/vc/status-list/2021/v1",
            "https://w3id.org/security/data-integrity/v2",
        ],
        "id": LIST,
        "type": ["VerifiableCredential", "StatusList2021Credential"],
        "issuer": by.did,
        "issuanceDate": day(BEFORE),
        "credentialSubject": {**subject, "encodedList": bits.encode().removeprefix("u")},
    }
    return claimed(whole, by=by, iss=by.did) if as_jwt else json.dumps(by.sign(whole)).encode()


class Host:
    """The host that publishes the list."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def fetch(self, url: str, **_: Any) -> bytes:
        if url != LIST:
            raise NotFound("there are no details")
        return self.content


def with_status(kind: str, content: bytes, *, beside: bool = False) -> Report:
    place = {"statusPurpose": "revocation", "statusListIndex": "7", "statusListCredential": LIST}
    status: dict[str, Any] = {"credentialStatus": {"id": f"{LIST}#7", "type": kind, **place}}
    held = said()
    held["@context"].append("https://w3id.org/vc/status-list/2021/v1")
    data = claimed(held, **status) if beside else claimed({**held, **status})
    trust = Trust().adding(RecognisedIssuer(ISSUER.did))
    return verifier(trust, lists=[Fetched(Host(content))]).verify(data, now=NOW)


@pytest.mark.parametrize("as_jwt", [False, True])
def test_its_status_is_that_of_its_time(as_jwt: bool) -> None:
    assert with_status("StatusList2021Entry", status_list(as_jwt, 6, 8))
    refused(with_status("StatusList2021Entry", status_list(as_jwt, 7)), "status-revoked-unexplained")
    left_open(with_status("StatusList2021Entry", status_list(as_jwt, by=THIEF)))


def test_a_member_beside_the_claim_counts() -> None:
    """did-jwt-vc writes there what the data model has no claim for."""
    assert with_status("StatusList2021Entry", status_list(False), beside=True)
    refused(
        with_status("StatusList2021Entry", status_list(False, 7), beside=True), "status-revoked-unexplained"
    )
    left_open(judged(claimed(azp="a client")))
    assert judged(claimed(type=said()["type"]))
    refused(judged(claimed(type=["VerifiableCredential"])), "malformed-credential")
    refused(judged(shown(holder=THIEF.did), **ASKED), "malformed-credential")


def test_a_status_of_another_kind_is_open() -> None:
    left_open(with_status("RevocationList2020Status", status_list(False, 7)))


# A presentation


def test_its_holder_shows_it() -> None:
    own = diploma(HOLDER.did)
    for items in ((), (vc().decode(),), (json.loads(own),)):
        trust = Trust().adding(RecognisedIssuer(ISSUER.did)).adding(RecognisedIssuer(COLLEGE.did))
        report = judged(shown(*items), trust, **ASKED)
        assert (report.verdict, report.holder) == (Verdict.VALID, HOLDER.did)
    for change in (
        {"iss": ABSENT, "held": {"holder": HOLDER.did}},
        {"held": {"id": "urn:x:1"}, "jti": "urn:x:1"},
    ):
        assert judged(shown(**change), **ASKED)
    assert judged(shown(jti="urn:x:1"), **ASKED)
    assert FORM.identifier(shown(jti="urn:x:1")) == "urn:x:1"


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "another challenge": ({"nonce": "another"}, "wrong-challenge"),
    "no challenge": ({"nonce": ABSENT}, "wrong-challenge"),
    "another domain": ({"aud": "https://other.example"}, "wrong-domain"),
    "no time": ({"iat": ABSENT}, "invalid-proof"),
    "too old": ({"iat": SECONDS - MAX_AGE.total_seconds() - 1}, "answer-too-old"),
    "expired": ({"exp": SECONDS - 1}, "invalid-proof"),
    "another holder": ({"held": {"holder": THIEF.did}}, "malformed-credential"),
    "another id": ({"jti": "urn:x:1", "held": {"id": "urn:x:2"}}, "malformed-credential"),
    "signed by another": ({"by": THIEF}, "invalid-proof"),
    "a presentation in it": ({"held": {"verifiableCredential": [shown().decode()]}}, "malformed-credential"),
    "a number in it": ({"held": {"verifiableCredential": [5]}}, "malformed-credential"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_that_are_refused(case: str) -> None:
    change, code = ANSWERS[case]
    refused(judged(shown(**change), **ASKED), code)


def test_presentations_that_are_open() -> None:
    for held in (
        {"verifiableCredential": ["a credential"]},
        {"verifiableCredential": [claimed().decode()] * (MAX_CREDENTIALS + 1)},
        {"@context": [CONTEXT_V1, "https://unknown.example/v1"]},
    ):
        left_open(judged(shown(held=held), **ASKED))
    report = verifier(Trust().adding(RecognisedIssuer(ISSUER.did))).verify(shown(), now=NOW, unasked=True)
    assert (report.verdict, report.holder) == (Verdict.VALID, None)


def test_none_is_made_and_the_wallet_shows_one_in_json(tmp_path: Path) -> None:
    Wallet.create(tmp_path, b"a passphrase", now=NOW)
    with Wallet(tmp_path, b"a passphrase", forms=FORMS) as wallet:
        did = wallet.holder_keys()[0].did
        whole = said()
        whole["credentialSubject"]["id"] = did
        held = wallet.accept(claimed(whole), judged, now=NOW)
        answer = wallet.present([held.id], **ASKED, now=NOW)
        assert answer.secured["type"] == ["VerifiablePresentation"]
        report = judged(answer.to_bytes(), **ASKED)
        assert (report.verdict, report.holder) == (Verdict.VALID, did)
    options: Any = Options(HOLDER.method)
    with raises(UnsupportedForm):
        FORM.present([], HOLDER.key, options)
    with raises(UnsupportedForm):
        FORM.secure(options, {}, HOLDER.key, options)


# Open Badges 3.0


def test_what_is_no_badge_by_its_own_rules_is_refused() -> None:
    """Open Badges 3.0, 8.2.4: claims say what the credential says."""
    header = {"alg": "EdDSA", "typ": "JWT", "kid": ISSUER.method}
    payload = {**document(), "iss": ISSUER.did, "nbf": SECONDS - 9}
    assert judged(jwt(header, payload, ISSUER.key))
    for change in (
        {"jti": "urn:x:1"},
        {"sub": THIEF.did},
        {"iss": THIEF.did},
        {"type": "VerifiablePresentation"},
    ):
        refused(judged(jwt(header, {**payload, **change}, ISSUER.key)), "malformed-credential")
    left_open(judged(jwt(header, {**said(), "iss": ISSUER.did, "nbf": SECONDS - 9}, ISSUER.key)))


def test_those_of_1edtech_are_open(corpora: Path) -> None:
    """They are signed by RS256, the one algorithm that Open Badges 3.0 asks for, which is none of ours."""
    for name in ("simple", "velocity"):
        data = (corpora / f"vectors/openbadges/validator-fixtures-ob30/{name}.jwt").read_bytes()
        assert FORM.recognises(data)
        left_open(judged(data), "jws-not-supported")
