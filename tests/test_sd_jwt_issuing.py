"""SD-JWT VCs that are issued: nothing is lost, nothing can be guessed, and a row done again is the same."""

from __future__ import annotations

import base64
import hmac
import json
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from did.methods import jwk as did_jwk
from did.methods import key as did_key
from intaglio.words.report import titled
from issuer.press.document import Composer
from keys import PrivateKey
from kinds import Kind
from kinds.compiling import with_compiled
from kinds.facts import facts_of, named_kind
from kinds.metadata import metadata_of
from kinds.parsing import parse_kind
from kinds.records import check_record
from tests.commandline import Program
from tests.problems import raises
from tests.sd_jwts import b64, digest
from tests.test_kinds_facts import (
    CERTIFICATE,
    TODAY,
    UNIVERSITY,
    WELDING,
    Filled,
    composer,
    filled,
    in_properties,
)
from tests.test_kinds_groups import CELLS, FIELDS, SAID, parsed
from tests.world import NOW, Holder, graduate, table, verifier
from vc import Check, Claims
from vc.facts import IssuingFacts
from vc.forms import FORMS, SD_JWT_VC
from vc.forms.sdjwt.choice import choices_of
from vc.forms.sdjwt.claims import FIXED, claims_of
from vc.forms.sdjwt.credential import SDJWTCredential
from vc.forms.sdjwt.disclosures import NOT_DISCLOSED_ALONE, written_path
from vc.forms.sdjwt.issuing import CLAIM_NAME_TAKEN, KIND_NOT_GIVEN
from vc.reading import read
from vc.said import require_said
from vc.secured import Options
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.schema import Schemas
from verifier import RecognisedIssuer, Trust
from verifier.policy import HasSchema
from verifier.sources.trust_entries import KindFiles
from wire import Malformed
from wire.work import Work

FORM = FORMS[SD_JWT_VC]
METHOD = f"{UNIVERSITY.did}#{UNIVERSITY.key.public_key.multikey()}"
HOLDER = did_key.create(PrivateKey.generate().public_key)


def secured(facts: IssuingFacts, created: datetime | None = NOW) -> SDJWTCredential:
    made = FORM.secure(facts, {}, UNIVERSITY.key, Options(METHOD, created=created))
    found = read(made, FORMS, Work())
    assert isinstance(found, SDJWTCredential)
    return found


def facts(
    kind: Kind, cells: Mapping[str, Any], *, press: Composer | None = None, **options: Any
) -> IssuingFacts:
    found, _ = (press or composer(kind)).parts(check_record(kind, dict(cells), TODAY), 0, **options)
    return found


