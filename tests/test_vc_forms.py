"""The door for forms: a second one, of which no package knows, is read, kept, shown and verified as JSON is.

Nothing here is written for that form but `line.py`; JSON goes on as before, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holder import Wallet
from keys import PrivateKey
from ledger import EntryKind
from tests.line import MEDIA_TYPE, LineForm
from tests.problems import raises
from tests.world import NOW, Holder, University, verifier
from vc import Anchored, Bundle, Check, Report, Verdict
from vc.forms import FORMS, SD_JWT_VC
from vc.possession import Asked
from vc.problem import MalformedCredential, UnsupportedForm
from vc.reading import read
from vc.reading.front import recognised
from vc.reading.sight import seen
from vc.secured import MAX_BYTES, Carried, Form, Options, Received, Secured
from vc.vcdm.credential import CONTEXT_V2
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.presentation import presentation
from vc.vcdm.status_lists import status_list_document
from verifier.problem import KEY_STANDING_UNKNOWN
from verifier.sources.evidence import require_standing
from verifier.sources.keys import IssuerKey, KeySource
from wire import Malformed, TooLarge, base64url_decode, base64url_encode
from wire.compact import GLANCE, LONGEST_HEADER, jwt_header, jwt_payload
from wire.work import Work

LINES: Mapping[str, Form] = {**FORMS, MEDIA_TYPE: LineForm()}
ASKED: Mapping[str, Any] = {"challenge": "challenge", "domain": "employer.example"}


@pytest.fixture
def university() -> University:
    return University()


def line(university: University, claims: Mapping[str, Any]) -> Received:
    method = f"{university.did}#{university.key.public_key.multikey()}"
    return LineForm().sign(claims, university.key, Options(method))


def anchored(university: University, received: Received, kind: EntryKind) -> Anchored:
    """With what the university's log has of it."""
    secured = read(received, LINES, Work())
    (leaf,) = secured.leaves(secured.signatures(Work()).known[0], kind, Work())
    return Anchored(received, (university.anchor(leaf),))


def issued(university: University, **change: Any) -> Bundle:
    """A diploma as a line, and its status list as one, too."""
    diploma = anchored(university, line(university, university.diploma(**change)), EntryKind.CREDENTIAL)
    bits = status_list_document(
        university.list_url,
        university.did,
        university.bits,
        valid_from=university.now,
        lifetime=timedelta(days=30),
    )
    listed = anchored(university, line(university, bits), EntryKind.STATUS_LIST)
    return Bundle(diploma.document, diploma.evidence, tuple(university.documents), (listed,))


def decided(report: Report) -> Check:
    """What keeps the verdict from being valid."""
    assert report.deciding
    return report.deciding


def check(university: University, bundle: Bundle | bytes, **options: Any) -> Report:
    """As a verifier does that knows the form, of the bytes that travel."""
    data = bundle if isinstance(bundle, bytes) else bundle.to_bytes()
    return verifier(university.trust, forms=LINES, **options).verify(data, now=NOW)


def test_it_is_verified_with_status_and_evidence(university: University) -> None:
    report = check(university, issued(university))
    assert report.require()[0].holder_name == "Ada Invented"
    codes = {check.code for check in report.checks}
    assert {"status-not-revoked", "evidence-in-log", "signature-unchanged"} <= codes
    university.revoke(7)
    assert decided(check(university, issued(university))).code == "status-revoked-unexplained"


def test_what_is_missing_or_altered_is_never_valid(university: University) -> None:
    bundle = issued(university)
    other = issued(university, index=8)
    assert check(university, replace(bundle, evidence=())).verdict is Verdict.UNDETERMINED
    assert check(university, replace(bundle, status_lists=())).verdict is Verdict.UNDETERMINED
    assert check(university, replace(bundle, evidence=other.evidence)).verdict is Verdict.INVALID
    assert isinstance(bundle.secured, Enveloped)
    text, _, signature = bundle.secured.data.rpartition(b":")
    said = base64url_decode(text.removeprefix(b"line:").decode())
    forged = base64url_encode(said.replace(b"Master of Science", b"Doctor of Science")).encode()
    for data in (b"line:" + forged + b":" + signature, text + b":" + b"A" * 86):
        report = check(university, replace(bundle, secured=Enveloped(MEDIA_TYPE, data)))
        assert (report.verdict, decided(report).code) == (Verdict.INVALID, "signature-invalid-proof")


def test_a_bare_one_and_a_list_from_its_address_are_known_by_their_content(university: University) -> None:
    bundle = issued(university)
    assert isinstance(bundle.secured, Enveloped)
    bare = check(university, bundle.secured.data)
    assert bare.checks[0].outcome == "passed"
    assert bare.verdict is Verdict.UNDETERMINED  # the documents did not come along
    (listed,) = bundle.status_lists
    assert isinstance(listed.document, Enveloped)
    source = {university.list_url: listed.document.data}.get
    assert check(university, replace(bundle, status_lists=()), lists=[source])


