"""Credentials exchanged with openvc-core and openbadgeslib, in both directions."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from openbadgeslib.ob3 import Achievement, Issuer, OB3LdpSigner, OpenBadgeCredential
from openvc.errors import OpenvcError
from openvc.keys import Ed25519SigningKey, P256SigningKey, P384SigningKey
from openvc.proof.data_integrity import DataIntegrityProofSuite
from openvc.proof.di_ecdsa_rdfc import EcdsaRdfcProofSuite
from openvc.proof.di_jcs import EcdsaJcsProofSuite, EddsaJcsProofSuite
from openvc.status import build_status_list_credential, new_bitstring, set_status_bit

from did.methods import key as did_key
from keys import PublicKey
from tests.baking import png, svg
from tests.commandline import Program
from tests.conftest import ROOT
from tests.interop.ours import POSITION, Ours, badge, changed, verified
from tests.interop.peers import (
    CONTEXTS,
    FORGED,
    GREEN,
    REVOKED,
    Answer,
    openbadgeslib,
    openvc,
    over_tls,
    with_one_proof,
)
from tests.loopback import Authority
from tests.test_verifier_controllers import Host
from tests.world import NOW, graduate, issuer_in
from vc.status import MINIMUM_ENTRIES, status_entry

pytestmark = pytest.mark.slow


class Peer(NamedTuple):
    """A cryptosuite of openvc-core, with a key for it, and the name of such a key here."""

    suite: Any
    key: Any
    key_type: str
    over_rdf: bool

    @property
    def contexts(self) -> dict[str, Any]:
        """What it needs beside its own contexts."""
        return {"extra_contexts": CONTEXTS} if self.over_rdf else {}


PEERS = {
    "eddsa-rdfc-2022": Peer(DataIntegrityProofSuite(), Ed25519SigningKey, "Ed25519", True),
    "eddsa-jcs-2022": Peer(EddsaJcsProofSuite(), Ed25519SigningKey, "Ed25519", False),
    "ecdsa-rdfc-2019": Peer(EcdsaRdfcProofSuite(), P256SigningKey, "P-256", True),
    "ecdsa-rdfc-2019, P-384": Peer(EcdsaRdfcProofSuite(), P384SigningKey, "P-384", True),
    "ecdsa-jcs-2019": Peer(EcdsaJcsProofSuite(), P256SigningKey, "P-256", False),
    "ecdsa-jcs-2019, P-384": Peer(EcdsaJcsProofSuite(), P384SigningKey, "P-384", False),
}


@pytest.mark.parametrize("name", PEERS)
def test_openvc_accepts_our_diploma_until_it_is_changed_or_revoked(
    name: str, authority: Authority, host: Host
) -> None:
    ours = Ours(name.partition(",")[0], PEERS[name].key_type, host)
    diploma, said = ours.diploma(), partial(openvc, over_tls(authority.ca_file))
    assert said(diploma) == GREEN
    assert said(changed(diploma)) == FORGED
    ours.publish(POSITION)
    assert said(diploma) == REVOKED


class Theirs:
    """A did:key that signs by openvc-core: a badge and a status list."""

    def __init__(self, name: str, host: Host) -> None:
        self._peer, self._host, self._path = PEERS[name], host, f"/openvc/{name}".replace(" ", "")
        self._key = self._peer.key.generate("key")
        self.did = did_key.create(PublicKey.from_jwk(self._key.public_jwk()))
        issuer = {"id": self.did, "type": ["Profile"], "name": "Example"}
        status = status_entry(host.site.url(self._path), POSITION)
        self.badge = self._sign(badge(issuer=issuer, credentialStatus=status))
        self.publish()

    def publish(self, *revoked: int) -> None:
        bits = new_bitstring(MINIMUM_ENTRIES)
        for position in revoked:
            set_status_bit(bits, position, 1)
        url = self._host.site.url(self._path)
        listed = build_status_list_credential(id=url, issuer=self.did, bitstring=bits, valid_from=NOW)
        self._host.serve(self.with_context(self._sign(listed)), self._path)

    def _sign(self, document: dict[str, Any]) -> dict[str, Any]:
        method = f"{self.did}#{self.did.removeprefix('did:key:')}"
        signed: dict[str, Any] = self._peer.suite.add_proof(
            document, signing_key=self._key, verification_method=method, created=NOW, **self._peer.contexts
        )
        return signed

    def with_context(self, document: dict[str, Any]) -> dict[str, Any]:
        """With the context in a JCS proof that it covers."""
        if self._peer.over_rdf:
            return document
        return {**document, "proof": {**document["proof"], "@context": document["@context"]}}


@pytest.mark.parametrize("name", PEERS)
def test_we_accept_a_badge_of_openvc_until_it_is_changed_or_revoked(name: str, host: Host) -> None:
    theirs = Theirs(name, host)
    signed = theirs.with_context(theirs.badge)
    if signed is not theirs.badge:
        assert not verified(theirs.badge, theirs.did, host)
    report = verified(signed, theirs.did, host)
    assert report, report.checks
    report = verified(changed(signed), theirs.did, host)
    assert report.deciding is not None
    assert report.deciding.name == "signature"
    theirs.publish(POSITION)
    report = verified(signed, theirs.did, host)
    assert report.deciding is not None
    assert (report.deciding.name, report.deciding.outcome) == ("status", "failed")


def test_openvc_accepts_our_status_list(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path)
    issuer.issue(graduate(1, degree_name="学士"))
    signed = with_one_proof(json.loads((tmp_path / "status" / "0").read_bytes()))
    PEERS["eddsa-rdfc-2022"].suite.verify(signed)
    with pytest.raises(OpenvcError):
        PEERS["eddsa-rdfc-2022"].suite.verify({**signed, "validFrom": "2026-07-02T12:00:00Z"})


def test_openbadgeslib_accepts_every_25th_diploma_of_the_demo(program: Program, tmp_path: Path) -> None:
    heading, *rows = (ROOT / "examples/diploma/graduates.csv").read_text("utf-8").splitlines()
    graduates, folder, said = tmp_path / "graduates.csv", tmp_path / "out", partial(openbadgeslib, over_tls())
    graduates.write_text("\n".join([heading, *rows[::25]]), "utf-8")
    assert program("issuer", "issue", graduates, "--name", "Example", "--out", folder).code == 0
    diplomas = [json.loads(path.read_bytes())["credential"] for path in folder.glob("*.json")]
    assert [said(diploma) for diploma in diplomas] == [Answer(signature=True, expiry=True)] * 20
    assert said(changed(diplomas[0])) == FORGED


def test_we_accept_what_openbadgeslib_signs(host: Host) -> None:
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
    report = verified(signed, did, host)
    assert report, report.checks
    assert not verified(changed(signed), did, host)
    for picture in (signer.sign_into_png(badge, png()), signer.sign_into_svg(badge, svg("<title/>"))):
        report = verified(picture, did, host)
        assert report.require()[0].said["credentialSubject"]["id"] == badge.recipient_id
        assert not verified(picture.replace(b"Master", b"Doctor"), did, host)
