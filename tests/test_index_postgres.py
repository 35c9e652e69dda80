"""The index in PostgreSQL, by a server: what each role may do, what a crash leaves, a whole issuer on it.

What any index has to do is in `contract/test_indexes.py`, which asks this one, too.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, LiteralString, TypeVar, cast

import pytest

from tests.problems import raises
from wire.problem import PASSWORD_IN_ADDRESS, Problem

pytest.importorskip("psycopg", reason="no extra [postgres]: pip install '.[postgres]'")
import psycopg
from psycopg import errors

from issuer.archive.kept import KEYED, Appended, Keyed, ListFile, NewEntries
from issuer.archive.lookup import packed_keys
from issuer.archive.postgres import comparison, lookup, store
from issuer.archive.postgres.revocations import PostgresRevocations
from issuer.archive.postgres.singles import ISSUED
from issuer.archive.postgres.store import PostgresIndex
from issuer.archive.store import SQLiteIndex
from issuer.desk.claims import CLAIM_LINK_USED, ClaimLinks
from issuer.desk.postgres import PostgresLinks
from issuer.issuer import Issuer
from issuer.problem import DAMAGED_CLAIMS, INDEX_NOT_DURABLE, INDEX_NOT_PREPARED, INDEX_ROLE
from issuer.shared.database import ISSUER, prepare_index
from issuer.shared.machine_rows import renew
from issuer.shared.postgres import PostgresShared
from issuer.table.source import Source
from keys import PrivateKey
from tests import postgres_server
from tests.contract.test_indexes import (
    DATE,
    LATER,
    a,
    compete,
    entry,
    file,
    id_of,
    issue,
    shard,
    single,
    take,
)
from tests.contract.test_links import together
from tests.fault import issuing
from tests.fault.kill import Work, a_sample, kill_everywhere
from tests.postgres_connections import Cutting, bouncer, bouncer_needed
from tests.postgres_server import Server
from tests.processes import ended
from tests.test_issuer_claims import SERVICE, Registrar, answer
from tests.world import NOW, csv_file, graduate, issuer_in, reopened, twin
from vc.forms import INTEGRITY, SD_JWT_VC
from vc.status import Reason
from wire.problem import Damaged, Refused, TryLater

FORKS = pytest.mark.filterwarnings("ignore")  # of forks, which inherit it: Python 3.12 warns of threads
HIDDEN = "correct-horse"
SCHEMA = "intaglio_issuer"
_T = TypeVar("_T")


def served(test: _T) -> _T:
    """A test by a server."""
    return cast("_T", pytest.mark.slow(postgres_server.needed(test)))


@pytest.fixture
def server() -> Server:
    return postgres_server.server()


@pytest.fixture
def database(server: Server, tmp_path: Path) -> str:
    return server.of(tmp_path)


@pytest.fixture
def uri(server: Server, database: str) -> str:
    return server.uri(database, "issuer")


@pytest.fixture
def index(uri: str) -> Iterator[PostgresIndex]:
    index = PostgresIndex(uri)
    yield index
    index.close()


def fill(index: PostgresIndex, uri: str) -> None:
    """Something in every table, about a person whose name, number, address and file have a mark in them."""
    job = index.begin(b"marked", "marked.csv", DATE, 3, 2)
    take(index, job, 0, ["marked-1", "marked-2"])
    index.begin_chunk(shard(job, 0), 0)
    entries = [entry(seq, f"marked-{seq}", name="marked", email="marked@x.example") for seq in (0, 1)]
    index.finish_chunk(job, 0, Appended(b"marked", range(2)), NewEntries.of(entries))
    take(index, job, 1, ["marked-3"])
    issue(index, entry(5, "marked-4", name="marked", email="marked@x.example"), 3)
    index.begin_singles([[single(entry(6, "marked-5", name="marked", email="marked@x.example"))]])
    index.logged.intend(b"marked")
    index.release(a("marked-1"))
    index.numbers.give(
        "diploma", "marked-{seq}", lambda places: [f"marked-0{at}" for at in places], [[b"marked"]], list
    )
    index.lookup.catch_up(id_of)
    index.revocations.revoke([a("marked-1")], "fraud", DATE)
    files = [ListFile(name, DATE, b"marked", b"digest", b"content") for name in "01"]
    index.revocations.publish(files[:1], Appended(b"marked", range(4, 5)), {0: LATER}, [])
    index.revocations.begin(b"marked", files[1:])
    file(index, 1, b"marked too", 5)  # to be put in later
    links = PostgresLinks(uri)
    links.make_good(links.draw_up([(b"marked", a("marked-1"), 1)], 0), 1)
    links.bind(b"marked", "did:key:marked", 0)
    assert links.open_challenge(b"marked", b"marked", now=0, expires=1, latest=1, most=1)
    shared = PostgresShared(uri)
    with shared.held("marked"):
        shared.write("marked", b"marked")
    renew(uri, ("1", "host", "1.0", {}), lambda: NOW)


READABLE = {
    "step": {"number"},
    "counter": {"name", "next"},
    "job": {"id", "created", "first_seq", "length", "chunks", "forms"},
    "chunk": {"first_seq", "job", "number", "first_leaf", "issued"},
    "credential": {"seq", "kind", "edition", "form", "copy", "leaf"},
    "revocation": {"seq", "reason", "date"},
    "machine": {"id", "name", "release", "keys", "ahead", "seen"},
    "unpublished": {"seq"},
    "listed": {"number", "expires"},
    "status_file": {"name", "leaf", "dated", "digest"},
}
"""A chunk's number, and that of a list, say nothing about anybody."""


