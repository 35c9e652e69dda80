"""VC-JOSE-COSE through the nine steps: `vc+jwt` and `vp+jwt`, made by others and by us; each rule broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS as OtherJWS

from did.methods import jwk as did_jwk
from holder import Wallet
from issuer.press.press import Line
from keys import PrivateKey
from ledger import EntryKind, parse_entry
from tests.commandline import Program
from tests.problems import raises
from tests.sd_jwts import bound, framed, jwt
from tests.world import (
    COLLEGE,
    NOW,
    Holder,
    University,
    check,
    decided,
    diploma,
    graduate,
    issuer_in,
    table,
    verifier,
)
from vc import Enveloped, Report, Verdict
from vc.forms import FORMS, INTEGRITY, SD_JWT_VC, VC_JWT, VCJWT, VP_JWT
from vc.jose import NOT_ASKED
from vc.possession import MAX_AGE, MAX_CREDENTIALS
from vc.problem import MalformedCredential, UnsupportedForm
from vc.reading import read
from vc.secured import Options
from vc.slots import Slots
from vc.vcdm.credential import CONTEXT_V1, CONTEXT_V2
from vc.vcdm.presentation import presentation
from verifier import RecognisedIssuer, Trust, load_policy
from wire import Malformed, base64url_decode, base64url_encode
from wire.work import Work

FORM = FORMS[VC_JWT]
SECONDS = int(NOW.timestamp())
ISSUER, HOLDER, THIEF = Holder(), Holder(PrivateKey.generate("P-256")), Holder()
ASKED: Mapping[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
ABSENT = object()


def without_absent(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}


def document(**change: Any) -> dict[str, Any]:
    """A diploma that names its holder; members that are `ABSENT` are left out."""
    plain = University().plain(issuer={"id": ISSUER.did, "type": ["Profile"], "name": "Example"})
    plain["credentialSubject"]["id"] = HOLDER.did
    return without_absent({**plain, **change})


def vc(
    said: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: PrivateKey = ISSUER.key,
    **claims: Any,
) -> bytes:
    whole = {"alg": key.public_key.kind.algorithms[0], "typ": "vc+jwt", "kid": ISSUER.method}
    return jwt(without_absent({**whole, **(header or {})}), {**(said or document()), **claims}, key)


def vp(*items: object, header: Mapping[str, Any] | None = None, by: Holder = HOLDER, **members: Any) -> bytes:
    """A presentation of the diploma, or of these items; members that are `ABSENT` are left out."""
    held = list(items) or [dict(Enveloped(VC_JWT, vc()))]
    answer = {"aud": ASKED["domain"], "nonce": ASKED["challenge"], "iat": SECONDS}
    whole = {"alg": by.key.public_key.kind.algorithms[0], "typ": "vp+jwt", "kid": by.method}
    payload = without_absent(
        {**presentation(HOLDER.did, []), "verifiableCredential": held, **answer, **members}
    )
    return jwt(without_absent({**whole, **(header or {})}), payload, by.key)


def judged(data: bytes | Mapping[str, Any], trust: Trust | None = None, **asked: Any) -> Report:
    known = Trust().adding(RecognisedIssuer(ISSUER.did, "Example University"))
    text = data if isinstance(data, bytes) else json.dumps(dict(data)).encode()
    return verifier(known if trust is None else trust).verify(text, now=NOW, **asked)


def refused(report: Report, code: str = "") -> None:
    assert report.verdict is Verdict.INVALID, decided(report).text
    assert decided(report).code.endswith(code)


def left_open(report: Report, code: str = "") -> None:
    assert report.verdict is Verdict.UNDETERMINED, decided(report).text
    assert decided(report).code.endswith(code), decided(report).code


# By its type


def test_it_says_what_its_document_says() -> None:
    (claims,) = judged(vc(iat=SECONDS, iss=ISSUER.did, jti=document()["id"], sub=HOLDER.did)).require()
    assert claims.said == document()
    assert (claims.issuer, claims.holder_name) == (ISSUER.did, "Ada Invented")
    assert claims.subjects[0]["id"] == HOLDER.did


def test_its_type_may_be_the_whole_media_type_and_a_line_end_is_no_part_of_it() -> None:
    """RFC 7515, 4.1.9."""
    assert judged(vc(header={"typ": VC_JWT}) + b"\r\n")
    assert FORM.identifier(vc() + b"\n") == document()["id"]
    assert FORMS[VP_JWT].identifier(vp(id="urn:example:1")) == "urn:example:1"


OTHERS = ["vp+jwt", "kb+jwt", "statuslist+jwt", "dc+sd-jwt", "vc+sd-jwt", "vc+cose", "JWT", "", 5, ABSENT]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("kind", OTHERS)
def test_one_of_another_type_is_none(kind: object) -> None:
    """Threat 19: what was signed as one thing counts for nothing as another."""
    data = vc(header={"typ": kind})
    assert not judged(data)
    refused(judged(Enveloped(VC_JWT, data)), "malformed-credential")


def test_a_presentation_is_no_credential_nor_a_credential_a_presentation() -> None:
    refused(
        judged(
            jwt(
                {"alg": "EdDSA", "typ": "vc+jwt", "kid": ISSUER.method},
                presentation(ISSUER.did, []),
                ISSUER.key,
            )
        )
    )
    refused(judged(vc(header={"typ": "vp+jwt"}), **ASKED))
    for name, data in ((VC_JWT, vc()), (VP_JWT, vp())):
        envelope = dict(Enveloped(VC_JWT, b"x"))
        refused(
            judged({**envelope, "id": f"data:{name},{data.decode()}", "type": PRESENTED[name]}),
            "malformed-credential",
        )
    with raises(MalformedCredential):
        _ = read(Enveloped(VP_JWT, vp()), FORMS, Work()).claims


PRESENTED = {VC_JWT: "EnvelopedVerifiablePresentation", VP_JWT: "EnvelopedVerifiableCredential"}


def test_a_key_binding_is_no_credential() -> None:
    binding = bound(b"x~", ISSUER.key).removeprefix(b"x~")
    assert not judged(binding)
    refused(judged(Enveloped(VC_JWT, binding)), "malformed-credential")


def test_each_is_enveloped_under_its_own_type() -> None:
    report = judged(Enveloped(VP_JWT, vp()), **ASKED)
    assert dict(Enveloped(VP_JWT, vp()))["type"] == "EnvelopedVerifiablePresentation"
    assert (report.verdict, report.holder) == (Verdict.VALID, HOLDER.did)
    assert judged(Enveloped(VC_JWT, vc()))
    left_open(judged({**Enveloped(VP_JWT, b"x"), "id": "data:application/x-other,x"}))


def test_what_is_no_jwt_is_none_of_ours() -> None:
    for content in (b"a.b", b"a.b.c", b"eyJ9.eyJ9.AA", {"id": "urn:x"}):
        assert not FORM.recognises(content)
    for name in (VC_JWT, VP_JWT):
        for content in ({"id": "urn:x"}, b"a.b"):
            with raises(Malformed):
                FORMS[name].identifier(content)
        with raises(Malformed):
            FORMS[name].read({"id": "urn:x"}, FORMS, Work())
        refused(judged(Enveloped(name, b"a.b"), **({} if name == VC_JWT else ASKED)), "invalid-jws")


# The claims of the JWT


@pytest.mark.parametrize("claim", ["vc", "vp"])
def test_the_claims_vc_and_vp_are_refused(claim: str) -> None:
    held: dict[str, Any] = {claim: document()}
    refused(judged(vc(**held)), "malformed-credential")
    refused(judged(vp(**held), **ASKED), "malformed-credential")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("claim", ["iss", "jti", "sub"])
@pytest.mark.parametrize("value", ["did:example:another", "", None, 5, [ISSUER.did]])
def test_a_claim_that_says_something_else_than_the_document_is_refused(claim: str, value: Any) -> None:
    refused(judged(vc(**{claim: value})), "malformed-credential")


def test_a_claim_for_what_the_document_does_not_say_is_refused_too() -> None:
    anybody = document()
    del anybody["credentialSubject"]["id"]
    assert judged(vc(anybody))
    refused(judged(vc(anybody, sub=HOLDER.did)), "malformed-credential")
    refused(judged(vc(document(id=ABSENT), jti="urn:example:1")), "malformed-credential")
    several = [document()["credentialSubject"], {**document()["credentialSubject"], "id": THIEF.did}]
    refused(judged(vc(document(credentialSubject=several), sub=HOLDER.did)), "malformed-credential")


def test_a_claim_counts_in_the_header_as_well_and_says_the_same_there() -> None:
    """RFC 7519, 5.3."""
    assert judged(vc(header={"iss": ISSUER.did, "iat": SECONDS}))
    refused(judged(vc(header={"iss": THIEF.did})), "malformed-credential")
    refused(judged(vc(header={"iss": THIEF.did}, iss=ISSUER.did)), "malformed-credential")
    refused(judged(vc(header={"exp": SECONDS - 1})), "expired")
    refused(judged(vc(header={"exp": SECONDS + 9}, exp=SECONDS + 99)), "malformed-credential")


DAY = timedelta(days=1)
BEFORE, AFTER = NOW - DAY, NOW + DAY


def day(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(("until", "exp"), [*product((ABSENT, BEFORE, AFTER), repeat=2)])
def test_exp_narrows_the_last_day(until: Any, exp: Any) -> None:
    ends = [when for when in (until, exp) if when is not ABSENT]
    said = document(validFrom=day(NOW - 9 * DAY), validUntil=until if until is ABSENT else day(until))
    data = vc(said, **without_absent({"exp": exp if exp is ABSENT else int(exp.timestamp())}))
    assert read(Enveloped(VC_JWT, data), FORMS, Work()).claims.valid_until == min(ends, default=None)
    if BEFORE in ends:
        refused(judged(data), "expired")
    else:
        assert judged(data)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("since", "nbf"), [*product((ABSENT, BEFORE, AFTER), repeat=2)])
def test_nbf_narrows_the_first_day(since: Any, nbf: Any) -> None:
    starts = [when for when in (since, nbf) if when is not ABSENT]
    said = document(validFrom=since if since is ABSENT else day(since))
    data = vc(said, **without_absent({"nbf": nbf if nbf is ABSENT else nbf.timestamp()}))
    assert read(Enveloped(VC_JWT, data), FORMS, Work()).claims.valid_from == max(starts, default=None)
    if AFTER in starts:
        refused(judged(data), "not-yet-in-force")
    else:
        assert judged(data)


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1782907200", True, None])
def test_a_date_that_is_none_is_refused(claim: str, value: Any) -> None:
    refused(judged(vc(**{claim: value})), "malformed-credential")


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [1e18, -1e18])
def test_a_date_beyond_the_calendar_is_open(claim: str, value: Any) -> None:
    left_open(judged(vc(**{claim: value})))


@pytest.mark.parametrize("number", [2**53, -(2**64)])
def test_an_integer_that_programs_read_differently_is_open(number: Any) -> None:
    """No report could hold one beyond 64 bits."""
    left_open(judged(vc(**{"https://vocabulary.example/count": number})))


def test_one_that_was_signed_later_than_now_is_open() -> None:
    left_open(judged(vc(iat=SECONDS + 3600)))


def test_one_for_certain_recipients_is_open() -> None:
    left_open(judged(vc(aud="https://employer.example")), "audience-named")


def test_a_confirmation_key_is_that_of_the_subject() -> None:
    for cnf in ({"jwk": HOLDER.key.public_key.jwk()}, {"kid": HOLDER.method}):
        assert judged(vc(cnf=cnf))
    by_jwk = document()
    by_jwk["credentialSubject"]["id"] = did_jwk.create(HOLDER.key.public_key)
    assert judged(vc(by_jwk, cnf={"jwk": HOLDER.key.public_key.jwk()}))
    for cnf in ({"jwk": THIEF.key.public_key.jwk()}, {"kid": "did:web:x.example#1"}, {"x5t#S256": "AA"}):
        left_open(judged(vc(cnf=cnf)), "holder-key-unknown")
    refused(judged(vc(cnf=[])), "malformed-credential")


# The document


def test_an_unknown_context_and_a_term_without_a_meaning_are_open() -> None:
    unknown = [*document()["@context"], "https://unknown.example/v1"]
    left_open(judged(vc(document(**{"@context": unknown}))), "unknown-context")
    left_open(judged(vc(document(**{"@context": unknown}), jti="urn:example:other")), "unknown-context")
    left_open(judged(vc(document(surprise="x"))))


@pytest.mark.parametrize("proof", [{}, [], "x", [{"type": "DataIntegrityProof", "cryptosuite": "x"}]])
def test_a_proof_in_the_document_leaves_it_open(proof: Any) -> None:
    """Nobody looks whether it fits, so that it might be broken, or somebody else's."""
    left_open(judged(vc(document(proof=proof))))
    left_open(judged(vp(proof=proof), **ASKED))


