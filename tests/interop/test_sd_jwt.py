"""SD-JWT VCs exchanged with @sd-jwt/sd-jwt-vc, openvc-core and PyPI's sd-jwt, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from jwcrypto.jwk import JWK
from openvc.errors import OpenvcError
from openvc.keys import Ed25519SigningKey, P256SigningKey
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from openvc.status.status_list import CredentialRevoked
from openvc.verify import verify_credential

from did import issuer_metadata
from issuer.issuer import Issuer
from issuer.keeping.rotation import rotate
from keys import PrivateKey
from tests.interop.peers import JavaScript, javascript
from tests.test_kinds_facts import CERTIFICATE, WELDING
from tests.test_kinds_sd_jwt import ADA, PATHS, pid
from tests.test_sd_jwt_issuing import FORM, facts
from tests.test_token_issuing import served
from tests.world import Holder, graduate, issuer_in, verifier
from vc import Report, StatusList
from vc.forms import FORMS, SD_JWT_VC, TOKEN
from vc.forms.sdjwt.credential import SDJWTCredential
from vc.reading import read
from vc.secured import Options
from vc.status import Reason
from vc.status.kind import ListFacts
from vc.status.token import unpack_list
from vc.vcdm.enveloped import Enveloped
from verifier import RecognisedIssuer, Trust
from wire import base64url_decode, base64url_encode, load_json_object
from wire.work import Work

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
CHALLENGE, DOMAIN = "n-0S6_WzA2Mj", "x509_san_dns:employer.example"
SAID = {
    "vct": "urn:example:degree",
    "name": "Ada Invented",
    "grades": [1, 2],
    "title": "Master",
    "iat": int(NOW.timestamp()),
}
KINDS = ("Ed25519", "P-256")


class Pair(NamedTuple):
    """An issuer and a holder whose keys are of one kind."""

    issuer: Holder
    holder: Holder

    @property
    def trust(self) -> Trust:
        return Trust().adding(RecognisedIssuer(self.issuer.did))

    def ours(self) -> SDJWTCredential:
        stated = facts(CERTIFICATE, WELDING, holder=self.holder.did)
        place = stated.status._replace(is_stated=True)  # whose list nobody elsewhere looks for
        stated = stated._replace(issuer={"id": self.issuer.did}, status=place)
        made = FORM.secure(stated, {}, self.issuer.key, Options(self.issuer.method, created=NOW))
        found = read(made, FORMS, Work())
        assert isinstance(found, SDJWTCredential)
        return found

    def shown(self) -> str:
        """Name and title of one of ours, to who asked."""
        data = Enveloped(SD_JWT_VC, self.ours().choose([("name",), ("title",)]))
        now = datetime.now(UTC).replace(microsecond=0)  # peers go by the clock, and refuse an old answer
        shown = FORM.present([data], self.holder.key, Options("", "authentication", now, CHALLENGE, DOMAIN))
        assert isinstance(shown, Enveloped)
        return shown.data.decode()

    def judged(self, text: str, **change: str) -> Report:
        asked: dict[str, Any] = {"challenge": CHALLENGE, "domain": DOMAIN, **change}
        return verifier(self.trust).verify(text.encode(), now=datetime.now(UTC), **asked)

    def accepts(self, text: str, said: dict[str, Any]) -> None:
        """What they show is valid here for who asked, and says this; altered or for another it is not."""
        report = self.judged(text)
        (claims,) = report.require()
        assert said.items() <= claims.said.items()
        assert report.holder == self.holder.did
        assert not self.judged(text, challenge="another")
        assert not self.judged(text, domain="another")
        jwt, *texts, binding = text.split("~")
        for parts in ((jwt, *texts[1:], binding), (jwt, *texts, texts[0], binding)):
            assert not self.judged("~".join(parts))


def seconds() -> int:
    """The time by the clock: what was imported an hour before, in a long run, would be an old answer."""
    return int(datetime.now(UTC).timestamp())


def private(key: PrivateKey) -> dict[str, str]:
    return {**key.public_key.jwk(), "d": base64url_encode(key.secret)}


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(Holder(PrivateKey.generate(request.param)), Holder(PrivateKey.generate(request.param)))


@pytest.fixture(scope="module")
def ask() -> Iterator[JavaScript]:
    with javascript() as ask:
        yield ask


def altered(text: str) -> Iterator[str]:
    """A disclosure of another credential, one twice, one changed, and a signature that does not fit."""
    jwt, *texts, binding = text.split("~")
    yield "~".join([jwt, *texts, texts[0], binding])
    yield "~".join([jwt, base64url_encode(b'["salt","name","Eve"]'), *texts[1:], binding])
    yield "~".join([jwt[:-8] + "AAAAAAAA", *texts, binding])


def test_sd_jwt_js_reads_what_we_show(ask: JavaScript, pair: Pair) -> None:
    def says(text: str, **change: Any) -> dict[str, Any]:
        task = {
            "text": text,
            "issuer": pair.issuer.key.public_key.jwk(),
            "challenge": CHALLENGE,
            "now": seconds(),
        }
        return ask("sdJwtVerify", **{**task, **change})

    text = pair.shown()
    outcome = says(text)
    said = outcome["payload"]
    assert (said["name"], said["title"], said["iss"]) == ("Seán O'Brien-Müller", "Welding", pair.issuer.did)
    assert "certificate_number" not in said
    assert outcome["kb"]["payload"]["aud"] == DOMAIN
    assert "error" in says(text, challenge="another")
    for changed in altered(text):
        assert "error" in says(changed)


def test_sd_jwt_js_and_openvc_read_claims_in_objects(ask: JavaScript, pair: Pair) -> None:
    """Of a kind with the claims of the European person identification data, at their paths."""
    stated = facts(pid(), ADA, holder=pair.holder.did)
    place = stated.status._replace(is_stated=True)
    stated = stated._replace(issuer={"id": pair.issuer.did}, status=place)
    secured = FORM.secure(stated, {}, pair.issuer.key, Options(pair.issuer.method, created=NOW))
    credential = read(secured, FORMS, Work())
    assert isinstance(credential, SDJWTCredential)
    issuer = pair.issuer.key.public_key.jwk()

    def says(*paths: tuple[str | int, ...]) -> dict[str, Any]:
        data = Enveloped(SD_JWT_VC, credential.choose(paths))
        options = Options("", "authentication", datetime.now(UTC).replace(microsecond=0), CHALLENGE, DOMAIN)
        shown = FORM.present([data], pair.holder.key, options)
        assert isinstance(shown, Enveloped)
        text = shown.data.decode()
        verified = SdJwtVcProofSuite().verify(
            text, public_key_jwk=issuer, audience=DOMAIN, nonce=CHALLENGE, require_key_binding=True
        )
        task = {"text": text, "issuer": issuer, "challenge": CHALLENGE, "now": seconds()}
        payload: dict[str, Any] = ask("sdJwtVerify", **task)["payload"]
        objects = {path[0] for path in PATHS.values()}
        assert {name: payload.get(name) for name in objects} == {
            name: verified.claims.get(name) for name in objects
        }
        return payload

    part = says(("age_equal_or_over", "18"), ("address", "locality"))
    assert part["age_equal_or_over"] == {"18": True}
    assert part["address"] == {"locality": "Wien"}
    assert part["place_of_birth"] == {"country": "AT"}
    assert "birthdate" not in part
    whole = says(*credential.disclosed.disclosures)
    claims = credential.claims.said
    assert {name: whole[name] for name in claims} == claims


def test_we_read_what_sd_jwt_js_shows(ask: JavaScript, pair: Pair) -> None:
    claims = {**SAID, "iss": pair.issuer.did, "cnf": {"jwk": pair.holder.key.public_key.jwk()}}
    frame = {"_sd": ["name", "title", "grades"], "grades": {"_sd": [0, 1]}, "_sd_decoy": 2}
    keys = {"issuer": private(pair.issuer.key), "holder": private(pair.holder.key)}
    made = ask("sdJwtIssue", claims, frame=frame, header={"kid": pair.issuer.method}, **keys)["text"]
    assert verifier(pair.trust).verify(made.encode(), now=NOW).require()[0].said == claims
    shown = ask(
        "sdJwtPresent",
        text=made,
        frame={"name": True, "grades": {"1": True}},
        now=seconds(),
        challenge=CHALLENGE,
        domain=DOMAIN,
        **keys,
    )["text"]
    pair.accepts(shown, {"name": "Ada Invented", "grades": [2]})


# The status of what is shown, by token status lists

LIST = "https://university.example/status/0"


def token_list(pair: Pair, value: int) -> bytes:
    bits = StatusList(size=2)
    bits[7] = value
    listed = ListFacts(f"{LIST}.jwt", pair.issuer.did, NOW, timedelta(days=1))
    return TOKEN.publish(bits, listed, pair.issuer.key, pair.issuer.method).content


def test_sd_jwt_js_looks_up_the_status_in_our_list(ask: JavaScript, pair: Pair) -> None:
    stated = facts(CERTIFICATE, WELDING, holder=pair.holder.did)
    place = stated.status._replace(list_url=LIST, position=7, is_stated=False)
    stated = stated._replace(issuer={"id": pair.issuer.did}, status=place)
    made = FORM.secure(stated, {}, pair.issuer.key, Options(pair.issuer.method, created=NOW))
    assert isinstance(made, Enveloped)
    issuer = pair.issuer.key.public_key.jwk()
    for value in (0, 1, 2):
        text = token_list(pair, value).decode()
        assert ask("tokenStatus", text=text, places=[6, 7, 8])["values"] == [0, value, 0]
        task = {"text": made.data.decode(), "issuer": issuer, "now": seconds(), "list": text}
        assert ("error" in ask("sdJwtVerify", **task)) is bool(value)
        ours = verifier(pair.trust, lists=[{f"{LIST}.jwt": text.encode()}.get]).verify(made.data, now=NOW)
        assert bool(ours) is not bool(value)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_we_read_the_lists_of_sd_jwt_js(ask: JavaScript, size: int) -> None:
    values = [place * 5 % (1 << size) for place in range(1000)]
    made = ask("tokenList", values=values, bits=size)
    bits = unpack_list(made["lst"], made["bits"])
    assert [bits[place] for place in range(1000)] == values


def test_openvc_reads_what_we_show(pair: Pair) -> None:
    def says(text: str, **change: Any) -> Any:
        asked = {"audience": DOMAIN, "nonce": CHALLENGE, "require_key_binding": True, **change}
        return SdJwtVcProofSuite().verify(text, public_key_jwk=pair.issuer.key.public_key.jwk(), **asked)

    text = pair.shown()
    found = says(text)
    assert (found.key_bound, found.claims["name"]) == (True, "Seán O'Brien-Müller")
    assert "certificate_number" not in found.claims
    for changed in altered(text):
        with pytest.raises(OpenvcError):
            says(changed)
    with pytest.raises(OpenvcError):
        says(text, nonce="another")


@pytest.mark.parametrize("name", ["sha-256", "sha-384", "sha-512"])
def test_we_read_what_openvc_shows(name: str, pair: Pair) -> None:
    make: Any = {"Ed25519": Ed25519SigningKey, "P-256": P256SigningKey}[pair.issuer.key.public_key.type]
    suite = SdJwtVcProofSuite(hash_name=name)
    made = suite.issue(
        {**SAID, "iss": pair.issuer.did},
        signing_key=make.from_jwk(private(pair.issuer.key), pair.issuer.method),
        disclosable=["name", "title"],
        holder_jwk=pair.holder.key.public_key.jwk(),
        decoys=3,
    )
    holding = make.from_jwk(private(pair.holder.key), "key")
    shown = suite.create_presentation(made, holder_key=holding, audience=DOMAIN, nonce=CHALLENGE)
    pair.accepts(shown, SAID)


ADDRESS = "https://university.example/registrar"


@contextmanager
def publishing(home: Path, kind: str, method: str) -> Iterator[tuple[Issuer, httpx.Client]]:
    """An issuer that its credentials name by its address, and its service."""

    def clock() -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    options: dict[str, Any] = {"url": ADDRESS, "has_address": True, "key_type": kind, "method": method}
    issuer = issuer_in(home, clock=clock, form=FORM, **options)
    issuer.issue(graduate(1))
    with served(issuer) as client:
        yield issuer, client


def bare(issuer: Issuer) -> str:
    secured = issuer.line(issuer.current("UNI-000001")).credential
    assert isinstance(secured, Enveloped)
    return secured.data.decode()


def fetched(client: httpx.Client, url: str) -> Any:
    path = url.removeprefix("https://university.example")
    return client.get(path).raise_for_status()


@pytest.fixture(params=KINDS)
def published(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Issuer, httpx.Client]]:
    with publishing(tmp_path / "home", request.param, "web") as parts:
        yield parts


def test_openvc_finds_our_key_in_our_metadata(published: tuple[Issuer, httpx.Client]) -> None:
    """And the status, before and after revocation; a key that another took the place of, too."""
    issuer, client = published

    def claims(token: str) -> Any:
        return load_json_object(base64url_decode(token.split(".")[1], limit=1 << 20))

    def says() -> Any:
        return verify_credential(
            bare(issuer),
            jwt_vc_issuer_fetch=lambda url: fetched(client, url).json(),
            resolve_status_list_token=lambda url: claims(fetched(client, url).text),
        )

    assert (found := says()).issuer == ADDRESS
    assert found.claims["name"] == "Given1 Family1", found.claims
    rotate(issuer)
    assert says().issuer == ADDRESS
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=datetime.now(UTC).replace(microsecond=0))
    with pytest.raises(CredentialRevoked):
        says()


@pytest.mark.parametrize("kind", KINDS)
def test_sd_jwt_js_reads_ours_by_the_key_in_our_metadata(ask: JavaScript, kind: str, tmp_path: Path) -> None:
    """With a did:key, whose key signs the lists as well: it takes one key for both."""
    with publishing(tmp_path / "home", kind, "key") as (issuer, client):
        metadata = fetched(client, issuer_metadata.location(ADDRESS) or "").json()
        (key,) = metadata["jwks"]["keys"]
        status = fetched(client, f"{ADDRESS}/status/0.jwt").text
        task = {
            "text": bare(issuer),
            "issuer": key,
            "now": int(datetime.now(UTC).timestamp()) + 60,
            "list": status,
        }
        outcome = ask("sdJwtVerify", **task)
    assert "error" not in outcome, outcome
    assert outcome["payload"]["iss"] == metadata["issuer"] == ADDRESS
    assert outcome["header"]["kid"] == key["kid"]


@pytest.fixture
def sd_jwt() -> Any:
    """The library of the draft's authors, which knows ES256 well, and no rule of SD-JWT VC."""
    common = pytest.importorskip("sd_jwt.common", reason="no sd-jwt: pip install sd-jwt==0.10.4")
    parts = {name: import_module(f"sd_jwt.{name}") for name in ("issuer", "holder", "verifier")}
    return {
        "SDObj": common.SDObj,
        **{name: getattr(part, f"SDJWT{name.title()}") for name, part in parts.items()},
    }


