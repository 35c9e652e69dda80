"""The fetcher, against real servers on loopback: where it goes, what it takes, how long it waits."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intaglio.words import remedy
from tests.loopback import Authority, Site, response
from wire import https
from wire.address import Target, is_loopback, is_public
from wire.fetch import Client, Fetcher, HttpsFetcher, NoFetcher, keeping, system_addresses
from wire.message import Body
from wire.problem import NotFound, Problem, Refused, TooLarge, TryLater, Unavailable

Serve = Callable[..., Site]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as sites:

        def start(answer: Any, context: Any = None) -> Site:
            answers = answer if callable(answer) else lambda path: answer
            return sites.enter_context(Site(answers, context).running())

        yield start


@pytest.fixture
def fetcher(authority: Authority) -> HttpsFetcher:
    return HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file)


def to_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


# Getting it


def test_https_under_a_known_authority(serve: Serve, authority: Authority, fetcher: Fetcher) -> None:
    site = serve(response(200, b'{"a": 1}'), authority.server_context("localhost"))
    assert fetcher.fetch(site.url("/a/b?c=d#e"), accept="application/did+json") == b'{"a": 1}'
    head = site.requests[0].lower()
    assert head.startswith("get /a/b?c=d http/1.1\r\n")
    assert f"host: localhost:{site.port}\r\n" in head
    assert "accept: application/did+json\r\n" in head
    assert "accept-encoding: identity\r\n" in head
    assert "cookie" not in head
    assert "authorization" not in head


def test_the_name_and_not_the_address_is_proven(serve: Serve, authority: Authority) -> None:
    names: list[str | None] = []
    context = authority.server_context("uni.example")
    context.sni_callback = lambda _connection, name, _context: names.append(name)
    site = serve(response(200, b"here"), context)
    fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file, addresses=to_loopback)
    assert fetcher.fetch(site.url(host="uni.example")) == b"here"
    assert names == ["uni.example"]
    assert f"Host: uni.example:{site.port}\r\n" in site.requests[0]
    with pytest.raises(Unavailable, match=r"https://other\.example.*certificate"):
        fetcher.fetch(site.url(host="other.example"))


def test_an_address_as_host_is_proven_too(serve: Serve, authority: Authority, fetcher: Fetcher) -> None:
    site = serve(response(200, b"here"), authority.server_context("127.0.0.1"))
    assert fetcher.fetch(site.url(host="127.0.0.1")) == b"here"


def test_an_unknown_authority_is_not_trusted(serve: Serve, authority: Authority) -> None:
    site = serve(response(200, b"here"), authority.server_context("localhost"))
    with pytest.raises(Unavailable, match="certificate verify failed"):
        HttpsFetcher(allow_loopback=True).fetch(site.url())


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_file_of_authorities_is_named(content: str | None, tmp_path: Path, serve: Serve) -> None:
    ca_file = tmp_path / "company.pem"
    if content is not None:
        ca_file.write_text(content)
    with pytest.raises(Refused, match=r"company\.pem cannot be used"):
        HttpsFetcher(allow_loopback=True, ca_file=ca_file).fetch(serve(response(200)).url())


def test_http_on_loopback_in_development_only(serve: Serve, fetcher: Fetcher) -> None:
    site = serve(response(200, b"here"))
    assert fetcher.fetch(site.url()) == b"here"
    with pytest.raises(Refused, match="not an https URL"):
        HttpsFetcher().fetch(site.url())
    assert len(site.requests) == 1


def test_the_environment_names_no_proxy(serve: Serve, fetcher: Fetcher, monkeypatch: Any) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetcher.fetch(serve(response(200, b"here")).url()) == b"here"


def test_addresses_are_tried_in_turn(serve: Serve, authority: Authority) -> None:
    site = serve(response(200, b"here"), authority.server_context("uni.example"))
    fetcher = HttpsFetcher(
        allow_loopback=True,
        ca_file=authority.ca_file,
        addresses=lambda host, port: ["::1", "127.0.0.1"],  # the site listens on the second only
    )
    assert fetcher.fetch(site.url(host="uni.example")) == b"here"


def test_the_system_resolves_each_address_once() -> None:
    addresses = system_addresses("localhost", 443)
    assert len(addresses) == len(set(addresses))
    assert all(is_loopback(address) for address in addresses)


def test_importing_it_loads_no_client() -> None:
    code = "import sys, wire.fetch; assert not {'httpx', 'httpcore', 'ssl'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


# Where it does not go

HOSTILE = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "5f00::1",
]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("address", HOSTILE)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("address", [address for address in HOSTILE if not is_loopback(address)])
def test_not_even_in_development(address: str, authority: Authority) -> None:
    fetcher = HttpsFetcher(allow_loopback=True, addresses=lambda host, port: [address])
    with pytest.raises(Refused, match="not a public address"):
        fetcher.fetch("https://uni.example/")


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)
    assert not is_loopback(address)


@given(st.ip_addresses())
def test_public_is_never_wider_than_the_standard_library(ip: Any) -> None:
    if is_public(str(ip)) and not str(ip).startswith("64:ff9b::"):
        assert ip.is_global
        assert not any([ip.is_private, ip.is_multicast, ip.is_link_local, ip.is_reserved])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "0"]
)
def test_this_machine_in_any_spelling(host: str) -> None:
    with pytest.raises(Refused, match="is not fetched"):
        HttpsFetcher().fetch(f"https://{host}/")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:127.0.0.1]", "10.0.0.1"])
def test_private_addresses_as_host(host: str, fetcher: Fetcher) -> None:
    with pytest.raises(Refused, match="not a public address"):
        fetcher.fetch(f"https://{host}/latest/meta-data")


def test_one_bad_address_among_good_ones_is_enough() -> None:
    answers = [["93.184.215.14", "127.0.0.1"], ["2606:4700::1111", "10.0.0.1"]]
    fetcher = HttpsFetcher(addresses=lambda host, port: answers.pop())
    for _ in range(2):
        with pytest.raises(Refused):
            fetcher.fetch("https://rebind.example/")


def test_public_hosts_are_not_fetched_over_http(fetcher: Fetcher) -> None:
    with pytest.raises(Refused, match="only this machine itself"):
        fetcher.fetch("http://1.1.1.1/")


def test_a_name_that_changes_its_mind_gains_nothing(
    serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    asked: list[object] = []
    resolve = socket.getaddrinfo

    def watch(host: Any, *others: Any, **named: Any) -> Any:
        asked.append(host)
        return resolve(host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", watch)
    site = serve(response(200, b"here"), authority.server_context("rebind.example"))
    fetcher = HttpsFetcher(
        allow_loopback=True, ca_file=authority.ca_file, addresses=lambda host, port: answers.pop(0)
    )
    assert fetcher.fetch(site.url(host="rebind.example")) == b"here"
    assert "rebind.example" not in asked  # nobody but `addresses` was asked for the name, and it only once
    assert answers == [["10.0.0.1"]]
    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        fetcher.fetch(site.url(host="rebind.example"))


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "empty"),
        ("https://uni.example/a b", "plain ASCII"),
        ("https://uni.example/\n", "plain ASCII"),
        ("https://ünï.example/", "plain ASCII"),
        ("https://uni.example/" + "a" * 2048, "longer"),
        ("http://uni.example/", "https"),
        ("ftp://uni.example/", "https"),
        ("file:///etc/passwd", "https"),
        ("gopher://uni.example:70/", "https"),
        ("data:application/json,{}", "https"),
        ("urn:uuid:0", "https"),
        ("//uni.example/", "https"),
        ("uni.example", "https"),
        ("https:///did.json", "neither"),
        ("https:uni.example", "neither"),
        ("https://uni.example:0/", "port 0"),
        ("https://uni.example:22/", "port 22"),
        ("https://uni.example:80/", "port 80"),
        ("https://uni.example:65536/", "malformed"),
        ("https://uni.example:https/", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://[fe80::1%25lo]/", "neither"),
        ("https://user:secret@uni.example/", "user name"),
        ("https://user@uni.example/", "user name"),
        ("https://uni.example\\@evil.example/", "user name"),
        ("https://uni%2eexample/", "neither"),
        ("https://-uni.example/", "neither"),
        ("https://uni..example/", "neither"),
        ("https://uni.example./", "neither"),
        ("https://uni_x.example/", "neither"),
        (f"https://{'a' * 64}.example/", "neither"),
        (f"https://{'a.' * 130}example/", "neither"),
    ],
)
def test_urls_of_other_forms_are_refused_before_anybody_is_asked(url: str, reason: str) -> None:
    fetcher = HttpsFetcher(addresses=lambda host, port: pytest.fail("resolved"))
    with pytest.raises(Refused, match=reason) as caught:
        fetcher.fetch(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://Uni.Example", Target("https", "uni.example", 443, "/"), "uni.example"),
        ("https://a.example:8443/b?c#d", Target("https", "a.example", 8443, "/b?c"), "a.example:8443"),
        ("http://[2606:4700::1111]:80/", Target("http", "2606:4700::1111", 80, "/"), "[2606:4700::1111]"),
    ],
)
def test_targets(url: str, target: Target, authority: str) -> None:
    assert Target.parse(url) == target
    assert target.authority == authority
    assert Target.parse(target.url) == target


# Redirects


def test_redirects_are_followed_three_times(serve: Serve, fetcher: Fetcher) -> None:
    def answer(path: str) -> bytes:
        if path == "/3":
            return response(200, b"here")
        return response(302, b"ignored", location="/" + str(int(path[1:]) + 1))

    site = serve(answer)
    assert fetcher.fetch(site.url("/0")) == b"here"
    with pytest.raises(Refused, match="redirects more than 3 times"):
        fetcher.fetch(site.url("/-1"))


def test_a_loop_of_redirects_ends(serve: Serve, fetcher: Fetcher) -> None:
    site = serve(response(307, location="/"))
    with pytest.raises(Refused, match="redirects more than 3 times"):
        fetcher.fetch(site.url())
    assert len(site.requests) == 4


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/",
        "https://10.0.0.1/",
        "https://[::ffff:169.254.169.254]/",
        "//192.168.0.1/",
        "http://1.1.1.1/",
        "file:///etc/passwd",
        "https://user:secret@localhost/",
        "https://[",
        "https://uni.example:22/",
        "https://localhost/ünï",
    ],
)
def test_redirects_are_checked_like_urls(location: str, serve: Serve, fetcher: Fetcher) -> None:
    site = serve(response(301, location=location))
    with pytest.raises(Refused):
        fetcher.fetch(site.url())
    assert len(site.requests) == 1


def test_no_redirect_leads_from_https_to_http(serve: Serve, authority: Authority, fetcher: Fetcher) -> None:
    plain = serve(response(200, b"here"))
    secure = serve(response(302, location=plain.url()), authority.server_context("localhost"))
    with pytest.raises(Refused, match="redirect of an https URL to http"):
        fetcher.fetch(secure.url())
    assert plain.requests == []
    upward = serve(response(302, location=secure.url("/")))
    with pytest.raises(Refused, match="redirect of an https URL to http"):
        fetcher.fetch(upward.url())
    assert len(secure.requests) == 2


def test_a_redirected_name_is_resolved_and_checked_anew(serve: Serve, authority: Authority) -> None:
    site = serve(response(302, location="https://inside.example/"), authority.server_context("uni.example"))
    hosts = {"uni.example": ["127.0.0.1"], "inside.example": ["192.168.1.1"]}
    fetcher = HttpsFetcher(
        allow_loopback=True, ca_file=authority.ca_file, addresses=lambda host, port: hosts[host]
    )
    with pytest.raises(Refused, match=r"https://inside\.example.*192\.168\.1\.1"):
        fetcher.fetch(site.url(host="uni.example"))


def test_a_redirect_to_nowhere_settles_nothing(serve: Serve, fetcher: Fetcher) -> None:
    with pytest.raises(Unavailable, match="status 302"):
        fetcher.fetch(serve(response(302)).url())


# What servers say


@pytest.mark.parametrize("status", [404, 410])
def test_gone_is_definite(status: int, serve: Serve, fetcher: Fetcher) -> None:
    with pytest.raises(NotFound, match=str(status)) as caught:
        fetcher.fetch(serve(response(status, b"no such page")).url())
    assert not caught.value.undetermined


@pytest.mark.quick("204", "403", "500")
@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 403, 429, 500, 502, 503])
def test_other_answers_leave_the_question_open(status: int, serve: Serve, fetcher: Fetcher) -> None:
    with pytest.raises(Unavailable, match=f"status {status}") as caught:
        fetcher.fetch(serve(response(status)).url("/list?token=secret"))
    assert caught.value.undetermined
    assert isinstance(caught.value, TryLater) == (status in (429, 503))
    assert "bundle" in remedy(caught.value)
    assert "/list" in caught.value.detail
    assert "secret" not in caught.value.detail


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x16\x03\x01 not http\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000,
    ],
)
def test_broken_answers_leave_the_question_open(answer: bytes, serve: Serve, fetcher: Fetcher) -> None:
    with pytest.raises(Unavailable, match="could not be fetched"):
        fetcher.fetch(serve(answer).url())


def test_nobody_listens(fetcher: Fetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="refused"):
            fetcher.fetch(f"https://127.0.0.1:{unused.getsockname()[1]}/")


def _no_such_host(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("addresses", [_no_such_host, lambda host, port: []])
def test_a_host_without_address(addresses: Callable[[str, int], Sequence[str]]) -> None:
    with pytest.raises(Unavailable, match=r"uni\.example has no address"):
        HttpsFetcher(addresses=addresses).fetch("https://uni.example/")


def test_offline_says_so_and_names_the_url() -> None:
    fetcher: Fetcher = NoFetcher()
    with pytest.raises(Unavailable, match=r"https://uni\.example/claim/… is not fetched") as caught:
        fetcher.fetch("https://uni.example/claim/secret?token=secret")
    assert "secret" not in caught.value.detail
    assert "bundle" in remedy(caught.value)


# How much


def test_up_to_the_limit_and_no_further(serve: Serve, fetcher: Fetcher) -> None:
    site = serve(response(200, bytes(1000)))
    assert fetcher.fetch(site.url(), limit=1000) == bytes(1000)
    with pytest.raises(TooLarge, match="longer than 999 bytes"):
        fetcher.fetch(site.url(), limit=999)


def test_an_announced_length_is_not_waited_for(serve: Serve, fetcher: Fetcher) -> None:
    with pytest.raises(TooLarge):
        fetcher.fetch(serve(response(200, b"", content_length=str(1 << 40))).url())


def test_an_endless_answer_is_cut_off(serve: Serve, fetcher: Fetcher) -> None:
    def endless(path: str) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        while True:
            yield b"10000\r\n" + bytes(65536) + b"\r\n"

    with pytest.raises(TooLarge):
        fetcher.fetch(serve(endless).url())


def test_compressed_answers_are_not_unpacked(serve: Serve, fetcher: Fetcher) -> None:
    for encoding in ("gzip", "br", "gzip, identity"):
        with pytest.raises(Refused, match="compressed"):
            fetcher.fetch(serve(response(200, b"\x1f\x8b", content_encoding=encoding)).url())
    assert fetcher.fetch(serve(response(200, b"plain", content_encoding="Identity")).url()) == b"plain"


# How long


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b""),
    ],
)
@pytest.mark.parametrize("secure", [False, True])
def test_one_deadline_however_the_bytes_dribble(
    before: bytes, piece: bytes, secure: bool, serve: Serve, authority: Authority
) -> None:
    site: Site = serve(
        lambda path: site.dribble(before, piece), authority.server_context("localhost") if secure else None
    )
    fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file, timeout=0.3)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="no whole answer in time"):
        fetcher.fetch(site.url())
    assert 0.25 < time.monotonic() - started < 10


def test_a_server_that_never_greets(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fetcher = HttpsFetcher(allow_loopback=True, timeout=0.2)
        with pytest.raises(Unavailable, match="in time"):
            fetcher.fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/")


@pytest.mark.slow
def test_redirects_share_the_deadline(serve: Serve) -> None:
    def answer(path: str) -> Iterable[bytes]:
        site.closing.wait(0.6)
        yield response(302, location="/")

    site: Site = serve(answer)
    with pytest.raises(Unavailable, match="in time"):
        HttpsFetcher(allow_loopback=True, timeout=1.0).fetch(site.url())
    assert len(site.requests) in (1, 2), "of which each alone is in time, but where a machine is busy"


def test_a_resolver_that_dawdles_is_left_behind() -> None:
    answered = threading.Event()

    def dawdle(host: str, port: int) -> Sequence[str]:
        answered.wait()
        return []

    try:
        with pytest.raises(Unavailable, match=r"no address of uni\.example in time"):
            HttpsFetcher(timeout=0.1, addresses=dawdle).fetch("https://uni.example/")
    finally:
        answered.set()


def test_time_spent_on_resolving_counts(serve: Serve) -> None:
    site = serve(response(200))
    over = threading.Event()

    def slow(host: str, port: int) -> Sequence[str]:
        over.wait(0.05)
        return ["127.0.0.1"]

    with pytest.raises(Unavailable, match="in time"):
        HttpsFetcher(allow_loopback=True, timeout=0.05, addresses=slow).fetch(site.url(host="a.example"))
    assert site.requests == []


def test_nothing_begins_after_the_deadline(serve: Serve) -> None:
    site = serve(response(200))
    target = Target.parse(site.url())
    with pytest.raises(Unavailable, match="in time"):
        https.exchange(
            https.Request("GET", target, None, {}, 1),
            ["127.0.0.1"],
            deadline=time.monotonic() - 1,
            tls=https.tls_context(None),
        )
    assert site.requests == []


# On one connection


class Numbered(http.server.BaseHTTPRequestHandler):
    """Answers with the number of the connection, and keeps it open unless asked for `/closing`.

    To `/gone` it closes a connection that has answered before, in place of an answer.
    """

    protocol_version = "HTTP/1.1"
    has_answered = False

    def setup(self) -> None:
        super().setup()
        self.server.opened = getattr(self.server, "opened", 0) + 1  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        if self.path == "/silent":
            time.sleep(0.5)
        if self.path == "/gone" and self.has_answered:
            self.close_connection = True
            return
        self.has_answered = True
        content = b"%d" % self.server.opened  # type: ignore[attr-defined]
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.path == "/closing"  # without a word, as an idle one is closed

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def numbered() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Numbered) as service:
        threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{service.server_port}"
        service.shutdown()


def test_many_fetches_may_share_a_connection(numbered: str, fetcher: HttpsFetcher) -> None:
    with keeping(fetcher) as kept:
        assert [kept.fetch(f"{numbered}/{name}") for name in "abc"] == [b"1", b"1", b"1"]
        with pytest.raises(NotFound):
            kept.fetch(f"{numbered}/none")
        assert kept.fetch(f"{numbered}/d") == b"1"
        with pytest.raises(TooLarge):  # the rest of it is not read, and no answer to the next request
            kept.fetch(f"{numbered}/e", limit=0)
        assert kept.fetch(f"{numbered}/closing") == b"2"
        time.sleep(0.1)
        assert kept.fetch(f"{numbered}/f") == b"3"
    assert [fetcher.fetch(f"{numbered}/{name}") for name in "gh"] == [b"4", b"5"]


def test_a_connection_that_is_closed_under_a_request_costs_nothing(
    numbered: str, fetcher: HttpsFetcher
) -> None:
    with keeping(fetcher) as kept:
        assert [kept.fetch(f"{numbered}/{name}") for name in ("a", "gone", "b")] == [b"1", b"2", b"3"]


def test_a_shared_connection_has_a_deadline_for_each_fetch(numbered: str) -> None:
    with keeping(HttpsFetcher(allow_loopback=True, timeout=0.3)) as kept:
        assert kept.fetch(f"{numbered}/a") == b"1"
        time.sleep(0.35)
        assert kept.fetch(f"{numbered}/b") == b"1"
        with pytest.raises(Unavailable, match="in time"):
            kept.fetch(f"{numbered}/silent")
        # What comes after the deadline answers no later request.
        assert kept.fetch(f"{numbered}/c") == b"2"


def test_a_host_is_checked_for_each_fetch_on_a_shared_connection(numbered: str) -> None:
    addresses = iter([["127.0.0.1"], ["10.0.0.1"]])
    fetcher = HttpsFetcher(allow_loopback=True, addresses=lambda host, port: next(addresses))
    with keeping(fetcher) as kept:
        assert kept.fetch(numbered.replace("127.0.0.1", "uni.example")) == b"1"
        with pytest.raises(Refused, match="not a public address"):
            kept.fetch(numbered.replace("127.0.0.1", "uni.example"))


def test_what_cannot_keep_connections_stays_as_it_is() -> None:
    with keeping(offline := NoFetcher()) as kept:
        assert kept is offline


# Sending


@pytest.mark.parametrize("status", [200, 302, 409, 500])
def test_what_is_sent_is_answered_whatever_the_status(
    status: int, serve: Serve, fetcher: HttpsFetcher
) -> None:
    site = serve(response(status, b'{"detail": "x"}', location="/elsewhere"))
    answer = fetcher.exchange("POST", site.url("/claim"), Body(b'{"a": 1}'))
    assert (answer.status, answer.body) == (status, b'{"detail": "x"}')
    (head,) = site.requests
    assert head.startswith("POST /claim HTTP/1.1\r\n")
    assert "content-type: application/json\r\n" in head.lower()
    assert "content-length: 8\r\n" in head.lower()


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it understood, as a service would that was written by others."""

    def do(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        heard = {
            "method": self.command,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "content": content.decode(),
            "form": parse_qs(content.decode(), keep_blank_values=True),
        }
        self.send_response(201)
        self.send_header("DPoP-Nonce", "n-1")
        self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("WWW-Authenticate", "DPoP")
        self.end_headers()
        self.wfile.write(json.dumps(heard).encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as service:
        threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{service.server_port}/token"
        service.shutdown()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_request_is_understood_as_it_was_meant(
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"], echo: str, fetcher: Client
) -> None:
    fields = {"code": "a b&c=d+é%", "empty": "", "tx_code": "12\r\n34"}
    body = None if method == "GET" else Body.form(fields)
    headers = {"Authorization": "Bearer abc", "DPoP": "x.y.z", "accept": "application/jwt"}
    answer = fetcher.exchange(method, echo, body, headers=headers)
    assert answer.status == 201
    assert answer.headers["dpop-nonce"] == "n-1"
    assert answer.headers["www-authenticate"] == "Bearer, DPoP"
    heard = json.loads(answer.body)
    assert heard["method"] == method
    assert heard["form"] == ({} if body is None else {name: [value] for name, value in fields.items()})
    for name, value in headers.items():
        assert heard["headers"][name.lower()] == value
    kind = None if body is None else "application/x-www-form-urlencoded"
    assert heard["headers"].get("content-type") == kind


def test_json_is_asked_for_and_sent(echo: str, fetcher: Client) -> None:
    heard = json.loads(fetcher.exchange("POST", echo, Body(b'{"a": 1}', "application/ld+json")).body)
    assert heard["headers"]["accept"] == "application/json"
    assert heard["headers"]["content-type"] == "application/ld+json"
    assert heard["content"] == '{"a": 1}'


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DPoP", "a\r\nHost: evil.example"),
        ("DPoP", "a\n"),
        ("DPoP", "a\0b"),
        ("DPoP", "ä"),
        ("DPoP", ""),
        ("DPoP", " a"),
        ("DP oP", "a"),
        ("DPoP:", "a"),
        ("", "a"),
        ("Host", "evil.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Connection", "close"),
        ("Accept-Encoding", "gzip"),
    ],
)
def test_no_header_says_more_than_it_should(name: str, value: str, serve: Serve, fetcher: Client) -> None:
    site = serve(response(200))
    with pytest.raises(Refused) as caught:
        fetcher.exchange("POST", site.url(), headers={name: value})
    assert "evil" not in str(caught.value)
    assert site.requests == []


