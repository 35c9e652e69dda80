"""Programs by others, asked with their status check on what they say of a credential as it was handed out.

Contexts come from the files of their packages, DID documents and status lists over TLS. Where a program is at
fault, this table says so and what is done about it; nothing else is changed, left out or stood in for.

| Program | Fault | What is done |
| --- | --- | --- |
| @digitalbazaar/vc 7.3.0 | `verified` stays true for what is revoked | `statusResult` is read |
| openvc-core 1.37.0 | reads no array of proofs, which Open Badges 3.0 asks for | its one member is given |
| openvc-core 1.37.0 | its JCS proofs lack the `@context` that they cover (vc-di-eddsa 3.3.1) | it is put in |
| openbadgeslib 4.6.3 | verifies proofs of status lists only if they are JWTs | the list is not verified |
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import OB3LdpVerifier
from openvc.did.base import DidResolverRegistry
from openvc.did.did_key import DidKeyResolver
from openvc.did.did_web import DidWebResolver
from openvc.keys import Ed25519SigningKey
from openvc.proof.data_integrity import DataIntegrityProofSuite
from openvc.proof.errors import KeyResolutionError, SignatureInvalid
from openvc.resolvers import default_status_list_resolver
from openvc.status import CredentialRevoked
from openvc.verify import verify_credential

from did.methods import key as did_key
from keys import PublicKey
from vc.vcdm.jsonld.documents import Documents

HERE = Path(__file__).parent
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
CONTEXTS = {OPEN_BADGES: Documents().load(OPEN_BADGES)}
"""What openvc-core needs beside its own."""

Credential = Mapping[str, Any]
JavaScript = Callable[..., dict[str, Any]]
Fetch = Callable[..., bytes]


class Answer(NamedTuple):
    """What a program says of a credential; `None` of what it does not speak of."""

    signature: bool
    expiry: bool | None = None
    status: bool | None = None

    def __str__(self) -> str:
        told = {name: value for name, value in self._asdict().items() if value is not None}
        return ", ".join(f"{name} {str(value).lower()}" for name, value in told.items())


class Unsupported(Exception):
    """The program says that it does not know the proof's cryptosuite."""


GREEN, REVOKED, FORGED = Answer(True, True, True), Answer(True, True, False), Answer(signature=False)


@contextlib.contextmanager
def javascript(ca_file: Path | None = None, *, all_hosts: int | None = None) -> Iterator[JavaScript]:
    """The programs of `peers.mjs`, in one process. `make peers` installs them.

    Where `all_hosts` is given, they find each host at that port of this machine.
    """
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / ".package-lock.json").exists():  # npm writes it last
        pytest.skip("no programs by others in JavaScript: install node and npm, then `make peers`")
    with subprocess.Popen(
        [node, HERE / "peers.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            **({"NODE_EXTRA_CA_CERTS": str(ca_file)} if ca_file else {}),
            **({"PORT_OF_ALL_HOSTS": str(all_hosts)} if all_hosts else {}),
        },
    ) as process:
        assert process.stdin
        assert process.stdout
        tasks, outcomes = process.stdin, process.stdout

        def ask(do: str, document: Credential | None = None, **more: Any) -> dict[str, Any]:
            tasks.write(json.dumps({"do": do, "document": document, **more}) + "\n")
            tasks.flush()
            outcome: dict[str, Any] = json.loads(outcomes.readline())
            return outcome

        yield ask


def peers(ask: JavaScript, ca_file: Path | None = None) -> dict[str, Callable[[Credential], Answer]]:
    """All of them, by name. The authority `ca_file` is the one that hosts are under whom they ask."""
    fetch = over_tls(ca_file)
    return {
        "@digitalcredentials/verifier-core": partial(verifier_core, ask),
        "@digitalbazaar/vc": partial(digitalbazaar, ask),
        "openvc-core": partial(openvc, fetch),
        "openbadgeslib": partial(openbadgeslib, fetch),
    }


