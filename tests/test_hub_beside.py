"""What lies beside a log in a mirror, and a bare diploma that is verified by it without the issuer's host."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from exchange.beside import DOCUMENTS, LISTS, listing
from hub import make_hub, open_mirrors
from hub.beside import Beside
from hub.monitor import Monitor
from hub.problem import NOT_IN_LOG
from keys import PrivateKey
from ledger.evidence import parse_proof
from ledger.lookup import LookupFiles
from ledger.note import SignatureType, VerifierKey, signature_line
from ledger.witness import origin_hash
from tests.loopback import Authority, Site, response
from tests.test_holder_claim import graduate
from tests.test_issuer_serve import Machine
from tests.test_service_logs import running
from tests.test_verifier_published import Host, bare, rotate, step
from tests.world import NOW, University, verifier
from vc import Report, Verdict
from verifier import Fetched, Trust
from verifier.problem import STATUS_LIST_ENDED
from verifier.sources.published import Published
from verifier.status import Revoked
from wire import Malformed, NotFound, TooLarge
from wire.fetch import HttpsFetcher
from wire.health import Health
from wire.problem import Conflict


class Publishing(Host):
    """A host that publishes the status list, too: at its own address, and below the log."""

    def answer(self, path: str) -> Any:
        if path == "/" + self.university.list_url.split("/", 3)[-1] and self.status:
            return response(200, self.status)
        return super().answer(path)

    def content(self, name: str) -> bytes | None:
        if name == LISTS:
            return listing({self.index: self.university.list_url})
        if name == f"{LISTS}/{self.index}":
            return self.status
        return super().content(name)

    def publish(self) -> None:
        super().publish()
        evidence = self.university.status_lists()[0].evidence[0]
        self.index = parse_proof(evidence.body)[0]


class Mirrored:
    """A hub that mirrors a university's log, and serves it at a host of its own."""

    def __init__(self, folder: Path, published: Host) -> None:
        self.published = published
        self.folder = folder / "hub"
        state = make_hub(self.folder, "hub.example/witness", lambda: None)
        log = published.university.log
        state.add(log.verifier_key, f"https://{log.origin}")
        self.mirrors = open_mirrors(self.folder, state)
        self.mirrors.add(log.origin)
        self.hash = origin_hash(log.origin)
        self.fetcher = HttpsFetcher(allow_loopback=True, ca_file=published.ca_file, timeout=5.0)
        self.monitor = Monitor(self.folder, state, self.mirrors, self.fetcher)
        self.site = Site(self.answer, published.site.context)
        self.instead: dict[str, bytes] = {}

    def answer(self, path: str) -> bytes:
        name = path.removeprefix(f"/mirror/{self.hash}/")
        data = self.instead.get(name, self.mirrors.file(self.hash, name).content)
        return response(404) if data is None else response(200, data)

    def watch(self) -> list[str]:
        return [item.code for item in self.monitor.watch(NOW) if item.health is not Health.PASSED]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.site.port}/mirror/{self.hash}"

    def verify(self, credential: Any, later: timedelta = timedelta(), trust: Trust | None = None) -> Report:
        trust = trust or self.published.university.trust
        logs = tuple(replace(log, mirrors=(self.url,)) for log in trust.logs)
        options = {"lists": [Fetched(self.fetcher)], "logs": Published(self.fetcher)}
        return verifier(replace(trust, logs=logs), **options).verify(credential, now=NOW + later)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishing]:
    authority = Authority(tmp_path)
    site = Site(lambda _: response(404), authority.server_context("localhost"))
    with site.running():
        university = University(f"localhost:{site.port}")
        yield Publishing(site, university, LookupFiles(tmp_path), authority.ca_file)


@pytest.fixture
def mirrored(tmp_path: Path, published: Publishing) -> Iterator[Mirrored]:
    found = Mirrored(tmp_path, published)
    with found.site.running():
        yield found


def gone(published: Publishing) -> None:
    """From now on its host answers nothing but that there is nothing."""
    published.site.answer = lambda _: response(503)


def test_once_the_host_is_gone_a_bare_diploma_is_valid_by_the_mirror(
    published: Publishing, mirrored: Mirrored
) -> None:
    credential = bare(published)
    assert mirrored.watch() == []
    assert mirrored.verify(credential).verdict is Verdict.VALID
    gone(published)
    report = mirrored.verify(credential)
    assert report.verdict is Verdict.VALID, report.deciding
    assert f"entry 1 of the log localhost:{published.site.port}/log" in step(report, 8).text
    ended = mirrored.verify(credential, timedelta(days=400))
    assert ended.verdict is Verdict.UNDETERMINED
    problem = step(ended, 6).problem
    assert problem is not None
    assert problem.code == STATUS_LIST_ENDED.code


