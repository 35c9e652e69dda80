"""What `issuer serve` publishes of the log: as C2SP tlog-tiles has it, with look-up files and documents."""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.desk.published import following
from issuer.identity import documents
from issuer.identity.home import published_list
from issuer.issuer import Issuer
from issuer.keeping import backup as backups
from keys import PrivateKey
from ledger import Checkpoint, EntryKind, entry, merkle
from ledger.lookup import SHAPE, YOUNG, LookupFiles
from ledger.tiles.layout import address, unframe
from tests.doubles import instead
from tests.serving import listening, serving
from tests.world import NOW, graduate, issuer_in
from vc.anchoring import log_entry
from vc.status import Reason

SECRET = b"correct horse battery staple"
URL = "https://university.example/registrar"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    made = issuer_in(tmp_path / "home", url=URL)
    made.issue(graduate(1))
    return made


@contextmanager
def served(issuer: Issuer) -> Iterator[httpx.Client]:
    """At the origin's path."""
    claims = ClaimLinks(issuer.home / "claims.sqlite", URL)
    app = create_app(issuer, claims, issuer.home, lambda: NOW, issuer.reader, lists=issuer.listed)
    with listening() as listener, serving(app, listener):
        base = f"http://localhost:{listener.getsockname()[1]}/registrar/log/"
        with httpx.Client(base_url=base, trust_env=False) as client:
            yield client


def test_others_read_the_log_as_the_specification_has_it(issuer: Issuer) -> None:
    issuer.log.append([entry(EntryKind.CREDENTIAL, secrets.token_bytes(32)) for _ in range(300)], b"others")
    size = issuer.log.checkpoint().size
    with served(issuer) as client:
        answer = client.get("checkpoint")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=2"
        checkpoint = Checkpoint.parse(answer.content)
        assert (checkpoint.origin, checkpoint.size) == ("university.example/registrar/log", size)
        tiles = [client.get(path) for path in ("tile/0/000", f"tile/0/001.p/{size - 256}")]
        entries = client.get("tile/entries/000")
        for answer in (*tiles, entries):
            assert answer.headers["content-type"] == "application/octet-stream"
            kept = "public, max-age=2" if answer is tiles[1] else "public, max-age=31536000, immutable"
            assert answer.headers["cache-control"] == kept
            assert answer.headers["access-control-allow-origin"] == "*"
        leaves = b"".join(answer.content for answer in tiles)
        assert leaves[: 256 * 32] == merkle.leaf_hashes(unframe(entries.content, "the bundle"))
        hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
        above = client.get("tile/1/000.p/1").content
        assert above == merkle.root(0, 256, lambda level, index: _subtree(hashes, level, index))
        assert checkpoint.root == merkle.root(0, size, lambda level, index: _subtree(hashes, level, index))
        known = {"If-None-Match": tiles[0].headers["etag"]}
        assert client.get("tile/0/000", headers=known).status_code == 304


def _subtree(hashes: list[bytes], level: int, index: int) -> bytes:
    row = b"".join(hashes[index << level : (index + 1) << level])
    for _ in range(level):
        row = merkle.parents(row)
    return row


PRIVATE = """
    journal journal.lock keys/0-1 tile tile/0 tile/0/001 tile/64/000 tile/0/1 tile/0/000.p/0
    tile/0/%2e%2e/%2e%2e/checkpoint %2e%2e/keys.json ../keys.json tile/0/%D9%A0%D9%A0%D9%A0
    lists/ lists/x lists/-1 lists/00 lists/99 lists/0 lists/../keys.json
    lookup/young.lock lookup/0/0 lookup/0/0/000 lookup/.unfinished/000 documents/0.json
"""


def test_nothing_else_in_the_folder_is_published(issuer: Issuer) -> None:
    LookupFiles(issuer.home).update(issuer.reader.store.get, issuer.log.checkpoint().size)
    with served(issuer) as client:
        assert client.get("lookup/young").status_code == 200
        for path in ("", *PRIVATE.split()):
            assert client.get(path).status_code == 404, path