def test_its_types_are_named_by_the_contexts_of_its_form() -> None:
    for name in (
        "OpenBadgeCredential",
        "https://purl.imsglobal.org/spec/vc/ob/vocab.html#OpenBadgeCredential",
    ):
        assert judged(vc(), policy=load_policy({"type": name}))
    refused(judged(vc(), policy=load_policy({"type": "urn:example:other"})))


def test_one_of_the_data_model_1_1_is_of_another_type() -> None:
    said = document(issuanceDate=day(BEFORE), validFrom=ABSENT)
    said["@context"] = [CONTEXT_V1, *said["@context"][1:]]
    left_open(judged(vc(said)), "unsupported-form")


# Who signed it


def test_the_signer_is_the_issuer_that_it_names() -> None:
    refused(judged(vc(key=THIEF.key)), "invalid-proof")
    refused(judged(vc(header={"kid": THIEF.method}, key=THIEF.key)))
    refused(judged(vc(document(issuer=THIEF.did))))
    for kid in (5, None, ""):
        refused(judged(vc(header={"kid": kid})), "malformed-credential")
    changed = vc().split(b".")
    changed[1] = base64url_encode(json.dumps(document(name="Doctor")).encode()).encode()
    refused(judged(b".".join(changed)), "invalid-proof")