def test_who_does_not_know_the_form_leaves_it_open(university: University) -> None:
    bundle = issued(university)
    assert isinstance(bundle.secured, Enveloped)
    shown = Holder().present(dict(bundle.secured))
    for data in (bundle.to_bytes(), replace(bundle, secured=shown).to_bytes()):
        report = verifier(university.trust).verify(data, now=NOW)
        assert (report.verdict, decided(report).code) == (
            Verdict.UNDETERMINED,
            "readable-unsupported-form",
        )
        assert MEDIA_TYPE in decided(report).text
    report = verifier(university.trust).verify(bundle.secured.data, now=NOW)
    assert decided(report).code == "readable-no-credential"


@pytest.mark.slow
def test_a_wallet_keeps_and_shows_it(university: University, tmp_path: Path) -> None:
    Wallet.create(tmp_path, b"a passphrase", now=NOW)
    with Wallet(tmp_path, b"a passphrase", forms=LINES) as wallet:
        did = wallet.holder_keys()[0].did
        claims = university.diploma(8)
        claims["credentialSubject"] |= {"id": did}
        bound = issued(university, credentialSubject=claims["credentialSubject"])
        own = wallet.accept(bound.to_bytes(), lambda data: check(university, data), now=NOW)
        embedded = wallet.accept(
            university.issue(index=9).to_bytes(), lambda data: check(university, data), now=NOW
        )
        assert (own.bound_to, own.secured.form) == (frozenset({did}), MEDIA_TYPE)
        assert {held.id for held in wallet.credentials()} == {own.id, embedded.id}
        assert wallet.accept(bound.to_bytes(), lambda data: check(university, data), now=NOW).known
        shown = wallet.present([own.id, embedded.id], now=NOW, **ASKED)
        assert len(shown.status_lists) == 3  # both texts of the list, and the details
    judge = verifier(university.trust, forms=LINES)
    report = judge.verify(shown.to_bytes(), now=NOW, **ASKED)
    assert [one.subjects[0].get("id") for one in report.require()] == [did, None]
    assert report.holder == did
    another = {**ASKED, "challenge": "another"}
    assert judge.verify(shown.to_bytes(), now=NOW, **another).verdict is Verdict.INVALID


class TestBundle:
    def test_json_is_written_as_version_1_and_the_rest_as_version_2(self, university: University) -> None:
        assert b'"version": 1' in university.issue().to_bytes()
        mixed = replace(university.issue(), status_lists=issued(university).status_lists)
        for bundle in (issued(university), mixed):
            assert b'"version": 2' in bundle.to_bytes()
            assert Bundle.parse(bundle.to_bytes(), LINES) == bundle
        assert check(university, mixed)

    @pytest.mark.parametrize("data", [b"", b"a line\n", bytes(range(256)), "é\0".encode()])
    def test_any_bytes_travel(self, data: bytes) -> None:
        received = Enveloped("application/x-any+thing", data)
        assert Bundle.parse(Bundle(received).to_bytes(), FORMS).secured == received
        assert Enveloped.from_object(dict(received)) == received

    @pytest.mark.parametrize(
        "secured",
        [
            "x",
            {},
            {"form": "x", "text": ""},
            {"form": MEDIA_TYPE},
            {"form": MEDIA_TYPE, "text": 1},
            {"form": MEDIA_TYPE, "text": "", "data": ""},
            {"form": MEDIA_TYPE, "data": "+"},
        ],
    )
    def test_what_is_written_otherwise_is_refused(self, secured: object) -> None:
        with pytest.raises(Malformed):
            Bundle.parse({"type": "IntaglioBundle", "version": 2, "secured": secured}, FORMS)


class Greedy(LineForm):
    media_type = "application/x-greedy"


def test_two_forms_that_recognise_the_same_are_an_error(university: University) -> None:
    received = line(university, university.diploma())
    assert isinstance(received, Enveloped)
    judge = verifier(university.trust, forms={**LINES, Greedy.media_type: Greedy()})
    report = judge.verify(received.data, now=NOW)
    assert decided(report).code == "readable-unsupported-form"
    assert "both" in decided(report).text


def test_each_form_has_a_limit(university: University) -> None:
    received = line(university, university.diploma())
    assert isinstance(received, Enveloped)
    short = LineForm()
    short.limit = len(received.data) - 1
    with pytest.raises(TooLarge):
        read(received, {MEDIA_TYPE: short}, Work())
    report = verifier(university.trust, forms={**LINES, MEDIA_TYPE: short}).verify(received.data, now=NOW)
    assert decided(report).code == "readable-no-credential"


