"""X.509 certificates that name the signer: a path from a leaf to a pinned certificate (RFC 5280, 6.1).

`cryptography` parses them, and finally validates a path: signatures, chained names, `cA`, path lengths,
critical extensions, constraints of DNS names. This module adds the rules that it lacks. Revocation of
certificates is not checked.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from wire.problem import TooLarge
from wire.text import printable
from wire.work import BYTES_PARSED, CERTIFICATE, SIGNATURE, Work

from .kinds import KINDS
from .problem import CERTIFICATES_NOT_SUPPORTED, INVALID_CERTIFICATES
from .public import PublicKey

DEEPEST = 4
"""Most steps from a leaf to its anchor."""
_KINDS = {row.certified: name for name, row in KINDS.items() if row.certified}
"""The kind of key by the name of its curve in `cryptography`."""
_READ = frozenset(  # by `cryptography`, which refuses any other critical extension
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.NameConstraints.oid,
        x509.SubjectAlternativeName.oid,
        x509.AuthorityKeyIdentifier.oid,
        x509.SubjectKeyIdentifier.oid,
        x509.AuthorityInformationAccess.oid,
    }
)
_DOCUMENTS = frozenset(
    {
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
        "1.3.6.1.5.5.7.3.36",  # documents (RFC 9336)
        "1.0.18013.5.1.2",  # mobile documents (ISO/IEC 18013-5, B.1.4)
        "1.3.130.2.0.0.1.2",  # person identification data (PID Rulebook of the European wallet)
    }
)
_OTHERS = frozenset(
    oid.dotted_string
    for oid in (
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
    )
)
_CONSTRAINED = (x509.DNSName, x509.IPAddress, x509.RFC822Name)
"""The kinds of names whose constraints `cryptography` applies."""
_HOST = re.compile(r"https://([a-z0-9.-]+)(?::[0-9]+)?(?:[/?#].*)?")
_SECOND = timedelta(seconds=1)

# `cryptography` warns of what it will refuse one day: a sender could else write to the stderr of a service.
for _begin in ("Parsed a serial number", "Attribute's length"):
    warnings.filterwarnings("ignore", _begin, UserWarning)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, parsed; equal to another of the same bytes."""

    der: bytes
    parsed: x509.Certificate = field(compare=False, repr=False)
    subject: bytes = field(compare=False, repr=False)
    """Its name, in DER; `issuer` has the same form."""
    issuer: bytes = field(compare=False, repr=False)
    extensions: x509.Extensions = field(compare=False, repr=False)
    key: PublicKey | None = field(compare=False)
    """`None` for a key that is not on P-256 or P-384."""
    since: datetime = field(compare=False)
    until: datetime = field(compare=False)
    """The first moment at which it is no longer valid."""

    @property
    def subject_text(self) -> str:
        """Its name as people write it (RFC 4514), as stated by the issuer of the certificate."""
        return self.parsed.subject.rfc4514_string()

    @property
    def key_usage(self) -> x509.KeyUsage | None:
        """The permitted uses of its key, or `None` where it states none."""
        return next(
            (extension.value for extension in self.extensions if isinstance(extension.value, x509.KeyUsage)),
            None,
        )

    @property
    def is_authority(self) -> bool:
        """True if it states that it is a certification authority (`cA`)."""
        return any(
            isinstance(extension.value, x509.BasicConstraints) and extension.value.ca
            for extension in self.extensions
        )


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """The key of a leaf whose path is valid from `since` until just before `until`."""

    key: PublicKey
    subject: str
    uris: frozenset[str]
    hosts: frozenset[str]
    since: datetime
    until: datetime
    pinned: bool
    """True if the leaf is the anchor itself."""

    def names(self, url: str) -> bool:
        """True if the leaf names this URL: one of its URIs equals it, or one of its DNS names the host.

        A wildcard names nobody.
        """
        # Threat 12c: equality alone, since a prefix or wildcard would let one issuer pass for another.
        host = _HOST.fullmatch(url)
        return url in self.uris or (host is not None and host[1] in self.hosts)


def read_certificate(der: bytes, work: Work) -> Certificate:
    """Read one certificate.

    Raises `INVALID_CERTIFICATES`, the open `CERTIFICATES_NOT_SUPPORTED`, and `TooLarge`.
    """
    work.spend(CERTIFICATE + len(der) // BYTES_PARSED)  # before parsing: the sender chose the bytes
    try:
        parsed = x509.load_der_x509_certificate(der)
        return Certificate(
            der,
            parsed,
            parsed.subject.public_bytes(),
            parsed.issuer.public_bytes(),
            parsed.extensions,
            _key_of(parsed),
            parsed.not_valid_before_utc,
            _after(parsed.not_valid_after_utc),
        )
    # ADR 14: such a name is not wrong, so the verdict stays open.
    except x509.UnsupportedGeneralNameType:
        raise CERTIFICATES_NOT_SUPPORTED("a certificate has a name of a kind that is not read here") from None
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension):
        raise INVALID_CERTIFICATES("a certificate cannot be parsed") from None


