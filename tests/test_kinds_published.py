"""Kinds by their digests over HTTP: what a service gives, and what `trust add` takes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.issuer import Issuer
from kinds import Kind
from kinds.compiling import with_compiled
from kinds.parsing import parse_kind
from ledger import EntryKind, entry
from tests.commandline import Program, served
from tests.loopback import response
from tests.serving import listening, serving
from tests.test_kinds_facts import club
from tests.test_verifier_kinds import with_table
from tests.test_verifier_published import host as https_host
from tests.world import NOW, issuer_in, trust_in
from verifier import Trust
from verifier.problem import NotShown
from verifier.sources.published import PublishedLogs
from verifier.sources.trust_entries import MOST_KINDS, KindFiles
from wire import NotFound
from wire.work import Work

URL = "https://club.example/office"
KIND = with_compiled(parse_kind(with_table(sentence={"en": ["{issuer} has a member"]})))


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    made = issuer_in(tmp_path_factory.mktemp("club") / "home", url=URL, kind=KIND)
    assert made.log
    return made


@dataclass
class Host:
    """The issuer's service, or another one in the place of some of its answers."""

    client: httpx.Client
    instead: dict[str, bytes]
    asked: list[str]

    def __call__(self, url: str, limit: int) -> bytes:
        path = url.removeprefix("https://club.example")
        assert path.startswith("/office/log/"), "nobody else is asked"
        name = path.removeprefix("/office/log/")
        self.asked.append(name)
        if name in self.instead:
            return self.instead[name]
        answer = self.client.get(path)
        if answer.status_code == 404:
            raise NotFound(url)
        assert answer.status_code == 200
        assert len(answer.content) <= limit
        return answer.content


@pytest.fixture
def host(client: httpx.Client) -> Host:
    return Host(client, {}, [])


@pytest.fixture(scope="module")
def client(issuer: Issuer) -> Iterator[httpx.Client]:
    claims = ClaimLinks(issuer.home / "claims.sqlite", URL)
    app = create_app(issuer, claims, issuer.home, lambda: NOW, issuer.reader, kinds=issuer.kinds.intact)
    with listening() as listener, serving(app, listener):
        base = f"http://localhost:{listener.getsockname()[1]}"
        with httpx.Client(base_url=base, trust_env=False) as client:
            yield client


def shown(issuer: Issuer, host: Host, known: tuple[str, ...] = (), trust: Trust | None = None) -> Any:
    logs = PublishedLogs(host, trust or trust_in(issuer), Work())
    return logs.kinds(issuer.did, known)


# What is published


@pytest.mark.slow
def test_a_kind_is_published_by_its_digest_and_each_of_its_files_by_its_path(host: Host) -> None:
    for base in ("/office/kinds", "/office/log/kinds"):
        answer = host.client.get(f"{base}/{KIND.digest}")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json() == dict(KIND.texts)
        manifest = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in answer.json().items()}
        text = json.dumps(manifest, separators=(",", ":"), sort_keys=True)
        assert hashlib.sha256(text.encode()).hexdigest() == KIND.digest
        for path, media_type in (
            ("kind.json", "application/json"),
            ("tables/level.csv", "text/csv; charset=utf-8"),
        ):
            file = host.client.get(f"{base}/{KIND.digest}/{path}")
            assert (file.content, file.headers["content-type"]) == (KIND.files[path], media_type)
    assert host.client.get("/office/log/kinds").json() == {"kinds": [{"index": 1, "digest": KIND.digest}]}


def test_no_address_of_a_kind_leads_to_the_disk(host: Host, issuer: Issuer) -> None:
    assert (issuer.home / "kinds" / "club-1" / "kind.json").exists()
    for path in (
        "",
        "kind.json",
        "0" * 64,
        f"{KIND.digest}/template.json",
        f"{KIND.digest}/../keys.json",
        f"{KIND.digest}/%2e%2e/keys.json",
        f"{KIND.digest}/tables",
        f"{KIND.digest}/kind.json/",
        f"{KIND.digest.upper()}/kind.json",
    ):
        assert host.client.get(f"/office/kinds/{path}").status_code == 404, path


