"""The page as the commands serve it: what is written, logged and left behind, and who may look."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from intaglio.pages.upload import MAX_FILE
from tests.commandline import Program
from tests.pages import Reader, Running, running, send
from tests.world import NAME, University
from verifier import Trust

CANARY = "Canaria Unwritten-7731"
UNIVERSITY = University(now=datetime.now(UTC) - timedelta(hours=2))
FILE = UNIVERSITY.issue(name=CANARY).to_bytes()


def holding(folder: Path, text: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def listening_ports(pid: int) -> list[int]:
    """The TCP ports on which a process listens."""
    mine = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return [int(one[1].split(":")[1], 16) for one in lines if one[3] == "0A" and f"socket:[{one[9]}]" in mine]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no limits of a running process: only on Linux")
def test_nothing_of_an_upload_is_written_or_logged(tmp_path: Path) -> None:
    """Also where nothing can be written at all, and of a part that starlette would put on the disk."""
    large = FILE.rstrip().ljust(MAX_FILE)
    with running(
        UNIVERSITY.trust, tmp_path / "home", "verifier", "serve", "--plain", "--port", 0, "--offline"
    ) as service:
        url = service.line.rstrip("/")
        assert "Valid" in send(url, FILE).text  # once, so that all processes have begun
        for pid in service.processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        for number, data in enumerate((FILE, large, FILE.replace(b"Ada", b"Eve"), b"{" + CANARY.encode())):
            found = send(url, data, text="" if number else CANARY)
            assert found.status_code == 200
        assert send(url, large + b" ").status_code == 413
        named = {"file": (f"{CANARY}.json", FILE)}
        assert CANARY in httpx.post(f"{url}/", files=named, headers={"Origin": url}).text
        for pid in service.processes:  # what measures a test writes when the service ends
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert service.end(signal.SIGTERM) in (0, -signal.SIGTERM)
    assert service.said.count('"answered"') == 7
    assert '"route":"/"' in service.said
    for text in (CANARY, "Ada Invented"):
        assert text not in service.said
        assert not holding(tmp_path, text.encode())


@pytest.mark.slow
def test_the_page_for_oneself_has_a_path_that_nobody_guesses_and_ends_with_the_terminal(
    tmp_path: Path,
) -> None:
    with running(UNIVERSITY.trust, tmp_path / "home", "verify", "--page", "--offline") as page:
        address = urlsplit(page.line)
        origin = f"http://{address.netloc}"
        assert address.hostname == "127.0.0.1"
        assert len(address.path.strip("/")) == 22  # 128 bits in base64url
        assert httpx.get(page.line).status_code == 200
        own = {"Origin": origin}
        found = httpx.post(page.line, files={"file": ("a.json", FILE)}, headers=own, timeout=30)
        assert "Canaria" in found.text
        assert f'href="{address.path}page.css' in found.text
        for path in ("/", "/page.css", "/verify", address.path.swapcase()):
            assert httpx.get(origin + path).status_code == 404
        workers = page.processes[1:]
        assert page.end(signal.SIGINT) in (0, 130, -signal.SIGINT)
        end = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < end:
            time.sleep(0.05)
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert "The page is for you alone" in page.said
    assert address.path not in page.said
    assert "Traceback" not in page.said


@pytest.mark.slow
def test_the_page_for_oneself_is_opened_where_there_are_windows(tmp_path: Path) -> None:
    opener = tmp_path / "browser"
    opener.write_text('#!/bin/sh\necho "$1" > "$0.told"\n')
    opener.chmod(0o755)
    windows = {"DISPLAY": ":77", "BROWSER": str(opener)}
    with running(UNIVERSITY.trust, tmp_path / "home", "verify", "--page", "--offline", **windows) as page:
        assert httpx.get(page.line, timeout=30).status_code == 200
        assert Path(f"{opener}.told").read_text().strip() == page.line
        page.end(signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "is_listed"), [((), False), (("--show-trust",), True)])
def test_for_others_whom_it_recognises_is_listed_only_where_that_is_asked_for(
    tmp_path: Path, words: tuple[str, ...], is_listed: bool
) -> None:
    """Behind a proxy, under its name; of an issuer whose diploma one has it is said in any case."""
    serve = ("verifier", "serve", "--plain", "--url", "https://verify.example", "--port", 0, "--offline")
    with running(UNIVERSITY.trust, tmp_path / "home", *serve, *words) as service:
        end = time.monotonic() + 20
        while not (ports := listening_ports(service.processes[0])) and time.monotonic() < end:
            time.sleep(0.05)
        named = {"Host": "verify.example"}
        page = httpx.get(f"http://127.0.0.1:{ports[0]}/", headers=named).text
        assert ("<bdi>university.example</bdi>" in page, NAME in page) == (is_listed, is_listed)
        own = {**named, "Origin": "https://verify.example"}
        sent = {"file": ("a.json", FILE)}
        found = httpx.post(f"http://127.0.0.1:{ports[0]}/", files=sent, headers=own, timeout=30)
        assert f"on the list of this page, as <bdi>{NAME}" in found.text


@pytest.mark.slow
def test_what_is_sent_is_cut_by_the_processes_and_not_by_the_service(tmp_path: Path) -> None:
    """It has no answer as long as they stand still, also one that is no form; the service goes on."""
    with running(
        UNIVERSITY.trust, tmp_path / "home", "verifier", "serve", "--plain", "--port", 0, "--offline"
    ) as service:
        url = service.line.rstrip("/")
        assert send(url, FILE).status_code == 200
        for pid in service.processes[1:]:
            os.kill(pid, signal.SIGSTOP)
        cut = {"Origin": url, "Content-Type": "multipart/form-data; boundary=x"}
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(
                httpx.post, f"{url}/", content=b"--x\r\nContent", headers=cut, timeout=30
            )
            assert httpx.get(f"{url}/").status_code == 200
            time.sleep(0.5)
            assert not waiting.done()
            for pid in service.processes[1:]:
                os.kill(pid, signal.SIGCONT)
            assert waiting.result().status_code == 400


@pytest.mark.parametrize("words", [("file.json",), ("--at", "2026-01-01"), ("--status-within", "3d")])
def test_the_page_takes_no_file_and_no_question(program: Program, words: tuple[str, ...]) -> None:
    answer = program("verify", "--page", *words)
    assert (answer.code, "--page goes with" in answer.err) == (2, True)


def test_without_the_page_a_file_is_asked_for(program: Program) -> None:
    assert program("verify").code == 2


@pytest.mark.slow
def test_off_loopback_and_in_the_clear_no_page_is_served(tmp_path: Path) -> None:
    """Programs go on asking: they know what they send where."""
    with running(
        UNIVERSITY.trust, tmp_path / "home",
        "verifier", "serve", "--plain", "--host", "0.0.0.0", "--port", 0, "--offline",
    ) as service:  # fmt: skip
        port = urlsplit(service.line).port
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
        assert httpx.post(f"http://127.0.0.1:{port}/verify", content=FILE).status_code == 200
        service.end()
    assert "No page is served" in service.said


def origin(url: str) -> str:
    return "http://" + urlsplit(url).netloc


def shown(url: str, data: bytes) -> httpx.Response:
    """What a page answers that is sent a file."""
    own = {"Origin": origin(url), "Accept-Language": "en"}
    return httpx.post(url, files={"file": ("issuer.json", data)}, headers=own, timeout=30)


def confirmed(url: str, data: bytes, sender: str = "") -> httpx.Response:
    """What it answers to whoever says that the fingerprint of a file is the right one."""
    named = {"digest": hashlib.sha256(data).hexdigest()}
    return httpx.post(f"{url}recognise", data=named, headers={"Origin": sender or origin(url)}, timeout=30)


@pytest.fixture(scope="module")
def own_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("own") / "home"
    with running(Trust(), home, "verify", "--page", "--offline") as service:
        yield service.line, home / "trust.json"


@pytest.mark.slow
def test_the_page_for_oneself_takes_a_trust_file(own_page: tuple[str, Path]) -> None:
    url, trust_file = own_page
    empty, handed = trust_file.read_bytes(), UNIVERSITY.trust.to_bytes()
    assert "This page recognises no issuer yet" in Reader(httpx.get(url).text).text
    assert UNIVERSITY.trust.fingerprint(UNIVERSITY.did) in Reader(shown(url, handed).text).text
    assert trust_file.read_bytes() == empty
    assert confirmed(url, handed, "http://elsewhere.example").status_code == 403
    assert trust_file.read_bytes() == empty
    assert confirmed(url, handed).status_code == 200
    assert Trust.load(trust_file).issuer(UNIVERSITY.did) is not None
    assert Reader(shown(url, FILE).text).title == "Valid (1 file)"
    trust_file.write_bytes(empty)


AS_ANOTHER = """
import os, sys
import httpx
url, origin, digest = sys.argv[1:]
httpx.get(url)  # so that all modules are there, which another user may not read
os.setgroups([]); os.setgid(65534); os.setuid(65534)
own = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
files = {"file": ("issuer.json", sys.stdin.buffer.read())}
print(httpx.get(url).status_code, httpx.post(url, files=files, headers=own, timeout=30).status_code,
      httpx.post(url + "recognise", data={"digest": digest}, headers=own, timeout=30).status_code)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="no other user to be: run as root")
