"""The verifier's HTTP service, on a real server."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from exchange.http import read_body
from intaglio.reach import Reach
from intaglio.serving import Endpoint
from intaglio.session import Session
from intaglio.words import remedy
from tests.commandline import Program
from tests.serving import listening, serving
from tests.world import NOW, Holder, University, verifier
from vc.possession import MAX_AGE
from verifier import RecognisedIssuer, Trust, load_policy
from verifier.http import MAX_BODY, create_app
from verifier.judge import FRESH, Verifiers
from verifier.sources.trust import update_trust
from wire import Malformed, Unavailable
from wire.problem import Refused

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    def reachable(url: str) -> bytes | None:
        raise Unavailable(f"{url} was asked for")

    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust, lists=[reachable]))
    app = create_app(lambda: judges, clock=lambda: NOW)
    with listening() as listener, serving(app, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_valid_bundle_is_answered_with_its_claims(server: str) -> None:
    answer = httpx.post(f"{server}/verify", content=BUNDLE.to_bytes())
    assert answer.status_code == 200
    assert answer.json()["verdict"] == "valid"
    assert answer.json()["credentials"] == [BUNDLE.secured]


def test_a_service_may_ask_for_a_did_and_no_credential_or_take_strangers() -> None:
    """The routes are asked without a network between."""

    async def post(body: bytes, params: dict[str, str], **options: Any) -> httpx.Response:
        judges = Verifiers(verifier(Trust()), verifier(Trust()))
        app = create_app(lambda: judges, clock=lambda: NOW, **options)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.post("/verify", content=body, params=params)

    holder = Holder()
    asked = {"challenge": "challenge", "domain": "employer.example"}
    shown = _json(holder.present())
    assert asyncio.run(post(shown, asked)).status_code == 422
    answer = asyncio.run(post(shown, asked, policy=load_policy("controlsDid")))
    assert (answer.status_code, answer.json()["holder"]) == (200, holder.did)
    assert "credentials" not in answer.json()

    old = _json(holder.present(created=NOW - MAX_AGE - timedelta(seconds=1)))
    answer = asyncio.run(post(old, asked, policy=load_policy("controlsDid")))
    assert answer.status_code == 400
    assert "holder-answer-too-old" in {check["code"] for check in answer.json()["checks"]}

    signed = _json(holder.sign(UNIVERSITY.plain(issuer=holder.did)))
    assert asyncio.run(post(signed, {})).status_code == 422
    assert asyncio.run(post(signed, {}, strangers=True)).status_code == 200


def test_a_forged_one_is_answered_without(server: str) -> None:
    forged = BUNDLE.to_bytes().replace(b"Master of Science", b"Doctor of Science")
    answer = httpx.post(f"{server}/verify", content=forged)
    assert answer.status_code == 400
    assert answer.json()["verdict"] == "invalid"
    assert b"Doctor" not in answer.content


def test_what_needs_the_network_is_asked_for_there(server: str) -> None:
    bare = b'{"type":"IntaglioBundle","version":1,"credential":%s' % _json(BUNDLE.secured)
    documents = b',"issuerDocuments":%s}' % _documents()
    answer = httpx.post(f"{server}/verify", content=bare + documents)
    assert answer.status_code == 422
    assert "was asked for" in answer.text


def test_a_presentation_is_bound_to_what_the_query_asks(server: str) -> None:
    answer = httpx.post(f"{server}/verify?challenge=c&domain=d", content=BUNDLE.to_bytes())
    assert answer.status_code == 400
    assert "presentation was asked for" in answer.text


@pytest.mark.parametrize("body", [b"", b"null", b"[[", b"\xff"])
def test_what_is_no_json_object_decides_nothing(server: str, body: bytes) -> None:
    assert httpx.post(f"{server}/verify", content=body).status_code == 422


def test_an_upload_by_a_form_is_no_diploma_and_not_called_one(server: str) -> None:
    uploads: list[dict[str, Any]] = [
        {"files": {"file": BUNDLE.to_bytes()}},
        {"data": {"diploma": BUNDLE.to_bytes()}},
    ]
    for upload in uploads:
        answer = httpx.post(f"{server}/verify", **upload)
        assert answer.status_code == 415
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "the file alone" in answer.json()["detail"]
    declared = {"Content-Type": "application/json; charset=utf-8"}
    assert httpx.post(f"{server}/verify", content=BUNDLE.to_bytes(), headers=declared).status_code == 200


def test_a_body_that_is_too_large_is_cut_off(server: str) -> None:
    answer = httpx.post(f"{server}/verify", content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    judges = Verifiers(verifier(Trust()), verifier(Trust()))
    app = create_app(lambda: judges, clock=lambda: NOW, body_seconds=0.05)
    with (
        listening() as listener,
        serving(app, listener),
        socket.create_connection(listener.getsockname()) as connection,
    ):
        connection.sendall(b"POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_who_hangs_up_in_the_middle_leaves_no_traceback() -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    with pytest.raises(Malformed, match="went away"):
        asyncio.run(read_body(Request({"type": "http"}, gone), MAX_BODY))


def test_what_is_refused_anyway_is_not_asked_for(server: str) -> None:
    expired = UNIVERSITY.issue(index=8, validUntil="2026-07-01T00:00:00Z")
    answer = httpx.post(f"{server}/verify", content=replace(expired, status_lists=()).to_bytes())
    assert answer.status_code == 400
    assert "was asked for" not in answer.text


@contextmanager
def command_serving(home: Path, *options: str | Path) -> Iterator[str]:
    """The command in a process of its own; where it says that it answers programs, behind the page."""
    command = [sys.executable, "-m", "intaglio", "--home", home, "verifier", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(line.strip() for line in process.stdout if line.endswith("/verify\n"))
        finally:
            process.terminate()


def known(home: Path) -> ssl.SSLContext:
    """Who trusts the certificate authority that the command made, and no other."""
    return ssl.create_default_context(cafile=home / "verifier/tls/authority.pem")


def answer_of_the_command(home: Path, content: bytes, *options: str | Path) -> httpx.Response:
    with command_serving(home, *options) as address:
        return httpx.post(address, content=content)


@pytest.mark.slow
def test_a_running_service_goes_by_the_trust_list_as_it_is(tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    trust.write_bytes(UNIVERSITY.trust.to_bytes())
    diploma = {name: it for name, it in UNIVERSITY.diploma(9).items() if name != "credentialStatus"}
    bundle = UNIVERSITY.issue(diploma)
    with command_serving(tmp_path) as address:
        at = bundle.to_bytes()
        assert httpx.post(address, content=at).json()["verdict"] == "valid"
        update_trust(trust, lambda known: known.removing(UNIVERSITY.did))
        assert httpx.post(address, content=at).json()["verdict"] == "undetermined"
        trust.write_text("{")
        answer = httpx.post(address, content=at)
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
        assert str(tmp_path) not in answer.text
        trust.unlink()
        assert httpx.post(address, content=at).json()["verdict"] == "undetermined"
        trust.mkdir()
        assert httpx.post(address, content=at).status_code == 503


def test_a_trust_list_that_was_named_and_went_away_is_no_empty_list(tmp_path: Path) -> None:
    trust = tmp_path / "employer.json"
    trust.write_bytes(UNIVERSITY.trust.to_bytes())
    judge = Session(tmp_path).judge(trust, offline=True)
    assert judge.verifiers()
    trust.unlink()
    with pytest.raises(
        Unavailable, match=r"the trust list .*/employer\.json cannot be read: No such"
    ) as caught:
        judge.verifiers()
    assert "--trust" in remedy(caught.value)
    trust.write_bytes(UNIVERSITY.trust.to_bytes())
    assert judge.verifiers()
    assert Session(tmp_path).verifier().trust == Trust(), "the usual list begins empty"


@pytest.mark.slow
def test_the_command_says_where_it_listens_and_not_what_it_is(tmp_path: Path) -> None:
    answer = answer_of_the_command(tmp_path, b"{}")
    assert answer.status_code == 422
    assert "server" not in answer.headers


@pytest.mark.slow
def test_the_command_says_first_where_people_look_and_what_browsers_send_has_to_be_from_there(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "intaglio", "--home", str(tmp_path), "verifier", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            page = process.stdout.readline().strip()
            assert re.fullmatch("http://localhost:[0-9]+/", page)
            address = process.stdout.readline().strip()
            assert address == f"{page}verify"
            assert httpx.get(page).headers["Content-Type"] == "text/html; charset=utf-8"
            for origin, status in ((page.rstrip("/"), 422), ("http://elsewhere.example", 403)):
                assert httpx.post(address, content=b"{}", headers={"Origin": origin}).status_code == status
        finally:
            process.terminate()


@pytest.mark.slow
def test_the_command_takes_a_policy_and_a_trust_list(tmp_path: Path) -> None:
    trust, policy = tmp_path / "trust.json", tmp_path / "policy.json"
    trust.write_bytes(UNIVERSITY.trust.to_bytes())
    policy.write_bytes(_json({"type": "urn:example:LibraryCard"}))
    answer = answer_of_the_command(tmp_path / "home", BUNDLE.to_bytes(), "--trust", trust, "--policy", policy)
    found = {check["name"]: check["text"] for check in answer.json()["checks"]}
    assert "holds" in found["issuer"]
    assert found["trust"] == "the credential is not of type urn:example:LibraryCard"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"), [((), "is this machine itself"), (("--offline",), "this run is offline")]
)
def test_the_command_asks_the_network_unless_it_is_told_not_to(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """For the document of an issuer whose host is this machine, which no verifier asks."""
    university = University("localhost")
    trust = Trust().adding(RecognisedIssuer(university.did))
    (tmp_path / "trust.json").write_bytes(trust.to_bytes())
    answer = answer_of_the_command(tmp_path, _json(university.sign(university.plain())), *options)
    found = {check["name"]: check["text"] for check in answer.json()["checks"]}
    assert said in found["issuer"]


def free_port(host: str = "127.0.0.1") -> int:
    with socket.create_server((host, 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.slow
def test_the_command_speaks_tls_under_an_authority_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    with command_serving(tmp_path, "--tls") as address:
        assert re.fullmatch("https://localhost:[0-9]+/verify", address)
        answer = httpx.post(address, content=BUNDLE.to_bytes(), verify=known(tmp_path))
        assert answer.json()["checks"][3]["code"] == "signature-unchanged"
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.post(address, content=BUNDLE.to_bytes())
        with pytest.raises(httpx.TransportError):
            httpx.post(address.replace("https:", "http:"), content=BUNDLE.to_bytes())
    assert (tmp_path / "verifier/tls/server.key").stat().st_mode & 0o077 == 0
    authority = (tmp_path / "verifier/tls/authority.pem").read_bytes()
    with command_serving(tmp_path, "--tls"):
        assert (tmp_path / "verifier/tls/authority.pem").read_bytes() == authority, "who trusts it goes on"


@pytest.mark.slow
def test_it_answers_under_the_name_that_it_was_given_and_no_other(tmp_path: Path) -> None:
    named = f"https://verifier.example:{free_port()}"
    with command_serving(tmp_path, "--url", named, "--tls") as address:
        assert address == f"{named}/verify"
    with command_serving(tmp_path, "--url", named, "--tls", "--port", str(port := free_port())):
        with socket.create_connection(("127.0.0.1", port)) as connected:
            known(tmp_path).wrap_socket(connected, server_hostname="verifier.example").close()
        with (
            socket.create_connection(("127.0.0.1", port)) as connected,
            pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
        ):
            known(tmp_path).wrap_socket(connected, server_hostname="other.example")


@pytest.mark.parametrize(
    ("url", "tls", "why"),
    [
        ("http://verify.example", None, "in the clear"),
        ("http://localhost:8470", True, "in the clear"),
        ("https://verify.example?x=1", None, "a query or a fragment"),
        ("https://verify.example#f", None, "a query or a fragment"),
    ],
)
def test_an_address_at_which_nobody_could_be_served_is_refused(
    tmp_path: Path, url: str, tls: bool | None, why: str
) -> None:
    reach = Reach("127.0.0.1", 0, url, tls, 8470, plain_here=True)
    with pytest.raises(Refused, match=why), Endpoint.open(reach, tmp_path, NOW):
        pass


@pytest.mark.slow
def test_at_another_address_of_this_machine_it_says_that(tmp_path: Path) -> None:
    host = "127.0.0.2"
    try:
        port = free_port(host)
    except OSError:
        pytest.skip("no second address on loopback: only on Linux")
    with command_serving(tmp_path, "--host", host, "--port", str(port)) as address:
        assert address == f"https://{host}:{port}/verify"
        assert httpx.post(address, content=b"{}", verify=known(tmp_path)).status_code == 422


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [True, False])
def test_behind_a_proxy_all_senders_have_one_address(tmp_path: Path, proxy: bool) -> None:
    """A URL that begins with https, where this speaks plain HTTP, is the proxy's."""
    port = free_port()
    reach = ["--url", "https://verifier.example"] if proxy else []
    with command_serving(tmp_path, "--port", str(port), *reach) as address, ExitStack() as stack:
        own = f"http://localhost:{port}/verify"
        assert address == ("https://verifier.example/verify" if proxy else own)
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        if proxy:
            assert httpx.post(own, content=b"{}").status_code == 422
        else:
            with pytest.raises(httpx.TransportError):
                httpx.post(own, content=b"{}")
    assert not (tmp_path / "verifier").exists()


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [True, False])
def test_behind_a_proxy_no_address_has_a_share_of_the_memory(tmp_path: Path, proxy: bool) -> None:
    """Elsewhere the third form finds no room, or one of the two that stopped leaves it to the third."""
    port, stopped = free_port(), bytes(8 << 20)
    host = "verifier.example" if proxy else f"localhost:{port}"
    head = (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n"
    )
    reach = ["--url", "https://verifier.example"] if proxy else []
    with command_serving(tmp_path, "--port", str(port), *reach), ExitStack() as stack:
        forms = [
            (len(stopped) + 9, stopped),
            (len(stopped) + 9, stopped),
            (600_000, b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n{}\r\n--x--\r\n'),
        ]
        connections = list[socket.socket]()
        for length, form in forms:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            connection.sendall(head.encode() % length + form.ljust(min(length, 8 << 20)))
            connections.append(connection)
        found = [connection.recv(12)[9:] for connection in connections]
    assert found == [b"408", b"408", b"200"] if proxy else b"503" in found


def test_a_port_that_is_taken_is_said(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = program("verifier", "serve", "--port", taken.getsockname()[1])
    assert (answer.code, answer.out) == (3, "")
    assert "--port" in answer.err


def _json(value: object) -> bytes:
    import orjson

    return orjson.dumps(value)


def _documents() -> bytes:
    import orjson

    return _json(orjson.loads(BUNDLE.to_bytes())["issuerDocuments"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/verify", 405), ("GET", "/elsewhere", 404), ("POST", "/verify/", 404)],
)
def test_a_wrong_address_or_method_is_a_problem_like_any_other(
    server: str, method: str, path: str, status: int
) -> None:
    """RFC 9457; RFC 9110 15.5.6 asks for the methods that there are."""
    answer = httpx.request(method, f"{server}{path}")
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get("Allow") == ("POST" if status == 405 else None)


@pytest.mark.slow
@pytest.mark.parametrize("age", [timedelta(minutes=50), timedelta(days=20)])
def test_an_old_list_in_a_bundle_does_not_hide_a_revocation(age: timedelta) -> None:
    university, asked = University(), list[str]()
    bundle = university.issue(index=7)
    university.now += timedelta(minutes=5)
    university.revoke(7)
    lists = {item.document["id"]: json.dumps(item.document).encode() for item in university.status_lists()}

    def source(url: str) -> bytes | None:
        asked.append(url)
        return lists.get(url)

    judges = Verifiers(verifier(university.trust), verifier(university.trust, lists=[source]))
    now = university.now - timedelta(minutes=5) + age
    with listening() as listener, serving(create_app(lambda: judges, clock=lambda: now), listener):
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/verify"
        verdict = httpx.post(address, content=bundle.to_bytes()).json()["verdict"]
    assert (verdict, bool(asked)) == (("valid", False) if age < FRESH else ("invalid", True))


@pytest.mark.parametrize("asked", [{"challenge": "a"}, {"domain": "b"}, {"challange": "a", "domain": "b"}])
def test_a_question_that_is_half_asked_is_not_answered(server: str, asked: dict[str, str]) -> None:
    answer = httpx.post(f"{server}/verify", params=asked, content=BUNDLE.to_bytes())
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


def test_a_list_without_evidence_is_looked_for_at_its_address() -> None:
    """With the list it brings, or without any: the answer is the same."""
    university = University()
    bundle = university.issue(index=7)
    lists = {item.document["id"]: json.dumps(item.document).encode() for item in university.status_lists()}
    judges = Verifiers(verifier(university.trust), verifier(university.trust, lists=[lists.get]))
    bare = tuple(replace(item, evidence=()) for item in bundle.status_lists)
    with listening() as listener, serving(create_app(lambda: judges, clock=lambda: NOW), listener):
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/verify"
        for brought in (bare, (), bundle.status_lists):
            answer = httpx.post(address, content=replace(bundle, status_lists=brought).to_bytes())
            assert answer.json()["verdict"] == "valid", answer.text
