"""An issuer goes from its folder to a database and a bucket, and back, with nothing issued again."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuer import Issuer
from issuer.archive.postgres.store import PostgresIndex
from issuer.desk.claims import ClaimLinks
from issuer.job.order import Order
from issuer.keeping.rows import TABLES, PostgresRows, SQLiteRows, copy_rows, digest_of
from tests import postgres_server
from tests.world import NOW, csv_file, graduate, issuer_in, of_diploma
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


@pytest.mark.slow
@postgres_server.needed
def test_rows_are_the_same_in_postgresql_and_back_in_sqlite(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path / "home")
    server = postgres_server.server()
    uri = server.uri(server.of(tmp_path), "issuer")
    source, target = SQLiteRows(issuer.home), PostgresRows(uri)
    copied: list[int] = []
    copy_rows(source, target, copied.append)
    assert sum(copied) > 600
    assert [digest_of(target, table) for table in TABLES] == [digest_of(source, table) for table in TABLES]
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
    copy_rows(target, returned, copied.append)
    assert [digest_of(returned, table) for table in TABLES] == [digest_of(target, table) for table in TABLES]