def test_another_user_who_read_the_address_among_the_processes_recognises_nobody(
    own_page: tuple[str, Path],
) -> None:
    url, trust_file = own_page
    empty, handed = trust_file.read_bytes(), UNIVERSITY.trust.to_bytes()
    words = (url, origin(url), hashlib.sha256(handed).hexdigest())
    shown(url, handed)
    ran = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, *words], input=handed, capture_output=True, check=True, timeout=60
    )
    assert ran.stdout.split() == [b"200", b"403", b"403"]
    assert trust_file.read_bytes() == empty


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("verifier", "serve", "--plain", "--port", 0, "--offline"),
        ("verify", "--page", "--offline", "--trust", "other.json"),
    ],
    ids=["service", "another list"],
)
def test_no_other_page_takes_one(tmp_path: Path, words: tuple[object, ...]) -> None:
    """A service is for others, even on loopback; `trust add` knows one list only."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "other.json").write_bytes(Trust().to_bytes())
    (home / "tmp").mkdir()
    (home / "trust.json").write_bytes(Trust().to_bytes())
    service = Running(home, *words)
    try:
        url = service.line.removesuffix("verify")
        text = Reader(shown(url, UNIVERSITY.trust.to_bytes()).text).text
        assert "This page recognises no issuer yet" in text
        assert "is for whoever runs this page" in text
        assert UNIVERSITY.trust.fingerprint(UNIVERSITY.did) not in text
        assert confirmed(url, UNIVERSITY.trust.to_bytes()).status_code == 404
        assert (home / "trust.json").read_bytes() == Trust().to_bytes()
    finally:
        service.end()