# What is taken


def test_the_kinds_that_the_log_holds_are_had_from_it(issuer: Issuer, host: Host) -> None:
    assert shown(issuer, host) == (KindFiles(KIND.texts),)
    host.asked.clear()
    assert shown(issuer, host, (KIND.digest,)) == ()
    assert host.asked == ["kinds"]


def lying(change: Callable[[dict[str, Any]], None]) -> bytes:
    listed = {"kinds": [{"index": 1, "digest": KIND.digest}]}
    change(listed)
    return json.dumps(listed).encode()


OTHER: Kind = club()


@pytest.mark.parametrize(
    "instead",
    [
        {"kinds": b"[]"},
        {"kinds": b'{"kinds": {}}'},
        {"kinds": lying(lambda it: it["kinds"].append(1))},
        {"kinds": lying(lambda it: it["kinds"][0].update(index=-1))},
        {"kinds": lying(lambda it: it["kinds"][0].update(index=True))},
        {"kinds": lying(lambda it: it["kinds"][0].update(index=0))},
        {"kinds": lying(lambda it: it["kinds"][0].update(index=99))},
        {"kinds": lying(lambda it: it["kinds"][0].update(digest="../keys.json"))},
        {f"kinds/{KIND.digest}": json.dumps(dict(OTHER.texts)).encode()},
        {f"kinds/{KIND.digest}": b'{"kind.json": 1}'},
        {f"kinds/{KIND.digest}": b"{}"},
        {
            "kinds": json.dumps({"kinds": [{"index": 1, "digest": OTHER.digest}]}).encode(),
            f"kinds/{OTHER.digest}": json.dumps(dict(OTHER.texts)).encode(),
        },
    ],
)
def test_a_host_that_lies_shows_nothing(issuer: Issuer, host: Host, instead: dict[str, bytes]) -> None:
    host.instead.update(instead)
    with pytest.raises(NotShown):
        shown(issuer, host)


def test_a_log_that_is_bound_to_another_is_not_asked(issuer: Issuer, host: Host) -> None:
    trust = trust_in(issuer)
    assert shown(issuer, host, trust=Trust(trust.issuers)) == ()
    assert host.asked == []


def test_a_list_keeps_the_newest_kinds_and_each_once() -> None:
    kinds = [KindFiles(club(version=str(number)).texts) for number in range(MOST_KINDS + 2)]
    trust = Trust.parse(b'{"version": 1, "issuers": [{"id": "did:example:club"}, {"id": "did:example:x"}]}')
    for kind in kinds:
        trust = trust.with_kinds("did:example:club", [kind])
    again = trust.with_kinds("did:example:club", [kinds[-1]])
    (club_entry, other) = Trust.parse(again.to_bytes()).issuers
    assert club_entry.kinds == tuple(reversed(kinds))[:MOST_KINDS]
    assert other.kinds == ()
    with pytest.raises(NotFound):
        trust.with_kinds("did:example:nobody", kinds)


def test_files_in_another_order_are_the_same_kind() -> None:
    entry = {"id": "did:example:club", "kinds": [dict(reversed(KIND.texts)), dict(KIND.texts)]}
    (issuer,) = Trust.parse(json.dumps({"version": 6, "issuers": [entry]}).encode()).issuers
    assert issuer.kinds[0] == issuer.kinds[1]


# What is typed


