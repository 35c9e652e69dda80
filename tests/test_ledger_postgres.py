"""A log in PostgreSQL, by a real server: who may do what, what is refused, and what a crash leaves.

`TestBoth` asks the same of the twin in memory: what both do, the twin does right.
"""

from __future__ import annotations

import multiprocessing
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar, cast

import pytest

from tests.problems import raises
from wire.problem import Problem, Raisable

pytest.importorskip("psycopg", reason="no extra [postgres]: pip install '.[postgres]'")
import psycopg

from intaglio.tls import server_files
from ledger import Checkpoint
from ledger.audit import audit
from ledger.log import LogReader
from ledger.problem import (
    LEDGER_NOT_DURABLE,
    LEDGER_NOT_PREPARED,
    LEDGER_ROLE,
    Overtaken,
)
from ledger.tiles.edge import Edge
from ledger.tiles.engines import address_parts, open_store, prepare_tables, prune_tables
from ledger.tiles.journal import Capacity
from ledger.tiles.keys import key_digest
from ledger.tiles.postgres import schema
from ledger.tiles.postgres.store import PostgresStore
from ledger.tiles.store import Base, Batch, examine
from tests import postgres_server
from tests.crowd import Crowd
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, naive_root, open_log, samples
from tests.postgres_connections import Cutting, bouncer, bouncer_needed
from tests.postgres_server import Server
from tests.postgres_twin import Cut, Judge, Twin, twin
from tests.processes import ended
from wire.postgres.address import parse
from wire.problem import DISK_FULL, PASSWORD_IN_ADDRESS, Damaged, Refused, TryLater, Unavailable

_T = TypeVar("_T")
HIDDEN = "correct-horse"


STATES = [
    ("53100", DISK_FULL),
    ("53200", TryLater),
    ("40P01", TryLater),
    ("57014", TryLater),
    ("25006", Refused),
    ("42501", LEDGER_ROLE),
    ("XX001", Damaged),
    ("P0001", Unavailable),
]


def served(test: _T) -> _T:
    """A test by a server."""
    return cast("_T", pytest.mark.slow(postgres_server.needed(test)))


@pytest.fixture
def server() -> Server:
    return postgres_server.server()


@pytest.fixture
def database(server: Server | Twin, tmp_path: Path) -> str:
    return server.of(tmp_path)