def test_kid_is_absolute_or_relative_to_the_issuer() -> None:
    fragment = f"#{ISSUER.key.public_key.multikey()}"
    for kid in (ISSUER.method, fragment, ABSENT):
        assert judged(vc(header={"kid": kid}))
        assert judged(vc(header={"kid": kid}, iss=ISSUER.did))
    refused(judged(vc(header={"kid": f"#{THIEF.key.public_key.multikey()}"})))
    said = document(issuer="did:web:university.example")
    left_open(judged(vc(said, header={"kid": "key-1"})))
    trust = Trust().adding(RecognisedIssuer("did:web:university.example"))
    left_open(judged(vc(said, header={"kid": "key-1"}), trust), "issuer-key-not-named")


def test_an_issuer_with_an_address_is_known_by_the_key_that_the_trust_list_pins() -> None:
    address = "https://university.example/issuer"
    pinned = RecognisedIssuer(address, keys=(ISSUER.key.public_key.multikey(),))
    data = vc(document(issuer=address), header={"kid": f"{address}#key-1"})
    assert judged(data, Trust().adding(pinned))
    left_open(judged(data))


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519", "ES256", "ES384", "ES256K"])
def test_each_algorithm(algorithm: str) -> None:
    kinds = {"ES256": "P-256", "ES384": "P-384", "ES256K": "secp256k1"}
    by = Holder(PrivateKey.generate(kinds.get(algorithm, "Ed25519")))
    data = vc(document(issuer=by.did), {"alg": algorithm, "kid": by.method}, by.key)
    assert judged(data, by.trust)
    confused = "ES256" if algorithm.startswith("Ed") else "EdDSA"
    assert not judged(vc(document(issuer=by.did), {"alg": confused, "kid": by.method}, by.key), by.trust)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_algorithms_that_sign_nothing_are_refused_and_unknown_ones_open(algorithm: str) -> None:
    report = judged(Enveloped(VC_JWT, vc(header={"alg": algorithm})))
    (left_open if algorithm == "RS256" else refused)(report)