def test_an_issuers_kinds_come_along_when_it_is_added_and_newer_ones_when_it_is_added_again(
    program: Program, tmp_path: Path
) -> None:
    first, second = KIND, OTHER
    with https_host(tmp_path) as host:
        university = host.university
        on = ("--loopback", "--ca", host.ca_file, "trust", "add", university.did)
        log = university.recognised_log

        def publish(*kinds: Kind) -> None:
            listed = []
            for kind in kinds:
                (index,) = university.log.append(
                    [entry(EntryKind.KIND, bytes.fromhex(kind.digest))], kind.digest.encode()
                )
                listed.append({"index": index, "digest": kind.digest})
                host.instead[f"kinds/{kind.digest}"] = response(200, json.dumps(dict(kind.texts)).encode())
            host.instead["kinds"] = response(200, json.dumps({"kinds": listed}).encode())

        add = (*on, "--log", log.key, "--clock", log.clock)
        of_a_former_release = program(*add)
        assert (of_a_former_release.code, "kinds" in of_a_former_release.err) == (0, False)
        program(*on[:3], "trust", "remove", university.did)
        host.instead["kinds"] = response(200, b"[]")
        absent = program(*add)
        assert absent.code == 0
        assert "Its kinds of credential could not be had: the log " in absent.err
        assert f"trust add {university.did}" in absent.err
        assert program(*on).code == 3
        publish(first)
        came = program(*on)
        assert (came.code, "by the kind club, version 1" in came.err) == (0, True), came.err
        assert "Your list has all kinds" in program(*on).err
        program(*on[:3], "trust", "remove", university.did)
        assert "by the kind club, version 1" in program(*add).err
        publish(first, second)
        assert program(*on).err.count("speaks of its credentials by the kind club, version 1") == 1
        (kept,) = json.loads((program.home / "trust.json").read_bytes())["issuers"]
        assert kept["kinds"] == [dict(second.texts), dict(first.texts)]
        asked = len(host.site.requests)
        refused = program(*on, "--name", "X")
        assert (refused.code, "is on your list already" in refused.err) == (1, True)
        assert len(host.site.requests) == asked


def test_verify_never_asks_for_a_kind(program: Program, tmp_path: Path) -> None:
    with https_host(tmp_path) as host:
        university = host.university
        document = university.diploma()
        document["termsOfUse"].append({"type": "urn:intaglio:vocab:Kind", "id": OTHER.reference})
        bundle, trust = tmp_path / "card.json", tmp_path / "trust.json"
        bundle.write_bytes(university.issue(document).to_bytes())
        trust.write_bytes(university.trust.to_bytes())
        program.now = lambda: NOW
        host.publish()
        answer = program("--loopback", "--ca", host.ca_file, "verify", bundle, "--trust", trust)
        assert answer.code == 0, answer.out
        assert not [name for name in host.asked if "kinds" in name]


@pytest.mark.slow
def test_what_a_strangers_machine_takes_from_issuer_serve_says_the_sentence_offline(
    program: Program, tmp_path: Path
) -> None:
    with listening() as listener:
        url = f"https://localhost:{listener.getsockname()[1]}"
    Path(tmp_path, "card").mkdir()
    Path(tmp_path, "card", "kind.json").write_bytes(OTHER.files["kind.json"])
    Path(tmp_path, "rows.csv").write_text("no,who\nM-1,Seán O'Brien-Müller\n", encoding="utf-8")
    made = ("issuer", "issue", tmp_path / "rows.csv", "--kind", tmp_path / "card", "--url", url)
    assert program(*made, "--name", "Club", "--out", tmp_path / "out").code == 0
    file = json.loads(program("issuer", "trust").out)
    bundle = json.loads((tmp_path / "out" / "M-1.json").read_bytes())
    assert bundle.pop("kinds")
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps({**bundle, "version": 1}))
    with served(program.home, "--port", url.rpartition(":")[2], "--tls"):
        ca = program.home / "issuer" / "tls" / "authority.pem"
        stranger = ("--home", tmp_path / "elsewhere", "--loopback", "--ca", ca)
        did, (log,) = file["issuers"][0]["id"], file["logs"]
        add = ("trust", "add", did, "--name", "Club", "--log", log["key"], "--clock", log["clock"])
        added = program(*stranger, *add)
        assert "speaks of its credentials by the kind club, version 1" in added.err, added.err
    said = program(*stranger, "verify", bare, "--offline").out.splitlines()[0]
    assert said == "VALID: Club has a member called Seán O'Brien-Müller"