@pytest.fixture
def uri(server: Server | Twin, database: str) -> str:
    return server.uri(database, "appender")


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that one test may break."""
    server = Server()
    yield server
    server.stop()


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            f"postgresql://clerk:{HIDDEN}@db.example/log",
            f"postgresql://clerk@db.example/log?password={HIDDEN}",
            f"postgresql://db.example/log?sslpassword={HIDDEN}",
            f"postgresql:///log?host=/run/postgresql&password={HIDDEN}",
        ],
    )
    def test_a_password_is_refused_by_name_and_shown_nowhere(self, address: str) -> None:
        with raises(PASSWORD_IN_ADDRESS) as caught:
            open_store(address)
        assert HIDDEN not in repr(caught.value.to_dict())

    @pytest.mark.parametrize(
        "address", ["postgresql:", f"postgresql://[{HIDDEN}/log", f"postgresql://h/log?{HIDDEN}=1"]
    )
    def test_what_libpq_does_not_read_is_not_shown(self, address: str) -> None:
        with pytest.raises(Refused) as caught:
            open_store(address)
        assert HIDDEN not in repr(caught.value.to_dict())

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(
        ("rest", "mode"),
        [
            ("db.example/log", "verify-full"),
            ("db.example,localhost/log", "verify-full"),
            ("192.0.2.1/log", "verify-full"),
            ("localhost/log?hostaddr=192.0.2.1", "verify-full"),
            ("/log?service=log", "verify-full"),
            ("db.example/log?sslmode=verify-ca", "verify-ca"),
            ("localhost/log", None),
            ("127.0.0.1/log", None),
            ("[::1]/log", None),
            ("/log?host=/run/postgresql", None),
            ("/log", None),
        ],
    )
    def test_over_a_network_the_server_proves_its_name(
        self, rest: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PGHOST", raising=False)
        assert psycopg.conninfo.conninfo_to_dict(parse(f"postgresql://{rest}")).get("sslmode") == mode

    @pytest.mark.parametrize(("name", "value"), [("PGHOST", "db.example"), ("PGSERVICE", "log")])
    def test_what_the_environment_says_counts(
        self, name: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, value)
        assert psycopg.conninfo.conninfo_to_dict(parse("postgresql:///log"))["sslmode"] == "verify-full"

    @pytest.mark.parametrize(
        ("rest", "environment", "ways"),
        [
            ("", None, "!md5,!password"),
            ("", "password", "!md5,!password"),
            ("", "scram-sha-256", "scram-sha-256"),
            ("?require_auth=scram-sha-256", "password", "scram-sha-256"),
            ("?require_auth=none,scram-sha-256", None, "none,scram-sha-256"),
            ("?require_auth=!password,!md5,!gss", None, "!password,!md5,!gss"),
        ],
    )
    def test_a_password_is_proved_and_not_handed_over(
        self, rest: str, environment: str | None, ways: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PGREQUIREAUTH", raising=False)
        if environment is not None:
            monkeypatch.setenv("PGREQUIREAUTH", environment)
        found = psycopg.conninfo.conninfo_to_dict(parse(f"postgresql://db.example/log{rest}"))
        assert found.get("require_auth") == ways

    @pytest.mark.parametrize("ways", ["password", "md5", "scram-sha-256,md5", "!password", "!md5", ""])
    def test_no_address_lets_its_server_learn_the_password(self, ways: str) -> None:
        with pytest.raises(Refused, match="so that it learns it"):
            parse(f"postgresql://db.example/log?require_auth={ways}")

    def test_no_address_names_a_program(self) -> None:
        """OpenSSL would load it as an engine, by any path."""
        with pytest.raises(Refused, match="has a program hold its key"):
            parse("postgresql://db.example/log?sslkey=/proc/self/cwd/x:1")
        assert "sslkey=/run/key" in parse("postgresql://db.example/log?sslkey=/run/key")

    def test_what_an_address_says_is_for_whoever_agrees_to_it(self) -> None:
        """As it stands there, without what it leaves out; and of one that is refused nothing."""
        said = {"host": "db.example", "dbname": "log", "user": "clerk", "sslmode": "verify-ca"}
        address = "postgresql://clerk@db.example/log?sslmode=verify-ca"
        assert address_parts(address) == said
        with raises(PASSWORD_IN_ADDRESS):
            address_parts(f"postgresql://clerk:{HIDDEN}@db.example/log")

    def test_where_nobody_listens_the_question_stays_open(self) -> None:
        store = open_store("postgresql://127.0.0.1:1/log", read_only=True)
        with pytest.raises(Unavailable, match="cannot be reached"):
            store.head()

    @pytest.mark.slow
    def test_without_the_extra_that_is_said(self) -> None:
        program = (
            "import sys; sys.modules['psycopg'] = None\n"
            "from ledger.tiles.engines import open_store\n"
            "from wire.problem import Refused\n"
            "try: open_store('postgresql:///log')\n"
            "except Refused as problem: print(problem.detail)\n"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert said.stdout == "a log in PostgreSQL needs psycopg, which is not installed\n"


@served
class TestRoles:
    def test_the_tables_are_made_once_by_their_owner(self, server: Server, database: str) -> None:
        name = f"{database}_bare"
        server.execute(f"CREATE DATABASE {name}")
        with raises(LEDGER_NOT_PREPARED):
            open_store(server.uri(name)).head()
        with raises(LEDGER_ROLE):
            prepare_tables(server.uri(name, "reader"))
        assert (prepare_tables(server.uri(name)), prepare_tables(server.uri(name))) == (2, 0)
        server.execute("INSERT INTO intaglio.step VALUES (1000), (1001)", name)
        for attempt in (
            lambda: prepare_tables(server.uri(name)),
            lambda: open_store(server.uri(name), read_only=True).head(),
        ):
            with pytest.raises(Refused, match="this program knows 2"):
                attempt()
        server.execute("DELETE FROM intaglio.step", name)
        with raises(LEDGER_NOT_PREPARED, match="older"):
            open_store(server.uri(name)).head()

    def test_tables_of_the_first_version_are_brought_up_to_date(self, server: Server, database: str) -> None:
        """A log that is in them goes on, and each batch is known by its key."""
        name = f"{database}_first"
        server.execute(f"CREATE DATABASE {name}")
        first = Path(schema.__file__).parent / "migrations/0001_log.sql"
        for statement in (
            "CREATE SCHEMA intaglio; CREATE TABLE intaglio.step (number integer PRIMARY KEY);",
            first.read_text(),
            "INSERT INTO intaglio.step VALUES (1);",
            "INSERT INTO intaglio.batch VALUES (0, 1, 'settled'), (1, 2, 'pending');",
            "INSERT INTO intaglio.pending VALUES (1, '\\x000178');",
            "UPDATE intaglio.head SET size = 2, base_size = 1;",
        ):
            server.execute(statement, name)
        assert prepare_tables(server.uri(name)) == 1
        store = open_store(server.uri(name))
        assert (store.find(b"settled"), store.find(b"pending")) == (range(1), range(1, 2))
        assert list(store.pending(1)) == [Batch(1, b"pending", [b"x"])]
        assert list(store.keys()) == [(key_digest(b"settled"), range(1))]

    def test_an_appender_changes_no_tile(self, server: Server, database: str, uri: str) -> None:
        open_log(open_store(uri)).append(samples(0, 300), b"first")
        for statement in (
            "UPDATE intaglio.tile SET data = ''",
            "DELETE FROM intaglio.tile",
            "TRUNCATE intaglio.tile",
            "DELETE FROM intaglio.batch",
            "UPDATE intaglio.batch SET stop = 1000",
            "DROP TABLE intaglio.tile",
        ):
            with psycopg.connect(uri) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())

    def test_the_owner_prunes_what_a_full_tile_replaces(
        self, server: Server, database: str, uri: str
    ) -> None:
        capacity = Capacity(batches=1000, size=1 << 30)  # so that its base stays at 254
        log = open_log(PostgresStore(uri))
        log.append(samples(0, 254), b"first")
        log.store.settle(Base(254, log.checkpoint().root))
        log = open_log(PostgresStore(uri, capacity=capacity))
        for size in range(255, 260):
            log.append(samples(size - 1, size), b"%d" % size)
        partial = "SELECT path FROM intaglio.tile WHERE path LIKE '%.p/%' ORDER BY path"
        with raises(LEDGER_ROLE):
            prune_tables(uri)
        assert prune_tables(server.uri(database)) == 2
        left = [path for (path,) in server.execute(partial, database)]
        assert "tile/0/000.p/254" in left
        assert not [path for path in left if path.endswith("000.p/255")]
        assert prune_tables(server.uri(database)) == 0
        log = open_log(open_store(uri))
        assert audit(log).size == 259
        assert list(log.entries(250, 259)) == samples(250, 259)


@served
class TestServers:
    @pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
    def test_one_that_would_lose_what_it_acknowledged(self, own: Server, setting: str) -> None:
        own.create("log")
        own.halt()
        own.start(f"{setting}=off")
        with raises(LEDGER_NOT_DURABLE, match=f"{setting} = off"):
            open_log(open_store(own.uri("log")))
        assert open_store(own.uri("log"), read_only=True).head().base.size == 0

    def test_unlogged_tables(self, server: Server, database: str, uri: str) -> None:
        server.execute("ALTER TABLE intaglio.tile SET UNLOGGED", database)
        with raises(LEDGER_NOT_DURABLE, match="tile is unlogged"):
            open_log(open_store(uri))

    def test_what_a_session_was_told_does_not_last_past_a_transaction(self, server: Server, uri: str) -> None:
        """Whoever set `synchronous_commit = off` for the role: an append is durable all the same."""
        server.execute("ALTER ROLE appender SET synchronous_commit = off")
        try:
            store = open_store(uri)
            with store.lock():
                store.record(Batch(0, b"key", [b"entry"]))
            [[flushed]] = server.execute("SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()")
            assert flushed
        finally:
            server.execute("ALTER ROLE appender RESET synchronous_commit")


def terminate(server: Server | Twin, database: str) -> int:
    """Ends every connection to a database; how many there were."""
    if isinstance(server, Twin):
        return server.terminate(database)
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    return len(server.execute(f"{ended} WHERE datname = '{database}'"))


@served
class TestDamage:
    def test_tiles_that_an_appender_wrote_ahead_are_named_and_their_owner_removes_them(
        self, server: Server, database: str, uri: str
    ) -> None:
        log = open_log(open_store(uri))
        log.append(samples(0, 300), b"1")
        ahead = ["tile/0/001.p/45", "tile/0/001", "tile/entries/x001/000.p/7", "tile/1/000", "tile/5/002.p/3"]
        with psycopg.connect(uri) as appender:
            for path in ahead:
                appender.execute("INSERT INTO intaglio.tile VALUES (%s, 'x')", [path])
            appender.execute("INSERT INTO intaglio.batch VALUES (301, 302, 'x')")
        looked_at = open_store(server.uri(database, "reader"), read_only=True)
        for _ in range(2):  # before anybody noticed, and after the log stopped there
            with pytest.raises(Damaged) as caught:
                examine(looked_at)
            assert caught.value.code == "ledger-tiles-ahead"
            assert caught.value.facts["rows"] == 6
            assert caught.value.facts["names"] == ", ".join(sorted(ahead))
            with pytest.raises(Problem):
                log.append([b"one more"], b"2")
        with raises(LEDGER_ROLE):
            prune_tables(uri)
        assert prune_tables(server.uri(database)) == 6
        examine(looked_at)
        assert log.append([b"one more"], b"2") == range(300, 301)
        assert log.append([b"and one"], b"3") == range(301, 302)
        assert audit(log).size == audit(open_log(open_store(uri))).size == 302

    def test_what_an_interrupted_writer_left_is_the_log_s_own(
        self, server: Server, database: str, uri: str
    ) -> None:
        """Recorded and put, not signed for. The next writer goes on; of the tiles only the false one goes."""
        log = open_log(open_store(uri))
        log.append(samples(0, 254), b"1")
        log.store.record(Batch(254, b"2", samples(254, 300)))
        edge = Edge.load(log.store.get_many, 254)
        _, tiles = edge.extend(Batch(254, b"2", samples(254, 300)))
        false = "tile/1/000.p/1"
        with psycopg.connect(uri) as appender:
            appender.execute("INSERT INTO intaglio.tile VALUES (%s, 'x')", [false])
        log.store.put(tiles)
        store = open_store(server.uri(database, "reader"), read_only=True)
        with pytest.raises(Damaged, match=f"ahead of it: {false}$"):
            examine(store)
        prune_tables(server.uri(database))
        examine(store)
        assert set(store.get_many(tiles)) == set(tiles) - {false}
        log = open_log(open_store(uri))
        assert audit(log).size == 300
        assert log.append(samples(254, 300), b"2") == range(254, 300)

    def test_a_database_from_yesterday_is_refused_where_the_newest_checkpoint_is_kept(
        self, server: Server, database: str, uri: str, tmp_path: Path
    ) -> None:
        kept = tmp_path / "kept"
        log = open_log(open_store(uri), kept=kept)
        log.append(samples(0, 3), b"1")
        yesterday = f"{database}_yesterday"
        terminate(server, database)
        server.execute(f"CREATE DATABASE {yesterday} TEMPLATE {database}")
        log.append(samples(3, 5), b"2")
        old = server.uri(yesterday, "appender")
        for _ in range(2):
            with pytest.raises(Damaged, match="once had 5 entries"):
                open_log(open_store(old), kept=kept)
        assert Checkpoint.parse(kept.read_bytes()) == log.checkpoint()
        assert open_log(open_store(uri), kept=kept).checkpoint() == log.checkpoint()


@served
def test_a_point_in_time_is_judged_by_what_is_kept(tmp_path: Path) -> None:
    """The whole archived journal: the log goes on. Less of it: refused, where that is known."""
    server = Server()
    archive, kept = server.folder / "archive", tmp_path / "kept"
    server.halt()
    server.make("archive", folder=True)
    server.start("archive_mode=on", f"archive_command=cp %p {archive}/%f")
    server.create("log")
    uri = server.uri("log", "appender")
    log = open_log(open_store(uri), kept=kept)
    log.append(samples(0, 3), b"1")
    for copy in ("some", "all"):
        server.copy(copy)
    log.append(samples(3, 5), b"2")
    server.execute("SELECT pg_create_restore_point('five')")
    log.append(samples(5, 7), b"3")
    [[last]] = server.execute("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + 60
    while not (archive / str(last)).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    fetched = f"restore_command=cp {archive}/%f %p"
    for copy, *target in (("some", "recovery_target_name=five", "recovery_target_action=promote"), ("all",)):
        server.halt()
        server.data = copy
        server.make(f"{copy}/recovery.signal")
        server.start(fetched, *target)
        deadline = time.monotonic() + 60
        while server.execute("SELECT pg_is_in_recovery()") != [(False,)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if copy == "some":
            with pytest.raises(Damaged, match="once had 7 entries"):
                open_log(open_store(uri), kept=kept)
            assert audit(open_log(open_store(uri))).size == 5
    log = open_log(open_store(uri), kept=kept)
    assert log.append(samples(7, 8), b"4") == range(7, 8)
    assert audit(log).root == naive_root(samples(0, 8))
    server.stop()


@served
def test_a_standby_is_read_from_and_never_appended_to(tmp_path: Path) -> None:
    server = Server()
    server.create("log")
    uri = server.uri("log", "appender")
    log = open_log(open_store(uri))
    log.append(samples(0, 300), b"1")
    server.copy("standby")
    server.halt()
    server.data = "standby"
    server.make("standby/standby.signal")
    server.start()
    store = open_store(server.uri("log", "reader"), read_only=True)
    reader = LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, store)
    assert (audit(reader).size, reader.find(b"1"), reader.time()) == (300, range(300), NOW)
    with pytest.raises(Refused, match="standby"):
        open_log(open_store(uri))
    server.stop()


@served
@pytest.mark.parametrize(("code", "kind"), STATES)
def test_what_a_server_answers_has_a_name_and_nothing_of_it_is_shown(
    code: str, kind: Raisable[Problem], server: Server, database: str, uri: str
) -> None:
    """And the same append succeeds once the server is well."""
    failing = f"BEGIN RAISE EXCEPTION '{HIDDEN}' USING ERRCODE = '{code}'; END"
    log = open_log(open_store(uri))
    server.execute(
        f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ {failing} $$; "
        "CREATE TRIGGER fail BEFORE INSERT ON intaglio.pending EXECUTE FUNCTION fail()",
        database,
    )
    with raises(kind) as caught:
        log.append(samples(0, 3), b"key")
    assert caught.value.code == kind.code
    assert HIDDEN not in repr(caught.value.to_dict())
    server.execute("DROP TRIGGER fail ON intaglio.pending", database)
    assert log.append(samples(0, 3), b"key") == range(3)
    assert audit(log).size == 3


def append_in_turn(uri: str, name: int, barrier: Barrier, count: int) -> None:
    log = open_log(open_store(uri))
    barrier.wait(timeout=60)
    for number in range(count):
        entries = [b"%d/%d/%d" % (name, number, index) for index in range(7)]
        found = log.append(entries, b"%d/%d" % (name, number))
        assert list(log.entries(found.start, found.stop)) == entries


@served
@pytest.mark.filterwarnings("ignore")  # of forks, as in contract/test_ledgers.py
@pytest.mark.parametrize("count", [2, 4])
def test_processes_append_at_once(count: int, uri: str) -> None:
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(count)
    processes = [fork.Process(target=append_in_turn, args=(uri, name, barrier, 12)) for name in range(count)]
    for process in processes:
        process.start()
    ended(processes)
    assert audit(open_log(open_store(uri))).size == count * 12 * 7


@served
@bouncer_needed
@pytest.mark.filterwarnings("ignore")  # of forks, as above
def test_through_a_pgbouncer_that_pools_transactions(server: Server, database: str) -> None:
    """More clients than it has connections: each transaction may be on another one."""
    with bouncer(server, "appender") as port:
        uri = server.uri(database, "appender", host="127.0.0.1", port=str(port))
        fork = multiprocessing.get_context("fork")
        barrier = fork.Barrier(4)
        work = [fork.Process(target=append_in_turn, args=(uri, name, barrier, 8)) for name in range(4)]
        for process in work:
            process.start()
        ended(work)
        assert audit(open_log(open_store(uri))).size == 4 * 8 * 7


class Answering(Judge):
    """A server that gives other rows to a statement with a word in it, or fails."""

    def __init__(self, word: str, rows: list[tuple[object, ...]] | None = None, state: str = "") -> None:
        self._word, self._rows, self._state = word, rows, state

    def statement(self, text: str) -> Cut | str | None:
        return self._state if self._state and self._word in text else None

    def rows(self, text: str, rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        return rows if self._rows is None or self._word not in text else self._rows


class TestTwin:
    """What a server says or fails with, which a real one takes long to be brought to."""

    @pytest.fixture
    def own(self) -> Iterator[Twin]:
        own = Twin()
        yield own
        own.close()

    @pytest.mark.parametrize(
        ("word", "rows", "kind"),
        [
            ("current_setting", [("off",)], LEDGER_NOT_DURABLE),
            ("pg_class", [("tile",)], LEDGER_NOT_DURABLE),
            ("pg_is_in_recovery", [(True,)], Refused),
            ("step", [(1,)], LEDGER_NOT_PREPARED),
            ("step", [(1,), (2,), (3,)], Refused),
            ("step", [("a",), (b"\xff",)], Damaged),
        ],
    )
    def test_one_that_is_not_appended_to(
        self, own: Twin, tmp_path: Path, word: str, rows: list[tuple[object, ...]], kind: Raisable[Problem]
    ) -> None:
        uri = own.uri(own.of(tmp_path), "appender")
        own.judge = Answering(word, rows)
        with raises(kind) as caught:
            open_store(uri).head()
        assert caught.value.code == kind.code
        own.judge = Judge()
        assert open_store(uri).head().base.size == 0

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(("code", "kind"), STATES)
    def test_what_it_fails_with_has_a_name(
        self, own: Twin, tmp_path: Path, code: str, kind: Raisable[Problem]
    ) -> None:
        log = open_log(open_store(own.uri(own.of(tmp_path), "appender")))
        own.judge = Answering("INSERT INTO intaglio.pending", state=code)
        with raises(kind) as caught:
            log.append(samples(0, 3), b"key")
        assert caught.value.code == kind.code
        own.judge = Judge()
        assert log.append(samples(0, 3), b"key") == range(3)


class TestBoth:
    """By the server and by its twin."""

    @pytest.fixture(params=["twin", pytest.param("server", marks=[pytest.mark.slow, postgres_server.needed])])
    def server(self, request: pytest.FixtureRequest) -> Server | Twin:
        return postgres_server.server() if request.param == "server" else twin()

    def test_a_reader_only_reads(self, server: Server | Twin, database: str, uri: str) -> None:
        log = open_log(open_store(uri))
        log.append(samples(0, 300), b"first")
        store = open_store(server.uri(database, "reader"), read_only=True)
        assert audit(LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, store)) == log.checkpoint()
        with raises(LEDGER_ROLE):
            open_log(open_store(server.uri(database, "reader"))).append(samples(0, 1), b"second")

    def test_a_database_or_a_user_that_is_not_there(self, server: Server | Twin, database: str) -> None:
        for address in (server.uri("nowhere"), server.uri(database, "nobody")):
            with pytest.raises(Problem) as caught:
                open_store(address).head()
            assert caught.value.undetermined

    def test_who_waits_too_long_is_told(self, uri: str) -> None:
        held, waiting = open_store(uri), open_store(uri, patience=0.1)
        with held.lock(), pytest.raises(TryLater), waiting.lock():
            pass
        with waiting.lock():
            found = list[type]()

            def work() -> None:
                try:
                    with waiting.lock():
                        pass
                except TryLater as problem:
                    found.append(type(problem))

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert found == [TryLater]

    def test_readers_hold_it_together_and_an_appender_waits_for_them(
        self, server: Server | Twin, uri: str
    ) -> None:
        readers = [open_store(uri, read_only=True) for _ in range(2)]
        appender = open_store(uri, patience=0.1)
        with readers[0].lock(), readers[1].lock(), pytest.raises(TryLater), appender.lock():
            pass

    def test_who_would_change_a_row_waits_and_then_looks_again(self, uri: str) -> None:
        """As in READ COMMITTED (13.2.1): one of two writers changes it, and others read what was there."""
        first, second = (psycopg.connect(uri, autocommit=True) for _ in range(2))
        grow = "UPDATE intaglio.head SET size = 5 WHERE size = 0"
        found = list[int]()
        with first, second:
            first.execute("BEGIN")
            assert first.execute(grow).rowcount == 1
            assert second.execute("SELECT size FROM intaglio.head").fetchall() == [(0,)]
            second.execute("BEGIN")
            waiting = threading.Thread(target=lambda: found.append(second.execute(grow).rowcount))
            waiting.start()
            waiting.join(0.1)
            assert waiting.is_alive()
            first.execute("COMMIT")
            waiting.join()
            assert found == [0]
            assert second.execute("SELECT size FROM intaglio.head").fetchall() == [(5,)]

    def test_what_was_not_committed_is_gone(self, uri: str) -> None:
        """With a connection that broke, and where one statement failed; the next one does not wait for it."""
        first, second = (psycopg.connect(uri, autocommit=True) for _ in range(2))
        with second:
            first.execute("BEGIN")
            first.execute("UPDATE intaglio.head SET size = 5")
            first.close()
            assert second.execute("UPDATE intaglio.head SET size = 6 WHERE size = 0").rowcount == 1
            second.execute("BEGIN")
            second.execute("INSERT INTO intaglio.batch VALUES (0, 1, 'a')")
            with pytest.raises(psycopg.errors.UniqueViolation):
                second.execute("INSERT INTO intaglio.batch VALUES (0, 1, 'b')")
            with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                second.execute("SELECT size FROM intaglio.head")
            assert second.execute("COMMIT").statusmessage == "ROLLBACK"
            assert second.execute("SELECT * FROM intaglio.batch").fetchall() == []

    def test_a_lost_lock_forks_nothing(self, server: Server | Twin, database: str, uri: str) -> None:
        first, second = open_store(uri), open_store(uri)
        open_log(first)
        with first.lock():
            terminate(server, database)
            with second.lock():
                second.record(Batch(0, b"second", [b"entry"]))
            with pytest.raises(Overtaken):
                first.record(Batch(0, b"first", [b"other"]))
        assert open_log(first).append([b"other"], b"first") == range(1, 2)

    def test_a_batch_that_is_gone(self, server: Server | Twin, database: str, uri: str) -> None:
        log = open_log(open_store(uri))
        log.append([b"one"], b"1")
        log.append([b"two"], b"2")
        server.execute("DELETE FROM intaglio.pending WHERE start = 0", database)
        with pytest.raises(Damaged, match="batches up to 0"):
            open_log(open_store(uri))

    def test_a_tile_that_says_something_else(self, server: Server | Twin, database: str, uri: str) -> None:
        log = open_log(open_store(uri))
        log.append(samples(0, 300), b"1")
        server.execute(
            "INSERT INTO intaglio.tile VALUES ('tile/0/001.p/45', convert_to('x', 'UTF8'))", database
        )
        before = log.checkpoint()
        with pytest.raises(Damaged, match="does not read back"):
            log.append(samples(300, 301), b"2")
        assert log.checkpoint() == before

    @pytest.mark.quick("twin-0", "twin-3")
    @pytest.mark.parametrize("at", range(4))
    def test_a_commit_whose_answer_is_lost(self, at: int, server: Server | Twin, database: str) -> None:
        """Recorded, put, published, settled: whichever it is, the batch is there once, and signed for."""
        proxy = Cutting(server)
        uri = server.uri(database, "appender", host="127.0.0.1", port=str(proxy.port))
        log = open_log(PostgresStore(uri, capacity=Capacity(batches=1)))
        proxy.cut_at = at
        assert log.append(samples(0, 5), b"first") == range(5)
        assert proxy.cuts == 1
        assert log.append(samples(0, 5), b"first") == range(5)
        assert log.append(samples(5, 6), b"second") == range(5, 6)
        assert audit(open_log(open_store(uri))) == log.checkpoint()
        assert log.checkpoint().root == naive_root(samples(0, 6))
        proxy.close()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server with a certificate for db.example, and that of who signed it."""
    files = server_files(tmp_path_factory.mktemp("tls"), ["db.example"], now=datetime.now(UTC))
    server = Server()
    server.create("log")
    server.halt()
    server.take(files.chain, "server.crt")
    server.take(files.key, "server.key")
    server.start("ssl=on", "ssl_cert_file=../server.crt", "ssl_key_file=../server.key")
    yield server, files.authority
    server.stop()