def test_the_library_of_the_authors_reads_what_we_show(sd_jwt: Any) -> None:
    pair = Pair(*(Holder(PrivateKey.generate("P-256")) for _ in range(2)))

    def says(text: str) -> dict[str, Any]:
        key = JWK(**pair.issuer.key.public_key.jwk())
        found: dict[str, Any] = sd_jwt["verifier"](
            text, lambda *_: key, DOMAIN, CHALLENGE
        ).get_verified_payload()
        return found

    text = pair.shown()
    assert says(text)["name"] == "Seán O'Brien-Müller"
    for changed in list(altered(text))[1:]:  # it takes a disclosure twice
        with pytest.raises(Exception):  # noqa: B017 -- of whatever class
            says(changed)


def test_we_read_what_the_library_of_the_authors_shows(sd_jwt: Any) -> None:
    pair, hidden = Pair(*(Holder(PrivateKey.generate("P-256")) for _ in range(2))), sd_jwt["SDObj"]
    claims = {
        **{name: SAID[name] for name in ("vct", "iat")},
        "iss": pair.issuer.did,
        hidden("name"): "Ada Invented",
        hidden("title"): "Master",
        "grades": [hidden(1), 2],
    }
    holding = JWK(**private(pair.holder.key))
    made = sd_jwt["issuer"](
        claims,
        JWK(**private(pair.issuer.key)),
        JWK(**pair.holder.key.public_key.jwk()),
        sign_alg="ES256",
        add_decoy_claims=True,
        extra_header_parameters={"typ": "dc+sd-jwt", "kid": pair.issuer.method},
    ).sd_jwt_issuance
    wallet = sd_jwt["holder"](made)
    wallet.create_presentation({"name": True, "grades": [True]}, CHALLENGE, DOMAIN, holding, sign_alg="ES256")
    pair.accepts(wallet.sd_jwt_presentation, {"name": "Ada Invented", "grades": [1, 2]})