class TestEnveloped:
    """VCDM 2.0, "Enveloped Verifiable Credentials"; RFC 2397."""

    GOOD: Mapping[str, Any] = Enveloped(MEDIA_TYPE, b"a.b~")

    def test_as_others_may_write_it(self) -> None:
        for text in (",a.b~", ",a%2Eb~", ";base64,YS5ifg=="):
            value = {**self.GOOD, "@context": CONTEXT_V2, "type": [self.GOOD["type"]]}
            assert Enveloped.from_object({**value, "id": f"data:{MEDIA_TYPE}{text}"}).data == b"a.b~", text

    @pytest.mark.parametrize(
        "change",
        [
            {"@context": ["https://www.w3.org/2018/credentials/v1"]},
            {"name": "x"},
            {"id": "urn:x"},
            {"id": ["data:text/plain,x"]},
            {"id": "data:,x"},
            {"id": "data:text/plain;charset=utf-8,x"},
            {"id": "data:text/plain;base64,YQ"},
        ],
    )
    def test_what_is_not_read_is_open(self, change: Mapping[str, Any]) -> None:
        with pytest.raises(UnsupportedForm):
            Enveloped.from_object({**self.GOOD, **change})


class Derived(LineForm):
    """As if the signature were one of many that can be derived from the issuer's."""

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        found = super().read(content, forms, work, asked)
        vars(found)["leaves"] = lambda signed, kind, work: ()
        return found


def test_a_derived_signature_has_no_entry_and_is_verified_each_time(university: University) -> None:
    whole = issued(university)
    document = whole.status_lists[0].document
    assert isinstance(document, Enveloped)
    bundle = replace(whole, evidence=(), status_lists=(Anchored(document),))
    judge = verifier(university.trust, forms={**LINES, MEDIA_TYPE: Derived()})
    report = judge.verify(bundle, now=NOW)
    left_open = [check.name for check in report.checks if check.outcome == "undetermined"]
    assert left_open == ["status", "evidence"]  # the issuer has a log, whose newest documents are not known
    assert decided(report).code == "evidence-key-standing-unknown"
    report = judge.verify(replace(bundle, evidence=whole.evidence), now=NOW)
    assert report.verdict is Verdict.UNDETERMINED, "of the one that it was derived from, which is not another"
    forged = Anchored(Enveloped(MEDIA_TYPE, document.data[:-86] + b"A" * 86))
    report = judge.verify(replace(bundle, status_lists=(forged,)), now=NOW)
    assert "status-invalid-proof" in {check.code for check in report.checks}


def test_no_document_can_end_the_key_that_is_its_issuers_identifier() -> None:
    key = PrivateKey.generate().public_key
    itself = IssuerKey(key, KeySource("key-itself", "the key is the identifier itself"))
    require_standing(itself, NOW, has_log=True)
    by_document = itself._replace(source=KeySource("key-pinned", "the key is pinned in the trust list"))
    require_standing(by_document, NOW, has_log=False)
    with raises(KEY_STANDING_UNKNOWN):
        require_standing(by_document, NOW, has_log=True)


@pytest.mark.parametrize("item", [1, None, [{}], "no object"])
def test_a_presentation_holds_objects(item: object) -> None:
    shown = {**presentation("did:example:me", []), "verifiableCredential": [item]}
    with pytest.raises(MalformedCredential, match="not an object"):
        read(shown, FORMS, Work())


def test_a_credential_in_it_whose_form_is_known_by_sight_leaves_it_open() -> None:
    jwt = "eyJhbGciOiJFZERTQSIsInR5cCI6InZjK2p3dCJ9.eyJpc3MiOiJkaWQ6ZXhhbXBsZTphIn0." + "A" * 86
    shown = {**presentation("did:example:me", []), "verifiableCredential": [jwt]}
    with pytest.raises(UnsupportedForm, match="verifiableCredential holds"):
        read(shown, FORMS, Work())


# What it costs to look at a file, before anything is charged for


def _token(header: str, payload: str = "{}") -> bytes:
    parts = [base64url_encode(text.encode()) for text in (header, payload, "s")]
    return ".".join(parts).encode()


def test_a_glance_at_a_token_is_bounded() -> None:
    """Threats 39 to 53: a header or payload of two megabytes of brackets is looked at by no recogniser."""
    many = ",".join(["[]"] * GLANCE)
    long = '{"alg": "EdDSA", "typ": "dc+sd-jwt", "a": "' + "a" * LONGEST_HEADER + '"}'
    for header in (f'{{"alg": "EdDSA", "typ": "dc+sd-jwt", "a": [{many}]}}', long):
        with pytest.raises(TooLarge):
            jwt_header(_token(header))
        for data in (_token(header), _token(header) + b"~"):
            assert recognised(data, FORMS) is None
            assert seen(data) is None
    former = '{"alg": "EdDSA", "typ": "vc+sd-jwt"}'
    assert recognised(_token(former, '{"vct": "a"}') + b"~", FORMS) is FORMS[SD_JWT_VC]
    assert recognised(_token(former, f'{{"vct": "a", "b": [{many}]}}') + b"~", FORMS) is None
    with pytest.raises(TooLarge):
        jwt_payload(_token(former, f'{{"jti": "a", "b": [{many}]}}'))
    for dots in (b".", b"." * MAX_BYTES):
        with pytest.raises(Malformed):
            jwt_header(dots)