# A presentation


def test_its_holder_shows_it() -> None:
    for data in (vp(), vp(iss=HOLDER.did), vp(holder=ABSENT, iss=HOLDER.did), vp(exp=SECONDS + 60)):
        report = judged(data, **ASKED)
        assert (report.verdict, report.holder) == (Verdict.VALID, HOLDER.did)
        assert report.require()[0].said == document()
    assert judged(vp(header={"kid": f"#{HOLDER.key.public_key.multikey()}"}), **ASKED)
    assert judged(vp(aud=[ASKED["domain"]]), **ASKED)


def test_one_without_credentials_proves_a_did() -> None:
    data = vp(verifiableCredential=ABSENT)
    report = judged(data, policy=load_policy("controlsDid"), **ASKED)
    assert report.holder == HOLDER.did


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "another challenge": ({"nonce": "another"}, "wrong-challenge"),
    "no challenge": ({"nonce": ABSENT}, "wrong-challenge"),
    "another domain": ({"aud": "https://other.example"}, "wrong-domain"),
    "several domains": ({"aud": [ASKED["domain"], "https://other.example"]}, "wrong-domain"),
    "no domain": ({"aud": ABSENT}, "wrong-domain"),
    "no time": ({"iat": ABSENT}, "invalid-proof"),
    "too old": ({"iat": SECONDS - MAX_AGE.total_seconds() - 1}, "answer-too-old"),
    "expired": ({"exp": SECONDS - 1}, "invalid-proof"),
    "before it begins": ({"nbf": SECONDS + 60}, "invalid-proof"),
    "a time that is none": ({"iat": "now"}, "malformed-credential"),
    "a domain that is none": ({"aud": [5]}, "malformed-credential"),
    "domains that are none": ({"aud": {ASKED["domain"]: 1}}, "malformed-credential"),
    "a challenge that is none": ({"nonce": 5}, "malformed-credential"),
    "another holder": ({"holder": THIEF.did}, "invalid-proof"),
    "another issuer": ({"iss": THIEF.did}, "malformed-credential"),
    "an issuer that is none": ({"iss": 5, "holder": ABSENT}, "malformed-credential"),
    "another id": ({"jti": "urn:example:1", "id": "urn:example:2"}, "malformed-credential"),
    "signed by another": ({"by": THIEF}, "invalid-proof"),
    "signed by another in the holder's name": ({"by": THIEF, "header": {"kid": HOLDER.method}}, ""),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_that_are_refused(case: str) -> None:
    change, code = ANSWERS[case]
    refused(judged(vp(**change), **ASKED), code)


