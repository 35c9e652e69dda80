"""Real servers on loopback for tests: bytes as told, over http or https, under a certificate authority."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority that lives as long as a test; `ca_file` holds its certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority (invented)")])
        extensions = [  # RFC 5280, 4.2.1: Python 3.13 insists on them
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_SIGNS_CERTIFICATES, True),
            (x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False),
        ]
        certificate = self._certificate(self._name, self._key, extensions)
        self.ca_file = folder / "authority.pem"
        self.ca_file.write_bytes(certificate)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A server's side of TLS, under a certificate for these host names and IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [
            (x509.SubjectAlternativeName([_general_name(name) for name in names]), True),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        ]
        file = self._folder / f"{names[0]}.pem".replace(":", "_")
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self._certificate(x509.Name([]), key, extensions)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extensions: Iterable[tuple[x509.ExtensionType, bool]],
    ) -> bytes:
        today = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - datetime.timedelta(days=1))
            .not_valid_after(today + datetime.timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def response(status: int, body: bytes = b"", **fields: str) -> bytes:
    """An HTTP response; a field `content_length` or `Content_Length` stands in for the true length."""
    named = {name.replace("_", "-").lower(): value for name, value in fields.items()}
    head = {"content-length": str(len(body)), **named}
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Site(socketserver.ThreadingTCPServer):
    """A server that answers a path with pieces of bytes. `requests` has the heads of all requests."""

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, answer: Callable[[str], bytes | Iterable[bytes]], context: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.context = context
        self.requests: list[str] = []
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.port: int = self.server_address[1]

    def url(self, path: str = "/", host: str = "localhost") -> str:
        scheme = "https" if self.context else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def dribble(self, before: bytes, piece: bytes) -> Iterator[bytes]:
        """`before`, then `piece` fifty times a second for as long as the client listens."""
        yield before
        while not self.closing.wait(0.02):
            yield piece

    @contextlib.contextmanager
    def running(self) -> Iterator[Site]:
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self.shutdown()
            thread.join()
            self.server_close()


class _Exchange(socketserver.BaseRequestHandler):
    server: Site

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # clients leave as they like
            connection = self.request
            if self.server.context:
                connection = self.server.context.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    received = connection.recv(65536)
                    if not received:
                        return
                    head += received
                length = re.search(rb"(?i)\ncontent-length: (\d+)", head)
                left = int(length[1]) - len(head.partition(b"\r\n\r\n")[2]) if length else 0
                while left > 0 and (received := connection.recv(65536)):  # else the connection would break
                    head, left = head + received, left - len(received)
                self.server.requests.append(head.decode("latin-1"))
                answer = self.server.answer(head.decode("latin-1").split(" ")[1])
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