def read_chain(ders: Sequence[bytes], work: Work) -> Sequence[Certificate]:
    """Read certificates, each issued by the next one according to its names. Raises as `read_certificate`."""
    chain = [read_certificate(der, work) for der in ders]
    for certificate, authority in pairwise(chain):
        # RFC 5280, 6.1.3 (a)(4), and RFC 7515, 4.1.6: each certifies the one before it.
        if certificate.issuer != authority.subject:
            raise INVALID_CERTIFICATES("a certificate is not by the next one in the chain")
    if len(set(chain)) < len(chain):  # RFC 5280, 6.1: none appears more than once in a path
        raise INVALID_CERTIFICATES("one certificate stands there twice")
    return chain


def from_pem(data: bytes) -> Certificate:
    """Read the single certificate in a file that a person chose as an anchor (RFC 7468).

    Raises `INVALID_CERTIFICATES` for more or fewer than one, `CERTIFICATES_NOT_SUPPORTED` for one to which no
    path would lead, and else as `read_certificate`.
    """
    try:
        certificates = x509.load_pem_x509_certificates(data)
    except ValueError:
        certificates = []
    # Of several, nobody could tell which was compared by its fingerprint.
    if len(certificates) != 1:
        raise INVALID_CERTIFICATES("the file does not hold one certificate, in PEM")
    certificate = read_certificate(certificates[0].public_bytes(Encoding.DER), Work())
    _require_read(certificate)
    return certificate


def path_to(anchor: Certificate, chain: Sequence[Certificate], work: Work) -> Sequence[Certificate]:
    """The part of a chain from its leaf to `anchor` inclusive; empty where the chain does not lead there.

    The anchor is in the chain, or its key signed a certificate in the chain.
    """
    for place, certificate in enumerate(chain):
        if certificate == anchor:  # by its bytes; certificates above it add nothing (threat 12b)
            return chain[: place + 1]
        # A leaf that is its own issuer leads to nobody else: it counts where it is the anchor.
        is_alone = place == 0 and certificate.issuer == certificate.subject
        # `_is_signed` compares the names as well: asked before it, they spare a signature.
        if not is_alone and certificate.issuer == anchor.subject and _is_signed(certificate, anchor, work):
            return [*chain[: place + 1], anchor]
    return []


def validate(path: Sequence[Certificate], work: Work) -> CertifiedKey:
    """The key of the first certificate of a path whose last one is pinned.

    The caller has to check the dates. Raises `INVALID_CERTIFICATES` for a path that breaks a rule. Raises
    `CERTIFICATES_NOT_SUPPORTED` and `TooLarge`, which leave the verdict open.
    """
    # Threat 12b: the rules that `cryptography` leaves out come first, and then its own.
    leaf, authorities = path[0], path[1:]
    if len(authorities) > DEEPEST:
        raise TooLarge.saying("the certificates lead to their anchor in more than {most} steps", most=DEEPEST)
    for certificate in path:
        _require_read(certificate)
        _require_purpose(certificate)
    for authority in authorities:
        _require_authority(authority)
    # A key that certifies signs no documents, too, unless that very certificate is pinned: such as one that
    # `openssl req -x509` made, which sets `cA`.
    if authorities and leaf.is_authority:
        raise INVALID_CERTIFICATES("the certificate of the signer is one of an authority")
    usage = leaf.key_usage
    if usage is not None and not usage.digital_signature:  # RFC 5280, 4.2.1.3
        raise INVALID_CERTIFICATES("the certificate of the signer is not for signatures")
    since, until = (
        max(certificate.since for certificate in path),
        min(certificate.until for certificate in path),
    )
    if since >= until:  # RFC 5280, 6.1.3 (a)(2): valid at one time, all of them
        raise INVALID_CERTIFICATES("the certificates are never valid at the same time")
    _verify(path, since, work)
    assert leaf.key is not None  # it was read
    return CertifiedKey(
        leaf.key, leaf.subject_text, *_names(leaf, authorities), since, until, pinned=not authorities
    )


