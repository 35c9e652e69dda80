"""SD-JWT VC through the nine steps: what decides in it, who signed it, who shows it; each rule broken."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from did.methods import jwk as did_jwk
from did.methods import key as did_key
from intaglio.pages.view import judgement
from keys import PrivateKey, PublicKey
from tests.authorities import Certified
from tests.problems import raises
from tests.sd_jwts import Frame, Path, as_text, b64, bound, framed, jwt
from tests.test_sd_jwt_disclosures import ISSUER as EXAMPLE
from tests.test_sd_jwt_disclosures import frames
from tests.world import NOW, Holder, decided, verifier
from vc import Report, Verdict
from vc.claims import ANCHORED_IN_LOG, KIND, STATUS_STATEMENT
from vc.forms import FORMS
from vc.forms.sdjwt import MEDIA_TYPE, SDJWTVC
from vc.forms.sdjwt.binding import ANOTHER_HOLDER
from vc.forms.sdjwt.choice import choices_of, show
from vc.forms.sdjwt.claims import FIXED
from vc.forms.sdjwt.credential import ALGORITHM_NOT_FOR_KEY, SDJWTCredential
from vc.forms.sdjwt.disclosures import written_path
from vc.jose import NOT_ASKED
from vc.possession import Asked
from vc.problem import UnsupportedForm
from vc.secured import Discloses, Options
from vc.vcdm.enveloped import Enveloped
from verifier import RecognisedIssuer, Trust
from verifier.judge import Judge, Question, Verifiers
from wire import Malformed
from wire.work import Work

FORM = FORMS[MEDIA_TYPE]
SECONDS = int(NOW.timestamp())
ISSUER, HOLDER = Holder(), Holder(PrivateKey.generate("P-256"))
ASKED: Mapping[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
SAID: Mapping[str, Any] = {
    "iss": ISSUER.did,
    "vct": "urn:example:degree",
    "nbf": SECONDS - 86_400,
    "exp": SECONDS + 86_400,
    "given_name": "Ada",
    "family_name": "Invented",
    "address": {"city": "Anytown", "country": "XX"},
    "languages": ["en", "de"],
}
BOUND: Mapping[str, Any] = {**SAID, "cnf": {"jwk": HOLDER.key.public_key.jwk()}}
HIDDEN: Collection[Path] = [("given_name",), ("address", "city"), ("languages", 1)]
ABSENT = object()


def vc(
    said: Mapping[str, Any] = SAID,
    hidden: Collection[Path] = HIDDEN,
    header: Mapping[str, Any] | None = None,
    key: PrivateKey = ISSUER.key,
    shown: Collection[Path] | None = None,
) -> bytes:
    """One by the issuer; members that are `ABSENT` are left out."""
    whole = {"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": ISSUER.method, **(header or {})}
    frame = framed({name: value for name, value in said.items() if value is not ABSENT}, hidden)
    texts = [text for path, text in frame.disclosures.items() if shown is None or path in shown]
    signed = jwt({name: value for name, value in whole.items() if value is not ABSENT}, frame.payload, key)
    return b"".join(part + b"~" for part in (signed, *texts))


def judged(data: bytes, trust: Trust | None = None, **asked: Any) -> Report:
    known = Trust().adding(RecognisedIssuer(ISSUER.did, "Example University"))
    return verifier(known if trust is None else trust).verify(data, now=NOW, **asked)


def test_what_is_disclosed_is_said_and_nothing_else() -> None:
    (claims,) = judged(vc()).require()
    assert claims.said == SAID
    assert (claims.types, claims.issuer, claims.holder_name) == (
        ("urn:example:degree",),
        ISSUER.did,
        "Ada Invented",
    )
    assert (claims.title, claims.number, claims.valid_until) == (
        "degree",
        "",
        claims.ends and claims.ends.utc,
    )
    (claims,) = judged(vc(shown=[("languages", 1)])).require()
    assert claims.said == {
        **{name: value for name, value in SAID.items() if name != "given_name"},
        "address": {"country": "XX"},
    }
    (claims,) = judged(vc(hidden=())).require()  # SD-JWT VC, 2.2.2.5
    assert claims.said == SAID
    assert "id" not in claims.subjects[0]


def test_a_line_end_at_the_end_of_a_file_is_no_part_of_it() -> None:
    assert judged(vc() + b"\n")
    assert FORM.identifier(vc({**SAID, "jti": "urn:example:1"}) + b"\r\n") == "urn:example:1"


# By its shape


def named(data: bytes) -> str:
    report = judged(data)
    assert report.verdict is Verdict.UNDETERMINED
    return decided(report).text


@pytest.mark.parametrize("kind", ["example+sd-jwt", "kb+jwt", "statuslist+jwt", "vc+jwt", "JWT", ABSENT, 5])
def test_one_of_another_type_is_none(kind: object) -> None:
    assert "an SD-JWT" in named(vc(header={"typ": kind}))


def test_how_many_more_values_there_may_be_is_said() -> None:
    """An issuer may add decoys, so that nobody knows how many there are."""
    hidden = vc({**SAID, "a": "1", "b": {"c": "2"}}, [("a",), ("b",)])
    jwt, first, second, _ = hidden.split(b"~")
    for disclosures, most in (((first, second), 0), ((first,), 1), ((), 2)):
        report = judged(b"~".join((jwt, *disclosures, b"")))
        assert report
        said = f"Beside what it shows, up to {most} more values may be hidden, or none: "
        view = judgement("a.jwt", hidden, report, ISSUER.trust, (), "en", Work())
        assert any(str(one).startswith(said) for one in view.sentences) == bool(most)


def test_the_former_type_is_read_unless_it_is_of_the_data_model_of_w3c() -> None:
    former = {"typ": "vc+sd-jwt"}
    report = judged(vc(header=former))
    assert report
    (remark,) = (check for check in report.checks if check.code == "readable-former-name")
    assert "vc+sd-jwt" in remark.text
    assert "readable-former-name" not in {check.code for check in judged(vc()).checks}
    assert "an SD-JWT" in named(
        vc({**SAID, "@context": ["https://www.w3.org/ns/credentials/v2"]}, header=former)
    )
    assert "an SD-JWT" in named(vc({**SAID, "vct": ABSENT}, header=former))


def test_a_jwt_alone_is_no_sd_jwt() -> None:
    assert "a JWT" in named(vc().partition(b"~")[0])


@pytest.mark.parametrize("header", [{"disclosures": []}, {"kid": "x", "disclosures": ["WyJzIiwxXQ"]}])
def test_json_serialisations_are_named_by_sight(header: Mapping[str, Any]) -> None:
    protected, payload, signature = vc().partition(b"~")[0].decode().split(".")
    parts = {"protected": protected, "signature": signature, "header": header}
    flat = {"payload": payload, **parts}
    for value in (flat, {"payload": payload, "signatures": [parts]}):
        assert "an SD-JWT in JSON" in named(json.dumps(value).encode())


def test_a_signature_in_json_is_not_taken_for_an_sd_jwt() -> None:
    for value in ({"payload": "e30", "signature": "x", "header": 5}, {"payload": "", "signatures": [5, {}]}):
        assert "JAdES" in named(json.dumps(value).encode())


@pytest.mark.parametrize(
    "change", [(b"~", b"=~"), (b"~", b" ~"), (b"~", b"~~"), (b".", b"\n."), (b"~W", b"~ W")]
)
def test_other_spellings_of_base64url_are_never_valid(change: tuple[bytes, bytes]) -> None:
    assert judged(vc().replace(*change, 1)).verdict is not Verdict.VALID


# What decides


def refused(report: Report, code: str = "") -> None:
    assert report.verdict is Verdict.INVALID, report.to_dict()
    assert decided(report).code.endswith(code), decided(report).code


def left_open(report: Report, code: str = "") -> None:
    assert report.verdict is Verdict.UNDETERMINED, report.to_dict()
    assert decided(report).code.endswith(code), decided(report).code


WHOLE: Mapping[str, Any] = {
    **BOUND,
    "aud": "https://employer.example",
    "vct#integrity": "sha256-AA==",
    "aka_vcts": ["urn:example:other"],
    "status": {"status_list": {"idx": 1, "uri": "https://a.example"}},
    "credentialStatus": [{"id": "https://a.example#1", "type": "StatusList2021Entry"}],
    "credentialSchema": [{"id": "https://a.example", "type": "JsonSchema"}],
    ANCHORED_IN_LOG: "urn:intaglio:log:a",
    KIND: "urn:intaglio:kind:a:1:b",
    STATUS_STATEMENT: "urn:a#1",
}


def test_these_are_the_claims_that_decide() -> None:
    assert WHOLE.keys() - SAID.keys() | {"iss", "vct", "nbf", "exp"} == FIXED


@pytest.mark.parametrize("name", sorted(FIXED))
def test_what_decides_is_never_hidden(name: str) -> None:
    refused(judged(vc(WHOLE, [(name,)])), "invalid-sd-jwt")


@pytest.mark.parametrize(
    "path",
    [
        ("cnf", "jwk"),
        ("cnf", "jwk", "x"),
        ("status", "status_list"),
        ("status", "status_list", "idx"),
        ("aka_vcts", 0),
        ("credentialStatus", 0, "id"),
        ("credentialSchema", 0, "id"),
    ],
)
@pytest.mark.parametrize("shown", [None, ()])
def test_nor_is_any_part_of_it(path: Path, shown: Collection[Path] | None) -> None:
    refused(judged(vc(WHOLE, [path], shown=shown)), "invalid-sd-jwt")


BROKEN: Mapping[str, Mapping[str, Any]] = {
    "no vct": {"vct": ABSENT},
    "vct is a list": {"vct": ["urn:a"]},
    "vct is empty": {"vct": ""},
    "iss is no text": {"iss": {"id": ISSUER.did}},
    "jti is no text": {"jti": 5},
    "nbf is a text": {"nbf": str(SECONDS)},
    "nbf is null": {"nbf": None},
    "exp is a truth value": {"exp": True},
    "exp is an object": {"exp": {}},
    "exp is beyond any float": {"exp": 10**400},
    "iat is a text": {"iat": "now"},
    "aka_vcts is a text": {"aka_vcts": "urn:a"},
    "aka_vcts is empty": {"aka_vcts": []},
    "aka_vcts has a number": {"aka_vcts": [5]},
    "aka_vcts has the vct": {"aka_vcts": ["urn:example:degree"]},
    "the digest of its metadata is a number": {"vct#integrity": 5},
    "status is a text": {"status": "https://a.example"},
    "status is empty": {"status": {}},
    "a way of status is a text": {"status": {"status_list": "https://a.example"}},
    "a status of the data model is a text": {"credentialStatus": "https://a.example"},
    "a status of the data model has no type": {"credentialStatus": [{"id": "https://a.example#1"}]},
    "a log is no URL": {ANCHORED_IN_LOG: ["log"]},
    "a kind is a number": {KIND: 5},
    "two statements": {STATUS_STATEMENT: ["urn:a#1", "urn:a#2"]},
    "cnf is a text": {"cnf": HOLDER.did},
    "cnf is empty": {"cnf": {}},
    "jwk is a text": {"cnf": {"jwk": "x"}},
    "jwk is private": {"cnf": {"jwk": {**HOLDER.key.public_key.jwk(), "d": "AA"}}},
    "jwk is another key than kid": {"cnf": {"jwk": HOLDER.key.public_key.jwk(), "kid": ISSUER.did}},
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", BROKEN)
def test_claims_that_decide_and_are_broken(name: str) -> None:
    refused(judged(vc({**SAID, **BROKEN[name]})))


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("seconds", [253_402_300_800, 10**15, -(10**15), 1e300])
def test_a_date_beyond_the_calendar_is_open(name: str, seconds: float) -> None:
    """RFC 7519 has no last one, and some count in milliseconds."""
    report = judged(vc({**SAID, name: seconds}))
    assert report.verdict is Verdict.UNDETERMINED
    assert name in decided(report).text


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**64, 10**40])
@pytest.mark.parametrize("hidden", [(), [("member",)]])
def test_an_integer_that_programs_read_differently_is_open(number: int, hidden: Collection[Path]) -> None:
    """One beyond 64 bits stopped the service, whose reports could not be written."""
    known = verifier(ISSUER.trust)
    judge = Judge(lambda: Verifiers(known, known))
    assert judge(Question(vc({**SAID, "member": [number]}, hidden), NOW)).status == 422
    assert judge(Question(vc({**SAID, "member": [2**53 - 1, 1.5, True]}, hidden), NOW)).status == 200


def test_dates() -> None:
    assert judged(vc({**SAID, "exp": SECONDS + 0.5, "nbf": SECONDS - 0.5, "iat": SECONDS}))
    refused(judged(vc({**SAID, "exp": SECONDS})), "expired")  # RFC 7519, 4.1.4: on or after it
    refused(judged(vc({**SAID, "nbf": SECONDS + 86_400})), "not-yet-in-force")
    assert judged(vc({**SAID, "exp": ABSENT, "nbf": ABSENT}))


@pytest.mark.parametrize(
    "status",
    [
        {"status_attestation": {"idx": 1, "uri": "https://a.example"}},
        {"future": {}},
        {"BitstringStatusListEntry": {"statusListIndex": "1"}},
    ],
)
def test_a_status_of_a_kind_that_is_not_known_is_open(status: Mapping[str, Any]) -> None:
    left_open(judged(vc({**SAID, "status": status})), "unknown-status-entry")


def test_a_status_in_the_words_of_the_data_model_is_not_passed_over() -> None:
    """Such as openvc-core asks for: what was revoked would be valid."""
    entry = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "1",
        "statusListCredential": "https://a.example/1",
    }
    for status in (entry, [entry], {**entry, "type": "StatusList2021Entry"}):
        report = judged(vc({**SAID, "credentialStatus": status}))
        assert (report.verdict, decided(report).name) == (Verdict.UNDETERMINED, "status")


def test_one_that_is_of_the_data_model_of_w3c_as_well_is_open() -> None:
    """Its end may stand in `validUntil`, which an SD-JWT VC does not have."""
    report = judged(
        vc({**SAID, "@context": ["https://www.w3.org/ns/credentials/v2"], "validUntil": "2020-01-01"})
    )
    assert (report.verdict, decided(report).code) == (Verdict.UNDETERMINED, "readable-unsupported-form")


def test_other_names_of_its_type_widen_no_trust() -> None:
    known = Trust().adding(RecognisedIssuer(ISSUER.did, types=("urn:example:degree",)))
    assert judged(vc(), known)
    said = {**SAID, "vct": "urn:example:doctorate", "aka_vcts": ["urn:example:degree"]}
    refused(judged(vc(said), known), "not-for-type")


def test_a_claim_named_id_is_not_the_holders_key() -> None:
    (claims,) = judged(vc({**BOUND, "id": ISSUER.did})).require()
    assert claims.subjects[0]["id"] == HOLDER.did
    (claims,) = judged(vc({**SAID, "id": HOLDER.did, "sub": "user_42"})).require()
    assert "id" not in claims.subjects[0]
    assert claims.said["sub"] == "user_42"


def test_one_for_certain_recipients_is_open() -> None:
    left_open(judged(vc({**SAID, "aud": ["https://employer.example"]})), "audience-named")


def test_its_own_id_may_be_hidden() -> None:
    said, path = {**SAID, "jti": "urn:example:1"}, ("jti",)
    assert judged(vc(said, [path])).require()[0].id == "urn:example:1"
    assert judged(vc(said, [path], shown=())).require()[0].id is None


# Who signed it


def test_the_signer_is_the_issuer_that_it_names() -> None:
    thief = Holder()
    refused(judged(vc(header={"kid": thief.method}, key=thief.key)))
    refused(judged(vc(key=thief.key)), "invalid-proof")
    refused(judged(vc({**SAID, "iss": thief.did})))
    own = f"#{ISSUER.key.public_key.multikey()}"
    for kid in (own, "any", ABSENT):
        assert judged(vc(header={"kid": kid}))
    for kid in (5, None, ""):  # RFC 7515, 4.1.4
        refused(judged(vc(header={"kid": kid})), "malformed-credential")


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384"])
@pytest.mark.parametrize("create", [did_key.create, did_jwk.create])
def test_each_kind_of_key_and_did_that_is_one(kind: str, create: Callable[[PublicKey], str]) -> None:
    key = PrivateKey.generate(kind)
    did = create(key.public_key)
    header = {"alg": key.public_key.kind.algorithms[0], "kid": ABSENT}
    trust = Trust().adding(RecognisedIssuer(did))
    assert judged(vc({**SAID, "iss": did}, header=header, key=key), trust)


def test_an_issuer_with_an_address_is_known_by_the_key_that_the_trust_list_pins() -> None:
    address = "https://university.example/issuer"
    pinned = RecognisedIssuer(address, keys=(ISSUER.key.public_key.multikey(),))
    for kid in ("key-1", "#key-1", f"{address}#key-1", ABSENT):
        data = vc({**SAID, "iss": address}, header={"kid": kid})
        assert judged(data, Trust().adding(pinned))
        left_open(judged(data))
        assert not judged(data, Trust().adding(RecognisedIssuer(address)))


@pytest.mark.parametrize("issuer", ["did:web:university.example", "Example University", "urn:example:u"])
def test_a_key_that_is_named_in_no_did_is_open(issuer: str) -> None:
    trust = Trust().adding(RecognisedIssuer(issuer))
    left_open(judged(vc({**SAID, "iss": issuer}, header={"kid": "key-1"}), trust), "issuer-key-not-named")


def test_a_certificate_leaves_the_issuer_open_and_nothing_falls_back_to_kid() -> None:
    chain = {"alg": "ES256", "x5c": [(leaf := Certified("Registrar")).text]}
    for key in (ISSUER.key, leaf.signer):
        signed = {**chain, "alg": key.public_key.kind.algorithms[0]}
        left_open(judged(vc(header=signed, key=key)), "certificate-not-listed")
        without = vc({**SAID, "iss": ABSENT}, header={**signed, "kid": ABSENT}, key=key)
        left_open(judged(without), "certificate-not-listed")
    left_open(judged(vc({**SAID, "iss": ABSENT})), "issuer-not-named")


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS256"}, {"jwk": {}}, {"crit": []}, {"b64": True}]
)
def test_headers_that_are_refused(header: Mapping[str, Any]) -> None:
    refused(judged(vc(header=header)), "invalid-jws")


@pytest.mark.parametrize(
    "header", [{"exp": SECONDS - 1}, {"iss": HOLDER.did}, {"aud": "employer.example"}, {"cnf": {}}]
)
def test_a_claim_in_the_header_says_what_the_payload_says(header: Mapping[str, Any]) -> None:
    """RFC 7519, 5.3: a program that reads the header would else decide by another end, or issuer."""
    assert judged(vc(header={"iss": ISSUER.did, "exp": SAID["exp"]}))
    refused(judged(vc(header=header)), "malformed-credential")


@pytest.mark.parametrize("header", [{"alg": "RS256"}, {"crit": ["exp"], "exp": SAID["exp"]}])
def test_headers_that_are_open(header: Mapping[str, Any]) -> None:
    left_open(judged(vc(header=header)), "jws-not-supported")


def test_a_key_that_no_wallet_takes_is_open_and_signs_none() -> None:
    key = PrivateKey.generate("secp256k1")
    did = did_key.create(key.public_key)
    data = vc({**SAID, "iss": did}, header={"alg": "ES256K", "kid": ABSENT}, key=key)
    left_open(judged(data, Trust().adding(RecognisedIssuer(did))), "issuer-key-not-named")
    with raises(ALGORITHM_NOT_FOR_KEY):
        FORM.algorithm(key.public_key)
    assert FORM.algorithm(ISSUER.key.public_key) == "EdDSA"


def test_what_is_signed_and_what_is_disclosed_belong_together() -> None:
    mine, other = vc(), vc({**SAID, "given_name": "Eve"})
    for data in (
        mine.split(b"~")[0] + b"~" + other.partition(b"~")[2],
        mine + other.split(b"~")[1] + b"~",
        mine + mine.split(b"~")[1] + b"~",
        mine + as_text(["salt", "given_name", "Eve"]) + b"~",
    ):
        refused(judged(data), "invalid-sd-jwt")
    header, _, rest = mine.partition(b".")
    refused(judged(header + b"." + other.split(b".")[1] + b"." + rest.split(b".")[1]))


# Who shows it


def shown(data: bytes = b"", key: PrivateKey = HOLDER.key, **said: Any) -> bytes:
    return bound(data or vc(BOUND), key, **said)


def test_its_holder_shows_it() -> None:
    report = judged(shown(), **ASKED)
    (claims,) = report.require()
    assert (report.holder, claims.subjects[0]["id"]) == (HOLDER.did, HOLDER.did)
    left_open(judged(shown()), "challenge-missing")  # nobody asked


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384", "secp256k1"])
def test_what_is_bound_here_is_shown_here(kind: str) -> None:
    key = PrivateKey.generate(kind)
    for did, cnf in (
        (did_key.create(key.public_key), {"jwk": key.public_key.jwk()}),
        (did_jwk.create(key.public_key), {"kid": did_jwk.create(key.public_key)}),
        (
            did_jwk.create(key.public_key),
            {"jwk": key.public_key.jwk(), "kid": did_jwk.create(key.public_key)},
        ),
        (did_key.create(key.public_key), {"jwk": key.public_key.jwk(), "kid": "did:web:a.example#1"}),
        (did_key.create(key.public_key), {"jwk": key.public_key.jwk(), "kid": "a name"}),
    ):
        data = Enveloped(MEDIA_TYPE, vc({**SAID, "cnf": cnf}))
        options = Options("", "authentication", NOW, ASKED["challenge"], ASKED["domain"])
        made = FORM.present([data], key, options)
        assert isinstance(made, Enveloped)
        assert judged(made.data, **ASKED).holder == did


def test_a_key_in_a_document_that_is_not_at_hand_is_open() -> None:
    data = vc({**SAID, "cnf": {"kid": "did:web:holder.example#1"}})
    assert judged(data).require()[0].subjects[0]["id"] == "did:web:holder.example"
    assert judged(shown(data), **ASKED).verdict is not Verdict.VALID


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"kid": "a name"}, {"x5t": "x"}])
def test_a_key_that_is_named_otherwise_is_open(cnf: Mapping[str, Any]) -> None:
    left_open(judged(vc({**SAID, "cnf": cnf})), "holder-key-unknown")


def test_a_key_of_another_type_is_open() -> None:
    left_open(
        judged(vc({**SAID, "cnf": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}})), "unknown-key-type"
    )


UNBOUND: Mapping[str, Mapping[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "another verifier": {"aud": "https://other.example"},
    "a part of the verifier's name": {"aud": "employer"},
    "several verifiers": {"aud": ["employer.example", "other.example"]},
    "one verifier in a list": {"aud": ["employer.example"]},
    "other disclosures": {"sd_hash": b64(bytes(32)).decode()},
    "no nonce": {"nonce": None},
    "no aud": {"aud": None},
    "no sd_hash": {"sd_hash": None},
    "no iat": {"iat": None},
    "an iat that is a text": {"iat": str(SECONDS)},
    "its end has come": {"exp": SECONDS},
    "it begins later": {"nbf": SECONDS + 60},
    "it is of another type": {"header": {"typ": "JWT"}},
    "it is a credential": {"header": {"typ": "dc+sd-jwt"}},
    "it is not signed": {"header": {"alg": "none"}},
    "it brings a key": {"header": {"jwk": HOLDER.key.public_key.jwk()}},
}


@pytest.mark.parametrize("name", UNBOUND)
def test_key_bindings_that_are_refused(name: str) -> None:
    refused(judged(shown(**UNBOUND[name]), **ASKED))


def test_the_key_in_the_credential_signs_the_binding() -> None:
    refused(judged(shown(key=Holder(PrivateKey.generate("P-256")).key), **ASKED), "invalid-proof")
    refused(judged(shown(key=ISSUER.key), **ASKED))
    refused(judged(shown(vc(SAID)), **ASKED), "malformed-credential")  # bound to nobody


def test_a_binding_is_over_the_bytes_that_are_shown() -> None:
    """Taken away, added, put in another order, moved to another credential of the same holder."""
    whole = vc(BOUND)
    jwt_, *texts = whole.split(b"~")[:-1]
    binding = shown(whole).rpartition(b"~")[2]
    other = vc({**BOUND, "given_name": "Eve"})
    for parts in ([jwt_, *texts[1:]], [jwt_, *texts[::-1]], [jwt_]):
        refused(judged(b"~".join([*parts, binding]), **ASKED), "invalid-proof")
    fewer = shown(b"~".join([jwt_, *texts[1:], b""]))
    refused(judged(whole + fewer.rpartition(b"~")[2], **ASKED), "invalid-proof")
    refused(judged(other + binding, **ASKED), "invalid-proof")
    assert judged(fewer, **ASKED)


def test_what_is_shown_says_what_the_credential_says_and_is_in_no_log() -> None:
    secured = FORM.read(shown(), FORMS, Work())
    (credential,) = secured.credentials
    assert secured.claims == credential.claims
    (signed,) = secured.signatures(Work()).known
    assert secured.covers_meaning(signed)
    assert secured.digests(Work()) == frozenset()
    assert len(credential.digests(Work())) == 1
    fewer = FORM.read(vc(BOUND, shown=()), FORMS, Work())
    assert fewer.digests(Work()) == credential.digests(Work())  # whatever is disclosed


def test_a_credential_is_asked_for_with_its_binding() -> None:
    refused(judged(vc(BOUND), **ASKED), "not-presented")
    assert judged(vc(BOUND))


def test_showing_takes_the_key_that_it_is_bound_to_and_somebody_who_asked() -> None:
    asked = Options("", "authentication", NOW, "challenge", "employer.example")
    with raises(ANOTHER_HOLDER):
        FORM.present([Enveloped(MEDIA_TYPE, vc(BOUND))], ISSUER.key, asked)
    with raises(ANOTHER_HOLDER):
        FORM.present([Enveloped(MEDIA_TYPE, vc(SAID))], HOLDER.key, asked)
    for lacking in ({"challenge": None}, {"domain": None}, {"created": None}, {"domain": ""}):
        with raises(NOT_ASKED):
            FORM.present([Enveloped(MEDIA_TYPE, vc(BOUND))], HOLDER.key, asked._replace(**lacking))
    with pytest.raises(UnsupportedForm):
        FORM.present([Enveloped(MEDIA_TYPE, shown())], HOLDER.key, asked)
    with pytest.raises(UnsupportedForm):
        FORM.present([Enveloped(MEDIA_TYPE, vc(BOUND))] * 2, HOLDER.key, asked)


def test_the_door_says_what_it_is_not_given() -> None:
    assert not FORM.recognises({"type": "VerifiableCredential"})
    assert not FORM.recognises(b"e30.e30.AA")
    assert not FORM.recognises(b"e31.e30.AA~")
    with pytest.raises(Malformed):
        FORM.identifier({})
    with pytest.raises(Malformed):
        FORM.identifier(b"e30~")


# The examples of the draft


def test_the_examples_of_the_draft(corpora: File) -> None:
    """By the key that the trust list pins, at a time at which they are valid, status aside."""
    text = corpora / "vectors/sd-jwt/text/draft-ietf-oauth-sd-jwt-vc-18.compact.json"
    key = PublicKey.from_jwk(EXAMPLE)
    shown = 0
    for example in json.loads(text.read_text()):
        data = example["compact"].encode()
        issuer, binding = _payload(data)["iss"], data.rpartition(b"~")[2]
        trust = Trust().adding(RecognisedIssuer(issuer, keys=(key.multikey(),)))
        asked, now = {}, NOW
        if binding:
            said, shown = _payload(binding), shown + 1
            asked = {"challenge": said["nonce"], "domain": said["aud"]}
            now = datetime.fromtimestamp(said["iat"], UTC)
        (claims,) = verifier(trust).verify(data, now=now, **asked).require()
        assert (claims.issuer, claims.types) == (issuer, (_payload(data)["vct"],))
    assert shown == 2


def _payload(data: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(data.split(b".")[1] + b"=="))
    return said


def test_a_form_is_pickled_by_those_who_issue() -> None:
    assert pickle.loads(pickle.dumps(FORM)) == SDJWTVC()


# What its holder chooses


def held(data: bytes) -> SDJWTCredential:
    credential = FORM.read(data, {}, Work())
    assert isinstance(credential, SDJWTCredential)
    return credential


def chosen(data: bytes, *names: str) -> Mapping[str, Any]:
    assert isinstance(FORM, Discloses)
    made = FORM.show(held(data), names, Asked(**ASKED), HOLDER.key, NOW)
    assert isinstance(made, Enveloped)
    return judged(made.data, **ASKED).require()[0].said


def test_the_holder_chooses_among_disclosures_that_stand_in_no_other() -> None:
    assert isinstance(FORM, Discloses)
    said = {**BOUND, "a/b": {"c~d": 1}}
    data = vc(said, [*HIDDEN, ("languages",), ("languages", 0), ("a/b",), ("a/b", "c~d")])
    choices = FORM.choices(held(data))
    assert {*choices.alone} == {"given_name", "address/city", "languages", "a~1b"}
    assert choices.always == ["iss", "vct", "nbf", "exp", "family_name", "address/country", "cnf"]
    always = {name: value for name, value in said.items() if name in choices.always}
    always["address"] = {"country": "XX"}
    assert chosen(data) == always
    assert chosen(data, "languages") == {**always, "languages": SAID["languages"]}
    assert chosen(data, "address/city") == {**always, "address": SAID["address"]}
    assert chosen(data, *choices.alone) == said


@settings(max_examples=settings().max_examples // 2)
@given(frames(), st.data())
def test_of_any_frame_what_was_chosen_is_shown_and_no_more(
    drawn: tuple[dict[str, Any], Frame, set[Path]], data: st.DataObject
) -> None:
    """The disclosures of a presentation are those that were chosen, and those within them."""
    _, frame, _ = drawn
    bound_to = {name: BOUND[name] for name in ("iss", "vct", "cnf")}
    header = {"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": ISSUER.method}
    signed = jwt(header, {**frame.payload, **bound_to}, ISSUER.key)
    whole = b"~".join((signed, *frame.disclosures.values(), b""))
    alone = {written_path(path): path for path in frame.disclosures}
    chosen = data.draw(st.sets(st.sampled_from(sorted(choices_of(held(whole)).alone) or [""])))
    shown = show(held(whole), chosen, Asked("challenge", "employer.example"), HOLDER.key, NOW)
    texts = shown.split(b"~")[1:-1]
    outer = [alone[name] for name in chosen if name]
    assert texts == [
        text for path, text in frame.disclosures.items() if any(path[: len(each)] == each for each in outer)
    ]
    assert judged(shown, **ASKED).verdict is not Verdict.INVALID  # some integers leave it open


def test_no_two_choices_are_called_alike() -> None:
    """Else a claim that its issuer called `address/city` hid from its holder which city is shown."""
    said = {**BOUND, "address/city": "always shown"}
    choices = choices_of(held(vc(said, [("address", "city")])))
    assert "address/city" in choices.alone
    assert not {*choices.alone} & {*choices.always}


def test_one_that_is_bound_to_nobody_is_shown_as_a_file() -> None:
    assert isinstance(FORM, Discloses)
    with raises(ANOTHER_HOLDER, match="no key"):
        FORM.show(held(vc()), (), Asked(**ASKED), HOLDER.key, NOW)
    shown = FORM.show(held(vc(BOUND)), (), Asked(**ASKED), HOLDER.key, NOW)
    assert isinstance(shown, Enveloped)
    with pytest.raises(UnsupportedForm):  # what was shown once is not shown again
        FORM.choices(FORM.read(shown.data, {}, Work()))
    with pytest.raises(UnsupportedForm):
        FORM.present([{"type": "VerifiableCredential"}], HOLDER.key, Options("", created=NOW))


def test_an_envelope_is_read_as_the_object_that_holds_it() -> None:
    held = Enveloped(MEDIA_TYPE, b"a.b.c~")
    object_of_it = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": f"data:{MEDIA_TYPE},a.b.c~",
        "type": "EnvelopedVerifiableCredential",
    }
    assert dict(held) == object_of_it
    assert len(held) == 3
    assert held.get("proof") is None
    assert Enveloped.from_object(object_of_it) == held
