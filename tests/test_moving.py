"""An issuer goes from its folder to a database and a bucket, and back, with nothing issued again."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuer import Issuer
from issuer.archive.postgres.store import PostgresIndex
from issuer.desk.claims import ClaimLinks
from issuer.job.order import Order
from issuer.keeping.moving import Stores, move_issuer
from issuer.keeping.rows import TABLES, IndexRows, PostgresRows, SQLiteRows, copy_index, digest_of_table
from tests import postgres_server, s3_server
from tests.world import NOW, csv_file, graduate, issuer_in, of_diploma, reopened, verifier_for
from vc.report import Verdict
from vc.status import Reason


def an_issuer(home: Path) -> Issuer:
    """An issuer with two files, single credentials, a correction, a revocation, links and a release."""
    issuer = issuer_in(home, url="https://uni.example")
    for name, rows in (("a", range(300)), ("b", range(300, 340))):
        source = csv_file(home.parent / f"{name}.csv", [graduate(index) for index in rows])
        issuer.issue_file(Order(source, home.parent / "errors.csv"))
    issuer.issue_many([graduate(index) for index in range(400, 405)])
    issuer.correct("UNI-000003", {"family_name": "O'Brien-Müller"})
    issuer.revoke(["UNI-000007"], Reason.FRAUD, date=NOW, now=NOW)
    issuer.release("UNI-000009")
    links = ClaimLinks(home / "claims.sqlite", "https://uni.example")
    links.offer(of_diploma("UNI-000011"), issuer, now=NOW)
    return issuer


def digests(rows: IndexRows) -> dict[str, bytes]:
    """The digest of each table."""
    return {table.name: digest_of_table(rows, table) for table in TABLES}


@pytest.mark.slow
@postgres_server.needed
def test_rows_are_the_same_in_postgresql_and_back_in_sqlite(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path / "home")
    server = postgres_server.server()
    uri = server.uri(server.of(tmp_path), "issuer")
    source, target = SQLiteRows(issuer.home), PostgresRows(uri)
    copied: list[int] = []
    copy_index(source, target, copied.append)
    assert sum(copied) > 600
    assert [digest_of_table(target, table) for table in TABLES] == [
        digest_of_table(source, table) for table in TABLES
    ]
    moved = PostgresIndex(uri)
    assert moved.count() == issuer.store.count()
    assert moved.states() == issuer.store.states()
    assert moved.current(of_diploma("UNI-000003")) == issuer.store.current(of_diploma("UNI-000003"))
    job = moved.begin(b"key", "c.csv", "2026-07-01T12:00:00Z", 10, 1)
    assert job.id > max(each.id for each in issuer.store.jobs())
    assert job.first_seq == issuer.store.reserve(1)

    back = tmp_path / "back"
    back.mkdir()
    returned = SQLiteRows(back)
    returned.prepare()
    copy_index(target, returned, copied.append)
    assert [digest_of_table(returned, table) for table in TABLES] == [
        digest_of_table(target, table) for table in TABLES
    ]


def places(folder: Path) -> Stores:
    """An empty database and an empty bucket."""
    server = postgres_server.server()
    uri = server.uri(server.of(folder), "machine")
    return Stores(uri, s3_server.server().of(folder), uri)


@pytest.mark.slow
@postgres_server.needed
@s3_server.needed
def test_an_issuer_goes_to_a_database_and_a_bucket_and_back(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path / "home")
    before = issuer.bundle(issuer.current(of_diploma("UNI-000005"))).to_bytes()
    entries, trust = list(issuer.entries()), issuer.trust_file()
    to = places(tmp_path)
    move_issuer(issuer, to)
    there = reopened(issuer.home)
    left = sorted(path.name for path in issuer.home.iterdir())
    assert not {"issuer.json", "issuer.sqlite", "claims.sqlite", "did.json", "status", "shards"} & {*left}, (
        left
    )
    assert list(there.entries()) == entries
    assert there.trust_file() == trust
    assert verifier_for(there).verify(before, now=NOW).verdict is Verdict.VALID
    source = csv_file(tmp_path / "c.csv", [graduate(index) for index in range(500, 540)])
    there.issue_file(Order(source, tmp_path / "errors.csv"))
    there.revoke(["UNI-000501"], Reason.FRAUD, date=NOW, now=NOW)

    more = list(there.entries())
    move_issuer(there, Stores())
    back = reopened(issuer.home)
    assert list(back.entries()) == more
    assert back.store.count() == len(more)
    assert verifier_for(back).verify(before, now=NOW).verdict is Verdict.VALID
    late = back.bundle(back.current(of_diploma("UNI-000502"))).to_bytes()
    assert verifier_for(back).verify(late, now=NOW).verdict is Verdict.VALID