def _key_of(parsed: x509.Certificate) -> PublicKey | None:
    try:
        key = parsed.public_key()
    except (UnsupportedAlgorithm, ValueError):  # such as a curve by its parameters
        return None
    name = _KINDS.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else None
    if name is None:
        return None
    return PublicKey(name, key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def _after(last: datetime) -> datetime:
    """The end of validity (RFC 5280, 4.1.2.5): the last second is included, and year 9999 means no end."""
    return last + _SECOND if last.year < 9999 else datetime.max.replace(tzinfo=UTC)


def _is_signed(certificate: Certificate, authority: Certificate, work: Work) -> bool:
    work.spend(SIGNATURE)
    try:
        certificate.parsed.verify_directly_issued_by(authority.parsed)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _require_read(certificate: Certificate) -> None:
    """Require keys and critical extensions of kinds that are known here."""
    if certificate.key is None:  # open rather than invalid: the curve may be a good one
        raise CERTIFICATES_NOT_SUPPORTED("a certificate has a key that is on neither P-256 nor P-384")
    for extension in certificate.extensions:
        # RFC 5280, 4.2: whoever does not know a critical extension must not go by the certificate.
        if extension.critical and extension.oid not in _READ:
            raise CERTIFICATES_NOT_SUPPORTED.saying(
                "a certificate has the critical extension {extension}, which is not read here",
                extension=extension.oid.dotted_string,
            )


def _require_purpose(certificate: Certificate) -> None:
    """Require the purpose of signing documents, if purposes are stated (RFC 5280, 4.2.1.12).

    Otherwise a thief of a web server's key could issue credentials. Unknown purposes leave the verdict open.
    """
    for extension in certificate.extensions:
        if not isinstance(extension.value, x509.ExtendedKeyUsage):
            continue
        purposes = {oid.dotted_string for oid in extension.value}
        # RFC 5280, 4.2.1.12: a certificate for TLS must not sign documents.
        if not purposes.isdisjoint(_DOCUMENTS):
            return
        stated = ", ".join(sorted(purposes))[:80]
        if purposes <= _OTHERS:  # certainly something else; an unknown purpose might be documents
            raise INVALID_CERTIFICATES.saying(
                "a certificate is for {purposes}, not for signing documents", purposes=stated
            )
        raise CERTIFICATES_NOT_SUPPORTED.saying(
            "a certificate is for {purposes}, which is not known here", purposes=stated
        )


def _require_authority(certificate: Certificate) -> None:
    """Require a key that may certify others; `cryptography` requires `cA` (6.1.4 (k))."""
    usage = certificate.key_usage
    if usage is None or not usage.key_cert_sign:  # RFC 5280, 4.2.1.3 and 6.1.4 (n)
        raise INVALID_CERTIFICATES("a certificate is not for certifying others, and did")
    for extension in certificate.extensions:
        if not isinstance(extension.value, x509.NameConstraints):
            continue
        # RFC 5280, 6.1.3 (b) and (c): `cryptography` holds no subject against them, and no URI.
        trees = (*(extension.value.permitted_subtrees or ()), *(extension.value.excluded_subtrees or ()))
        if not all(isinstance(tree, _CONSTRAINED) for tree in trees):
            raise CERTIFICATES_NOT_SUPPORTED("a certificate constrains names of a kind that is not read here")


def _names(leaf: Certificate, authorities: Sequence[Certificate]) -> tuple[frozenset[str], frozenset[str]]:
    """URIs and DNS names of the leaf; below a name constraint DNS names only.

    `cryptography` checks constraints for DNS names, and not for URIs (RFC 5280, 4.2.1.10).
    """
    is_constrained = any(
        isinstance(extension.value, x509.NameConstraints)
        for each in authorities
        for extension in each.extensions
    )
    uris: list[str] = []
    hosts: list[str] = []
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            uris += extension.value.get_values_for_type(x509.UniformResourceIdentifier)
            hosts += extension.value.get_values_for_type(x509.DNSName)
    return frozenset(() if is_constrained else uris), frozenset(hosts)


def _verify(path: Sequence[Certificate], moment: datetime, work: Work) -> None:
    """Validate the path (RFC 5280, 6.1) with `cryptography`, at a moment at which all are valid."""
    work.spend(SIGNATURE * len(path))
    leaf, *authorities = (certificate.parsed for certificate in path)
    # 4.2.1.9 and 4.2.1.3: an authority says that it is one, critically, and what its key is for.
    of_authorities = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
        .require_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
    )
    builder = PolicyBuilder().store(Store([path[-1].parsed])).time(moment).max_chain_depth(DEEPEST)
    builder = builder.extension_policies(ca_policy=of_authorities, ee_policy=ExtensionPolicy.permit_all())
    try:
        builder.build_client_verifier().verify(leaf, authorities[:-1])
    except VerificationError as error:  # its text may quote the sender's certificate (threat A40)
        raise INVALID_CERTIFICATES.saying(
            "the certificates do not follow from each other: {reason}", reason=printable(str(error)[:200])
        ) from None
