"""Credentials exchanged with openvc-core and openbadgeslib, in both directions."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import Achievement, Issuer, OB3LdpSigner, OB3LdpVerifier, OpenBadgeCredential
from openvc.errors import OpenvcError
from openvc.keys import Ed25519SigningKey, P256SigningKey, P384SigningKey
from openvc.proof.data_integrity import DataIntegrityProofSuite
from openvc.proof.di_ecdsa_rdfc import EcdsaRdfcProofSuite
from openvc.proof.di_jcs import EcdsaJcsProofSuite, EddsaJcsProofSuite

from did import METHODS, Resolver
from did.methods import key as did_key
from keys import PrivateKey, PublicKey
from tests.commandline import Program
from tests.conftest import ROOT
from tests.registrar import graduate, issuer_in
from tests.world import NOW, University
from vc import Report, sign
from vc.jsonld.documents import Documents
from verifier import RecognisedIssuer, Trust, Verifier
from wire.fetch import NoFetcher

OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"


class Peer(NamedTuple):
    """A cryptosuite of openvc-core, with a key for it, and the name of such a key here."""

    suite: Any
    key: Any
    key_type: str
    over_rdf: bool

    @property
    def contexts(self) -> dict[str, Any]:
        """What it needs beside its own contexts."""
        return {"extra_contexts": {OPEN_BADGES: Documents().load(OPEN_BADGES)}} if self.over_rdf else {}


PEERS = {
    "eddsa-rdfc-2022": Peer(DataIntegrityProofSuite(), Ed25519SigningKey, "Ed25519", True),
    "eddsa-jcs-2022": Peer(EddsaJcsProofSuite(), Ed25519SigningKey, "Ed25519", False),
    "ecdsa-rdfc-2019": Peer(EcdsaRdfcProofSuite(), P256SigningKey, "P-256", True),
    "ecdsa-rdfc-2019, P-384": Peer(EcdsaRdfcProofSuite(), P384SigningKey, "P-384", True),
    "ecdsa-jcs-2019": Peer(EcdsaJcsProofSuite(), P256SigningKey, "P-256", False),
    "ecdsa-jcs-2019, P-384": Peer(EcdsaJcsProofSuite(), P384SigningKey, "P-384", False),
}


def diploma(did: str) -> dict[str, Any]:
    document = University().diploma(issuer={"id": did, "type": ["Profile"], "name": "Example"})
    return {name: document[name] for name in document if name not in ("credentialStatus", "termsOfUse")}


def changed(document: Mapping[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(dict(document))
    document["credentialSubject"]["achievement"]["name"] = "Doctor of Science"
    return document


def verified(document: Mapping[str, Any], did: str) -> Report:
    judge = Verifier(Resolver(METHODS, NoFetcher()), trust=Trust().adding(RecognisedIssuer(did)))
    return judge.verify(document, now=datetime.now(UTC))


@pytest.mark.parametrize("name", PEERS)
def test_openvc_accepts_what_we_sign(name: str) -> None:
    peer, key = PEERS[name], PrivateKey.generate(PEERS[name].key_type)
    did = did_key.create(key.public_key)
    method = f"{did}#{key.public_key.multikey()}"
    signed = sign(diploma(did), key, verification_method=method, suite=name.partition(",")[0], created=NOW)
    signed["proof"] = signed["proof"][0]  # it reads one proof, not a list
    peer.suite.verify(signed, **peer.contexts)
    with pytest.raises(OpenvcError):
        peer.suite.verify(changed(signed), **peer.contexts)


@pytest.mark.parametrize("name", PEERS)
def test_we_accept_what_openvc_signs(name: str) -> None:
    peer = PEERS[name]
    key = peer.key.generate("key")
    did = did_key.create(PublicKey.from_jwk(key.public_jwk()))
    method = f"{did}#{did.removeprefix('did:key:')}"
    signed = peer.suite.add_proof(
        diploma(did), signing_key=key, verification_method=method, created=NOW, **peer.contexts
    )
    if not peer.over_rdf:  # it signs the context as part of the proof, but leaves it out there, against 3.3.1
        assert not verified(signed, did)
        signed["proof"]["@context"] = signed["@context"]
    report = verified(signed, did)
    assert report, report.checks
    report = verified(changed(signed), did)
    assert report.deciding is not None
    assert report.deciding.name == "signature"


def test_openvc_accepts_our_status_list(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path)
    issuer.issue(graduate(1))
    signed = json.loads((tmp_path / "status" / "0").read_bytes())
    signed["proof"] = signed["proof"][0]
    PEERS["eddsa-rdfc-2022"].suite.verify(signed)
    with pytest.raises(OpenvcError):
        PEERS["eddsa-rdfc-2022"].suite.verify({**signed, "validFrom": "2026-07-02T12:00:00Z"})


@pytest.mark.slow
def test_openbadgeslib_accepts_every_diploma_of_the_demo(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    graduates = ROOT / "examples/diploma/graduates.csv"
    assert program("issuer", "issue", graduates, "--name", "Example", "--out", folder).code == 0
    bundles = sorted(folder.iterdir())
    assert len(bundles) == 500
    for path in bundles[::10]:
        credential = json.loads(path.read_bytes())["credential"]
        read = OB3LdpVerifier.for_issuer_did(credential["issuer"]["id"]).verify(credential)
        assert read.achievement.name == credential["name"]
        with pytest.raises(LibOpenBadgesException):
            OB3LdpVerifier.for_issuer_did(credential["issuer"]["id"]).verify(changed(credential))


def test_we_accept_what_openbadgeslib_signs() -> None:
    key = Ed25519PrivateKey.generate()
    signer = OB3LdpSigner(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    did = signer.verification_method.partition("#")[0]
    badge = OpenBadgeCredential(
        issuer=Issuer(id=did, name="Example"),
        recipient_id="did:example:graduate",
        achievement=Achievement(
            id="https://example.org/msc",
            name="Master of Science",
            description="A degree",
            criteria_narrative="All",
        ),
        issuance_date=NOW,
    )
    signed = signer.sign(badge)
    report = verified(signed, did)
    assert report, report.checks
    assert not verified(changed(signed), did)
