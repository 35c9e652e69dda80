"""The one table of what is read in a credential: what decides, and what is only shown.

A signature over RDF covers statements, not spelling: whoever holds a credential may write it under other
names, in other places and with other contexts, and it still verifies. So what *decides* is read only where
it stands under the one name given here; under any other the verdict stays open (plan.py). A fact that
is only *shown* may be spelled as its context likes, and is handed out under the name given here (reading.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .literal import RDF

_CREDENTIALS = "https://www.w3.org/2018/credentials#"
_SECURITY = "https://w3id.org/security#"
_STATUS = "https://www.w3.org/ns/credentials/status#"
_STATUS_2021 = "https://w3id.org/vc/status-list#"
_OWN = "urn:intaglio:vocab:"

CREATED = "http://purl.org/dc/terms/created"
"""Decides in a proof, as `created`; elsewhere it is anybody's date."""
PROOFS = frozenset(
    _SECURITY + name for name in ("DataIntegrityProof", "Ed25519Signature2018", "Ed25519Signature2020")
)

DECIDES: Mapping[str, str] = MappingProxyType(
    {
        RDF + "type": "type",
        # the data model, 2.0 and 1.1
        **{
            _CREDENTIALS + name: name
            for name in (
                "VerifiableCredential", "VerifiablePresentation", "EnvelopedVerifiableCredential",
                "EnvelopedVerifiablePresentation", "credentialSchema", "credentialStatus",
                "credentialSubject", "digestSRI", "evidence", "expirationDate", "holder", "issuanceDate",
                "issuer", "refreshService", "relatedResource", "termsOfUse", "validFrom", "validUntil",
                "verifiableCredential",
            )
        },
        # Data Integrity
        **{
            _SECURITY + name: name
            for name in (
                "DataIntegrityProof", "Ed25519Signature2018", "Ed25519Signature2020", "assertionMethod",
                "challenge", "cryptosuite", "digestMultibase", "domain", "jws", "nonce", "previousProof",
                "proof", "proofPurpose", "proofValue", "verificationMethod",
            )
        },
        _SECURITY + "authenticationMethod": "authentication",
        _SECURITY + "expiration": "expires",
        # Bitstring Status List
        **{
            _STATUS + name: name
            for name in (
                "BitstringStatusList", "BitstringStatusListCredential", "BitstringStatusListEntry",
                "encodedList", "statusListCredential", "statusListIndex", "statusPurpose", "statusSize",
            )
        },
        # StatusList2021
        **{
            _STATUS_2021 + name: name
            for name in (
                "StatusList2021", "StatusList2021Credential", "StatusList2021Entry", "encodedList",
                "statusListCredential", "statusListIndex", "statusPurpose",
            )
        },
        # our own
        _OWN + "AnchoredInLog": _OWN + "AnchoredInLog",
        _OWN + "StatusStatement": _OWN + "StatusStatement",
        _OWN + "RevocationDetails": "RevocationDetails",
        _OWN + "revocations": "revocations",
        _OWN + "StatusDigest": "StatusDigest",
        _OWN + "statusDigest": "statusDigest",
    }
)  # fmt: skip
"""IRI to the one name under which it is read."""

SHOWN: Mapping[str, str] = MappingProxyType(
    {
        "https://schema.org/name": "name",
        "http://schema.org/name": "name",
        "https://schema.org/description": "description",
        "http://schema.org/description": "description",
        # in the subject of a transcript; a presentation's credentials are those of `DECIDES`
        "https://purl.imsglobal.org/spec/vc/clr/vocab.html#verifiableCredential": "verifiableCredential",
    }
)
"""IRI to the name that it is handed out under, beyond those that names.py finds in the vendored contexts."""