def test_no_address_has_a_password() -> None:
    for call in (PostgresIndex, prepare_index):
        with raises(PASSWORD_IN_ADDRESS) as caught:
            call(f"postgresql://issuer:{HIDDEN}@db.example/index")
        assert HIDDEN not in repr(caught.value.to_dict())


@served
class TestRoles:
    def test_a_reader_learns_nothing_about_anybody(
        self, server: Server, database: str, index: PostgresIndex
    ) -> None:
        fill(index, server.uri(database, "issuer"))
        columns = server.execute(
            "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
            f"WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0",
            database,
        )
        tables = {table for table, _ in columns}
        assert {"credential_0", "person_0", "edition", "given_number", "lookup"} <= tables
        with psycopg.connect(server.uri(database, "issuer_reader"), autocommit=True) as reader:
            readable: dict[str, set[str]] = {}
            for table, column in columns:
                (count,) = server.execute(f"SELECT count(*) FROM {SCHEMA}.{table}", database)[0]
                assert count, f"{table} is empty, and would give nothing away in any case"
                try:
                    found = reader.execute(f"SELECT {column} FROM {SCHEMA}.{table}").fetchall()
                except errors.InsufficientPrivilege:
                    continue
                readable.setdefault(table, set()).add(column)
                assert "marked" not in repr(found), (table, column)
            assert readable == READABLE
            for statement in (
                f"INSERT INTO {SCHEMA}.unpublished VALUES (9)",
                f"UPDATE {SCHEMA}.counter SET next = 0",
                f"DELETE FROM {SCHEMA}.revocation",
                f"SELECT {SCHEMA}.reserve(1)",
                f"SELECT {SCHEMA}.extend(0, 1)",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    reader.execute(statement)

    def test_an_issuer_takes_back_nothing_that_it_issued(
        self, server: Server, database: str, index: PostgresIndex
    ) -> None:
        fill(index, server.uri(database, "issuer"))
        with psycopg.connect(server.uri(database, "issuer"), autocommit=True) as connection:
            for statement in (
                *(f"DELETE FROM {SCHEMA}.{table}" for table in ("credential", "single", "job", "chunk")),
                *(f"TRUNCATE {SCHEMA}.{table}" for table in ("edition", "revocation")),
                f"UPDATE {SCHEMA}.credential SET number = 'other'",
                f"UPDATE {SCHEMA}.single SET line = ''",
                f"UPDATE {SCHEMA}.job SET created = ''",
                f"DELETE FROM {SCHEMA}.link",
                f"SELECT * FROM {SCHEMA}.credential_0",
                f"DROP TABLE {SCHEMA}.lookup",
                f"CREATE TABLE {SCHEMA}.more (number integer)",
                f"SELECT {SCHEMA}.extend(0, 1000)",
                "SELECT * FROM intaglio.head",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(statement)

    def test_what_the_tables_owner_makes_is_made_once(self, server: Server, database: str) -> None:
        steps = len(ISSUER.steps)
        assert prepare_index(server.uri(database)) == 0
        server.execute(f"INSERT INTO {SCHEMA}.step VALUES (99)", database)
        for call in (prepare_index, lambda uri: PostgresIndex(uri).count()):
            with pytest.raises(Refused, match=f"of version {steps + 1}, and this program knows {steps}"):
                call(server.uri(database))

    def test_who_has_no_right_or_no_tables_is_told(self, server: Server, database: str) -> None:
        with raises(INDEX_ROLE):
            PostgresIndex(server.uri(database, "reader")).count()
        with raises(INDEX_ROLE):
            PostgresIndex(server.uri(database, "issuer_reader")).reserve(1)
        with raises(INDEX_NOT_PREPARED):
            PostgresIndex(server.uri("postgres")).count()
        with raises(INDEX_ROLE):
            prepare_index(server.uri("postgres", "issuer"))

    def test_a_server_that_would_lose_what_it_acknowledged(self) -> None:
        own = Server("fsync=off")
        try:
            own.create("index")
            with raises(INDEX_NOT_DURABLE):
                PostgresIndex(own.uri("index", "issuer")).reserve(1)
        finally:
            own.stop()


def reserve_in_turn(uri: str, start: Barrier) -> None:
    index = PostgresIndex(uri)
    start.wait(timeout=60)
    for _ in range(5):
        first = index.reserve(1 << 19)
        issue(index, entry(first), first)


@served
@pytest.mark.parametrize(
    ("query", "values"),
    [
        (store._ENTRY.format(which="seq = %s", more=""), [1, 1, 1]),
        (store._ENTRY.format(which=store._SEQS, more=""), [[1], [1], [1]]),
        (lookup._NAMES, [1, 2, 1, 2]),
        (ISSUED, [[1]]),
        (store._BEGUN, [[1]]),
        (store._FINISH_SINGLES, [[1], [1], [1]]),
    ],
)
def test_a_plan_has_the_partitions_that_it_needs(
    uri: str, index: PostgresIndex, query: LiteralString, values: list[object]
) -> None:
    """One of all ninety that a country has would cost a claim ten times as much, though it reads one."""
    index.reserve(5 << 20)
    with psycopg.connect(uri) as connection:
        steps = "\n".join(step for (step,) in connection.execute(f"EXPLAIN {query}", values))
    assert "credential_0" in steps
    assert "credential_4" not in steps
    assert "person_4" not in steps


@served
def test_a_page_reads_no_revocation_before_it(uri: str, index: PostgresIndex) -> None:
    """With a million of them, each page of a thousand read all up to its own."""
    query = store._ENTRY.format(which="seq > %s AND seq < %s", more="ORDER BY seq LIMIT 1000")
    with psycopg.connect(uri) as connection:
        many = "SELECT seq, 'withdrawn', %s FROM generate_series(0, 99999) AS seq"
        connection.execute(f"INSERT INTO intaglio_issuer.revocation {many}", [DATE])
        connection.execute("ANALYZE intaglio_issuer.revocation")
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"
        ((plan,),) = connection.execute(explained, 3 * [90_000, 1 << 40]).fetchall()

    def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from [node] if node.get("Relation Name") == "revocation" else []
        for inner in node.get("Plans", []):
            yield from scans(inner)

    (scan,) = scans(plan[0]["Plan"])
    assert "90000" in scan.get("Index Cond", scan.get("Recheck Cond", ""))


@served
@FORKS
def test_partitions_are_there_whoever_reserves(uri: str, index: PostgresIndex) -> None:
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(4)
    crowd = [fork.Process(target=reserve_in_turn, args=(uri, start)) for _ in range(4)]
    for each in crowd:
        each.start()
    ended(crowd)
    entries = index.entries(-1)
    assert [each.seq for each in entries] == [at << 19 for at in range(20)]
    assert [index.current(each.which) for each in entries] == entries
    assert index.reserve(0) == 20 << 19


@served
class TestNetwork:
    @bouncer_needed
    @FORKS
    def test_through_a_pgbouncer_that_pools_transactions(
        self, server: Server, database: str, index: PostgresIndex
    ) -> None:
        with bouncer(server, "issuer") as port:
            uri = server.uri(database, "issuer", host="127.0.0.1", port=str(port))
            fork = multiprocessing.get_context("fork")
            start = fork.Barrier(8)
            work = [
                fork.Process(target=compete, args=(lambda: PostgresIndex(uri), name, start))
                for name in range(8)
            ]
            for process in work:
                process.start()
            ended(work)
            through = PostgresIndex(uri)
            through.lookup.catch_up(id_of)
            assert len(through.lookup.addressed(index.entry(index.entries(-1)[0].seq).email)) == 1
        entries = index.entries(-1)
        wanted = [*(f"N{place}" for place in range(300)), *(f"S{place}" for place in range(10))]
        assert sorted(each.number for each in entries) == sorted(wanted)

    @pytest.mark.parametrize("at", range(7))
    def test_a_commit_whose_answer_is_lost(
        self, at: int, server: Server, database: str, index: PostgresIndex
    ) -> None:
        """What is tried again then changes nothing the second time."""
        cutting = Cutting(server)
        uri = server.uri(database, "issuer", host="127.0.0.1", port=str(cutting.port))
        cut = PostgresIndex(uri)
        assert cut.count() == 0
        cutting.cut_at = at
        job = cut.begin(b"key", "g.csv", DATE, 2, 1)
        assert take(cut, job, 0, ["N0", "N1"]) == set()
        cut.begin_chunk(shard(job, 0), job.first_seq)
        cut.logged.intend(b"batch")
        entries = [entry(job.first_seq + row, f"N{row}") for row in range(2)]
        cut.finish_chunk(job, 0, Appended(b"batch", range(2)), NewEntries.of(entries))
        cut.revocations.revoke([a("N0")], "fraud", DATE)
        cut.give_back(job)
        cutting.close()
        assert cutting.cuts == 1
        assert (index.count(), index.takers(), index.begun_chunks()) == (2, [], [])
        assert [(each.number, each.reason) for each in index.entries(-1)] == [("N0", "fraud"), ("N1", None)]
        assert index.logged.known() == (2, [])
        assert index.revocations.unpublished() == [(0, "fraud", DATE)]

    def test_of_what_is_not_tried_again_nobody_says_that_it_was_done(
        self, server: Server, database: str, index: PostgresIndex
    ) -> None:
        cutting = Cutting(server)
        cut = PostgresIndex(server.uri(database, "issuer", host="127.0.0.1", port=str(cutting.port)))
        assert cut.count() == 0
        cutting.cut_at = 0
        with pytest.raises(Problem) as caught:
            cut.begin_singles([[single(entry(0, "A"))]])
        assert caught.value.code == "unavailable"
        assert index.begun_singles() == [(b"line 0", [(0, b"line 0")])], "who comes next completes it"
        cutting.close()


@served
def test_numbers_between_those_of_others_are_taken_as_those_of_a_new_file(
    index: PostgresIndex, server: Server, database: str
) -> None:
    first, second = (index.begin(key, "g.csv", DATE, 3, 1, ("", "x/a")) for key in (b"1", b"2"))
    assert index.take(first, 0, "diploma", {"C": 4, "A": 0, "E": 2}) == set()
    assert index.take(second, 0, "diploma", {"B": 6, "D": 8}) == set(), "neither is one of the first's"
    with psycopg.connect(server.uri(database)) as owner:
        rows = owner.execute("SELECT number, kind, edition, seqs FROM intaglio_issuer.edition ORDER BY seqs")
        taken = {number: seqs for number, *of_first, seqs in rows if of_first == ["diploma", 1]}
    assert taken == {"A": [0, 1], "E": [2, 3], "C": [4, 5], "B": [6, 7], "D": [8, 9]}


def test_a_row_that_the_file_does_not_have_gets_no_room() -> None:
    """Threat F32: a server answers what it likes."""
    assert [*comparison._sent([(0, 5), (7, 6)], 7)] == [(0, 5), (7, 6)]
    for row in (-1, 8, 1 << 62):
        with raises(Damaged, "a row that the file does not have"):
            [*comparison._sent([(row, 5)], 7)]


@served
def test_keys_in_several_portions_are_all_there(index: PostgresIndex) -> None:
    file(index, 5)
    keys = [
        key for seq in reversed(range(6000)) for key in packed_keys(seq, f"urn:{seq}", f"a{seq}@x.example")
    ]
    index.lookup.add([Keyed(0, 5, b"".join(keys))])
    kept = index._database.rows([int, int], "SELECT key, seq FROM intaglio_issuer.lookup")
    assert sorted(kept) == sorted(map(KEYED.unpack, keys))


@served
def test_names_that_an_earlier_program_recorded_are_found_as_before(
    index: PostgresIndex, server: Server, database: str
) -> None:
    file(index, 3)
    issue(index, entry(3, "A", name="Zoë"), 3)
    index.lookup.catch_up(id_of)

    def seen() -> list[object]:
        entries = [index.entry(seq) for seq in range(4)]
        addressed = [index.lookup.addressed(each.email) for each in entries]
        return [entries, addressed, list(index.lookup.named("ada")), list(index.lookup.named("zoë"))]

    before = seen()
    with psycopg.connect(server.uri(database)) as owner:
        owner.execute(
            "INSERT INTO intaglio_issuer.person "
            "SELECT seq, name, email FROM intaglio_issuer.credential WHERE seq IN (0, 2)"
        )
        owner.execute("UPDATE intaglio_issuer.credential SET name = NULL, email = NULL WHERE seq IN (0, 2)")
    assert seen() == before
    assert before[2:] == [[0, 1, 2], [3]]


@served
def test_what_is_revoked_in_portions_is_revoked_as_a_whole(
    index: PostgresIndex, server: Server, database: str
) -> None:
    take(index, job := index.begin(b"key", "g.csv", DATE, 5, 1), 0, [f"N{seq}" for seq in range(5)])
    index.begin_chunk(shard(job, 0), 0)
    rows = NewEntries.of([entry(seq, f"N{seq}") for seq in range(5)])
    index.finish_chunk(job, 0, Appended(b"key", range(5)), rows)
    portioned = PostgresRevocations(index._database, portion=2)
    which = [a(f"N{seq}") for seq in range(5)]
    with psycopg.connect(server.uri(database), autocommit=True) as owner:
        owner.execute("ALTER TABLE intaglio_issuer.revocation ADD CONSTRAINT late CHECK (seq <> 3)")
        with pytest.raises(Problem):
            portioned.revoke(iter(which), "fraud", DATE)
        assert index.revocations.count() == 0, "nor those of the first portion"
        owner.execute("ALTER TABLE intaglio_issuer.revocation DROP CONSTRAINT late")
    portioned.revoke(iter(which), "fraud", DATE)
    assert [row.seq for row in index.revocations.unpublished()] == [0, 1, 2, 3, 4]


@served
def test_what_was_issued_is_not_given_back(uri: str, index: PostgresIndex) -> None:
    """Another process had the same file, and did not see that its chunk was finished meanwhile."""
    job = index.begin(b"key", "g.csv", DATE, 2, 1)
    assert take(index, job, 0, ["N0", "N1"]) == set()
    index.begin_chunk(shard(job, 0), 0)
    index.finish_chunk(job, 0, Appended(b"batch", range(1)), NewEntries.of([entry(0)]))
    other = PostgresIndex(uri)
    assert take(other, job, 0, ["N0", "N1"]) == set()
    other.give_back(job)
    another = index.begin(b"another", "h.csv", DATE, 2, 1)
    assert take(index, another, 0, ["N0", "N1"]) == {"N0"}


@served
def test_who_waits_too_long_for_a_turn_is_told(server: Server, database: str, uri: str) -> None:
    index = PostgresIndex(uri, patience=0.2)
    with psycopg.connect(server.uri(database, "issuer")) as holder:
        holder.execute(f"SELECT pg_advisory_xact_lock({ISSUER.turn})")
        with pytest.raises(TryLater, match="another process holds"):
            index.begin_singles([[single(entry(0, "A"))]])
        assert file(index, 1).length == 1, "what a file records waits for no turn"
    assert index.begin_singles([[single(entry(1, "A"))]]) == [None]


@served
@pytest.mark.parametrize("attempt", range(5))
def test_of_wallets_that_race_for_a_link_one_has_the_credential(uri: str, attempt: int) -> None:
    registrar = Registrar()
    desks = [ClaimLinks(PostgresLinks(uri), SERVICE) for _ in range(4)]
    link = desks[0].offer(a("A"), registrar, now=NOW)
    wallets = [PrivateKey.generate() for _ in desks]

    def claim(desk: ClaimLinks, wallet: PrivateKey) -> bytes | str:
        message = answer(desk.invite(link.token, registrar, now=NOW), wallet)
        try:
            return desk.redeem(link.token, message, registrar, now=NOW)
        except Problem as problem:
            return problem.code

    found = together([partial(claim, desk, wallet) for desk, wallet in zip(desks, wallets, strict=True)])
    assert sorted(map(str, found))[:3] == ["already-claimed"] * 3
    (winner,) = [at for at, each in enumerate(found) if isinstance(each, bytes)]
    assert claim(desks[3], wallets[winner]) == found[winner], "the same wallet may ask again"
    with raises(CLAIM_LINK_USED):
        desks[1].look(link.token, registrar, now=NOW)
    registrar.counted += 1
    with raises(DAMAGED_CLAIMS):
        desks[2].look(link.token, registrar, now=NOW)


@dataclass
class InDatabases:
    """Issuers like one, each with an index in a database of its own."""

    server: Server
    issuer: Issuer
    folder: Path

    def __post_init__(self) -> None:
        self._numbers = itertools.count()

    def another(self) -> Callable[[], Issuer]:
        """One more, that issued nothing; opened as another process opens it."""
        home = self.folder / str(next(self._numbers)) / "home"
        twin(self.issuer, home)
        uri = self.server.uri(self.server.of(home), "issuer")
        return lambda: reopened(home, index=PostgresIndex(uri))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    rows = [graduate(row, **{"email": "bad"} if row == 3 else {}) for row in range(1, 7)]
    return csv_file(tmp_path / "g.csv", rows, span_rows=2)


@pytest.fixture
def in_databases(server: Server, tmp_path: Path) -> InDatabases:
    return InDatabases(server, issuer_in(tmp_path / "first"), tmp_path)


def through_everything(issuer: Issuer, source: Source) -> dict[str, Any]:
    """What an issuer's index says after a life with all that happens to credentials."""
    issuing.issue(issuer, source, forms=(INTEGRITY, SD_JWT_VC))
    issuing.issue(issuer, source, forms=(INTEGRITY, SD_JWT_VC))
    issuer.issue(graduate(7), copies=2)
    issuer.correct("UNI-000001", {"gpa": "4.0"})
    issuer.claim("UNI-000002", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", 0)
    issuer.release("UNI-000002")
    issuer.revoke(["UNI-000004", "UNI-000007"], Reason.FRAUD, date=issuer._clock(), now=issuer._clock())
    index = issuer.store
    jobs = [job._replace(id=0) for job in index.jobs()]
    return {
        "entries": list(issuer.entries()),
        "lines": [issuer.line(each).credential for each in issuer.entries()],
        "jobs": jobs,
        "found": [issuer.finder.find(text) for text in ("UNI-000001", "row 5", "ada", "UNI-00000")],
        "states": (index.states(), index.states(""), index.count(), index.later_editions()),
        "kinds": index.kinds_of("UNI-000001"),
        "chunks": [(first, shard._replace(job=0)) for first, shard in index.chunks()],
        "lists": (index.revocations.dates(), index.revocations.expiries(), index.revocations.of_list(0)),
        "published": index.revocations.files(),
        "log": index.logged.known(),
    }


@served
def test_a_whole_life_leaves_the_same_as_in_sqlite(
    in_databases: InDatabases, source: Source, tmp_path: Path
) -> None:
    embedded = reopened(twin(in_databases.issuer, tmp_path / "embedded" / "home").home)
    expected = through_everything(embedded, source)
    assert isinstance(embedded.store, SQLiteIndex)
    assert through_everything(in_databases.another()(), source) == expected
    assert len(expected["entries"]) > 10


@served
@FORKS
@a_sample(4, 100)
def test_the_same_command_finishes_what_was_killed(
    in_databases: InDatabases, source: Source, points: int
) -> None:
    first = in_databases.another()
    issuing.issue(first(), source)
    expected = issuing.everything(first())

    def prepare() -> tuple[Work, Work]:
        opened = in_databases.another()

        def check() -> None:
            issuing.issue(opened(), source)
            again = opened()
            assert issuing.everything(again) == expected
            issuing.require_once(again)
            assert again.store.takers() == []

        return lambda: issuing.issue(opened(), source), check

    assert kill_everywhere(prepare, points=points) == points
