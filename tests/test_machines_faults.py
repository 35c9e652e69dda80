"""Faults of the database, the bucket and the keys of an issuer's machines.

Each has its code. Once it has passed, the same command goes on, and nothing is issued twice.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from issuer.archive.consistency import require_agreement
from issuer.desk.backwards import NeverBackwards
from issuer.identity import documents
from issuer.identity.succession import KeysChanged
from issuer.job.order import Order
from issuer.keeping.joining import join, write_keys
from issuer.keeping.rotation import add, rotate
from issuer.problem import (
    ANOTHER_ISSUER,
    ANOTHER_ROOT,
    INDEX_NOT_DURABLE,
    INDEX_NOT_PREPARED,
    INDEX_ROLE,
    NO_KEYS_HERE,
    TAKEN_OVER,
)
from issuer.shared import keep_store_address
from keys import KeyFile
from ledger import EntryKind, Log, parse_entry
from ledger.shared.checkpoint import Newest
from ledger.tiles.s3 import bucket
from tests import postgres_server, s3_server
from tests.commandline import Program
from tests.fault.issuing import require_once
from tests.postgres_server import Server
from tests.problems import raises
from tests.s3_line import Answer, Request
from tests.s3_twin import Twin
from tests.test_issuer_owners import standing_still
from tests.test_machines_story import Desk, served
from tests.world import NOW, csv_file, graduate, issuer_in, reopened
from vc.status import Reason
from wire.postgres.tables import OLDEST, require_version
from wire.problem import Damaged, Problem, Raisable, Refused, TryLater, Unavailable

ROWS = range(1, 9)
SHARDS = f"s3://{s3_server.BUCKET}/shards"
DYING = """
CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
CREATE TRIGGER ends BEFORE INSERT ON intaglio_issuer.credential FOR EACH ROW
WHEN (NEW.name LIKE '%Family7%') EXECUTE FUNCTION end_session()
"""
"""Ends a session in the middle of its COPY, at the third row of the second chunk."""
Homes = tuple[Path, Path]


def issue(home: Path, rows: range = ROWS) -> int:
    source = csv_file(home.with_name(f"{rows.start}.csv"), [graduate(row) for row in rows], span_rows=4)
    return reopened(home).issue_file(Order(source, workers=0)).issued


@pytest.fixture(autouse=True)
def twin() -> Iterator[Twin]:
    """The bucket of all machines."""
    twin = Twin()
    with twin.reached():
        yield twin
    twin.close()


def machines(folder: Path, address: str, **described: str) -> Homes:
    """Two machines of an issuer that issued one diploma."""
    one, two = folder / "one", folder / "two"
    issuer_in(one, database=address, ledger=address, shards=SHARDS, **described).issue(graduate(900))
    write_keys(one, folder / "keys")
    join(two, address, folder / "keys", lambda: None, lambda _: None)
    return one, two


def require_all(home: Path, *rows: range) -> None:
    """All of these rows and the first diploma are issued, each once."""
    issuer = reopened(home)
    expected = [graduate(row)["diploma_number"] for row in (*(row for each in rows for row in each), 900)]
    assert sorted(entry.number for entry in issuer.entries()) == sorted(expected)
    require_once(issuer)


def test_a_server_that_is_too_old_is_refused() -> None:
    def of_version(number: int) -> Any:
        return SimpleNamespace(connection=SimpleNamespace(info=SimpleNamespace(server_version=number)))

    with raises(Refused, match=f"PostgreSQL {OLDEST} or newer is needed, and this is {OLDEST - 1}"):
        require_version(of_version(OLDEST * 10_000 - 1))
    require_version(of_version(OLDEST * 10_000))


def test_a_database_that_goes_back_is_not_answered_from(tmp_path: Path) -> None:
    issuer, notes = issuer_in(tmp_path / "home"), []
    for row in ROWS[:2]:
        issuer.issue(graduate(row))
        notes.append((issuer.home / "log" / "checkpoint").read_bytes())
    older, newer = notes
    had = [None, older, newer, newer, older, None, newer]
    never_backwards = NeverBackwards(cast("Newest", SimpleNamespace(newest=lambda: had.pop(0))))
    for _ in range(4):
        never_backwards.require()
    for _ in range(2):
        with raises(Damaged, match="gone back"):
            never_backwards.require()
    never_backwards.require()  # the newer one is back


@postgres_server.needed
@pytest.mark.slow
class TestDatabase:
    @pytest.fixture
    def server(self) -> Server:
        return postgres_server.server()

    @pytest.fixture
    def database(self, server: Server, tmp_path: Path) -> str:
        return server.of(tmp_path)

    @pytest.fixture
    def homes(self, server: Server, database: str, tmp_path: Path) -> Homes:
        return machines(tmp_path, server.uri(database, "machine"))

    def refused_meanwhile(self, homes: Homes, problem: Raisable[Problem]) -> None:
        """The second machine has a fault, which leaves nothing behind, and the first goes on."""
        with raises(problem):
            issue(homes[1])
        assert issue(homes[0], range(21, 24)) == 3

    def test_who_only_reads_issues_nothing(self, homes: Homes, server: Server, database: str) -> None:
        keep_store_address(homes[1], server.uri(database, "issuer_reader"))
        self.refused_meanwhile(homes, INDEX_ROLE)
        keep_store_address(homes[1], server.uri(database, "machine"))
        assert issue(homes[1]) == len(ROWS)
        require_all(homes[0], ROWS, range(21, 24))

    def test_tables_of_a_newer_release_and_none(self, homes: Homes, server: Server, database: str) -> None:
        store = reopened(homes[1]).store
        for wrong, problem in (
            ("INSERT INTO intaglio_issuer.step VALUES (99)", Refused),
            ("DELETE FROM intaglio_issuer.step WHERE number IN (4, 99)", INDEX_NOT_PREPARED),
        ):
            server.execute(wrong, database)
            store.close()  # so that it connects anew, as a machine that is started now
            with raises(problem):
                issue(homes[1])
        server.execute("INSERT INTO intaglio_issuer.step VALUES (4)", database)
        assert issue(homes[1]) == len(ROWS)
        require_all(homes[0], ROWS)

    @staticmethod
    def end_sessions(server: Server, database: str) -> None:
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    def test_a_session_that_ends_in_the_middle_of_copy(
        self, homes: Homes, server: Server, database: str
    ) -> None:
        server.execute(DYING, database)
        with raises(Unavailable):
            issue(homes[1])
        assert reopened(homes[1]).store.count() == 1 + 4, "a chunk is recorded whole, or not at all"
        with raises(Unavailable):
            issue(homes[0])  # which would finish what the other left
        server.execute("DROP TRIGGER ends ON intaglio_issuer.credential", database)
        assert issue(homes[0]) + issue(homes[1]) == 0, "the log has them already: they are only recorded"
        require_all(homes[0], ROWS)

    def test_two_issuers_in_one_schema(
        self, homes: Homes, server: Server, database: str, tmp_path: Path
    ) -> None:
        address = server.uri(database, "machine")
        for name, problem in (("Invented University", NO_KEYS_HERE), ("Another University", ANOTHER_ISSUER)):
            with raises(problem):
                issuer_in(tmp_path / name, name=name, database=address, ledger=address, shards=SHARDS)
            assert not (tmp_path / name / "keys.json").exists()
        # A home that was refused can still join.
        join(tmp_path / "Invented University", address, tmp_path / "keys", lambda: None, lambda _: None)
        assert issue(tmp_path / "Invented University") == len(ROWS)
        require_all(homes[0], ROWS)

    def test_keys_of_another(self, homes: Homes, server: Server, tmp_path: Path) -> None:
        own = (homes[1] / "keys.json").read_bytes()
        stranger = issuer_in(tmp_path / "stranger")
        (homes[1] / "keys.json").write_bytes((stranger.home / "keys.json").read_bytes())
        self.refused_meanwhile(homes, ANOTHER_ROOT)
        (homes[1] / "keys.json").write_bytes(own)
        assert issue(homes[1]) == len(ROWS)
        require_all(homes[0], ROWS, range(21, 24))

    def test_keys_with_another_root(self, homes: Homes, tmp_path: Path) -> None:
        """All else in the file is right: it would sign well, and put two diplomas at one position."""
        own = (homes[1] / "keys.json").read_bytes()
        stranger = json.loads((issuer_in(tmp_path / "stranger").home / "keys.json").read_bytes())
        content = json.loads(own)
        content["secrets"]["root"] = stranger["secrets"]["root"]
        (homes[1] / "keys.json").write_text(json.dumps(content))
        self.refused_meanwhile(homes, ANOTHER_ROOT)
        (homes[1] / "keys.json").write_bytes(own)
        assert issue(homes[1]) == len(ROWS)
        require_all(homes[0], ROWS, range(21, 24))


@postgres_server.needed
@pytest.mark.slow
def test_a_service_shows_nothing_older_than_it_showed(tmp_path: Path) -> None:
    """An old dump agrees with itself, and comes back under a service that runs."""
    server = postgres_server.server()
    name = server.of(tmp_path)
    one, two = machines(tmp_path, server.uri(name, "machine"), url="https://uni.example")

    def rename(*names: tuple[str, str]) -> None:
        TestDatabase.end_sessions(server, name)
        for before, after in names:
            server.execute(f"ALTER DATABASE {before} RENAME TO {after}")

    def published(desk: Desk) -> list[tuple[int, bytes]]:
        return [desk.ask("GET", path) for path in ("/status/0", "/.well-known/did.json")]

    with served(reopened(two)) as desk:
        before = published(desk)
        TestDatabase.end_sessions(server, name)
        server.execute(f"CREATE DATABASE {name}_dump TEMPLATE {name}")
        reopened(one).revoke([graduate(900)["diploma_number"]], Reason.FRAUD, date=NOW, now=NOW)
        after = published(desk)
        assert [status for status, _ in (*before, *after)] == [200] * 4
        assert before[0] != after[0], "another machine's revocation is shown at once"
        rename((name, f"{name}_new"), (f"{name}_dump", name))
        assert [status for status, _ in published(desk)] == [500, 500]
        rename((name, f"{name}_dump"), (f"{name}_new", name))
        assert published(desk) == after


@postgres_server.needed
@pytest.mark.slow
def test_a_server_that_syncs_nothing_and_one_that_is_killed(tmp_path: Path) -> None:
    own = Server()
    try:
        own.create("issuer")
        homes = machines(tmp_path, own.uri("issuer", "machine"))
        own.halt()
        own.start("fsync=off")
        for home in homes:
            with raises(INDEX_NOT_DURABLE):
                issue(home)
        own.kill()
        with raises(Unavailable):
            issue(homes[1])
        own.start()
        assert issue(homes[1]) == len(ROWS)
        require_all(homes[0], ROWS)
    finally:
        own.stop()


@postgres_server.needed
@pytest.mark.slow
def test_a_standby_that_lacks_the_last_seconds(tmp_path: Path) -> None:
    """Nothing is issued by it, and once it was promoted, by no machine that saw what it lacks."""
    own = Server()
    try:
        own.create("issuer")
        homes = machines(tmp_path, own.uri("issuer", "machine"))
        own.copy("standby")
        assert issue(homes[0], range(21, 24)) == 3
        own.halt()
        own.data = "standby"
        own.make("standby/standby.signal")
        own.start()
        for home in homes:
            with raises(Refused, match="standby"):
                issue(home)
        own.halt()
        (own.folder / "standby" / "standby.signal").unlink()
        own.start()
        with raises(Damaged):
            issue(homes[0])
        own.halt()
        own.data = "data"
        own.start()
        assert issue(homes[1]) == len(ROWS)
        require_all(homes[0], ROWS, range(21, 24))
    finally:
        own.stop()


@postgres_server.needed
@pytest.mark.slow
def test_a_bucket_that_does_not_answer_one_machine(
    tmp_path: Path, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers that it took for a chunk are free again once somebody comes who may give them back."""
    monkeypatch.setattr(bucket, "_PATIENCE", 0.2)
    server = postgres_server.server()
    homes = machines(tmp_path, server.uri(server.of(tmp_path), "machine"))

    def judge(request: Request) -> Answer | None:
        is_second = request.method == "PUT" and "/000001-" in request.path
        return Answer(503) if is_second else None

    twin.judge = judge
    with raises(TryLater):
        issue(homes[1])
    twin.judge = lambda _: None
    assert issue(homes[0], range(5, 7)) == 2, "given back"
    assert issue(homes[1]) == len(ROWS) - 4 - 2
    require_all(homes[0], ROWS)


