"""The permitted targets of a fetch: https URLs on public addresses, and loopback if a developer allows it.

Credentials, DIDs and status entries come from strangers and name the URLs to fetch. Without this rule, they
could make a verifier call machines that only it can reach (server-side request forgery, threat 58).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from .problem import Raisable, Refused
from .text import printable

_URL = r"[!-~]{1,2048}"
_CAPABILITY = r"/[A-Za-z0-9_-]{32,}(?=/|$)|(?<=/claim)/[^/]+"  # a claim link ends so
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}"
_DEFAULT_PORTS = {"https": 443, "http": 80}

# The special-purpose registries of IANA (RFC 6890), instead of `is_global`, which differs between versions.
_SPECIAL_IPV4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared behind carriers' NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, with the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_IPV6 = ip_network("2000::/3")  # so neither loopback, private, link-local, multicast nor IPv4-mapped
_SPECIAL_IPV6 = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds any IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64 = ip_network("64:ff9b::/96")  # how an IPv6-only network reaches IPv4 (RFC 6052): judged as the latter
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def is_public(address: str) -> bool:
    """True if an IP address is public: everybody on the Internet reaches it alike."""
    ip = ip_address(address)
    if ip in _NAT64:  # threat 58: a private IPv4 address in IPv6 form stays private
        ip = IPv4Address(int(ip) & 0xFFFFFFFF)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _SPECIAL_IPV4)
    return ip in _GLOBAL_IPV6 and not any(ip in network for network in _SPECIAL_IPV6)


def is_loopback(address: str) -> bool:
    """True if an IP address is loopback in plain form; an IPv4-mapped ::ffff:127.0.0.1 is not."""
    ip = ip_address(address)
    return any(ip in network for network in _LOOPBACK)


class Target(NamedTuple):
    """A URL in the parts that a request needs; `host` is a name or a bare IP address, in lower case."""

    scheme: str
    host: str
    port: int
    path: str  # with the query, as it goes on the wire

    @classmethod
    def parse(cls, url: str) -> Target:
        """The parts of an http or https URL; its fragment is dropped.

        Raises `Refused` for other schemes, for user names, and for hosts that are neither a name nor an IP
        address. Raises it for ports below 1024 other than the scheme's own: other services listen there.
        """
        # Threat 58: parsers disagree on the host of URLs with user names, blanks or foreign characters.
        if not re.fullmatch(_URL, url):
            raise refusal(url, "it is empty, longer than 2048 characters or not plain ASCII")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise refusal(url, "its host or port is malformed") from None
        default_port = _DEFAULT_PORTS.get(parts.scheme)
        if default_port is None:
            raise refusal(url, "it is not an https URL")
        if "@" in parts.netloc:
            raise refusal(url, "it carries a user name")
        host = parts.hostname or ""
        if not re.fullmatch(_HOST, host) and not _is_ipv6(host):
            raise refusal(url, "its host is neither a domain name nor an IP address")
        if port is None:
            port = default_port
        if port < 1024 and port != default_port:
            raise refusal(url, "port {port} is not for web servers", port=port)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, port, path)

    def redirected(self, location: str) -> Target:
        """The target that the Location header of an answer names, absolute or relative to this one.

        Raises `Refused`.
        """
        try:
            url = urljoin(self.url, location)
        except ValueError:
            raise refusal(location, "its host or port is malformed") from None
        redirected = Target.parse(url)
        if self.scheme == "https" and redirected.scheme != "https":  # anybody on the way could answer
            raise refusal(url, "it is the redirect of an https URL to http")
        return redirected

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again, without its fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def address(self) -> str | None:
        """The host where it is an IP address, else None."""
        try:
            return str(ip_address(self.host))
        except ValueError:
            return None


def shown(url: str) -> str:
    """A URL for messages, without user name, query, fragment and tokens, since these may be secrets."""
    plain = re.sub(r"//[^/]*@", "//…@", re.split(r"[?#]", url, maxsplit=1)[0])
    return printable(re.sub(_CAPABILITY, "/…", plain)[:200])


NOT_FETCHED = "{url} is not fetched: "


def refusal(url: str, reason: str, kind: Raisable[Refused] = Refused, **facts: Any) -> Refused:
    """The `Refused`, or a `kind` of it, for a URL that is not fetched, or whose answer is rejected.

    The reason is a text of ours, with facts in braces.
    """
    return kind.saying(NOT_FETCHED + reason, url=shown(url), **facts)


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False