def test_one_that_nobody_asked_for_shows_no_holder() -> None:
    report = verifier(Trust().adding(RecognisedIssuer(ISSUER.did))).verify(vp(), now=NOW, unasked=True)
    assert (report.verdict, report.holder) == (Verdict.VALID, None)
    left_open(judged(vp(iat=SECONDS + 3600), **ASKED))
    unknown: Mapping[str, Any] = {"@context": [CONTEXT_V2, "https://unknown.example/v1"]}
    left_open(judged(vp(**unknown), **ASKED))


def test_what_is_in_it_is_enveloped_and_no_presentation() -> None:
    enveloped, own = dict(Enveloped(VC_JWT, vc())), json.loads(diploma())
    sd_jwt = framed({"iss": ISSUER.did, "vct": "urn:x", "cnf": {"jwk": HOLDER.key.public_key.jwk()}}, [])
    header = {"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": ISSUER.method}
    shown = bound(jwt(header, sd_jwt.payload, ISSUER.key) + b"~", HOLDER.key)
    unread = {**Enveloped(VC_JWT, b"x"), "id": "data:application/vc+cose,x"}
    for item in (
        own,
        vc().decode(),
        5,
        dict(Enveloped(VP_JWT, vp())),
        {**Enveloped(VC_JWT, vc()), "id": f"data:{VP_JWT},{vp().decode()}"},
        dict(Enveloped(SD_JWT_VC, shown)),
        dict(Enveloped(INTEGRITY, json.dumps(THIEF.present(own)).encode())),
    ):
        for items in ([item], [enveloped, item]):
            refused(judged(vp(*items), **ASKED), "malformed-credential")
    left_open(judged(vp(unread), **ASKED), "unsupported-form")
    left_open(judged(vp(*[enveloped] * (MAX_CREDENTIALS + 1)), **ASKED))
    two = judged(
        vp(enveloped, dict(Enveloped(INTEGRITY, diploma()))),
        Trust().adding(RecognisedIssuer(ISSUER.did)).adding(RecognisedIssuer(COLLEGE.did)),
        **ASKED,
    )
    assert len(two.require()) == 2