def test_what_is_sent_is_not_sent_on(serve: Serve, fetcher: Client) -> None:
    other = serve(response(200))
    site = serve(response(307, location=other.url()))
    assert fetcher.exchange("POST", site.url(), Body.form({"code": "x"})).status == 307
    assert other.requests == []


def test_a_success_is_whole_up_to_the_limit(serve: Serve, fetcher: Client) -> None:
    site = serve(response(202, b"x" * 20_000))
    assert len(fetcher.exchange("POST", site.url()).body) == 20_000
    with pytest.raises(TooLarge):
        fetcher.exchange("POST", site.url(), limit=19_999)


def test_offline_nothing_is_sent() -> None:
    offline: Client = NoFetcher()
    with pytest.raises(Unavailable, match="offline"):
        offline.exchange("POST", "https://uni.example/claim", Body(b"{}"))


def test_an_endless_explanation_is_cut(serve: Serve, fetcher: HttpsFetcher) -> None:
    site = serve(response(409, b"x" * 100_000))
    assert fetcher.exchange("POST", site.url(), Body(b"{}")).body == b"x" * 16_384


def test_nothing_is_sent_to_private_addresses(fetcher: HttpsFetcher) -> None:
    with pytest.raises(Refused):
        fetcher.exchange("POST", "https://192.168.1.1/", Body(b"{}"))


def test_everything_it_raises_is_a_problem(fetcher: Fetcher) -> None:
    for url in ("https://a.example:99999/", "https://[::]/", "x" * 5000):
        with pytest.raises(Problem):
            fetcher.fetch(url)