def test_each_version_of_the_document_is_published_with_its_place_in_the_log(
    issuer: Issuer, tmp_path: Path
) -> None:
    first = orjson.loads((issuer.home / "did.json").read_bytes())
    changed = issuer.identity.document(
        PrivateKey.generate().public_key, issuer.keys.public_keys["status-list"]
    )
    (issuer.home / "did.json").write_bytes(orjson.dumps(changed))
    opened = issuer_in(issuer.home)
    place = opened.log.checkpoint().size - 1
    with served(opened) as client:
        answer = client.get("documents")
        assert answer.headers["cache-control"] == "public, max-age=2"
        assert answer.json() == {
            "documents": [{"index": 0, "document": first}, {"index": place, "document": changed}]
        }
    backups.backup(issuer.home, tmp_path / "backup", SECRET)
    backups.restore(tmp_path / "backup", tmp_path / "restored", SECRET)
    assert documents.published(tmp_path / "restored") == answer.content


@pytest.mark.slow
def test_an_issuer_of_a_release_that_kept_no_versions_publishes_the_one_it_has(issuer: Issuer) -> None:
    for path in (issuer.home / documents.FOLDER).iterdir():
        path.unlink()
    assert issuer_in(issuer.home).log
    assert [found["index"] for found in orjson.loads(documents.published(issuer.home))["documents"]] == [0]


def _until(path: Path, size: int) -> None:
    end = time.monotonic() + 20
    while not path.exists() or SHAPE.start(path.read_bytes()) + (path.stat().st_size - 8) // 6 != size:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_look_up_files_follow_the_log(issuer: Issuer, logged: io.StringIO) -> None:
    young = issuer.home / YOUNG
    with following(issuer.reader, issuer.home, pause=0.02), served(issuer) as client:
        _until(young, issuer.log.checkpoint().size)
        issuer.issue(graduate(2))
        _until(young, size := issuer.log.checkpoint().size)
        answer = client.get(YOUNG)
        assert (answer.headers["cache-control"], len(answer.content)) == ("public, max-age=2", 8 + 6 * size)
        tile = issuer.home / "log" / "tile" / "0" / f"000.p/{size}"
        tile.rename(tile.with_name("away"))
        young.unlink()
        end = time.monotonic() + 20
        while not (said := logged.getvalue()) and time.monotonic() < end:
            time.sleep(0.01)
        assert "The look-up files of the log could not be written: tile/0/000.p/" in said
        time.sleep(0.1)
        assert logged.getvalue() == said, "once"
        tile.with_name("away").rename(tile)
        _until(young, size)


def test_a_service_that_stops_waits_for_files_that_are_being_written(issuer: Issuer) -> None:
    """For three seconds: a process that does not end is killed by whoever started it."""
    began, go_on = threading.Event(), threading.Event()

    def waits(checkpoint: Callable[[], Checkpoint]) -> Checkpoint:
        began.set()
        assert go_on.wait(30)
        return checkpoint()

    with following(instead(issuer.reader, checkpoint=waits), issuer.home, pause=30):
        (thread,) = (each for each in threading.enumerate() if each.name == "lookup")
        assert began.wait(30)
        threading.Timer(0.05, go_on.set).start()
    assert not thread.is_alive()
    assert thread.daemon, "one that hangs longer ends with the process"


@pytest.mark.parametrize(
    ("origin", "where"),
    [
        ("university.example/log", "https://university.example/log"),
        ("localhost:8460/a/log", "https://localhost:8460/a/log"),
        ("urn:intaglio:abc:log:1", None),
        ("somebody@university.example/log", None),
        ("127.0.0.1:22/log", None),
    ],
)
def test_an_origin_says_where_its_log_is(origin: str, where: str | None) -> None:
    assert address(origin) == where


def test_each_status_list_is_published_under_its_place_in_the_log(issuer: Issuer) -> None:
    """The newest of each address, and the page of details that comes with a revocation."""
    issuer.lists.publish(now=NOW)
    with served(issuer) as client:
        before = client.get("lists").json()["lists"]
        issuer.revoke([graduate(1)["diploma_number"]], Reason.ISSUED_IN_ERROR, date=NOW, now=NOW)
        after = client.get("lists").json()["lists"]
        assert {one["url"] for one in before} < {one["url"] for one in after}
        assert max(one["index"] for one in before) < min(one["index"] for one in after)
        for one in after:
            content = client.get(f"lists/{one['index']}")
            assert content.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert content.content == published_list(issuer.home, one["url"])
            document = orjson.loads(content.content)
            details = "RevocationDetails" in document["type"]
            kind = EntryKind.REVOCATION_DETAILS if details else EntryKind.STATUS_LIST
            leaf = log_entry(document, document["proof"][0], kind)
            assert [*issuer.reader.entries(one["index"], one["index"] + 1)] == [leaf]
        assert client.get(f"lists/{before[0]['index']}").status_code == 404