# What we make


def test_the_wallet_shows_jwts_as_one(tmp_path: Path) -> None:
    Wallet.create(tmp_path, b"a passphrase", now=NOW)
    with Wallet(tmp_path, b"a passphrase", forms=FORMS) as wallet:
        did = wallet.holder_keys()[0].did
        said = document()
        said["credentialSubject"]["id"] = did
        held = wallet.accept(vc(said), judged, now=NOW)
        other = wallet.accept(diploma(did), check, now=NOW)
        shown = wallet.present([held.id], **ASKED, now=NOW)
        assert isinstance(shown.secured, Enveloped)
        assert shown.secured.form == VP_JWT
        report = judged(shown.to_bytes(), **ASKED)
        assert (report.verdict, report.holder) == (Verdict.VALID, did)
        assert judged(shown.secured.data, **ASKED)
        assert not isinstance(wallet.present([held.id, other.id], **ASKED, now=NOW).secured, Enveloped)


def test_a_presentation_takes_somebody_who_asked_and_credentials_that_can_be_enveloped() -> None:
    options = Options(HOLDER.method, "authentication", NOW, ASKED["challenge"], ASKED["domain"])
    for name in (VC_JWT, VP_JWT):
        show = partial(FORMS[name].present, [Enveloped(VC_JWT, vc())], HOLDER.key)
        assert judged(dict(show(options)), **ASKED)
        shown = read(show(options), FORMS, Work())
        assert shown.digests(Work()) == frozenset(), "what is shown is in no log"
        for lacking in ({"created": None}, {"challenge": ""}, {"domain": None}):
            with raises(NOT_ASKED):
                show(options._replace(**lacking))
        with raises(UnsupportedForm):
            FORMS[name].present([json.loads(diploma())], HOLDER.key, options)


