"""X.509 authorities and certificates for tests, with whatever is wrong in them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from keys import PrivateKey
from tests.world import NOW
from verifier import RecognisedIssuer
from verifier.sources.trust_entries import anchored_id

Secret = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
YEAR = timedelta(days=365)
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}


def usage(*, signs: bool = False, certifies: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(signs, False, False, False, False, certifies, False, False, False)


def sans(*names: str) -> x509.SubjectAlternativeName:
    """URIs have a colon, and hosts none."""
    kind = {True: x509.UniformResourceIdentifier, False: x509.DNSName}
    return x509.SubjectAlternativeName([kind[":" in name](name) for name in names])


@dataclass
class Certified:
    """A key and its certificate, by itself or by another."""

    subject: str
    by: Certified | None = None
    key: Secret = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    authority: bool = False
    path_length: int | None = None
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = ()
    left_out: Iterable[type[x509.ExtensionType]] = ()
    since: datetime = NOW - YEAR
    until: datetime = NOW + YEAR
    issuer: str = ""
    """The name that it gives as its issuer's, if another than the true one."""
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        signer = self.by or self
        usual: dict[type[x509.ExtensionType], tuple[x509.ExtensionType, bool]] = {
            x509.KeyUsage: (usage(signs=not self.authority, certifies=self.authority), True)
        }
        if self.authority:
            usual[x509.BasicConstraints] = x509.BasicConstraints(True, self.path_length), True
        usual |= {type(value): (value, critical) for value, critical in self.extensions}
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(self.subject))
            .issuer_name(named(self.issuer or signer.subject))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.since)
            .not_valid_after(self.until)
        )
        for kind, (value, critical) in usual.items():
            if kind not in self.left_out:
                builder = builder.add_extension(value, critical)
        is_edwards = isinstance(signer.key, ed25519.Ed25519PrivateKey)
        self.certificate = builder.sign(signer.key, None if is_edwards else hashes.SHA256())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def text(self) -> str:
        """As `x5c` and trust entries have it."""
        return base64.b64encode(self.der).decode()

    @property
    def signer(self) -> PrivateKey:
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        size = self.key.key_size // 8
        kind = {32: "P-256", 48: "P-384"}[size]
        return PrivateKey(kind, self.key.private_numbers().private_value.to_bytes(size))


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def of(curve: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(CURVES[curve])


def recognised(*anchors: Certified, id: str = "", name: str = "Utopia", **more: object) -> RecognisedIssuer:  # noqa: A002
    """The trust list entry of an issuer with these anchors."""
    return RecognisedIssuer(
        id or anchored_id(anchors[0].der),
        name,
        anchors=tuple(anchor.text for anchor in anchors),
        **more,  # type: ignore[arg-type]
    )


def utc(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
