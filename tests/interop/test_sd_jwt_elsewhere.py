"""SD-JWT VCs with their status, before and after a revocation: what others say of ours, and we of theirs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
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
from tests.interop.test_elsewhere import NUMBER, issue, stranger
from tests.interop.test_sd_jwt import altered, private
from tests.loopback import Authority
from tests.sd_jwts import as_text, bound, digest, framed, jwt
from tests.serving import listening
from tests.test_verifier_controllers import Host
from tests.world import Holder, reopened, verifier
from vc import Bundle
from vc.forms import FORMS, SD_JWT_VC
from vc.possession import Asked
from vc.vcdm.enveloped import Enveloped
from verifier import RecognisedIssuer, Trust

polaris = pytest.importorskip(
    "polaris_oid4vp.sdjwt", reason="no polaris-oid4vp: pip install polaris-oid4vp==1.0.0"
)
polaris_status = pytest.importorskip("polaris_oid4vp.status")

pytestmark = pytest.mark.slow

CHALLENGE, DOMAIN = "n-0S6_WzA2Mj", "x509_san_dns:employer.example"
VALID, REVOKED, REFUSED = "valid", "revoked", "refused"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Keys(NamedTuple):
    """What a verifier elsewhere is told of an issuer: its keys for credentials and for lists, as JWKs."""

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
    """Whose key signs lists is for its caller to state."""

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
        shown = FORMS[SD_JWT_VC].show(held, names, Asked(CHALLENGE, DOMAIN), holder.key, now())
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
        text, fewer = show("family_name", "programme_title"), show()
        for shown in (text, fewer):
            assert {name: says(shown) for name, says in programs.items()} == dict.fromkeys(programs, VALID)
        assert {name: says(text, "another") for name, says in programs.items()} == dict.fromkeys(
            programs, REFUSED
        )
        swapped = fewer.rpartition("~")[0] + "~" + text.rpartition("~")[2]
        for changed in (*altered(text), swapped):
            assert {name: says(changed) for name, says in programs.items()} == dict.fromkeys(
                programs, REFUSED
            )
        assert program("issuer", "revoke", NUMBER).code == 0
        for shown in (text, fewer):
            assert {name: says(shown) for name, says in programs.items()} == dict.fromkeys(programs, REVOKED)