def test_a_line_is_logged_by_its_bytes_and_the_same_row_gives_the_same_ones(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", form=FORM)
    press = issuer.press()
    record = issuer.line(issuer.issue(graduate(1))).record
    once, again = (press.print(record, 7, NOW) for _ in range(2))
    assert once == again
    line = Line.parse(once.line, issuer.forms)
    assert isinstance(line.credential, Enveloped)
    assert parse_entry(once.entry).digest == sha256(line.credential.data).digest()
    assert parse_entry(once.entry).kind is EntryKind.CREDENTIAL
    header, payload = (
        json.loads(base64url_decode(part)) for part in line.credential.data.decode().split(".")[:2]
    )
    assert header == {"alg": "EdDSA", "typ": "vc+jwt", "kid": press.verification_method}
    facts, said = press.composer.parts(record, 7)
    assert payload == {**payload, **said, "iat": SECONDS, "id": facts.id}
    assert line.created == NOW
    (signed,) = line.secured.signatures(Work()).known
    assert line.secured.leaves(signed, EntryKind.CREDENTIAL, Work()) == (once.entry,)
    for member in ("iat", "vc"):
        with raises(Malformed):
            FORM.secure(facts, {**said, member: 1}, press.signer, Options(press.verification_method))
    with raises(Malformed):
        FORM.secure(facts, {**said, "name": None}, press.signer, Options(press.verification_method))
    with raises(UnsupportedForm):
        FORMS[VP_JWT].secure(facts, said, press.signer, Options(press.verification_method))


def test_a_shape_that_a_skeleton_cannot_splice_has_none(tmp_path: Path) -> None:
    press = issuer_in(tmp_path / "home", form=FORM).press()
    facts, said = press.composer.parts({**graduate(1), "ects": 180, "degree_name": ""}, 7)
    options, slots = Options(press.verification_method), Slots(["Ada"])
    compiled = partial(VCJWT().skeleton, facts, slots=slots, key=press.signer.public_key, options=options)
    for name, exists in ((slots.markers[0], True), (None, False), (f"{slots.token}x", False)):
        assert (compiled({**said, "name": name}) is not None) is exists
    skeleton = compiled({**said, "name": slots.markers[0]})
    assert skeleton
    spliced = skeleton.secure(["Ada"], press.signer)
    made = FORM.secure(facts, {**said, "name": "Ada"}, press.signer, options)
    assert isinstance(made, Enveloped)
    assert spliced == (json.dumps(dict(made), separators=(",", ":")).encode(), sha256(made.data).digest())
    for name in ("null", "[]", "\ud800"):  # the general path says whether it is a member that says nothing
        assert skeleton.secure([name], press.signer) is None


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384", "secp256k1"])
def test_jwcrypto_verifies_what_we_sign_and_we_read_what_it_signs(kind: str) -> None:
    key = PrivateKey.generate(kind)
    by = Holder(key)
    algorithm = FORMS[VP_JWT].algorithm(key.public_key)
    public = JWK(**key.public_key.jwk())
    shown = FORM.present([Enveloped(VC_JWT, vc())], key, Options(by.method, "authentication", NOW, **ASKED))
    assert isinstance(shown, Enveloped)
    token = OtherJWS()
    token.allowed_algs = [algorithm]
    token.deserialize(shown.data.decode(), public)
    assert json.loads(token.payload)["holder"] == by.did
    theirs = OtherJWS(json.dumps(document(issuer=by.did)))
    private = JWK(**key.public_key.jwk(), d=base64url_encode(key.secret))
    theirs.allowed_algs = [algorithm]
    theirs.add_signature(private, protected=json.dumps({"alg": algorithm, "typ": "vc+jwt", "kid": by.method}))
    assert judged(theirs.serialize(compact=True).encode(), by.trust)


# At the command line


@pytest.mark.slow
def test_a_file_from_its_rows_to_a_presentation_and_a_revocation(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.csv").write_text(table([graduate(row) for row in range(1, 9)]))
    made = program("issuer", "issue", "g.csv", "--name", "U", "--form", "vc+jwt")
    assert (made.code, "ES256" in made.err) == (0, False)
    assert program("issuer", "issue", "g.csv").out == "0 issued, 8 issued before, 0 with errors\n"
    name = "diplomas/UNI-000001.json"
    assert json.loads(Path(name).read_bytes())["secured"]["form"] == VC_JWT
    assert program("verify", name).code == 0
    assert program("issuer", "correct", "UNI-000002", "--set", "gpa=4.0", "--yes").code == 0
    Path("passphrase").write_text("correct horse battery")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", "passphrase")
    assert program("wallet", "init").code == 0
    assert program("wallet", "import", name).code == 0
    (held,) = json.loads(program("wallet", "list", "--json").out)["credentials"]
    asked = ("--challenge", "n-0S6_WzA2Mj", "--domain", "https://employer.example")
    shown = program("wallet", "present", held["id"], *asked, "--yes")
    Path("shown.json").write_text(shown.out)
    assert json.loads(shown.out)["secured"]["form"] == VP_JWT
    assert program("verify", "shown.json", *asked).code == 0
    assert program("verify", "shown.json", "--challenge", "another", *asked[2:]).code == 1
    assert program("issuer", "revoke", "UNI-000001", "--yes").code == 0
    assert program("verify", name).code == 1
