"""SD-JWT VCs with their status, before and after a revocation: what others say of ours, and we of theirs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import pytest
from openvc.did.base import DidResolverRegistry
from openvc.did.did_key import DidKeyResolver
from openvc.did.did_web import DidWebResolver
from openvc.errors import OpenvcError
from openvc.keys import P256SigningKey
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from openvc.resolvers import default_status_list_token_resolver
from openvc.status import CredentialRevoked
from openvc.status.token_status_list import encode_status_list, new_status_list, set_status
from openvc.verify import VerificationPolicy, verify_credential

from keys import PrivateKey
from tests.commandline import Program, served
from tests.interop.ours import verified
from tests.interop.peers import JavaScript, javascript, over_tls
from tests.interop.test_elsewhere import NUMBER, PAGE, issue, stranger, table
from tests.interop.test_sd_jwt import altered, private
from tests.loopback import Authority, response
from tests.sd_jwts import as_text, b64, bound, digest, framed, jwt
from tests.serving import listening
from tests.test_verifier_controllers import Host
from tests.world import Holder, reopened, verifier
from vc import Bundle
from vc.forms import FORMS, SD_JWT_VC
from vc.forms.sdjwt import SDJWTVC
from vc.possession import Asked
from vc.reading import read
from verifier import RecognisedIssuer, Trust
from verifier.status import Revoked
from wire.work import Work

polaris = pytest.importorskip(
    "polaris_oid4vp.sdjwt", reason="no polaris-oid4vp: pip install polaris-oid4vp==1.0.0"
)
polaris_status = pytest.importorskip(
    "polaris_oid4vp.status", reason="no polaris-oid4vp: pip install polaris-oid4vp==1.0.0"
)

pytestmark = pytest.mark.slow

CHALLENGE, DOMAIN = "n-0S6_WzA2Mj", "x509_san_dns:employer.example"
VALID, REVOKED, REFUSED = "valid", "revoked", "refused"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Keys(NamedTuple):
    """A verifier elsewhere is told these of an issuer: its keys for credentials and for lists, as JWKs."""

    credentials: Mapping[str, str]
    lists: Mapping[str, str]


def sd_jwt_js(ask: JavaScript, keys: Keys, text: str, challenge: str = CHALLENGE) -> str:
    """It fetches the list itself, under the authority that its process was given."""
    outcome = ask(
        "sdJwtVerify",
        text=text,
        issuer=keys.credentials,
        lister=keys.lists,
        now=int(now().timestamp()),
        challenge=challenge,
    )
    if "error" not in outcome:
        return VALID
    return REVOKED if "Status is not valid" in outcome["error"] else REFUSED


def openvc(fetch: Callable[[str], bytes], text: str, challenge: str = CHALLENGE) -> str:
    """It looks up the keys itself, in the DID document."""
    resolver = DidResolverRegistry([DidKeyResolver(), DidWebResolver(lambda url: json.loads(fetch(url)))])
    lists = default_status_list_token_resolver(resolver=resolver, fetch=lambda url: fetch(url).decode())
    policy = VerificationPolicy(audience=DOMAIN, nonce=challenge, require_key_binding=True)
    try:
        verify_credential(text, policy=policy, resolver=resolver, resolve_status_list_token=lists)
    except CredentialRevoked:
        return REVOKED
    except OpenvcError:
        return REFUSED
    return VALID


def polaris_oid4vp(
    fetch: Callable[[str], bytes], keys: Keys, text: str, challenge: str = CHALLENGE, status: bool = True
) -> str:
    """The caller states whose key signs lists."""

    def look_up(*, uri: str, idx: int, issuer: str | None) -> Any:
        key = polaris._es256_public_key(keys.lists)
        fits = lambda signed, signature, header: polaris._verify_es256(key, signed, signature)  # noqa: E731
        authority = polaris_status.StatedAuthority()
        authority.state(credential_issuer=issuer, status_uri=uri, verify=fits, why="its DID document")
        return polaris_status.decide_by_fetching(
            index=idx, expected_uri=uri, authority=authority, fetch=fetch, credential_issuer=issuer
        )

    verdict = polaris.verify_presentation(
        text,
        expected_nonce=challenge,
        expected_audience=DOMAIN,
        issuer_jwks=[keys.credentials],
        status_resolver=look_up if status else None,
    )
    if not verdict.authentic:
        return REFUSED
    if not status:
        return VALID
    assert verdict.revocation["checked"], verdict.revocation
    return {0: VALID, 1: REVOKED}[verdict.revocation["status"]]


def test_others_say_of_ours_what_we_say(program: Program) -> None:
    with listening() as free:
        port = free.getsockname()[1]
    options = ("--url", f"https://localhost:{port}", "--form", "dc+sd-jwt", "--key-type", "P-256")
    program("issuer", "init", "--name", "Example University", *options)
    issue(program)
    issuer = reopened(program.home / "issuer", clock=now, form=FORMS[SD_JWT_VC])
    holder = Holder(PrivateKey.generate("P-256"))
    held = Bundle.parse(issuer.claim(NUMBER, holder.did), FORMS).secured
    keys = Keys(*(issuer.public_keys[name].jwk() for name in ("assertion", issuer.status_key)))
    authority = program.home / "issuer/tls/authority.pem"
    here = partial(program, "--home", stranger(program), "--loopback", "--ca", authority)

    def show(*names: str) -> str:
        shown = SDJWTVC().show(read(held, FORMS, Work()), names, Asked(CHALLENGE, DOMAIN), holder.key, now())
        return shown.data.decode()

    def ours(text: str, challenge: str = CHALLENGE) -> str:
        asked = ("--challenge", challenge, "--domain", DOMAIN, "--json")
        report = json.loads(here("verify", "-", *asked, stdin=text.encode()).out)
        against = {check["code"] for check in report["checks"] if check["outcome"] == "failed"}
        if report["verdict"] == "valid":
            return VALID
        assert report["verdict"] == "invalid", report
        return REVOKED if against == {"status-revoked"} else REFUSED

    with served(program.home, "--port", port, "--tls"), javascript(authority) as ask:
        fetch = over_tls(authority)
        programs: dict[str, Callable[..., str]] = {
            "Intaglio": ours,
            "openvc-core": partial(openvc, fetch),
            "@sd-jwt/sd-jwt-vc": partial(sd_jwt_js, ask, keys),
            "polaris-oid4vp": partial(polaris_oid4vp, fetch, keys),
        }

        def say(shown: str, *asked: str) -> dict[str, object]:
            return {name: says(shown, *asked) for name, says in programs.items()}

        text, fewer = show("family_name", "programme_title"), show()
        said = {"as asked": say(text), "for another challenge": say(text, "another")}
        swapped = fewer.rpartition("~")[0] + "~" + text.rpartition("~")[2]
        said |= {"changed": say(next(altered(text))), "other disclosures": say(swapped)}
        assert say(fewer) == dict.fromkeys(programs, VALID)
        for changed in altered(text):
            assert say(changed) == dict.fromkeys(programs, REFUSED)
        assert program("issuer", "revoke", NUMBER).code == 0
        assert say(fewer) == dict.fromkeys(programs, REVOKED)
        said["after `revoke`"] = say(text)
    printed = table("An SD-JWT VC, shown", said)
    print(printed)
    for answers, expected in zip(said.values(), (VALID, *[REFUSED] * 3, REVOKED), strict=True):
        assert answers == dict.fromkeys(programs, expected), printed
    assert printed in PAGE


# What others issue, with lists of their own


class Theirs(NamedTuple):
    """A credential that is shown, and what publishes its list."""

    text: str
    publish: Callable[[int], None]


PLACE = 7
Maker = Callable[[Holder, Holder, Host, JavaScript], Theirs]


def claims_of(issuer: Holder, holder: Holder, url: str) -> dict[str, Any]:
    return {
        "iss": issuer.did,
        "vct": "urn:example:degree",
        "name": "Ada Invented",
        "title": "Master",
        "iat": int(now().timestamp()),
        "cnf": {"jwk": holder.key.public_key.jwk()},
        "status": {"status_list": {"idx": PLACE, "uri": url}},
    }


def listed(issuer: Holder, url: str) -> dict[str, Any]:
    """The claims of a list beside its bits; openvc-core looks for its key by `iss`."""
    made = int(now().timestamp())
    return {"iss": issuer.did, "sub": url, "iat": made, "exp": made + 3600, "ttl": 60}


def by_sd_jwt_js(issuer: Holder, holder: Holder, host: Host, ask: JavaScript) -> Theirs:
    path = "/sd-jwt-js/0.jwt"
    url, signer = host.site.url(path), private(issuer.key)
    claims, frame = claims_of(issuer, holder, url), {"_sd": ["name", "title"], "_sd_decoy": 2}
    made = ask("sdJwtIssue", claims, frame=frame, header={"kid": issuer.method}, issuer=signer)["text"]
    asked = {"now": int(now().timestamp()), "challenge": CHALLENGE, "domain": DOMAIN}
    shown = ask("sdJwtPresent", text=made, frame={"name": True}, holder=private(holder.key), **asked)

    def publish(value: int) -> None:
        values = [value if place == PLACE else 0 for place in range(100)]
        said = listed(issuer, url)
        token = ask("tokenListJwt", values=values, bits=1, said=said, issuer=signer, kid=issuer.method)
        serve(host, path, token["text"])

    return Theirs(shown["text"], publish)


def by_openvc(issuer: Holder, holder: Holder, host: Host, ask: JavaScript) -> Theirs:
    path = "/openvc/0.jwt"
    url, suite = host.site.url(path), SdJwtVcProofSuite()
    made = suite.issue(
        claims_of(issuer, holder, url),
        signing_key=P256SigningKey.from_jwk(private(issuer.key), issuer.method),
        disclosable=["name", "title"],
    )
    key = P256SigningKey.from_jwk(private(holder.key), "key")
    shown = suite.create_presentation(made, holder_key=key, audience=DOMAIN, nonce=CHALLENGE)

    def publish(value: int) -> None:
        bits = new_status_list(100)
        set_status(bits, PLACE, value)
        said = {**listed(issuer, url), "status_list": {"bits": 1, "lst": encode_status_list(bytes(bits))}}
        header = {"alg": "ES256", "typ": "statuslist+jwt", "kid": issuer.method}
        serve(host, path, jwt(header, said, issuer.key).decode())

    return Theirs(shown, publish)


def serve(host: Host, path: str, token: str) -> None:
    host.answers[path] = response(200, token.encode(), content_type="application/statuslist+jwt")


@pytest.mark.parametrize("make", [by_sd_jwt_js, by_openvc])
def test_we_say_of_theirs_what_others_say(make: Maker, host: Host, authority: Authority) -> None:
    issuer, holder = (Holder(PrivateKey.generate("P-256")) for _ in range(2))
    keys = Keys(*[issuer.key.public_key.jwk()] * 2)
    fetch = over_tls(authority.ca_file)
    with javascript(authority.ca_file) as ask:
        text, publish = make(issuer, holder, host, ask)

        def ours(shown: str) -> str:
            report = verified(shown.encode(), issuer.did, host, challenge=CHALLENGE, domain=DOMAIN)
            if report:
                return VALID
            assert report.deciding
            return REVOKED if isinstance(report.deciding.problem, Revoked) else REFUSED

        programs: dict[str, Callable[[str], str]] = {
            "Intaglio": ours,
            "openvc-core": partial(openvc, fetch),
            "@sd-jwt/sd-jwt-vc": partial(sd_jwt_js, ask, keys),
            "polaris-oid4vp": partial(polaris_oid4vp, fetch, keys),
        }
        for value, answer in ((0, VALID), (1, REVOKED), (0, VALID)):
            publish(value)
            assert {name: says(text) for name, says in programs.items()} == dict.fromkeys(programs, answer)
        for changed in altered(text):
            assert {name: says(changed) for name, says in programs.items()} == dict.fromkeys(
                programs, REFUSED
            )


# What polaris-oid4vp refuses

ISSUER, HOLDER = (Holder(PrivateKey.generate("P-256")) for _ in range(2))
KEYS = Keys(*[ISSUER.key.public_key.jwk()] * 2)
SECONDS = int(now().timestamp())
SAID: Mapping[str, Any] = {
    "iss": ISSUER.did,
    "vct": "urn:example:degree",
    "name": "Ada Invented",
    "address": {"city": "Anytown", "country": "XX"},
    "grades": [1, 2],
    "cnf": {"jwk": HOLDER.key.public_key.jwk()},
}
NAME, CITY, GRADE = ("name",), ("address", "city"), ("grades", 1)
ONE, ITEM = as_text(["salt", "a", 1]), as_text(["salt", 1])


def presented(
    said: Mapping[str, Any] | None = None,
    hidden: Any = (NAME, CITY, GRADE),
    header: Mapping[str, Any] | None = None,
    texts: tuple[bytes, ...] = (),
    **binding: Any,
) -> str:
    """Everything that is shown, with whatever is wrong."""
    frame = framed({**SAID, **(said or {})}, hidden)
    named = {"alg": "ES256", "typ": "dc+sd-jwt", "kid": ISSUER.method, **(header or {})}
    parts = [jwt(named, frame.payload, ISSUER.key), *frame.disclosures.values(), *texts, b""]
    made = {"iat": int(now().timestamp()), "aud": DOMAIN, "nonce": CHALLENGE, **binding}
    return bound(b"~".join(parts), HOLDER.key, **made).decode()


YEAR = 365 * 86_400
CHANGED: Mapping[str, Mapping[str, Any]] = {
    **{f"typ {typ!r}": {"header": {"typ": typ}} for typ in ("JWT", "kb+jwt", "DC+SD-JWT", "", None, 5)},
    **{f"alg {alg!r}": {"header": {"alg": alg}} for alg in ("none", "HS256", "ES384", "RS256", "", None)},
    **{
        f"{name} {value!r}": {"said": {name: value}}
        for name in ("exp", "nbf")
        for value in ("soon", True, None)
    },
    "ended": {"said": {"exp": SECONDS - YEAR}},
    "begins later": {"said": {"nbf": SECONDS + YEAR}},
    "crit": {"header": {"crit": ["exp"], "exp": 1}},
    "an unknown crit": {"header": {"crit": ["x"], "x": 1}},
    "no kid": {"header": {"kid": ""}},
    "a kid that is no text": {"header": {"kid": 5}},
    "an empty chain": {"header": {"x5c": []}},
    "a chain that is none": {"header": {"x5c": "AAAA"}},
    "a chain of a stranger": {"header": {"x5c": ["AAAA"]}},
    **{
        f"{name} is hidden": {"said": {"exp": SECONDS + YEAR}, "hidden": [(name,)]}
        for name in ("exp", "cnf", "vct", "iss")
    },
    "a part of cnf is hidden": {"hidden": [("cnf", "jwk", "x")]},
    "_sd_alg is no text": {"said": {"_sd_alg": 5}},
    "an unknown hash": {"said": {"_sd_alg": "sha-1"}},
    "_sd is no array": {"said": {"_sd": "x"}, "hidden": ()},
    "a digest twice": {"said": {"_sd": [digest(ONE)] * 2}, "texts": (ONE,), "hidden": ()},
    "a digest in two places": {
        "said": {"a": {"_sd": [digest(ONE)]}, "b": {"_sd": [digest(ONE)]}},
        "texts": (ONE,),
    },
    "nothing refers to it": {"texts": (ONE,)},
    "a name that is there": {"said": {"_sd": [digest(ONE)], "a": 2}, "texts": (ONE,), "hidden": ()},
    "two elements in _sd": {"said": {"_sd": [digest(ITEM)]}, "texts": (ITEM,), "hidden": ()},
    "three in an array": {"said": {"a": [{"...": digest(ONE)}]}, "texts": (ONE,)},
    **{
        f"a disclosure {text!r}": {"said": {"_sd": [digest(b64(text))]}, "texts": (b64(text),), "hidden": ()}
        for text in (
            *(b"[]", b'["s"]', b'["s",5,1]', b'["s","_sd",[]]', b'["s","...",1]', b'["s","_sd_alg",1]'),
            *(b"{}", b"5", b"[", b'["s","a",NaN]', b'["s","a",{"b":1,"b":2}]'),
        )
    },
    "padding": {"said": {"_sd": [digest(ONE + b"=")]}, "texts": (ONE + b"=",), "hidden": ()},
    "no cnf": {"said": {"cnf": None}},
    "an empty cnf": {"said": {"cnf": {}}},
    "a key of another type": {"said": {"cnf": {"jwk": PrivateKey.generate().public_key.jwk()}}},
    "a key for encryption": {"said": {"cnf": {"jwk": {**SAID["cnf"]["jwk"], "use": "enc"}}}},
    "a key of nobody": {"said": {"cnf": {"jwk": {**SAID["cnf"]["jwk"], "x": "A" * 43}}}},
    **{f"binding typ {typ!r}": {"header_": {"typ": typ}} for typ in ("JWT", "dc+sd-jwt", None)},
    **{f"binding alg {alg!r}": {"header_": {"alg": alg}} for alg in ("none", "HS256", "EdDSA")},
    "binding crit": {"header_": {"crit": ["x"], "x": 1}},
    **{f"nonce {nonce!r}": {"nonce": nonce} for nonce in ("another", "", None, 5, [CHALLENGE])},
    **{f"aud {aud!r}": {"aud": aud} for aud in ("another", "", None, 5, [DOMAIN], [DOMAIN, "another"])},
    "made a year ago": {"iat": SECONDS - YEAR},
    "made in a year": {"iat": SECONDS + YEAR},
    **{f"made {made!r}": {"iat": made} for made in ("now", None, 1e400)},
    "a binding that ended": {"exp": SECONDS - YEAR},
    "a binding that begins later": {"nbf": SECONDS + YEAR},
    "a binding over something else": {"sd_hash": "A" * 43},
    "a binding over nothing": {"sd_hash": None},
}


def judged(text: str) -> tuple[bool, bool]:
    """Whether it is valid here, and whether it is authentic there."""
    trust = Trust().adding(RecognisedIssuer(ISSUER.did))
    report = verifier(trust).verify(text.encode(), now=now(), challenge=CHALLENGE, domain=DOMAIN)
    return bool(report), polaris_oid4vp(lambda _: b"", KEYS, text, status=False) == VALID


def test_both_take_what_is_well_made() -> None:
    for change in ({}, {"hidden": ()}, {"said": {"exp": SECONDS + YEAR, "nbf": SECONDS - YEAR}}):
        assert judged(presented(**change)) == (True, True)


@pytest.mark.parametrize("name", CHANGED)
def test_what_polaris_refuses_is_never_valid_here(name: str) -> None:
    change = dict(CHANGED[name])
    if "header_" in change:  # of the binding
        whole = presented()
        shown = whole.rpartition("~")[0].encode() + b"~"
        made = {"iat": int(now().timestamp()), "aud": DOMAIN, "nonce": CHALLENGE}
        assert not judged(bound(shown, HOLDER.key, change["header_"], **made).decode())[0]
        return
    here, there = judged(presented(**change))
    assert not here or there


def test_nor_is_what_it_refuses_of_any_bytes_that_were_changed() -> None:
    drawn, whole, valid = random.Random(1), presented(), 0
    for _ in range(400):
        text = bytearray(whole.encode())
        for _ in range(drawn.randint(1, 2)):
            at = drawn.randrange(len(text))
            match drawn.randrange(4):
                case 0:
                    text[at] = drawn.choice(b"ABab01-_.~=+/ ")
                case 1:
                    del text[at]
                case 2:
                    text.insert(at, drawn.choice(b"Aa0_.~= \n"))
                case 3:  # parts in another order
                    parts = bytes(text).split(b"~")
                    drawn.shuffle(parts)
                    text = bytearray(b"~".join(parts))
        here, there = judged(text.decode())
        assert not here or there, text
        valid += here
    assert valid < 40