def test_after_the_lists_end_it_is_valid_only_where_the_issuer_closed(
    published: Publishing, mirrored: Mirrored
) -> None:
    credential = bare(published)
    mirrored.watch()
    gone(published)
    trust, later = published.university.trust, timedelta(days=400)
    closed = replace(trust, issuers=tuple(replace(one, closed=NOW.date()) for one in trust.issuers))
    report = mirrored.verify(credential, later, closed)
    assert report.verdict is Verdict.VALID, report.deciding
    assert mirrored.verify(credential, later).verdict is Verdict.UNDETERMINED


def test_what_was_revoked_before_the_host_went_is_revoked_by_the_mirror(
    published: Publishing, mirrored: Mirrored
) -> None:
    credential = bare(published)
    mirrored.watch()
    published.university.revoke(int(credential["credentialStatus"]["statusListIndex"]))
    published.publish()
    assert mirrored.watch() == []
    gone(published)
    report = mirrored.verify(credential)
    assert report.verdict is Verdict.INVALID
    assert isinstance(step(report, 6).problem, Revoked)


@pytest.mark.slow
def test_a_diploma_of_a_former_key_is_valid_by_the_documents_in_the_mirror(
    published: Publishing, mirrored: Mirrored
) -> None:
    credential = bare(published)
    rotate(published)
    assert mirrored.watch() == []
    gone(published)
    report = mirrored.verify(credential)
    assert report.verdict is Verdict.VALID, report.deciding


@pytest.mark.slow
def test_of_several_mirrors_one_that_answers_is_enough(published: Publishing, mirrored: Mirrored) -> None:
    credential = bare(published)
    mirrored.watch()
    gone(published)
    trust = published.university.trust
    dead = "https://localhost:9/mirror"
    for urls in ((dead, mirrored.url), (mirrored.url + "/", dead)):
        logs = tuple(replace(log, mirrors=urls) for log in trust.logs)
        options = {"lists": [Fetched(mirrored.fetcher)], "logs": Published(mirrored.fetcher)}
        report = verifier(replace(trust, logs=logs), **options).verify(credential, now=NOW)
        assert report.verdict is Verdict.VALID, report.deciding