def verifier_core(ask: JavaScript, credential: Credential) -> Answer:
    outcome = ask("verifierCore", credential)
    if "errors" in outcome:
        assert [error["name"] for error in outcome["errors"]] == ["invalid_signature"], outcome["errors"]
        return FORGED
    assert not [entry for entry in outcome["log"] if "error" in entry], outcome["log"]
    log = {entry["id"]: entry["valid"] for entry in outcome["log"]}
    return Answer(log["valid_signature"], log["expiration"], log.get("revocation_status"))


def digitalbazaar(ask: JavaScript, credential: Credential) -> Answer:
    outcome = ask("verify", credential)
    if not outcome["verified"]:
        known = ("Invalid signature", "DID document entity with id")  # the latter is of a key that is gone
        assert any(words in outcome["error"] for words in known), outcome["error"]
        return FORGED
    found = outcome.get("statusResult")
    return Answer(True, True, found and not any(result["status"] for result in found["results"]))


def openvc(fetch: Fetch, credential: Credential) -> Answer:
    resolver = DidResolverRegistry([DidKeyResolver(), DidWebResolver(lambda url: json.loads(fetch(url)))])
    lists = default_status_list_resolver(
        resolver=resolver, fetch=lambda url: json.dumps(with_one_proof(json.loads(fetch(url))))
    )
    try:
        found = verify_credential(
            with_one_proof(credential), resolver=resolver, resolve_status_list=lists, extra_contexts=CONTEXTS
        )
    except (SignatureInvalid, KeyResolutionError):
        return FORGED
    except CredentialRevoked:  # it looks there last
        return REVOKED
    return Answer(True, not found.expired, None if found.status is None else not found.status.revoked)


def openbadgeslib(fetch: Fetch, credential: Credential) -> Answer:
    try:
        found = OB3LdpVerifier.for_issuer_did(credential["issuer"]["id"]).verify(
            dict(credential), check_status=True, verify_status_list=False, download=fetch
        )
    except LibOpenBadgesException as error:
        if "Credential status 'revocation' is set" in str(error):  # it looks there last
            return REVOKED
        if "no supported Data Integrity proof" in str(error):
            raise Unsupported from error
        if "signature" in str(error) or "has no verificationMethod" in str(error):
            return FORGED
        raise
    return Answer(True, True, True if found.credential_status else None)


def wallets(ask: JavaScript) -> dict[str, Callable[..., dict[str, Any]]]:
    """Those that show what they were given to a verifier's challenge and domain, by a key of their own."""
    return {
        "@digitalbazaar/vc": partial(ask, "present", suite="eddsa-rdfc-2022"),
        "openvc-core": shown_by_openvc,
    }


def shown_by_openvc(credential: Credential, *, challenge: str, domain: str) -> dict[str, Any]:
    key = Ed25519SigningKey.generate("key")
    did = did_key.create(PublicKey.from_jwk(key.public_jwk()))
    presentation = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "holder": did,
        "verifiableCredential": [dict(credential)],
    }
    shown: dict[str, Any] = DataIntegrityProofSuite().add_proof(
        presentation,
        signing_key=key,
        verification_method=f"{did}#{did.removeprefix('did:key:')}",
        proof_purpose="authentication",
        challenge=challenge,
        domain=domain,
        extra_contexts=CONTEXTS,
    )
    return shown


def over_tls(ca_file: Path | None = None) -> Fetch:
    """What those in Python fetch with: their own goes to no address of this machine."""
    tls = ssl.create_default_context(cafile=ca_file)

    def fetch(url: str, **_: Any) -> bytes:
        with urlopen(url, context=tls, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    return fetch


def with_one_proof(document: Credential) -> dict[str, Any]:
    """A document with the only member of its array of proofs instead."""
    (proof,) = document["proof"]
    return {**document, "proof": proof}