@served
class TestTls:
    def test_a_name_that_is_proved(self, secured: tuple[Server, Path]) -> None:
        server, authority = secured
        found = {"hostaddr": "127.0.0.1", "sslrootcert": str(authority)}
        store = open_store(server.uri("log", "appender", host="db.example", **found))
        assert open_log(store).append(samples(0, 1), b"key") == range(1)

    def test_another_name_and_an_unknown_authority(self, secured: tuple[Server, Path]) -> None:
        server, authority = secured
        for host, root in (
            ("other.example", str(authority)),
            ("db.example", "system"),
            ("db.example", "none"),
        ):
            uri = server.uri("log", "appender", host=host, hostaddr="127.0.0.1", sslrootcert=root)
            with pytest.raises(Unavailable, match="certificate"):
                open_store(uri).head()

    def test_a_server_without_tls(self, server: Server, database: str) -> None:
        uri = server.uri(database, "appender", host="db.example", hostaddr="127.0.0.1", sslrootcert="system")
        with pytest.raises(Unavailable, match="SSL"):
            open_store(uri).head()


@served
def test_connections_that_are_killed(server: Server, database: str, uri: str, tmp_path: Path) -> None:
    dice, killed = random.Random(1), 0
    with Crowd(uri, tmp_path / "kept") as crowd:
        while killed < 100 or len(crowd.acknowledged) < 30:
            time.sleep(dice.random() / 20)
            killed += terminate(server, database)
    crowd.require_all()


@served
def test_a_server_that_is_killed(own: Server, tmp_path: Path) -> None:
    own.create("log")
    dice = random.Random(2)
    with Crowd(own.uri("log", "appender"), tmp_path / "kept") as crowd:
        for _ in range(6):
            before = len(crowd.acknowledged)
            deadline = time.monotonic() + 30
            while len(crowd.acknowledged) < before + 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(dice.random() / 10)
            own.kill()
            own.start()
    assert crowd.problems
    crowd.require_all()