def signed(credential: SDJWTCredential) -> dict[str, Any]:
    """The payload that the issuer signed."""
    payload = credential.parts.jwt.split(b".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + b"=="))
    return said


def contents(credential: SDJWTCredential) -> list[list[Any]]:
    return [json.loads(base64.urlsafe_b64decode(text + b"==")) for text in credential.parts.disclosures]


@given(filled())
def test_each_fact_of_any_kind_is_said_and_can_be_hidden(example: Filled) -> None:
    kind, press = example.kind, composer(example.kind)
    for seq, row in enumerate(example.rows):
        record = check_record(kind, row, TODAY)
        stated, _ = press.parts(record, seq)
        credential = secured(stated)
        require_said(stated, credential.claims)
        expected = in_properties(kind, record)
        assert facts_of(kind, credential.claims) == expected
        claims = {kind.fields[name].claim for name in expected}
        assert {*credential.disclosed.disclosures} == {*claims, ("iat",)}
        assert {*choices_of(credential).alone} == {*map(written_path, claims), "iat"}
        assert {*choices_of(credential).always} <= FIXED | {"jti"}
        assert signed(credential).keys() <= FIXED | {"jti", "_sd", "_sd_alg", "of"}
        assert named_kind(credential.claims) is None  # by its name alone nobody has it


def test_a_claim_of_each_name_in_the_type_metadata_and_no_other() -> None:
    credential = secured(facts(CERTIFICATE, WELDING))
    described = {claim["path"][0] for claim in metadata_of(CERTIFICATE)["claims"]}
    said = credential.claims.said.keys() - FIXED - {"iat", "jti"}
    assert said <= described
    assert said == {"certificate_number", "title", "name", "issued_on"}
    assert credential.claims.types == (metadata_of(CERTIFICATE)["vct"],)
    assert named_kind(credential.claims) is CERTIFICATE
    name = credential.claims.said["vct#integrity"]
    assert name == "sha256-" + base64.b64encode(_sha256(CERTIFICATE.files["vct.json"])).decode()


def _sha256(data: bytes) -> bytes:
    return base64.urlsafe_b64decode(digest(data) + "==")


def test_the_digests_are_sorted_and_as_many_whatever_is_there() -> None:
    """Their number would tell whether somebody has a grade, their order which one it is."""
    bare = signed(secured(facts(CERTIFICATE, WELDING)))
    full = signed(secured(facts(CERTIFICATE, {**WELDING, "grade": "1.0", "description": "With arc"})))
    for said in (bare, full):
        assert said["_sd"] == sorted(set(said["_sd"]))
    assert len(bare["_sd"]) == len(full["_sd"]) == 8  # with `iat`


def test_a_row_done_again_gives_the_same_bytes_and_no_two_share_a_salt_or_a_digest() -> None:
    once, again = (secured(facts(CERTIFICATE, WELDING)).parts for _ in range(2))
    assert once == again
    salts: list[str] = []
    digests: list[str] = []
    for edition, copy in ((1, 1), (2, 1), (1, 2)):
        for number in ("C-1", "C-2"):
            credential = secured(
                facts(CERTIFICATE, {**WELDING, "certificate_number": number}, edition=edition, copy=copy)
            )
            salts += [content[0] for content in contents(credential)]
            digests += signed(credential)["_sd"]
    assert len(set(salts)) == len(salts)
    assert len(set(digests)) == len(digests)
    assert {len(base64.urlsafe_b64decode(salt + "==")) for salt in salts} == {16}


def test_the_salts_are_of_the_issuers_secret() -> None:
    other = composer(CERTIFICATE)
    other._salt = type(other._salt)(b"x" * 32)
    mine, theirs = (
        secured(facts(CERTIFICATE, WELDING, press=each)) for each in (composer(CERTIFICATE), other)
    )
    assert not {content[0] for content in contents(mine)} & {content[0] for content in contents(theirs)}


def test_salts_and_decoys_are_hmac_over_the_id_and_the_place() -> None:
    """By another implementation: what was issued once has to come out the same for ever."""
    press = composer(CERTIFICATE)
    press._salt = pickle.loads(pickle.dumps(press._salt))  # as workers get it
    credential = secured(facts(CERTIFICATE, WELDING, press=press))

    def salt(place: str) -> str:
        keyed = hmac.digest(b"s" * 32, f"{credential.claims.id}\0{place}".encode(), "sha256")
        return b64(keyed[:16]).decode()

    names = [path[0] for path in credential.disclosed.disclosures]
    assert [content[0] for content in contents(credential)] == [salt(str(name)) for name in names]
    absent = {field["path"][0] for field in metadata_of(CERTIFICATE)["claims"]} - {*names}
    decoys = {digest(salt(name).encode()) for name in absent}
    shown = {digest(text) for text in credential.parts.disclosures}
    assert set(signed(credential)["_sd"]) == decoys | shown


def test_the_items_of_a_group_are_hidden_one_by_one() -> None:
    kind = parsed()
    credential = secured(facts(kind, CELLS))
    assert facts_of(kind, credential.claims) == SAID
    chosen = credential.choose([("courses",)])
    found = read(Enveloped(SD_JWT_VC, chosen), FORMS, Work()).claims
    assert facts_of(kind, found) == {"courses": SAID["courses"]}
    # One item alone: it stands in the list, which has to be shown with it.
    with raises(NOT_DISCLOSED_ALONE):
        credential.choose([("courses", 1)])
    without = [
        text
        for path, text in credential.disclosed.disclosures.items()
        if path in {("courses",), ("courses", 1)}
    ]
    data = b"".join(part + b"~" for part in (credential.parts.jwt, *without))
    found = read(Enveloped(SD_JWT_VC, data), FORMS, Work()).claims
    assert facts_of(kind, found) == {"courses": [SAID["courses"][1]]}


def test_a_field_that_is_never_hidden_stands_in_the_clear() -> None:
    kind = parsed({**FIELDS, "name": {**FIELDS["name"], "disclosure": "never"}})
    credential = secured(facts(kind, CELLS))
    assert signed(credential)["name"] == "A"
    assert ("name",) not in credential.disclosed.disclosures


@pytest.mark.parametrize("name", ["status", "iss", "sub", "cnf", "exp", "iat", "jti", "vct", "aud"])
def test_a_field_with_the_name_of_a_claim_that_decides_is_refused(name: str) -> None:
    iri = "urn:example:vocab:x"
    kind = parsed({**FIELDS, name: {"type": "text", "iri": iri}})
    with raises(CLAIM_NAME_TAKEN, match=name):
        secured(facts(kind, CELLS))


def test_without_a_kind_there_is_nothing_to_say() -> None:
    with raises(KIND_NOT_GIVEN):
        secured(facts(CERTIFICATE, WELDING)._replace(by_kind=None))


def test_a_kind_of_which_nothing_is_hidden_has_no_digests() -> None:
    """Its claims stand in the order of the kind: in that of a set, another process made other bytes."""
    fields = {name: {**field, "disclosure": "never"} for name, field in FIELDS.items()}
    credential = secured(facts(parsed(fields), CELLS), created=None)
    assert [name for name in signed(credential) if name in fields] == [*fields]
    assert not signed(credential).keys() & {"_sd", "_sd_alg"}  # SD-JWT VC, 2.2.2.5
    assert credential.parts.disclosures == ()


@pytest.mark.parametrize("create", [did_key.create, did_jwk.create, lambda _: "did:web:holder.example"])
@pytest.mark.parametrize("kind", ["Ed25519", "P-256"])
def test_the_holders_key(create: Any, kind: str) -> None:
    key = PrivateKey.generate(kind).public_key
    credential = secured(facts(CERTIFICATE, WELDING, holder=create(key)))
    require_said(facts(CERTIFICATE, WELDING, holder=create(key)), credential.claims)
    if create(key).startswith("did:web:"):
        assert signed(credential)["cnf"] == {"kid": "did:web:holder.example"}
    else:
        assert signed(credential)["cnf"]["jwk"] == key.jwk()


def test_dates_are_whole_seconds_or_not_said() -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    stated = facts(CERTIFICATE, WELDING)._replace(valid_from=begun, valid_until=None)
    stated = stated._replace(status=stated.status._replace(is_stated=True))
    assert signed(secured(stated))["nbf"] == begun.timestamp()
    with pytest.raises(Malformed):
        secured(stated._replace(valid_until=begun.replace(microsecond=5)))


def test_a_credential_of_another_type_has_not_the_words_of_a_kind() -> None:
    """Its issuer may be recognised for that type alone."""
    stated = facts(CERTIFICATE, WELDING)
    assert stated.by_kind
    other = stated.by_kind()._replace(type="urn:example:other")
    assert named_kind(secured(stated).claims) is CERTIFICATE
    assert named_kind(secured(stated._replace(by_kind=lambda: other)).claims) is None


def test_metadata_of_somebody_else_that_names_no_type_is_of_no_credential() -> None:
    claims: Claims = secured(facts(CERTIFICATE, WELDING)).claims
    for text in (b"{", b"[]", b'{"vct":5}', b"{}"):
        kind = parse_kind({**CERTIFICATE.files, "vct.json": text})
        assert kind.digest != CERTIFICATE.digest
        assert named_kind(claims, [carried] if (carried := kind.carried) else []) is CERTIFICATE


def step_7(kind: Kind, cells: Mapping[str, Any], **change: Any) -> Check:
    """The check of step 7, by a verifier whose trust list has the kind of a did:key."""
    signer = Holder()
    stated = facts(kind, cells)._replace(issuer={"id": signer.did})
    assert stated.by_kind
    by_kind = stated.by_kind()._replace(**change)
    stated = stated._replace(by_kind=lambda: by_kind)
    data = FORM.secure(stated, {}, signer.key, Options(signer.method, created=NOW))
    assert isinstance(data, Enveloped)
    trust = Trust().adding(RecognisedIssuer(signer.did, kinds=(KindFiles(kind.texts),)))
    (check,) = (each for each in verifier(trust).verify(data.data, now=NOW).checks if each.step == 7)
    return check


def test_the_type_metadata_is_that_of_the_kind() -> None:
    assert step_7(CERTIFICATE, WELDING).code == "schema-fits"
    assert step_7(CERTIFICATE, WELDING, integrity="sha256-" + "A" * 43 + "=").code == "schema-another-schema"
    for unknown in ("", "sha3-256-AAAA"):
        assert step_7(CERTIFICATE, WELDING, integrity=unknown).code == "schema-none-known"


def test_what_is_hidden_is_not_missing_but_what_is_always_shown_is_required() -> None:
    fields = {**FIELDS, "no": {**FIELDS["no"], "disclosure": "never"}}
    kind = with_compiled(parsed(fields))
    assert step_7(kind, CELLS).code == "schema-fits"
    assert step_7(kind, CELLS, claims={"name": "A"}).code == "schema-schema-mismatch"
    assert step_7(CERTIFICATE, WELDING, claims={}).code == "schema-fits"


def test_a_schema_of_the_data_model_says_nothing_of_another_form() -> None:
    """A verifier that has the schema of a kind called each SD-JWT VC of that kind false."""
    signer = Holder()
    stated = facts(CERTIFICATE, WELDING)._replace(issuer={"id": signer.did})
    assert stated.schema
    schemas = Schemas({stated.schema.id: json.loads(CERTIFICATE.schema)})
    data = FORM.secure(stated, {}, signer.key, Options(signer.method, created=NOW))
    assert isinstance(data, Enveloped)
    for policy in (None, HasSchema(stated.schema.id)):
        report = verifier(signer.trust, schemas=schemas).verify(data.data, now=NOW, policy=policy)
        codes = {check.step: check.code for check in report.checks}
        assert codes[7] == "schema-fits", "by the metadata of its type"
        assert codes[9] == ("trust-schema-unknown" if policy else "trust-accepted")


# At the command line


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "graduates.csv"
    path.write_text(table([graduate(row) for row in range(1, 4)]))
    return path


@pytest.mark.slow
def test_a_file_from_its_rows_to_a_revocation(program: Program, file: Path) -> None:
    made = program("issuer", "issue", file, "--name", "U", "--form", "dc+sd-jwt")
    assert (made.code, "ES256" in made.err) == (0, True)
    assert program("issuer", "issue", file).out == "0 issued, 3 issued before, 0 with errors\n"
    bundle = json.loads(Path("diplomas/UNI-000001.json").read_bytes())
    assert bundle["secured"]["form"] == SD_JWT_VC
    bare = Path("bare.txt")
    bare.write_text(bundle["secured"]["text"] + "\n")
    shown = program("verify", "diplomas/UNI-000001.json", "--json")
    assert json.loads(shown.out)["fields"][0]["diploma_number"] == "UNI-000001"
    assert program("verify", bare).code == 3  # its status list and evidence did not come along
    assert program("issuer", "correct", "UNI-000002", "--set", "gpa=4.0", "--yes").code == 0
    assert program("issuer", "revoke", "UNI-000001", "--yes").code == 0
    assert program("verify", "diplomas/UNI-000001.json").code == 1
    assert program("verify", "diplomas/UNI-000003.json").code == 0


def test_an_issuer_keeps_its_form_and_issues_in_others_beside_it(program: Program, file: Path) -> None:
    assert program("issuer", "init", "--name", "U", "--form", "dc+sd-jwt", "--key-type", "P-256").code == 0
    assert "ES256" not in program("issuer", "init", "--name", "U", "--form", "dc+sd-jwt").err
    answer = program("issuer", "issue", file, "--form", "dc+sd-jwt", "--suite", "ecdsa-jcs-2019")
    assert (answer.code, "--suite" in answer.err) == (2, True)
    answer = program("issuer", "issue", file, "--form", "application/vc", "--suite", "ecdsa-jcs-2019")
    assert (answer.code, "3 issued" in answer.out) == (0, True)
    assert "3 credentials added in another form" in program("issuer", "issue", file).out
    asked = ("issuer", "show", "UNI-000001", "--json")
    credentials = [
        json.loads(program(*asked, *form).out)["credential"] for form in ((), ("--form", "application/vc"))
    ]
    assert [each["type"] == "EnvelopedVerifiableCredential" for each in credentials] == [True, False]
    assert credentials[1]["proof"][0]["cryptosuite"] == "ecdsa-jcs-2019"


def test_a_diploma_is_called_what_it_is_called_in_other_forms() -> None:
    payload = {"iss": "did:example:u", "vct": "urn:intaglio:kind:diploma:2", "name": "张敏"}
    whole = {
        **payload,
        "programme_title": "Physics",
        "degree_name": "学士",
        "achievement_type": "BachelorDegree",
    }
    claims = claims_of(whole, lambda: None)
    assert titled(claims.title, claims.degree, claims.achievement_type) == "Physics (学士)"
    claims = claims_of({**payload, "degree_name": "学士"}, lambda: None)  # all that its holder shows
    assert titled(claims.title, claims.degree, claims.achievement_type) == "diploma (学士)"


@pytest.mark.slow
def test_what_is_typed_again_for_bad_rows_names_the_same_forms(program: Program, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(table([graduate(1), {**graduate(2), "award_date": "?"}]))
    typed = ("--form", "application/vc", "--form", SD_JWT_VC, "--suite", "eddsa-jcs-2022")
    refused = program("issuer", "issue", rows, "--name", "U", "--out", tmp_path / "out", *typed)
    assert refused.code == 2  # a suite is of one form
    answer = program("issuer", "issue", rows, "--name", "U", "--out", tmp_path / "out", *typed[:4])
    assert answer.code == 7
    assert "--form application/vc --form dc+sd-jwt" in answer.err
    changed = program("issuer", "correct", "UNI-000001", "--set", "gpa=3.9", "--out", tmp_path / "out")
    assert "UNI-000001.2+dc+sd-jwt.json" in changed.err