def swapped(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


@pytest.mark.quick("1")
@pytest.mark.parametrize("spoilt", [0, 1, 3000])
def test_a_line_that_fails_takes_nothing_away(published: Publishing, mirrored: Mirrored, spoilt: int) -> None:
    """Whoever has taken the host over can add lines, also under the names of witnesses, and then be gone."""
    credential = bare(published)
    assert mirrored.watch() == []
    secret = PrivateKey.generate()
    key = VerifierKey("w.example/w", SignatureType.COSIGNATURE, secret.public_key)
    other = VerifierKey("v.example/w", SignatureType.COSIGNATURE, PrivateKey.generate().public_key)
    trust = published.university.trust
    logs = tuple(replace(log, witnesses=(str(key), str(other)), quorum=1) for log in trust.logs)
    checkpoint = published.university.log.checkpoint()
    good = key.sign(secret, checkpoint.text, NOW)
    bad = signature_line(other.name, other.id, bytes(72)) * (spoilt > 0)
    bad += b"".join(signature_line(f"{number}", bytes(4), bytes(9)) for number in range(spoilt))
    answer, note = published.site.answer, checkpoint.note + good
    published.site.answer = lambda path: response(200, note) if path == "/log/checkpoint" else answer(path)
    assert mirrored.watch() == []
    shown = note + bad
    published.site.answer = lambda path: response(200, shown) if path == "/log/checkpoint" else answer(path)
    assert mirrored.watch() == []
    gone(published)
    report = mirrored.verify(credential, trust=replace(trust, logs=logs))
    assert report.verdict is Verdict.VALID, report.deciding


LIES: dict[str, Callable[[bytes], bytes]] = {
    "a byte": swapped,
    "cut off": lambda right: right[:-2],
    "made up": lambda _: b"{}",
    "left out": lambda _: b"",
}


@pytest.mark.quick("a byte")
@pytest.mark.parametrize("lie", LIES)
def test_a_mirror_that_lies_leaves_it_open(published: Publishing, mirrored: Mirrored, lie: str) -> None:
    """It is neither valid nor invalid by what a mirror has made up, cut off or left out."""
    credential = bare(published)
    mirrored.watch()
    gone(published)
    paths = ("checkpoint", "documents", "lists", f"lists/{published.index}", "tile/0/000.p/4")
    for path in paths:
        right = mirrored.mirrors.file(mirrored.hash, path).content
        assert right is not None
        mirrored.instead[path] = LIES[lie](right)
        assert mirrored.verify(credential).verdict is Verdict.UNDETERMINED, path
        del mirrored.instead[path]
        assert mirrored.verify(credential).verdict is Verdict.VALID, path


@pytest.mark.slow
def test_a_list_of_another_log_or_address_in_the_mirror_counts_for_nothing(
    tmp_path: Path, published: Publishing, mirrored: Mirrored
) -> None:
    credential = bare(published)
    mirrored.watch()
    gone(published)
    stranger = University("stranger.example")
    stranger.issue()
    mine = published.university.list_url
    others = orjson.dumps(stranger.status_lists()[0].document)
    details = orjson.dumps(published.university.status_lists()[1].document)
    for listed in (others, others.replace(stranger.list_url.encode(), mine.encode()), details):
        mirrored.instead = {LISTS: listing({published.index: mine}), f"{LISTS}/{published.index}": listed}
        assert mirrored.verify(credential).verdict is Verdict.UNDETERMINED
    for index in (0, published.index + 1, 1 << 60):
        mirrored.instead = {LISTS: listing({index: mine}), f"{LISTS}/{index}": published.status}
        assert mirrored.verify(credential).verdict is Verdict.UNDETERMINED


# What a mirror takes over


class Pages:
    """What a host has beside a log, and the entries of the log."""

    def __init__(self, published: Publishing) -> None:
        self.files = {
            path: published.content(path) for path in (DOCUMENTS, LISTS, f"{LISTS}/{published.index}")
        }
        log = published.university.log
        self.entries = [*log.entries(0, log.checkpoint().size)]

    def read(self, path: str, limit: int) -> bytes:
        data = self.files.get(path)
        if data is None:
            raise NotFound("none")
        if len(data) > limit:
            raise TooLarge("too long")
        return data

    def entry_at(self, index: int) -> bytes | None:
        return self.entries[index] if index < len(self.entries) else None

    def pull(self, beside: Beside) -> list[str]:
        return [problem.code for problem in beside.pull(self.read, self.entry_at)]


def test_a_host_that_was_taken_over_takes_nothing_away_and_brings_nothing_old(
    tmp_path: Path, published: Publishing
) -> None:
    bare(published)
    old = Pages(published)
    first, url = published.index, published.university.list_url
    rotate(published)
    published.university.revoke(7)
    published.publish()
    new, beside = Pages(published), Beside(tmp_path / "beside")
    assert new.pull(beside) == []
    held = {path: beside.get(path) for path in new.files}
    assert held == new.files
    new.files = {**new.files, DOCUMENTS: old.files[DOCUMENTS], LISTS: listing({first: url})}
    new.files[f"{LISTS}/{first}"] = old.files[f"{LISTS}/{first}"]
    assert new.pull(beside) == [Conflict.code]
    for emptied in (listing({}), None):
        new.files[LISTS] = emptied
        new.pull(beside)
    assert {path: beside.get(path) for path in held} == held
    for nothing in ("lists/", "lists/x", "lists/../documents", f"lists/{first}", "lists.d/0", "keys.json"):
        assert beside.get(nothing) is None


def test_what_the_log_has_no_entry_of_is_not_kept(tmp_path: Path, published: Publishing) -> None:
    bare(published)
    pages, index = Pages(published), published.index
    right = dict(pages.files)
    url, content = published.university.list_url, right[f"{LISTS}/{index}"]
    documents = json.loads(right[DOCUMENTS] or b"")
    moved = [{**version, "index": version["index"] + 1} for version in documents[DOCUMENTS]]
    other = [{**version, "document": {"id": "did:web:x"}} for version in documents[DOCUMENTS]]
    for wrong, codes in (
        ({DOCUMENTS: orjson.dumps({DOCUMENTS: moved})}, [NOT_IN_LOG.code]),
        ({DOCUMENTS: orjson.dumps({DOCUMENTS: other})}, [NOT_IN_LOG.code]),
        ({DOCUMENTS: b"[]"}, [Malformed.code]),
        ({DOCUMENTS: orjson.dumps({DOCUMENTS: {}})}, [Malformed.code]),
        ({DOCUMENTS: orjson.dumps({DOCUMENTS: [{"index": -1, "document": {}}]})}, [Malformed.code]),
        ({LISTS: listing({index + 1: url}), f"{LISTS}/{index + 1}": content}, [NOT_IN_LOG.code]),
        ({LISTS: listing({1 << 40: url}), f"{LISTS}/{1 << 40}": content}, [NOT_IN_LOG.code]),
        ({LISTS: listing({index: url + "1"})}, [NOT_IN_LOG.code]),  # the list of another address
        ({LISTS: orjson.dumps({LISTS: [{"index": "0", "url": url}]})}, [Malformed.code]),
        ({LISTS: orjson.dumps({LISTS: 1})}, [Malformed.code]),
        ({f"{LISTS}/{index}": (content or b"").replace(b'"proofValue":"z', b'"proofValue":"z2')}, None),
        ({f"{LISTS}/{index}": b"no list"}, None),
        ({f"{LISTS}/{index}": None}, [NotFound.code]),
    ):
        beside = Beside(tmp_path / str(len(list(tmp_path.iterdir()))))
        pages.files = {**right, **wrong}
        found = pages.pull(beside)
        assert found == codes if codes is not None else len(found) == 1, (wrong, found)
        for path in wrong:
            assert beside.get(path) in (None, right.get(path), listing({}))
    pages.files = right
    assert pages.pull(beside) == []
    assert {path: beside.get(path) for path in right} == right


def test_a_host_that_names_lists_without_end_is_asked_for_a_few(
    tmp_path: Path, published: Publishing
) -> None:
    bare(published)
    pages, beside = Pages(published), Beside(tmp_path / "beside")
    pages.files[LISTS] = listing({index: f"https://x.example/{index}" for index in range(1000)})
    assert len(pages.pull(beside)) == 16


# The story


@pytest.mark.slow
def test_a_bare_diploma_is_valid_from_a_hub_with_the_issuers_host_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As three people type it: the issuer, a hub, and a verifier."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    issuing, mirroring, verifying = (
        Machine(monkeypatch, capsys, tmp_path / name) for name in ("issuer", "hub", "verifier")
    )
    row, out, bare_file, trust = graduate(), tmp_path / "out", tmp_path / "bare.json", tmp_path / "trust.json"
    (tmp_path / "graduates.csv").write_text(f"{','.join(row)}\n{','.join(row.values())}\n", encoding="utf-8")
    named = ("--name", "University of Example (invented)", "--url", f"https://localhost:{port}")
    issued = issuing.run("issuer", "issue", tmp_path / "graduates.csv", *named, "--out", out)
    assert issued.code == 0, issued.err
    bare_file.write_text(json.dumps(json.loads(next(out.glob("*.json")).read_bytes())["credential"]))
    trust.write_text(issuing.run("issuer", "trust").out)
    assert verifying.run("trust", "add", trust, "--yes").code == 0
    home = issuing.home / "issuer"
    vkey = json.loads(trust.read_text())["logs"][0]["key"]
    url = f"https://localhost:{port}/log"
    assert mirroring.run("hub", "init", "hub.example/witness").code == 0
    assert mirroring.run("hub", "add", vkey, url, "--mirror").code == 0
    with issuing.serving("--port", str(port), "--tls"):
        while not (home / "lookup" / "young").exists():
            time.sleep(0.01)
        online = ("--loopback", "--ca", home / "tls" / "authority.pem")
        watched = mirroring.run(*online, "hub", "run", "--json")
        (found,) = json.loads(watched.out)["findings"]
        assert found["code"] == "hub-log-seen", watched.out
    with running(mirroring.home, "hub", "serve", "--alone", "--tls") as (address, _):
        hashed = json.loads(mirroring.run("hub", "status", "--json").out)["logs"][0]["hash"]
        authorities = tmp_path / "authorities.pem"
        files = (home / "tls" / "authority.pem", mirroring.home / "hub" / "tls" / "authority.pem")
        authorities.write_bytes(b"".join(file.read_bytes() for file in files))
        online = ("--loopback", "--ca", authorities)
        assert verifying.run(*online, "verify", bare_file).code == 3
        mirror = address.replace("/witness", f"/mirror/{hashed}")
        assert verifying.run("trust", "mirror", "add", vkey.partition("+")[0], mirror).code == 0
        answer = verifying.run(*online, "verify", bare_file)
        assert answer.code == 0, answer.out
        assert answer.out.startswith("VALID as of ")
        assert f"entry 2 of the log localhost:{port}/log" in answer.out
    without = verifying.run(*online, "verify", bare_file)
    assert (without.code, "COULD NOT BE DECIDED" in without.out) == (3, True)
