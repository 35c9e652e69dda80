"""The page for oneself takes an issuer's trust file: what it shows first, and who can confirm it."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import Request

from intaglio.pages.peer import is_of_user, require_own_user
from intaglio.pages.recognise import MOST_LINES
from tests.commandline import Program
from tests.pages import Reader, page_for_oneself
from tests.world import NAME, University
from verifier import RecognisedIssuer, Trust
from wire import Refused

HTTP = httpx.Client(timeout=30)
UNIVERSITY = University()
FILE = UNIVERSITY.trust.to_bytes()
FINGERPRINT = UNIVERSITY.trust.fingerprint(UNIVERSITY.did)
OTHER = Trust((RecognisedIssuer("did:web:other.example", "Other College"),)).to_bytes()


@pytest.fixture(scope="session", autouse=True)  # tests of other files may come between
def _closed() -> Iterator[None]:
    yield
    HTTP.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    trust_file = tmp_path_factory.mktemp("home") / "trust.json"
    with page_for_oneself(trust_file) as url:
        yield url, trust_file


@pytest.fixture
def page(served: tuple[str, Path]) -> Iterator[str]:
    """The address of one with an empty list."""
    url, trust_file = served
    yield url
    trust_file.unlink(missing_ok=True)


@pytest.fixture
def trust_file(served: tuple[str, Path]) -> Path:
    return served[1]


def origin(url: str) -> str:
    return "http://" + urlsplit(url).netloc


def show(
    url: str, data: bytes = FILE, name: str = "issuer.json", headers: Mapping[str, str] = {}
) -> httpx.Response:
    own = {"Origin": origin(url), "Accept-Language": "en", **headers}
    return HTTP.post(url, files={"file": (name, data)}, headers=own)


def confirm(url: str, data: bytes = FILE, headers: Mapping[str, str] = {}) -> httpx.Response:
    own = {"Origin": origin(url), "Accept-Language": "en", **headers}
    return HTTP.post(f"{url}recognise", data={"digest": hashlib.sha256(data).hexdigest()}, headers=own)


# What is shown, and what is kept


def test_an_empty_list_is_told_at_the_top_until_an_issuer_is_on_it(page: str) -> None:
    told = "This page recognises no issuer yet"
    before = Reader(HTTP.get(page).text).text
    assert before.index(told) < before.index("Check a credential") < before.index("Choose the file")
    diploma = UNIVERSITY.issue().to_bytes()
    answer = Reader(show(page, diploma).text).text
    assert answer.index(told) < answer.index("Could not be decided")
    show(page)
    assert confirm(page).status_code == 200
    assert told not in HTTP.get(page).text
    answer = show(page, diploma).text
    assert told not in answer
    assert Reader(answer).title == "Valid (1 file)"


def test_the_fingerprint_is_shown_before_anything_is_kept(page: str, trust_file: Path) -> None:
    shown = show(page)
    text = Reader(shown.text).text
    assert shown.status_code == 200
    for told in (NAME, "university.example", FINGERPRINT, "speaks through the log", "Nothing has been added"):
        assert told in text, told
    assert not trust_file.exists()
    kept = confirm(page)
    assert kept.status_code == 200
    assert f"{NAME} is on the list of this page from now on." in Reader(kept.text).text
    assert Trust.load(trust_file).fingerprint(UNIVERSITY.did) == FINGERPRINT


def test_the_list_is_then_the_one_that_the_command_writes(
    page: str, trust_file: Path, program: Program, tmp_path: Path
) -> None:
    for number, data in enumerate((OTHER, FILE, FILE)):
        handed = tmp_path / f"{number}.json"
        handed.write_bytes(data)
        assert program("trust", "add", handed).code == 0
        show(page, data, handed.name)
        assert confirm(page, data).status_code == 200
        assert trust_file.read_bytes() == (program.home / "trust.json").read_bytes()


def test_what_contradicts_the_list_is_refused_before_anybody_is_asked(page: str, trust_file: Path) -> None:
    trust_file.write_bytes(FILE)
    taken = Trust((RecognisedIssuer("did:web:un1versity.example", NAME),)).to_bytes()
    differs = Trust((RecognisedIssuer(UNIVERSITY.did, NAME, ("Other",)),)).to_bytes()
    thief = University()
    another_log = replace(thief.recognised_log, issuers=(UNIVERSITY.did,))
    of_another = Trust(UNIVERSITY.trust.issuers, (another_log,)).to_bytes()
    for data in (taken, differs, of_another):
        refused = show(page, data)
        assert refused.status_code == 409
        assert "fingerprint" not in refused.text
        assert confirm(page, data).status_code == 409
    assert trust_file.read_bytes() == FILE


def test_what_contradicts_the_list_meanwhile_is_refused_too(page: str, trust_file: Path) -> None:
    assert show(page).status_code == 200
    taken = Trust((RecognisedIssuer("did:web:un1versity.example", NAME),)).to_bytes()
    trust_file.write_bytes(taken)
    assert confirm(page).status_code == 409
    assert trust_file.read_bytes() == taken


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b'{"version": 1, "issuers": []}', 400),
        (b'{"version": 1, "issuers": [], "more": 1}', 400),
        (b'{"version": 99, "issuers": [{"id": "did:web:a.example"}]}', 400),
        (b'{"version": 1, "issuers": [{"id": "did:web:a.example"}, {"id": "did:web:a.example"}]}', 400),
        (
            Trust(
                tuple(RecognisedIssuer(f"did:web:a{number}.example") for number in range(MOST_LINES + 1))
            ).to_bytes(),
            413,
        ),
        (
            Trust(
                (
                    RecognisedIssuer(
                        "did:web:a.example",
                        status_issuers=tuple(f"did:web:a{number}.example" for number in range(MOST_LINES)),
                    ),
                )
            ).to_bytes(),
            413,
        ),
    ],
    ids=["nobody", "member", "version", "twice", "issuers", "remarks"],
)
def test_what_cannot_be_read_or_is_more_than_one_reads_is_not_taken(
    page: str, trust_file: Path, data: bytes, status: int
) -> None:
    assert show(page, data).status_code == status
    assert confirm(page, data).status_code == 409
    assert not trust_file.exists()


def test_what_a_file_says_is_no_markup(page: str) -> None:
    named = Trust((RecognisedIssuer("did:web:a.example", '<img src=x onerror="alert(1)">\u202egnp'),))
    text = show(page, named.to_bytes(), '"><script>.json').text
    assert "<img" not in text
    assert "<script>" not in text
    assert "\u202e" not in text


# Who confirms


def test_nothing_is_confirmed_but_what_was_shown_last_and_once(page: str, trust_file: Path) -> None:
    show(page, OTHER)
    show(page)
    assert confirm(page, OTHER).status_code == 409, "another was shown since"
    own = {"Origin": origin(page)}
    digest = hashlib.sha256(FILE).hexdigest()
    for body in (b"", f"digest={digest.upper()}".encode(), b"digest=", digest.encode()):
        assert HTTP.post(f"{page}recognise", content=body, headers=own).status_code == 409
    assert HTTP.post(f"{page}recognise", content=b"x" * 5000, headers=own).status_code == 413
    assert not trust_file.exists()
    assert confirm(page).status_code == 200
    kept = trust_file.read_bytes()
    trust_file.unlink()
    assert confirm(page).status_code == 409, "it was used"
    assert not trust_file.exists()
    assert kept


ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": ""},
)


@pytest.mark.quick("cross-site", "null")
@pytest.mark.parametrize("headers", ELSEWHERE, ids=lambda headers: "-".join(headers.values()) or "no")
def test_a_page_elsewhere_can_neither_show_nor_confirm(
    page: str, trust_file: Path, headers: dict[str, str]
) -> None:
    show(page, OTHER)
    assert show(page, headers=headers).status_code == 403
    assert confirm(page).status_code == 409, "it was not shown"
    assert show(page).status_code == 200
    assert confirm(page, headers=headers).status_code == 403
    assert not trust_file.exists()


def test_a_name_that_is_made_to_lead_here_can_do_neither(page: str, trust_file: Path) -> None:
    rebound = {"Host": "rebound.example", "Origin": "http://rebound.example", "Sec-Fetch-Site": "same-origin"}
    assert show(page, headers=rebound).status_code == 421
    assert show(page).status_code == 200
    assert confirm(page, headers=rebound).status_code == 421
    assert not trust_file.exists()


def test_without_the_secret_of_the_address_there_is_nothing(page: str, trust_file: Path) -> None:
    assert show(page).status_code == 200
    root = f"{origin(page)}/"
    assert confirm(root).status_code == 404
    assert confirm(f"{root}other/").status_code == 404
    assert not trust_file.exists()


def status_for_another_user(request: httpx.Request) -> int:
    """What is answered to a request by a socket that belongs to somebody else."""
    request.read()
    os.seteuid(65534)
    try:
        own = socket.create_connection((request.url.host, request.url.port))
    finally:
        os.seteuid(0)
    with closing(HTTPConnection(request.url.netloc.decode())) as connection:
        connection.sock = own
        connection.request("POST", request.url.path, request.content, dict(request.headers))
        return connection.getresponse().status


@pytest.mark.skipif(os.geteuid() != 0, reason="no other user to be: run as root")
def test_another_user_of_this_machine_can_neither_show_nor_confirm(page: str, trust_file: Path) -> None:
    own, named = {"Origin": origin(page)}, {"digest": hashlib.sha256(FILE).hexdigest()}
    files = {"file": ("issuer.json", FILE)}
    show(page, OTHER)
    assert status_for_another_user(httpx.Request("POST", page, files=files, headers=own)) == 403
    assert confirm(page).status_code == 409, "it was not shown"
    assert show(page).status_code == 200
    confirmed = httpx.Request("POST", f"{page}recognise", data=named, headers=own)
    assert status_for_another_user(confirmed) == 403
    assert not trust_file.exists()


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100
   1: 0100007F:C350 0100007F:1F90 {state} 00000000:00000000 00:00000000 00000000 {user:5}        0 2 1 0 20
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 20
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="no little-endian machine: run it on one")
@pytest.mark.parametrize(
    ("state", "user", "client", "is_own"),
    [
        ("01", 1000, 50000, True),
        ("01", 1001, 50000, False),
        ("01", 0, 50000, False),
        ("05", 1000, 50000, False),  # its sender left: nobody's
        ("06", 1000, 50000, False),
        ("01", 1000, 50001, False),
        ("01", 1000, 8080, False),  # the service's own end
    ],
)
def test_a_connection_is_of_the_user_who_has_its_other_end(
    tmp_path: Path, state: str, user: int, client: int, is_own: bool
) -> None:
    table = tmp_path / "tcp"
    table.write_text(TABLE.format(state=state, user=user))
    ends = ("127.0.0.1", client), ("127.0.0.1", 8080)
    assert is_of_user(1000, *ends, table) is is_own
    assert not is_of_user(1000, *ends, tmp_path / "none"), "nobody's where the system does not tell"


@pytest.mark.parametrize("client", [None, ("127.0.0.1", 1), ("::1", 1), ("not an address", 1)])
def test_a_connection_that_the_system_does_not_have_is_refused(client: tuple[str, int] | None) -> None:
    with pytest.raises(Refused, match="only the user who started this page"):
        require_own_user(Request({"type": "http", "client": client, "server": ("127.0.0.1", 8470)}))
