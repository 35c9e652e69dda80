"""Issuers that SD-JWT VCs name by an https address: bound to a DID by the trust list, or by metadata."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from did import METHODS, InvalidIssuerMetadata, Resolver, issuer_metadata
from did.methods import key as did_key
from exchange.claim import ClaimLink
from holder.client import claim
from issuer import Description
from issuer.desk.claims import ClaimLinks
from issuer.identity import documents
from issuer.identity.home import METADATA_NAME, Identity
from issuer.issuer import Issuer
from issuer.keeping.backup import backup, restore
from issuer.keeping.health import examine_issuer
from issuer.keeping.rotation import rotate
from issuer.problem import ANOTHER_ISSUER, ISSUER_WITHOUT_ADDRESS
from keys import PrivateKey, PublicKey
from keys.jws import JWS
from tests.commandline import Program
from tests.loopback import Authority, Site, response
from tests.problems import raises
from tests.test_holder_claim import checks, now, wallet, yes
from tests.test_holder_claim import served as claims_served
from tests.test_sd_jwt_vc import ABSENT, ISSUER, SAID, judged, left_open, refused, vc
from tests.test_token_issuing import served
from tests.test_verifier_trust_index import settle
from tests.world import NOW, graduate, issuer_in, of_diploma, reopened, table, trust_in, verifier
from vc import Report
from vc.forms import SDJWTVC
from vc.said import FACT_LOST, require_said
from vc.status import Reason
from verifier import RecognisedIssuer, Trust, TrustSource, Verifier
from verifier.problem import TRUST_DIFFERS
from verifier.sources.trust_index import IndexedTrust, open_trust
from wire.fetch import HttpsFetcher
from wire.problem import Damaged, Malformed
from wire.work import Work

ADDRESS = "https://university.example/registrar"
HOLDER = did_key.create(PrivateKey.generate().public_key)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    issuer_in(home, form=SDJWTVC(), url=ADDRESS, has_address=True).issue(graduate(1))
    return home


@pytest.fixture
def issuer(made_once: Path, tmp_path: Path) -> Issuer:
    shutil.copytree(made_once, tmp_path / "home")
    return reopened(tmp_path / "home", form=SDJWTVC())


def check(issuer: Issuer, trust: TrustSource | None = None) -> Report:
    bundle = issuer.bundle(issuer.current("UNI-000001")).to_bytes()
    return verifier(trust_in(issuer) if trust is None else trust).verify(bundle, now=NOW)


def entry_of(issuer: Issuer) -> RecognisedIssuer:
    (entry,) = trust_in(issuer).issuers
    return entry


# What an issuer signs


def test_log_and_lists_speak_for_the_address_by_the_trust_entry_alone(issuer: Issuer) -> None:
    report = check(issuer)
    (claims,) = report.require()
    assert (claims.issuer, issuer.did) == (ADDRESS, "did:web:university.example:registrar")
    assert {"status-not-revoked", "evidence-in-log"} <= {one.code for one in report.checks}
    trust = trust_in(issuer)
    for address in ("", "https://university.example", f"{ADDRESS}/"):
        left_open(check(issuer, trust.adding(replace(entry_of(issuer), address=address))))
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    refused(check(issuer), "revoked")


def test_another_issuers_key_does_not_sign_for_the_address(issuer: Issuer, tmp_path: Path) -> None:
    other = issuer_in(tmp_path / "other", form=SDJWTVC(), url="https://other.example", has_address=True)
    trust = trust_in(issuer).joined(trust_in(other))
    key = other.keys.signer("assertion")
    data = vc({**SAID, "iss": ADDRESS}, header={"kid": key.public_key.multikey()}, key=key)
    left_open(verifier(trust).verify(data, now=NOW), "issuer-document-missing")


def test_the_header_names_a_key_of_the_set_in_the_metadata(issuer: Issuer) -> None:
    line = issuer.line(issuer.current("UNI-000001"))
    header = JWS.parse(line.secured.parts.jwt, limit=1 << 20, work=Work()).header  # type: ignore[attr-defined]
    (key,) = json.loads((issuer.home / "status" / METADATA_NAME).read_bytes())["jwks"]["keys"]
    assert header["kid"] == key["kid"] == issuer.public_keys["assertion"].multikey()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["key", "web"])
def test_it_is_claimed_and_corrected(tmp_path: Path, method: str) -> None:
    made = issuer_in(tmp_path / "home", form=SDJWTVC(), url=ADDRESS, method=method, has_address=True)
    made.issue(graduate(1))
    made.claim("UNI-000001", HOLDER)
    made.correct("UNI-000001", {"gpa": "4.0"})
    (claims,) = check(made).require()
    assert (claims.issuer, claims.subjects[0]["id"]) == (ADDRESS, HOLDER)


def test_a_form_that_names_another_issuer_loses_a_fact(issuer: Issuer) -> None:
    composer = issuer.press().composer
    facts, _ = composer.parts(issuer.line(issuer.current("UNI-000001")).record, 0)
    claims = issuer.line(issuer.current("UNI-000001")).secured.claims
    require_said(facts, claims)
    require_said(facts, replace(claims, issuer=issuer.did))
    with raises(FACT_LOST, match="issuer"):
        require_said(facts, replace(claims, issuer="https://other.example"))
    with raises(FACT_LOST, match="issuer"):
        require_said(facts._replace(address=None), claims)


def test_an_address_is_decided_once(issuer: Issuer, tmp_path: Path) -> None:
    assert reopened(issuer.home, form=SDJWTVC()).identity.address == ADDRESS
    with raises(ISSUER_WITHOUT_ADDRESS):
        Description("U", has_address=True).require_sound()
    with raises(ISSUER_WITHOUT_ADDRESS):
        Description("U", "http://university.example", "key", has_address=True).require_sound()
    plain = issuer_in(tmp_path / "plain", form=SDJWTVC(), url=ADDRESS)
    with raises(ANOTHER_ISSUER):
        issuer_in(plain.home, form=SDJWTVC(), url=ADDRESS, has_address=True)
    Identity.change(plain.home, address="https://other.example")
    with pytest.raises(Damaged):
        Identity.read(plain.home)


@pytest.mark.slow
def test_metadata_has_the_keys_for_diplomas_and_their_ends(issuer: Issuer) -> None:
    path, former = issuer.home / "status" / METADATA_NAME, issuer.public_keys["assertion"].multikey()
    rotate(issuer)
    made = reopened(issuer.home, form=SDJWTVC())
    _ = made.lists
    said = json.loads(path.read_bytes())
    ends = {key["kid"]: "exp" in key for key in said["jwks"]["keys"]}
    assert (said["issuer"], ends) == (
        ADDRESS,
        {former: True, made.public_keys["assertion"].multikey(): False},
    )
    assert check(made)


def test_its_service_publishes_the_metadata_of_now(issuer: Issuer) -> None:
    path = "/.well-known/jwt-vc-issuer/registrar"
    with served(issuer) as client:
        before = client.get(path)
        rotate(issuer)
        after = client.get(path)
        assert client.get("/.well-known/jwt-vc-issuer").status_code == 404
    assert before.headers["content-type"] == "application/json"
    assert [len(answer.json()["jwks"]["keys"]) for answer in (before, after)] == [1, 2]
    assert after.content == (issuer.home / "status" / METADATA_NAME).read_bytes()


def test_its_copy_for_another_web_server_is_looked_after(issuer: Issuer, tmp_path: Path) -> None:
    path = issuer.home / "status" / METADATA_NAME

    def unlike() -> list[object]:
        found = examine_issuer(issuer.home, NOW)
        return [each.facts["file"] for each in found if each.code == "issuer-status-file-unlike"]

    assert unlike() == []
    for damage in (lambda: path.write_bytes(b"{}"), path.unlink):
        damage()
        assert unlike() == [str(path)]
        issuer.lists.publish(now=NOW)
        assert unlike() == []
    backup(issuer.home, tmp_path / "backup", b"correct horse battery")
    restore(tmp_path / "backup", tmp_path / "again", b"correct horse battery")
    assert (tmp_path / "again" / "status" / METADATA_NAME).read_bytes() == path.read_bytes()


def test_an_invitation_names_the_issuer_as_the_credential_does(issuer: Issuer, tmp_path: Path) -> None:
    claims = ClaimLinks(tmp_path / "claims.sqlite", ADDRESS)
    link = ClaimLink.parse(str(claims.offer(of_diploma("UNI-000001"), issuer, now=NOW)))
    invitation = claims.invite(link.token, issuer, now=NOW)
    assert (invitation.issuer, invitation.name) == (ADDRESS, "Invented University")
    assert trust_in(issuer).issuer(invitation.issuer) == entry_of(issuer)


@pytest.mark.slow
def test_a_wallet_claims_and_shows_one(tmp_path: Path) -> None:
    made = issuer_in(tmp_path / "home", form=SDJWTVC(), url=ADDRESS, has_address=True, clock=now)
    made.issue(graduate(1))
    with claims_served(made) as (claims, fetcher), wallet(tmp_path / "ada") as mine:
        link = claims.offer(of_diploma("UNI-000001"), made, now=now())
        kept = claim(link, mine, fetcher, checks(made), yes, clock=now)
        asked: Mapping[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
        shown = mine.present([kept.id], **asked, now=now(), only=["name"])
    report = verifier(trust_in(made)).verify(shown.to_bytes(), now=now(), **asked)
    (claims_shown,) = report.require()
    assert (claims_shown.issuer, claims_shown.subjects[0]["id"]) == (ADDRESS, report.holder)


@pytest.mark.slow
def test_at_the_command_line(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(table([graduate(1)]))
    init = ("issuer", "init", "--name", "U", "--url", ADDRESS, "--iss", "https")
    refusal = program(*init)
    assert (refusal.code, "--form dc+sd-jwt" in refusal.err) == (2, True)
    made = program(*init, "--form", "dc+sd-jwt", "--key-type", "P-256")
    assert (made.code, f"{ADDRESS}" in made.err) == (0, True)
    other = program("issuer", "init", "--name", "U", "--url", ADDRESS, "--iss", "did")
    assert (other.code, "--iss" in other.err) == (1, True)  # that is decided once
    assert program("issuer", "issue", "rows.csv").code == 0
    bundle = Path("diplomas/UNI-000001.json")
    Path("trust.json").write_text(program("issuer", "trust").out)
    for home in (None, tmp_path / "other"):
        monkeypatch.setenv("INTAGLIO_HOME", str(home)) if home else None
        if home:
            assert program("verify", bundle, "--offline").code == 3
            added = program("trust", "add", "trust.json", "--yes")
            assert (added.code, f"by its address, {ADDRESS}" in added.err) == (0, True)
        assert program("verify", bundle, "--offline").code == 0


# What the trust list says


BOUND = RecognisedIssuer("did:web:university.example", "U", address="https://university.example")


@pytest.mark.parametrize(
    "member",
    [
        {"address": "http://university.example"},
        {"address": "https://university.example?a"},
        {"address": "did:web:university.example"},
        {"id": "https://university.example", "address": "https://other.example"},
        {"vcts": [""]},
        {"vcts": "urn:example"},
    ],
)
def test_members_that_no_entry_has(member: Mapping[str, Any]) -> None:
    entry = {"id": "did:web:university.example", **member}
    with pytest.raises(Malformed):
        Trust.parse(json.dumps({"version": 7, "issuers": [entry]}).encode())


def test_they_are_written_where_they_are_used_and_no_earlier_version_has_them() -> None:
    for entry in (BOUND, replace(BOUND, address="", vcts=("urn:example:type",))):
        data = Trust().adding(entry).to_bytes()
        assert (json.loads(data)["version"], Trust.parse(data).issuers) == (7, (entry,))
        with pytest.raises(Malformed, match="needs version 7"):
            Trust.parse(data.replace(b'"version": 7', b'"version": 6'))
    assert json.loads(Trust().adding(replace(BOUND, address="")).to_bytes())["version"] == 1


def test_an_address_stands_for_one_issuer() -> None:
    other = replace(BOUND, id="did:web:other.example", name="O")
    for second in (other, RecognisedIssuer(BOUND.address)):
        with pytest.raises(Malformed, match="more than one entry"):
            Trust.parse(Trust((BOUND, second)).to_bytes())


def test_no_file_of_another_takes_an_address() -> None:
    known = Trust().adding(BOUND)
    others = (
        replace(BOUND, id="did:web:other.example", name="O"),
        RecognisedIssuer(BOUND.address),
        replace(BOUND, address="https://other.example"),
        replace(BOUND, address=""),
    )
    for other in others:
        with raises(TRUST_DIFFERS):
            known.joined(Trust().adding(other))
        with raises(TRUST_DIFFERS):
            Trust().adding(other).joined(known)
    listed = Trust().adding(RecognisedIssuer("did:web:o.example", status_issuers=(BOUND.address,)))
    with raises(TRUST_DIFFERS):
        listed.joined(known)
    assert known.joined(known) == known
    assert known.fingerprint(BOUND.id) != Trust().adding(replace(BOUND, address="")).fingerprint(BOUND.id)


@pytest.mark.slow
def test_an_issuer_is_found_by_either_name(issuer: Issuer, tmp_path: Path) -> None:
    trust, path = trust_in(issuer), tmp_path / "trust.json"
    crowd = [RecognisedIssuer(f"did:web:u{number}.example", reason="x" * 100) for number in range(600)]
    path.write_bytes(Trust((*crowd, *trust.issuers), trust.logs).to_bytes())
    open_trust(path)
    settle(path)
    indexed = open_trust(path)
    assert isinstance(indexed, IndexedTrust)
    for known in (trust, indexed):
        assert known.issuer(ADDRESS) == known.issuer(issuer.did) == entry_of(issuer)
        assert known.policy_for(ADDRESS).logs == known.policy_for(issuer.did).logs != ()
        assert check(issuer, known)
    assert trust.fingerprint(ADDRESS) == trust.fingerprint(issuer.did)
    assert trust.removing(ADDRESS) == Trust()


# Metadata at the address


KEY = ISSUER.key.public_key


def test_where_the_metadata_lies() -> None:
    """SD-JWT VC, 3 and 3.1, with the two examples of the draft."""
    for address, url in {
        "https://example.com": "https://example.com/.well-known/jwt-vc-issuer",
        "https://example.com/": "https://example.com/.well-known/jwt-vc-issuer",
        "https://example.com/tenant/1234": "https://example.com/.well-known/jwt-vc-issuer/tenant/1234",
        "https://example.com:8443/a/": "https://example.com:8443/.well-known/jwt-vc-issuer/a",
    }.items():
        assert issuer_metadata.location(address) == url
        assert issuer_metadata.is_location(url)
    for address in (
        "http://a.example",
        "https://a.example?b",
        "https://a.example#b",
        "https://u@a.example",
        "https://a.example/b/../c",
        "https://a.example/%2E%2e/c",
        "https://a.example\\b",
        "https://a.example:80",
        "https://",
    ):
        assert issuer_metadata.location(address) is None
        assert issuer_metadata.key_url(address, "k") is None
    for url in ("https://a.example", "https://a.example/b/.well-known/jwt-vc-issuer"):
        assert not issuer_metadata.is_location(url)


class Host:
    """A host under TLS, which serves what it is given, and an issuer with an address on it."""

    def __init__(self, authority: Authority) -> None:
        self.answers: dict[str, bytes] = {}
        self.site = Site(
            lambda path: self.answers.get(path, response(404)), authority.server_context("localhost")
        )
        self.address = f"{self.site.url()}/registrar".replace("//registrar", "/registrar")
        self.fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file)
        self.metadata: dict[str, Any] = {"issuer": self.address, "jwks": {"keys": [jwk("key-1")]}}

    def serve(self, path: str = "/.well-known/jwt-vc-issuer/registrar", **members: Any) -> None:
        value = {**self.metadata, **members}
        body = json.dumps({name: member for name, member in value.items() if member is not ABSENT})
        self.answers[path] = response(200, body.encode())

    def judge(self, kid: Any = "key-1", iss: str = "", **entry: Any) -> Report:
        trust = Trust().adding(RecognisedIssuer(iss or self.address, **entry))
        return self.judged_by(trust, kid, iss)

    def judged_by(self, trust: Trust, kid: Any = "key-1", iss: str = "") -> Report:
        data = vc({**SAID, "iss": iss or self.address}, header={"kid": kid})
        return Verifier(Resolver(METHODS, self.fetcher), trust=trust).verify(data, now=NOW)


def jwk(kid: Any, key: PublicKey = KEY, **members: Any) -> dict[str, Any]:
    return {**key.jwk(), "kid": kid, **members}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(Authority(tmp_path_factory.mktemp("host")))
    with made.site.running():
        yield made


@pytest.fixture
def host(running: Host) -> Host:
    running.answers.clear()
    running.site.requests.clear()
    return running


def test_its_key_is_read_over_tls(host: Host) -> None:
    host.serve()
    assert host.judge().require()[0].issuer == host.address
    (request,) = host.site.requests
    assert request.startswith("GET /.well-known/jwt-vc-issuer/registrar HTTP/1.1\r\n")


def test_only_of_issuers_on_the_list(host: Host) -> None:
    host.serve()
    left_open(host.judged_by(Trust()), "issuer-unknown-without-log")
    trust = Trust().adding(replace(BOUND, address=host.address))
    left_open(host.judged_by(trust), "")
    assert host.site.requests == []


def test_a_set_elsewhere(host: Host) -> None:
    where = f"{host.site.url()}/keys".replace("//keys", "/keys")
    host.serve(jwks=ABSENT, jwks_uri=where)
    left_open(host.judge(), "issuer-unreachable")
    host.answers["/keys"] = response(200, json.dumps(host.metadata["jwks"]).encode())
    assert host.judge()


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    "members",
    [
        {"issuer": "https://localhost/registrar"},
        {"issuer": ABSENT},
        {"issuer": 1},
        {"jwks": ABSENT},
        {"jwks_uri": "https://localhost/keys"},
        {"jwks": ABSENT, "jwks_uri": "http://localhost/keys"},
        {"jwks": ABSENT, "jwks_uri": 1},
        {"jwks": {}},
        {"jwks": {"keys": {}}},
        {"jwks": []},
    ],
)
def test_metadata_that_contradicts_is_not_used(host: Host, members: Mapping[str, Any]) -> None:
    host.serve(**members)
    left_open(host.judge(), "invalid-issuer-metadata")


def test_the_address_is_compared_letter_by_letter(host: Host) -> None:
    """Two addresses that differ by a slash at the end share a location (3.1), and are two issuers."""
    host.serve()
    left_open(host.judge(iss=f"{host.address}/"), "invalid-issuer-metadata")
    host.serve(issuer=f"{host.address}/")
    left_open(host.judge(), "invalid-issuer-metadata")
    assert host.judge(iss=f"{host.address}/")
    left_open(host.judge(iss=host.address.replace("localhost", "LOCALHOST")), "invalid-issuer-metadata")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "keys",
    [
        [jwk("key-2")],
        [jwk("key-1", use="enc")],
        [jwk("key-1", key_ops=["sign"])],
        [jwk("key-1", revoked={"revoked_at": 1})],
        [jwk("key-1"), jwk("key-1")],
        [jwk(1)],
        ["key-1"],
        [],
    ],
)
def test_no_one_key_of_that_name(host: Host, keys: list[Any]) -> None:
    host.serve(jwks={"keys": keys})
    left_open(host.judge(), "key-not-published")


@pytest.mark.parametrize("exp", [1, "1", 10**30])
def test_a_key_that_ended_leaves_it_open(host: Host, exp: Any) -> None:
    host.serve(jwks={"keys": [jwk("key-1", exp=exp)]})
    left_open(host.judge())
    host.serve(jwks={"keys": [jwk("key-1", exp=int(NOW.timestamp()) + 60)]})
    assert host.judge()


def test_another_key_of_that_name_did_not_sign_it(host: Host) -> None:
    host.serve(jwks={"keys": [jwk("key-1", PrivateKey.generate().public_key), jwk("key-2")]})
    refused(host.judge(), "invalid-proof")
    assert host.judge("key-2")


@pytest.mark.parametrize("kid", ["a/b?c#d e", "did:web:university.example#key-1", "https://a.example#k", "é"])
def test_a_name_is_any_text(host: Host, kid: str) -> None:
    host.serve(jwks={"keys": [jwk(kid)]})
    assert host.judge(kid)
    left_open(host.judge("key-1"), "key-not-published")


def test_pins_stand_before_the_metadata(host: Host) -> None:
    host.serve()
    thief = PrivateKey.generate().public_key
    left_open(host.judge(keys=(thief.multikey(), PrivateKey.generate().public_key.multikey())), "")
    assert host.judge(keys=(thief.multikey(), KEY.multikey()))


@pytest.mark.parametrize(
    "answer",
    [
        response(404),
        response(503),
        response(302, location="https://169.254.169.254/"),
        response(200, b"<html>"),
        response(200, b'{"a": "' + b"a" * (1 << 16) + b'"}'),
    ],
)
def test_a_host_that_has_none_forges_nothing(host: Host, answer: bytes) -> None:
    host.answers["/.well-known/jwt-vc-issuer/registrar"] = answer
    left_open(host.judge(), "issuer-unreachable")


def test_offline_it_is_open() -> None:
    trust = Trust().adding(RecognisedIssuer(ADDRESS))
    data = vc({**SAID, "iss": ADDRESS}, header={"kid": "key-1"})
    left_open(judged(data, trust), "issuer-unreachable")


def test_it_is_remembered(host: Host) -> None:
    host.serve()
    resolver = Resolver(METHODS, host.fetcher)
    url = issuer_metadata.location(host.address) or ""
    assert resolver.resolve(url).document is resolver.resolve(url).document
    host.answers.clear()
    assert resolver.resolve(url).document.value["issuer"] == host.address
    assert len(host.site.requests) == 1
    host.serve(issuer="https://other.example")
    with pytest.raises(InvalidIssuerMetadata):
        Resolver(METHODS, host.fetcher).resolve(url)


def test_what_we_publish_is_what_we_read(issuer: Issuer, host: Host, tmp_path: Path) -> None:
    made = issuer_in(tmp_path / "at-host", form=SDJWTVC(), url=host.address, has_address=True)
    host.answers["/.well-known/jwt-vc-issuer/registrar"] = response(
        200, documents.published_metadata(made.home, made.did, made.iss)
    )
    url = issuer_metadata.location(host.address) or ""
    (method,) = Resolver(METHODS, host.fetcher).resolve(url).document.methods("assertionMethod")
    key = made.public_keys["assertion"]
    assert (method.key, method.id) == (key, f"{url}#{key.multikey()}")


def test_a_set_at_another_address_signs_for_nobody_here(host: Host) -> None:
    """A Data Integrity proof may name any key: one of another address is not the issuer's."""
    host.serve()
    where = issuer_metadata.key_url(host.address, "key-1")
    for issuer in ("https://other.example", f"{host.address}/other"):
        document = {
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "type": ["VerifiableCredential"],
            "issuer": issuer,
            "credentialSubject": {"id": ISSUER.did},
        }
        signed = ISSUER.sign(document, verification_method=where)
        trust = Trust().adding(RecognisedIssuer(issuer)).adding(RecognisedIssuer(host.address))
        report = Verifier(Resolver(METHODS, host.fetcher), trust=trust).verify(signed, now=NOW)
        left_open(report)
        assert host.site.requests == []
