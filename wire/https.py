"""One request, to an address that was checked before, all within one deadline, over a new connection or one
that the same caller has kept open.

This is the only file that uses httpcore, the layer below httpx. It accepts a network backend of ours. It has
no redirects, cookies, proxies, credentials, environment or decoding that we would have to switch off.
Importing it takes tens of milliseconds; `fetch` does so when the first URL is fetched.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpcore

from .address import Target, refusal, shown
from .message import Body, header_fields
from .problem import UNKNOWN_AUTHORITY, Refused, TooLarge, Unavailable

_KEPT = 4  # connections of one thread
_IDLE = 2.0  # seconds that one is kept without use
_EXPLANATION = 1 << 14
"""Most bytes read of the body of an unsuccessful answer: enough for a problem in JSON."""


class Request(NamedTuple):
    """One request; `limit` is in bytes of the answer's body."""

    method: str
    target: Target
    body: Body | None
    headers: Mapping[str, str]
    limit: int


class Response(NamedTuple):
    """A server's answer; `headers` by name in lower case. For a failure, `body` is only the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """The public certificate authorities, and those in a PEM file; raises `Refused` where it is unusable."""
    context = httpcore.default_ssl_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError too
            raise Refused.saying(
                "the file of certificate authorities {file} cannot be used: {said}",
                file=str(ca_file),
                said=str(error),
                hint="It should hold certificates in PEM form.",
            ) from error
    return context


class KeptOpen:
    """The connections that are kept open between two exchanges of one thread. `tls` is for https."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.connector = _Connector()
        # The service may close an idle one at any time, and the request on it would be lost.
        self.pool = httpcore.ConnectionPool(
            ssl_context=tls, network_backend=self.connector, max_connections=_KEPT, keepalive_expiry=_IDLE
        )

    def close(self) -> None:
        """Close all."""
        self.pool.close()


def exchange(
    request: Request,
    addresses: Sequence[str],
    *,
    deadline: float,
    tls: ssl.SSLContext | None,
    kept: KeptOpen | None = None,
) -> Response:
    """The answer of the target, at the first of `addresses` that takes the connection.

    Host header, SNI and certificate are those of the name in the URL; `tls` is for https. `deadline` is a
    reading of `time.monotonic`. With `kept` the connection stays open for the next exchange; where a service
    closes it, a GET is sent once more, on a new one. Raises `Unavailable`, `TooLarge`, and `Refused` for a
    compressed body and for headers that may not be sent.
    """
    method, target, body, headers, limit = request
    url = httpcore.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )
    sent: list[tuple[bytes | str, bytes | str]] = [
        ("Host", target.authority),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "intaglio"),
        *([] if kept else [("Connection", "close")]),
        *header_fields(headers),
    ]
    if "accept" not in {name.lower() for name in headers}:
        sent.append(("Accept", "application/json"))
    if body is not None:
        sent += [("Content-Type", body.media_type), ("Content-Length", str(len(body.content)))]
    connections = KeptOpen(tls) if kept is None else kept
    connections.connector.go(addresses, deadline)
    try:
        with connections.pool.stream(
            method, url, headers=sent, content=body.content if body else None
        ) as response:
            fields = _fields(response)
            if 200 <= response.status < 300:
                return Response(response.status, fields, _body(response, fields, target, limit))
            return Response(response.status, fields, _beginning(response))
    except httpcore.TimeoutException as error:
        raise unavailable(target, "no whole answer in time") from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        # RFC 9112 9.3.1: a kept connection may be closed just as the next request is on its way.
        if kept and method == "GET":
            return exchange(request, addresses, deadline=deadline, tls=tls)
        if any(words in str(error) for words in ("self-signed certificate", "unable to get local issuer")):
            raise UNKNOWN_AUTHORITY.saying(
                "{url} could not be fetched: {said}", url=shown(target.url), said=str(error)
            ) from error
        raise unavailable(target, "{said}", said=str(error) or type(error).__name__) from error
    finally:
        if kept is None:
            connections.close()


def _fields(response: httpcore.Response) -> Mapping[str, str]:
    """Header fields by name; repeated fields are joined into one list (RFC 9110, 5.3)."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _body(response: httpcore.Response, fields: Mapping[str, str], target: Target, limit: int) -> bytes:
    # Nothing is unpacked here, so that the limit below is one on memory.
    if fields.get("content-encoding", "identity").lower() != "identity":
        raise refusal(target.url, "it comes compressed, though asked for plain")
    too_large = TooLarge.saying("{url} is longer than {most} bytes", url=shown(target.url), most=limit)
    if int(fields.get("content-length", "0")) > limit:
        raise too_large  # before a byte is read; below, for servers that do not tell the length
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def _beginning(response: httpcore.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > _EXPLANATION:
            break
    return bytes(body[:_EXPLANATION])


NO_ANSWER = "{url} could not be fetched: "


def unavailable(
    target: Target, reason: str, kind: type[Unavailable] = Unavailable, **facts: Any
) -> Unavailable:
    """The `Unavailable`, or a `kind` of it, for a URL without a proper answer.

    The reason is a text of ours, with facts in braces.
    """
    return kind.saying(
        NO_ANSWER + reason,
        url=shown(target.url),
        hint="Check the connection, try later, or verify offline with a bundle.",
        **facts,
    )


class _Connector(httpcore.NetworkBackend):
    """Connects to the addresses that were checked, and never resolves the name in the URL again."""

    def __init__(self) -> None:
        self._system = httpcore.SyncBackend()
        self.go((), 0.0)

    def go(self, addresses: Sequence[str], deadline: float) -> None:
        """Use these from now on; the deadline is for connections that are open, too."""
        self._addresses, self._deadline = addresses, deadline

    @property
    def remaining(self) -> float:
        """The seconds before the deadline. Raises `ReadTimeout` after it."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return seconds

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for untried, address in zip(range(len(self._addresses), 0, -1), self._addresses, strict=True):
            share = self.remaining / untried  # an address that swallows packets leaves time
            try:
                return _Stream(self._system.connect_tcp(address, port, timeout=share), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None, "at least one address"
        raise failure


class _Stream(httpcore.NetworkStream):
    """A connection on which no operation outlasts the deadline, even if bytes arrive one by one."""

    def __init__(self, stream: httpcore.NetworkStream, connector: _Connector) -> None:
        self._stream = stream
        self._connector = connector

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, timeout=self._connector.remaining)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, timeout=self._connector.remaining)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout=self._connector.remaining)
        return _Stream(secured, self._connector)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