@postgres_server.needed
@pytest.mark.slow
def test_init_is_refused_where_there_are_no_tables_and_goes_on_when_they_are_made(
    program: Program, tmp_path: Path
) -> None:
    server = postgres_server.server()
    name = f"{server.of(tmp_path)}_bare"
    server.execute(f"CREATE DATABASE {name}")
    init = ("issuer", "init", "--name", "Example University", "--store", server.uri(name, "machine"))
    refused = program(*init)
    assert refused.code == 4
    assert "intaglio issuer prepare" in refused.err, "which is the remedy"
    prepared = program("issuer", "prepare", server.uri(name))
    assert prepared.code == 0, prepared.err
    made = program(*init)
    assert made.code == 0, made.err


@pytest.mark.slow
@postgres_server.needed
@pytest.mark.filterwarnings("ignore")  # of forks, which inherit it: Python 3.12 warns of threads
@pytest.mark.parametrize("place", ["in the log", "in the key file"])
def test_a_change_of_keys_that_another_machine_completed_does_not_come_again(
    place: str, tmp_path: Path
) -> None:
    """One stands still before its document is in the log, or its keys are; another ends that, and goes on."""
    server, said = postgres_server.server(), tmp_path / "said"
    address = server.uri(server.of(tmp_path), "machine")
    one, two = machines(tmp_path, address, url="https://uni.example")
    add(reopened(one))
    write_keys(one, tmp_path / "announced")
    join(two, address, tmp_path / "announced", lambda: None, lambda _: None)

    def work() -> None:
        kind, name = (Log, "append") if place == "in the log" else (KeyFile, "replace")
        real, issuer = getattr(kind, name), reopened(one)
        _ = issuer.log  # which may have something to do itself

        def stands_still(given: Any, what: Any, *more: Any) -> Any:
            if kind is KeyFile or parse_entry(what[0]).kind is EntryKind.DID_DOCUMENT:
                os.kill(os.getpid(), signal.SIGSTOP)
            return real(given, what, *more)

        setattr(kind, name, stands_still)
        try:
            rotate(issuer)
        except Problem as problem:
            said.write_text(problem.code)

    with standing_still(work):
        rotate(reopened(two), compromised=True)  # which first completes what the other had begun
        history = documents.history(two)
    assert said.read_text() == TAKEN_OVER.code
    issuer = reopened(two)
    entries = issuer.log.entries(0, issuer.log.checkpoint().size)
    placed = [index for index, leaf in enumerate(entries) if parse_entry(leaf).kind is EntryKind.DID_DOCUMENT]
    assert [range(index, index + 1) for index in placed] == [
        issuer.log.find(documents.document_entry(version)) for version in history
    ]
    assert documents.history(one) == history
    require_agreement(issuer.store, issuer.log)
    with raises(KeysChanged):
        reopened(one).issue(graduate(1))
    issuer.issue(graduate(1))
    write_keys(two, tmp_path / "newer")
    join(one, address, tmp_path / "newer", lambda: None, lambda _: None)
    assert issue(one) == len(ROWS) - 1
    require_all(two, ROWS)
