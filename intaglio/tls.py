"""TLS for a service without a public certificate: an authority of our own and a certificate it signs.

For one machine or one house network. Wallets are told to trust the authority's file, `--ca FILE`; the
authority may only vouch for the names it was made for, so that its key is worth nothing elsewhere.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wire.files import locked, make_private_folder, write_durably
from wire.problem import Code, Damaged, Malformed

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LIFETIME = timedelta(days=397)  # the longest that browsers accept for a server
_SKEW = timedelta(hours=1)  # clocks of wallets may be behind ours
_RENEWAL = timedelta(days=7)


INVALID_CERTIFICATE_NAME = Code("invalid-certificate-name", Malformed, "No name for a certificate")
"""Neither a host name nor an IP address, as certificates write them."""


@dataclass(frozen=True)
class ServerFiles:
    """The paths of the certificate chain, its key and the authority's certificate, all PEM."""

    chain: Path
    key: Path
    authority: Path


def server_files(folder: Path, names: Sequence[str], *, now: datetime) -> ServerFiles:
    """The files in `folder` for loopback and `names`, host names or IP addresses; made if need be.

    The authority's private key is not kept: for other names, a week before the end, or where a clock that was
    wrong dated them ahead, all is made anew. Raises `INVALID_CERTIFICATE_NAME`, and `Damaged` for files that
    do not work together: others may trust the authority.
    """
    files = ServerFiles(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    subjects = [_general_name(name) for name in dict.fromkeys([*LOOPBACK, *names])]
    make_private_folder(folder)
    with locked(folder):
        if not _good(files, subjects, now):
            _make(files, subjects, now)
    return files


def _good(files: ServerFiles, subjects: Sequence[x509.GeneralName], now: datetime) -> bool:
    if not files.chain.exists():
        return False
    try:
        certificate = x509.load_pem_x509_certificates(files.chain.read_bytes())[0]
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.chain, files.key)
        context.load_verify_locations(files.authority)
    # No other `OSError`: a disk that does not answer leaves open what the files hold.
    except (ValueError, ssl.SSLError, FileNotFoundError, x509.ExtensionNotFound) as error:
        raise Damaged(
            f"the service's certificate in {files.chain.parent} cannot be used",
            hint="Remove that folder: another is made, and wallets have to be told of its authority.pem.",
        ) from error
    in_force = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _RENEWAL
    return set(subjects) <= set(covered) and in_force


def _make(files: ServerFiles, subjects: Sequence[x509.GeneralName], now: datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Intaglio local authority")
    limits = x509.NameConstraints([_constraint(subject) for subject in subjects], None)
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .add_extension(limits, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _certificate(_name("Intaglio local server"), authority_name, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    files.chain.unlink(missing_ok=True)
    write_durably(files.key, _private_pem(key))
    write_durably(files.authority, _pem(authority), mode=0o644)
    write_durably(files.chain, _pem(server) + _pem(authority))  # last, since its presence says: all is there


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now - _SKEW + _LIFETIME)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise INVALID_CERTIFICATE_NAME(
            "a name is not in ASCII", hint="Write it as it stands in links: xn--…"
        ) from None


def _constraint(subject: x509.GeneralName) -> x509.GeneralName:
    """A name as a constraint on a subtree; an IP address needs a mask for that (RFC 5280 4.2.1.10)."""
    if isinstance(subject, x509.IPAddress):
        return x509.IPAddress(ipaddress.ip_network(subject.value))
    return subject


def _usage(**granted: bool) -> x509.KeyUsage:
    none = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**{**none, **granted})


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
