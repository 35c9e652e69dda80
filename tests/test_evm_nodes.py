"""Nodes of a chain are asked over https; whatever they answer, their addresses are shown by host only."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest

from ledger.evm.node import RpcNode
from ledger.evm.nodes import nodes_in, nodes_of
from ledger.evm.problem import NODE_MALFORMED, NODE_REFUSES, NODE_UNAVAILABLE, NODES_UNREADABLE, NodeError
from tests.loopback import Authority, Site, response
from tests.problems import is_a, raises
from wire.problem import UNKNOWN_AUTHORITY, Problem, Raisable, Refused, TooLarge, TryLater, Unavailable

KEY = "9aa3d95b3bc440fa88ea12eaa4456161"


def answering(body: object, status: int = 200) -> bytes:
    return response(status, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
def said() -> list[Any]:
    return [answering({"jsonrpc": "2.0", "id": 1, "result": "0x1"})]


@pytest.fixture
def site(said: list[Any]) -> Iterator[Site]:
    with Site(lambda path: said[0]).running() as running:
        yield running


@pytest.fixture
def node(site: Site) -> RpcNode:
    return RpcNode(site.url(f"/v2/{KEY}?apikey=short1"), headers={"x-key": "of-the-header"})


def test_a_node_answers(node: RpcNode, site: Site) -> None:
    assert node.call("eth_chainId") == "0x1"
    (asked,) = site.requests
    assert asked.startswith(f"POST /v2/{KEY}?apikey=short1 ")
    assert "x-key: of-the-header" in asked
    assert repr(node) == f"RpcNode(localhost:{site.port})"


WRONG: list[tuple[object, Raisable[Problem]]] = [
    (answering(b"", 401), NODE_REFUSES),
    (answering(b"", 403), NODE_REFUSES),
    (answering(b"", 429), TryLater),
    (answering(b"", 503), TryLater),
    (answering(b"<h1>", 502), NODE_UNAVAILABLE),
    (answering(b"", 302), NODE_UNAVAILABLE),
    (answering(b"<h1>No node</h1>"), NODE_MALFORMED),
    (answering(b'{"result": 1, "result": 2}'), NODE_MALFORMED),
    (answering([]), NODE_MALFORMED),
    (answering({"id": 1}), NODE_MALFORMED),
    (answering({"id": 2, "result": "0x1"}), NODE_MALFORMED),
    (answering({"id": 1, "error": {"code": -32000, "message": f"unknown key {KEY} short1"}}), NodeError),
    (answering({"id": 1, "error": "of-the-header"}, 400), NodeError),
    (answering(b"", 200).replace(b"content-length: 0", b"content-length: 99999999"), TooLarge),
    (b"", Unavailable),
    (b"SSH-2.0-OpenSSH_9.2\r\n", Unavailable),
]


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_no_answer_has_a_code_and_shows_no_key(
    node: RpcNode, site: Site, said: list[Any], number: int, logged: io.StringIO
) -> None:
    said[0], expected = WRONG[number]
    logging.getLogger().setLevel(logging.DEBUG)
    with raises(expected) as raised:
        node.call("eth_chainId")
    problem = raised.value
    assert is_a(problem, expected)
    assert problem.undetermined
    assert logged.getvalue(), "else nothing would be looked through"
    texts = [logged.getvalue(), str(problem), json.dumps(problem.to_dict()), repr(problem.__cause__)]
    assert not any(secret in text for text in texts for secret in (KEY, "short1", "of-the-header", "/v2"))
    assert f"localhost:{site.port}" in problem.detail


@pytest.mark.parametrize(
    ("place", "headers", "repeated"),
    [
        ("/v3/5fb2v3c6d7e8", {}, "5fb2v3c6d7e8"),
        ("/", {"authorization": "Bearer 0a1b2c3d4e"}, "0a1b2c3d4e"),
        ("/?key=0a%2B1b%2B2c", {}, "0a+1b+2c"),
    ],
)
def test_a_key_is_not_repeated_in_another_form(
    site: Site, said: list[Any], place: str, headers: dict[str, str], repeated: str
) -> None:
    said[0] = answering({"id": 1, "error": {"code": -32000, "message": f"unknown key: {repeated}"}})
    with pytest.raises(NodeError, match="unknown") as raised:
        RpcNode(site.url(place), headers=headers).call("eth_chainId")
    assert repeated not in str(raised.value)


def test_a_node_that_answers_late_is_left(site: Site, said: list[Any]) -> None:
    said[0] = site.dribble(answering({"id": 1}).split(b"\r\n\r\n")[0], b"x")
    with pytest.raises(Unavailable, match="no whole answer in time"):
        RpcNode(site.url(), seconds=0.5).call("eth_chainId")


def test_a_private_node_by_its_authority(tmp_path: Path, said: list[Any]) -> None:
    authority = Authority(tmp_path)
    with Site(lambda path: said[0], authority.server_context("localhost")).running() as site:
        assert RpcNode(site.url(), ca_file=authority.ca_file).call("eth_chainId") == "0x1"
        with raises(UNKNOWN_AUTHORITY, match=f"localhost:{site.port} could not"):
            RpcNode(site.url(f"/{KEY}")).call("eth_chainId")


def test_http_leads_to_this_machine_only() -> None:
    with pytest.raises(Refused, match=r"10\.1\.2\.3:8545 is not fetched: only this machine"):
        RpcNode(f"http://10.1.2.3:8545/{KEY}").call("eth_chainId")


def test_a_private_network_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, int]] = []

    def connect(_backend: object, host: str, port: int, **_: object) -> None:
        tried.append((host, port))
        raise httpcore.ConnectError("no such machine")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(Unavailable, match=r"10\.255\.255\.1"):
        RpcNode("https://10.255.255.1/").call("eth_chainId")
    assert tried == [("10.255.255.1", 443)]


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        (b"https://a.example/v3/key\n\nhttps://b.example:8545\n", ["a.example", "b.example:8545"]),
        (b'{"nodes": [{"url": "https://a.example/key"}]}', ["a.example"]),
        (
            b' {"nodes": [{"url": "https://a.example", "ca": "/ca.pem", "headers": {"a": "b"}}]}',
            ["a.example"],
        ),
    ],
)
def test_a_file_names_nodes(tmp_path: Path, text: bytes, hosts: list[str]) -> None:
    file = tmp_path / "nodes"
    file.write_bytes(text)
    file.chmod(0o600)
    assert [node.host for node in nodes_in(file)] == hosts
    for mode in (0o640, 0o620, 0o610, 0o604, 0o602, 0o601):
        file.chmod(mode)
        with raises(NODES_UNREADABLE, match="may be read by others"):
            nodes_in(file)


UNREADABLE = [
    b"",
    b"ftp://a.example/secret",
    b"https://user@a.example/secret",
    b"https://a.example/secret \xff",
    b"https://a.example/secret\n" * 17,
    b" " * (1 << 17),
    b"https://a.example/secret" + b" " * (1 << 16),
    b'{"nodes": "https://a.example/secret"}',
    b'{"nodes": ["https://a.example/secret"]}',
    b'{"nodes": [{"url": "https://a.example/secret", "more": 1}]}',
    b'{"nodes": [{"url": 1}]}',
    b'{"nodes": [{"url": "https://a.example/secret", "ca": 1}]}',
    b'{"nodes": [{"url": "https://a.example/secret", "headers": []}]}',
    b'{"nodes": [{"url": "https://a.example", "headers": {"host": "secret"}}]}',
    b'{"nodes": [{"url": "https://a.example/secret"}',
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_names_no_nodes_is_not_repeated(text: bytes) -> None:
    with raises(NODES_UNREADABLE, match="what names the nodes, FILE") as raised:
        nodes_of(text, "FILE")
    assert "secret" not in json.dumps(raised.value.to_dict())
    assert raised.value.__cause__ is None


def test_a_file_is_as_long_as_the_list_may_be(tmp_path: Path) -> None:
    """Not a byte more is read than is needed to know that it is longer."""
    file = tmp_path / "nodes"
    for length, is_read in ((1 << 16, True), ((1 << 16) + 1, False)):
        file.write_bytes(b"https://a.example".ljust(length))
        file.chmod(0o600)
        if is_read:
            assert [node.host for node in nodes_in(file)] == ["a.example"]
        else:
            with raises(NODES_UNREADABLE, match="is not a list of their addresses"):
                nodes_in(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with raises(NODES_UNREADABLE, match="cannot be read"):
        nodes_in(tmp_path / "none")
    with raises(NODES_UNREADABLE, match="cannot be read"):
        nodes_in(tmp_path)
