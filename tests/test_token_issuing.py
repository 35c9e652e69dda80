"""Status lists in several ways at once: from the issuer's one record of bits to verifiers and wallets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import jwt as pyjwt
import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from did import METHODS, Resolver
from holder import Wallet
from holder.wallet import _own_parts
from intaglio.deployment import Deployment
from intaglio.session import Session
from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.identity.home import published_list
from issuer.issuer import Issuer
from issuer.keeping.backup import backup, restore
from issuer.keeping.health import examine_issuer
from issuer.status.files import list_number
from keys import Signer
from ledger import EntryKind, entry
from tests.line import MEDIA_TYPE as LINE
from tests.line import LineForm
from tests.problems import raises
from tests.serving import listening, serving
from tests.world import NOW, graduate, issuer_in, listed, reopened, trust_in
from vc import Bundle, Claims, StatusList, Verdict
from vc.facts import IssuingFacts
from vc.forms import FORMS, INTEGRITY, SD_JWT_VC, STATUS_KINDS, DataIntegrity
from vc.secured import Form, Options
from vc.status import INVALID_STATUS_LIST, UNKNOWN_STATUS_ENTRY, Reason, StatusEntry
from vc.status.kind import Effect, ListFacts, PublishedList, StatusKinds, Unpack, entry_of
from vc.status.token import MEDIA_TYPE, unpack_list
from vc.vcdm.credential import CONTEXT_V2
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.issuing import unsigned
from verifier import Verifier
from verifier.sources.lists import Fetched
from wire import base64url_decode, load_json_object
from wire.datetimestamp import format_datetimestamp
from wire.fetch import NoFetcher
from wire.work import Work

UNTIMED: Any = {"verify_exp": False, "verify_iat": False}
URL = "https://university.example"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "home", form=FORMS[SD_JWT_VC], url=URL)


def judge(issuer: Issuer, *, kinds: StatusKinds = STATUS_KINDS, lists: Any = ()) -> Verifier:
    return Verifier(
        Resolver(METHODS, NoFetcher()),
        trust=trust_in(issuer),
        forms=issuer.forms,
        lists=lists,
        status_kinds=kinds,
    )


def of(issuer: Issuer, number: str = "UNI-000001") -> Bundle:
    return issuer.bundle(issuer.current(number))


@contextmanager
def served(issuer: Issuer) -> Iterator[httpx.Client]:
    claims = ClaimLinks(issuer.home / "claims.sqlite", issuer.identity.url or URL)
    app = create_app(issuer, claims, issuer.home, lambda: NOW, status_kinds=issuer.status_kinds)
    with listening() as listener, serving(app, listener):
        base = f"http://localhost:{listener.getsockname()[1]}"
        with httpx.Client(base_url=base, trust_env=False) as client:
            yield client


def names(issuer: Issuer) -> set[str]:
    return {path.name for path in (issuer.home / "status").iterdir()}


def token(issuer: Issuer, name: str = "0.jwt") -> dict[str, Any]:
    text = (issuer.home / "status" / name).read_text()
    return load_json_object(base64url_decode(text.split(".")[1]), limit=1 << 22)


def test_its_credentials_name_a_token_list_beside_the_list_that_they_had(issuer: Issuer) -> None:
    issuer.issue_many([graduate(1), graduate(2)])
    assert names(issuer) == {"0", "0.jwt"}
    secured = of(issuer).secured
    assert isinstance(secured, Enveloped)
    claims = FORMS[SD_JWT_VC].read(secured.data, FORMS, Work()).claims
    place = claims.said["status"]["status_list"]
    assert claims.said["status"].keys() == {"status_list"}
    assert place["uri"] == f"{URL}/status/0.jwt" == token(issuer)["sub"]
    assert issuer.finder.find_credential(secured).number == "UNI-000001"

    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    assert len(names(issuer)) == 3  # with a page of details
    bits = StatusList.decode(listed(issuer.home).subjects[0]["encodedList"])
    said = token(issuer)
    assert said["status_list"]["bits"] == 1
    assert unpack_list(said["status_list"]["lst"], 1).bits == bits.bits
    assert (bits[place["idx"]], sum(map(int.bit_count, bits.bits))) == (1, 1)
    assert said["exp"] - said["iat"] == (listed(issuer.home).valid_until - NOW).total_seconds()  # type: ignore[operator]


def test_bundles_carry_it_and_are_verified_offline(issuer: Issuer) -> None:
    issuer.issue_many([graduate(1), graduate(2)])
    former = of(issuer)
    assert judge(issuer).verify(former.to_bytes(), now=NOW)
    (shown,) = former.status_lists
    assert isinstance(shown.document, Enveloped)
    assert shown.document.form == MEDIA_TYPE
    assert shown.document.data == (issuer.home / "status" / "0.jwt").read_bytes()
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    report = judge(issuer).verify(of(issuer).to_bytes(), now=NOW)
    assert report.deciding
    assert (report.verdict, report.deciding.code) == (Verdict.INVALID, "status-revoked")
    assert "fraud" in report.deciding.text
    assert judge(issuer).verify(of(issuer, "UNI-000002"), now=NOW)
    # An old copy hides nothing from who can see the list of now, and none leaves it open.
    here = partial(published_list, issuer.home)
    assert judge(issuer, lists=[here]).verify(former, now=NOW).verdict is Verdict.INVALID
    without = judge(issuer).verify(replace(former, status_lists=()), now=NOW)
    assert without.verdict is Verdict.UNDETERMINED
    unlogged = replace(former, status_lists=(replace(shown, evidence=()),))
    assert judge(issuer).verify(unlogged, now=NOW).verdict is Verdict.UNDETERMINED


@pytest.mark.slow
def test_a_holder_keeps_it_and_shows_it_with_the_credential(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue(graduate(1))
    Wallet.create(tmp_path / "wallet", b"a passphrase", now=NOW)
    with Wallet(tmp_path / "wallet", b"a passphrase") as wallet:
        (key,) = wallet.holder_keys()
        held = wallet.accept(
            issuer.claim("UNI-000001", key.did), lambda data: judge(issuer).verify(data, now=NOW), now=NOW
        )
        asked: dict[str, Any] = {"challenge": "n-0S6_WzA2Mj", "domain": "https://employer.example"}
        shown = wallet.present([held.id], **asked, now=NOW, only=["name"])
    assert len(shown.status_lists) == 1
    assert judge(issuer).verify(shown.to_bytes(), now=NOW, **asked)


def test_other_programs_verify_it_by_the_key_that_signs_lists(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    text = (issuer.home / "status" / "0.jwt").read_text()
    key = issuer.public_keys[issuer.status_key]
    header = pyjwt.get_unverified_header(text)
    assert header == {
        "alg": "EdDSA",
        "typ": "statuslist+jwt",
        "kid": issuer.identity.verification_method(key, issuer.status_key),
    }
    said = pyjwt.decode(text, pyjwt.PyJWK(key.jwk(), "EdDSA"), ["EdDSA"], options=UNTIMED)
    assert said["sub"] == f"{URL}/status/0.jwt"
    other = JWS()
    other.deserialize(text, JWK(**key.jwk()), alg="EdDSA")
    assert json.loads(other.payload) == said == token(issuer)


def test_it_is_served_under_its_media_type(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    with served(issuer) as client:
        for name, media_type in (("0", INTEGRITY), ("0.jwt", MEDIA_TYPE)):
            answer = client.get(f"/status/{name}")
            assert answer.headers["content-type"] == media_type
            assert answer.content == (issuer.home / "status" / name).read_bytes()
        for name in ("1.jwt", "0.cwt", "0.JWT", "0-details-0.jwt"):
            assert client.get(f"/status/{name}").status_code == 404


def test_without_an_address_nothing_but_the_list_is_published(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", form=FORMS[SD_JWT_VC])
    issuer.issue(graduate(1))
    assert names(issuer) == {"0"}
    assert judge(issuer).verify(of(issuer), now=NOW)


def test_an_issuer_of_json_publishes_what_it_did(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", url=URL)
    issuer.issue(graduate(1))
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    assert not {name for name in names(issuer) if "." in name}


@pytest.mark.slow
def test_who_goes_over_to_another_form_publishes_it_and_goes_on_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    issuer_in(home, url=URL).issue(graduate(1))
    issuer = reopened(home, form=FORMS[SD_JWT_VC])
    issuer.issue(graduate(2))
    assert names(issuer) == {"0", "0.jwt"}
    for number in ("UNI-000001", "UNI-000002"):
        assert judge(issuer).verify(of(issuer, number), now=NOW)
    issuer = reopened(home, form=DataIntegrity())
    issuer.issue(graduate(3))  # JSON again; those of before still name the list
    issuer.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW)
    report = judge(issuer).verify(of(issuer, "UNI-000002"), now=NOW)
    assert report.verdict is Verdict.INVALID


@pytest.mark.slow
def test_the_list_is_renewed_kept_by_a_backup_and_looked_after(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue(graduate(1))
    former, later = token(issuer), NOW + timedelta(days=300)
    issuer = reopened(issuer.home, lambda: later, form=FORMS[SD_JWT_VC])
    issuer.lists.publish(now=later)
    assert token(issuer)["iat"] - former["iat"] == timedelta(days=300).total_seconds()
    backup(issuer.home, tmp_path / "backup", b"a passphrase")
    restore(tmp_path / "backup", tmp_path / "again", b"a passphrase")
    again = tmp_path / "again"
    assert (again / "status" / "0.jwt").read_bytes() == (issuer.home / "status" / "0.jwt").read_bytes()
    assert not [each for each in examine_issuer(again, later) if each.code == "issuer-list-expired"]
    found = list(examine_issuer(again, later + timedelta(days=400)))
    assert {str(each.facts.get("list")) for each in found if each.code == "issuer-list-expired"} == {
        "0",
        "0.jwt",
    }
    (again / "status" / "0.jwt").write_bytes(b"another")
    assert "issuer-status-file-unlike" in {each.code for each in examine_issuer(again, later)}
    made = reopened(again, lambda: later, form=FORMS[SD_JWT_VC])
    made.lists.publish(now=later, anew=True)
    assert judge(made).verify(of(made), now=later)


def test_the_number_of_a_file() -> None:
    assert [*map(list_number, ("7", "7.jwt", "7-details", "7-details-12"))] == [7, 7, 7, 7]


# A kind of which the product does not know

NAMESPACE = "https://lists.example/ns#"
ROLL = f"{NAMESPACE}RollEntry"


@dataclass(frozen=True)
class Roll:
    """A signed line that calls the roll of those revoked, by their positions."""

    media_type: str = "application/x-roll"
    suffix: str = ".roll"
    form: Form = field(default_factory=LineForm)
    issued_in: frozenset[str] = frozenset({LINE})
    least_entries: int = 0

    def entry(self, value: Mapping[str, Any]) -> StatusEntry:
        url, _, place = str(value["id"]).partition("#")
        return StatusEntry(ROLL, "revocation", url, int(place), 1)

    def open(self, entry: StatusEntry, claims: Claims, unpack: Unpack) -> StatusList:
        if claims.id != entry.list_url:
            raise INVALID_STATUS_LIST("another roll")
        return unpack(_called, claims.subjects[0][f"{NAMESPACE}roll"], 1)

    def effect(self, entry: StatusEntry, value: int) -> Effect:
        return Effect.REVOKED if value else Effect.NONE

    def publish(
        self, bits: StatusList, facts: ListFacts, signer: Signer, verification_method: str
    ) -> PublishedList:
        document = {
            "@context": [CONTEXT_V2],
            "id": facts.url,
            "type": ["VerifiableCredential"],
            "issuer": facts.issuer,
            "validFrom": format_datetimestamp(facts.valid_from),
            "credentialSubject": {
                f"{NAMESPACE}roll": " ".join(str(place) for place in range(bits.entries) if bits[place])
            },
        }
        made = LineForm().sign(document, signer, Options(verification_method)).data
        return PublishedList(made, entry(EntryKind.STATUS_LIST, hashlib.sha256(made).digest()))


def _called(places: object, size: int) -> StatusList:
    bits = StatusList(size=size)
    for place in str(places).split():
        bits[int(place)] = 1
    return bits


class RollForm(LineForm):
    """A line that names a roll as its status."""

    def secure(
        self, facts: IssuingFacts, said: Mapping[str, Any], signer: Signer, options: Options
    ) -> Enveloped:
        place = f"{facts.status.list_url}.roll#{facts.status.position}"
        document = {**unsigned(facts, said), "credentialStatus": {"type": ROLL, "id": place}}
        return self.sign(document, signer, options)


ROLLS: StatusKinds = {**STATUS_KINDS, ROLL: Roll()}


@pytest.mark.slow
def test_a_third_kind_is_published_served_carried_looked_up_and_found(tmp_path: Path) -> None:
    """Nothing in the product knows it: it is handed in, as forms are."""
    issuer = issuer_in(tmp_path / "issuer", form=RollForm(), url=URL, status_kinds=ROLLS)
    issuer.issue_many([graduate(1), graduate(2)])
    assert names(issuer) == {"0", "0.roll"}
    former = of(issuer)
    rolled = former.status_lists[0].document
    assert isinstance(rolled, Enveloped)
    assert rolled.form == LINE
    assert judge(issuer, kinds=ROLLS).verify(former.to_bytes(), now=NOW)
    assert judge(issuer).verify(former, now=NOW).verdict is Verdict.UNDETERMINED, "elsewhere it is not known"
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    for bundle, lists in ((of(issuer), []), (former, [partial(published_list, issuer.home)])):
        report = judge(issuer, kinds=ROLLS, lists=lists).verify(bundle, now=NOW)
        assert report.deciding
        assert (report.verdict, report.deciding.code) == (Verdict.INVALID, "status-revoked")
    assert judge(issuer, kinds=ROLLS).verify(of(issuer, "UNI-000002"), now=NOW)
    assert issuer.finder.find_credential(former.secured).number == "UNI-000001"

    with served(issuer) as client:
        assert client.get("/status/0.roll").headers["content-type"] == "application/x-roll"

    Wallet.create(tmp_path / "wallet", b"a passphrase", now=NOW)
    forms = issuer.forms
    with Wallet(tmp_path / "wallet", b"a passphrase", forms=forms, status_kinds=ROLLS) as wallet:
        check = partial(judge(issuer, kinds=ROLLS).verify, now=NOW)
        (key,) = wallet.holder_keys()
        held = wallet.accept(issuer.claim("UNI-000002", key.did), check, now=NOW)
        assert len(_own_parts(held).status_lists) == 1


def test_a_deployment_hands_it_to_commands(tmp_path: Path) -> None:
    session = Session(tmp_path, deployment=Deployment(status_kinds=ROLLS))
    assert session.verifier(offline=True).status_kinds is session.status_kinds is ROLLS
    (fetched,) = (each for each in session.verifier().lists if isinstance(each, Fetched))
    assert fetched.media_types == ("application/vc", "application/json", MEDIA_TYPE, "application/x-roll")
    usual = Session(tmp_path).verifier()
    assert usual.status_kinds is STATUS_KINDS
    assert [each.media_types for each in usual.lists if isinstance(each, Fetched)] == [Fetched.media_types]


def test_two_kinds_that_read_one_entry_leave_it_open() -> None:
    value = {"type": [ROLL, "BitstringStatusListEntry"], "id": f"{URL}/status/0.roll#5"}
    assert entry_of({**value, "type": ROLL}, ROLLS).stored.list_url == f"{URL}/status/0"
    for types in (value["type"], "AnotherEntry", None):
        with raises(UNKNOWN_STATUS_ENTRY):
            entry_of({**value, "type": types}, ROLLS)
