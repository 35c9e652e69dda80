"""Mutual TLS with a cluster: the address, the three files, and a handshake that says what is wrong.

Dask tries a connection again until its time is over, whatever the reason. So each end first makes the
handshake by itself, which tells an expired certificate and another authority at once.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from wire.problem import Malformed, NotFound, Refused

from .problem import (
    CLUSTER_AUTHORITY,
    CLUSTER_CERTIFICATE_EXPIRED,
    CLUSTER_LOST,
    CLUSTER_NOT_ENCRYPTED,
    INVALID_CLUSTER_ADDRESS,
)

# Of OpenSSL: X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED.
_OUT_OF_TIME = (9, 10)


class Certificates(NamedTuple):
    """The paths of the authority's certificate, one's own certificate and its key, all PEM."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The files ca.pem, cert.pem and key.pem of a folder.

        Raises `NotFound`, and `Refused` if others than the owner can read the key.
        """
        files = cls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
        for path in files:
            if not path.is_file():
                raise NotFound.saying("there is no file {file}", file=str(path))
        # With this key anybody runs code on each machine of the cluster, beside the issuer's keys.
        if files.key.stat().st_mode & 0o077:
            raise Refused.saying(
                "others than the owner may read the key in {file}",
                hint=f"Run `chmod 600 {files.key}`; if others can log in here, treat the key as disclosed.",
                file=str(files.key),
            )
        return files

    def context(self) -> ssl.SSLContext:
        """The settings of an end that connects. Raises `Malformed` for files that do not go together."""
        try:
            context = ssl.create_default_context(cafile=str(self.authority))
            context.load_cert_chain(self.certificate, self.key)
        except ssl.SSLError:
            folder = str(self.key.parent)
            raise Malformed.saying(
                "the certificates and the key in {folder} do not go together", folder=folder
            ) from None
        # The authority serves the cluster alone: each certificate of it is one of ours, under any address.
        context.check_hostname = False
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as Dask, so that both take the same certificates
        return context


class Address(NamedTuple):
    """Where a scheduler is: scheme `tls`, or `tcp` on this machine, with host and port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, text: str, *, encrypted: bool) -> Self:
        """The address in a text such as `tls://host:8786`; `encrypted` tells whether there are certificates.

        Raises `INVALID_CLUSTER_ADDRESS` and `CLUSTER_NOT_ENCRYPTED`.
        """
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise INVALID_CLUSTER_ADDRESS.saying(
                "{address} is no address of a cluster", address=text
            ) from None
        beyond = parts.path or parts.query or parts.fragment or parts.username is not None
        if parts.scheme not in ("tls", "tcp") or not host or not port or beyond:
            raise INVALID_CLUSTER_ADDRESS.saying("{address} is no address of a cluster", address=text)
        # Whoever connects without a certificate runs code there by a pickle: not beyond this machine.
        if parts.scheme == "tcp" and not _is_here(host):
            raise CLUSTER_NOT_ENCRYPTED.saying(
                "{address} is not encrypted, and not on this machine", address=text
            )
        if encrypted != (parts.scheme == "tls"):
            raise CLUSTER_NOT_ENCRYPTED.saying(
                "certificates are for tls:// alone, and {address}", address=text
            )
        return cls(parts.scheme, host, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_reach(address: Address, files: Certificates | None, seconds: float) -> None:
    """Require that a scheduler answers there, and that both ends take each other's certificates.

    Raises `CLUSTER_CERTIFICATE_EXPIRED` and `CLUSTER_AUTHORITY`, which waiting does not mend, and
    `CLUSTER_LOST`.
    """
    where = str(address)
    try:
        with socket.create_connection((address.host, address.port), timeout=seconds) as connection:
            if files is None or address.scheme == "tcp":
                return
            with files.context().wrap_socket(connection) as secure:
                # By TLS 1.3 the other end judges our certificate after the handshake; Dask speaks first.
                if not secure.recv(1):
                    raise CLUSTER_LOST.saying("the scheduler at {address} does not answer", address=where)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _OUT_OF_TIME:
            raise CLUSTER_CERTIFICATE_EXPIRED.saying(
                "the certificate at {address} has expired or is not yet valid", address=where
            ) from None
        raise CLUSTER_AUTHORITY.saying(
            "the certificate at {address} is not by our authority", address=where
        ) from None
    except ssl.SSLError as error:
        if "CERTIFICATE_EXPIRED" in (reason := str(error.reason)):
            raise CLUSTER_CERTIFICATE_EXPIRED.saying(
                "{address} says that our certificate has expired or is not yet valid", address=where
            ) from None
        if "UNKNOWN_CA" in reason or "CERTIFICATE" in reason or "DECRYPT_ERROR" in reason:
            raise CLUSTER_AUTHORITY.saying(
                "{address} says that our certificate is not by its authority", address=where
            ) from None
        raise CLUSTER_LOST.saying("what answers at {address} does not speak TLS", address=where) from None
    except OSError as error:
        raise CLUSTER_LOST.saying("the scheduler at {address} does not answer", address=where) from error
