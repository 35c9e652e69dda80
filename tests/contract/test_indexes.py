"""What any index of an issuer has to do. A new one is added to `INDEXES`, and passes all of this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import MappingProxyType

import pytest

from issuer.archive.index import Index
from issuer.archive.kept import (
    Appended,
    Crossed,
    EditionState,
    EditionTaken,
    Incoming,
    Job,
    Keyed,
    KindNumber,
    Known,
    ListFile,
    NewEntries,
    NewEntry,
    PublishedFile,
    Released,
    SeqsByRow,
    ShardName,
    Single,
    batch_key,
    state_of,
)
from issuer.archive.lookup import packed_keys
from issuer.archive.store import SQLiteIndex
from issuer.archive.versions import FileVersions, Version
from issuer.press.permutation import LIST_BITS
from issuer.problem import CREDENTIAL_SUSPENDED, REVOKED_FOR_GOOD
from tests import postgres_server
from tests.delegating import delegating
from tests.problems import raises
from tests.processes import ended
from wire.problem import Damaged, NotFound, Refused

Open = Callable[[], Index]
"""Opens the index of one place: the first time a new one, then the same again."""


def postgres(folder: Path) -> Index:
    from issuer.archive.postgres.store import PostgresIndex

    server = postgres_server.server()
    return PostgresIndex(server.uri(server.of(folder), "issuer"))


INDEXES: MappingProxyType[str, Callable[[Path], Index]] = MappingProxyType(
    {
        "sqlite": lambda folder: SQLiteIndex(folder / "issuer.sqlite"),
        "delegating": lambda folder: delegating(folder / "elsewhere.sqlite"),
        "postgres": postgres,
    }
)

DATE, LATER = "2026-07-01T12:00:00Z", "2027-01-01T00:00:00Z"


SERVED = pytest.param("postgres", marks=[pytest.mark.slow, postgres_server.needed])


@pytest.fixture(params=[*(name for name in INDEXES if name != "postgres"), SERVED])
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: INDEXES[request.param](tmp_path)


@pytest.fixture
def index(open_index: Open) -> Index:
    return open_index()


def entry(
    seq: int,
    number: str = "",
    edition: int = 1,
    name: str = "",
    email: str = "",
    kind: str = "diploma",
    copy: int = 1,
    form: str = "",
) -> NewEntry:
    name, email = name or f"Ada {seq}", email or f"A{seq}@x.example"
    return NewEntry(seq, kind, number or f"N{seq}", edition, copy, seq, name, email, form)


def incoming(rows: Sequence[tuple[int, str, str, bytes]]) -> Incoming:
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in Incoming._fields)
    return Incoming(*columns)


def a(number: str, kind: str = "diploma") -> KindNumber:
    return KindNumber(kind, number)


def shard(job: Job, number: int) -> ShardName:
    return ShardName.of(job, number, b"%d" % number)


def file(index: Index, count: int, key: bytes = b"key", start: int = 0) -> Job:
    """A job of one chunk that was finished, whose entries stand in the log from `start`."""
    job = index.begin(key, f"{key.decode()}.csv", DATE, count, 1)
    index.begin_chunk(shard(job, 0), job.first_seq)
    entries = [entry(job.first_seq + row) for row in range(count)]
    index.finish_chunk(job, 0, Appended(b"batch", range(start, start + count)), NewEntries.of(entries))
    return job


def single(entry: NewEntry, generation: int | None = None, joins: bool = False) -> Single:
    line = f"line {entry.seq}".encode()
    identifier = id_of(entry.which, entry.edition, entry.copy, entry.form)
    return Single(entry._replace(leaf=None), line, line, identifier, generation, joins)


def issue(index: Index, entry: NewEntry, leaf: int) -> None:
    assert index.begin_singles([[single(entry)]]) == [None]
    index.finish_singles([entry.seq], Appended(b"", range(leaf, leaf + 1)), DATE)


def id_of(which: KindNumber, edition: int, copy: int, form: str) -> str:
    scope = "" if which.kind == "diploma" else f"{which.kind}:"
    return f"urn:x:{scope}{which.number}:{edition}{f'.{copy}' if copy > 1 else ''}{form and f':{form}'}"


def together(works: list[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(works)) as pool:
        return [done.result() for done in [pool.submit(work) for work in works]]


class TestNumbersAndJobs:
    def test_a_number_is_given_out_once_whoever_asks(self, open_index: Open) -> None:
        indexes = [open_index() for _ in range(2)]
        taken = together([partial(indexes[at % 2].reserve, 3) for at in range(8)])
        assert sorted(taken, key=str) == sorted(range(0, 24, 3), key=str)

    def test_a_job_is_begun_once_for_its_key_and_has_a_number_for_each_row(self, index: Index) -> None:
        with pytest.raises(NotFound):
            index.latest_job()
        job = index.begin(b"key", "g.csv", DATE, 10, 2)
        assert index.begin(b"key", "copy.csv", LATER, 10, 2) == job
        assert job[1:] == (b"key", "g.csv", DATE, 0, 10, 2, ("",))
        other = index.begin(b"other", "h.csv", DATE, 5, 1)
        assert other.first_seq == 10
        assert (index.latest_job(), index.jobs()) == (other, [job, other])
        assert (index.issued_by(b"key"), index.issued_by(b"nobody's")) == (range(10), range(0))
        assert index.reserve(1) == 15

    def test_a_chunk_is_begun_and_then_finished_with_its_place_in_the_log(self, index: Index) -> None:
        job = index.begin(b"key", "g.csv", DATE, 6, 2)
        index.begin_chunk(shard(job, 0), 0)
        index.begin_chunk(shard(job, 1), 3)
        assert sorted(index.begun_chunks()) == [(job, shard(job, 0)), (job, shard(job, 1))]
        index.logged.intend(b"batch")
        index.finish_chunk(
            job, 1, Appended(b"batch", range(7, 8)), NewEntries.of([entry(4)._replace(leaf=7)])
        )
        assert (index.begun_chunks(), index.finished_chunks(job)) == ([(job, shard(job, 0))], {1})
        index.finish_chunk(job, 0, Appended(b"none", range(0)), NewEntries.of([]))
        assert index.begun_chunks() == []
        assert index.place(4) == (shard(job, 1), range(7, 8))
        assert (index.chunks(), index.count()) == ([(0, shard(job, 0)), (3, shard(job, 1))], 1)
        assert tuple(index.entry(4)) == (
            *(4, "diploma", "N4", 1, 1, 7, "Ada 4", "A4@x.example", None, None),
            *("", False),
        )
        assert index.logged.known().begun == []
        with pytest.raises(Damaged):
            index.place(0)
        with pytest.raises(NotFound):
            index.entry(3)

    def test_chunks_are_found_by_when_their_job_was_begun(self, index: Index) -> None:
        job = file(index, 2)
        assert index.chunks_after(DATE) == []
        assert index.chunks_after("2026-07-01T11:59:59Z") == [shard(job, 0)]

    def test_rows_are_compared_with_each_other_and_with_what_was_issued(self, index: Index) -> None:
        file(index, 3)
        rows = [
            (1, "A", "s1", b""),
            (2, "N1", "s2", b""),
            (3, "A", "s1", b""),
            (4, "", "", b""),
            (5, "", "", b""),
            (6, "A", "s1", b""),
        ]
        for _ in range(2):  # nothing is left over from the first time
            assert index.compare("diploma", map(incoming, (rows[:2], [], rows[2:]))) == Crossed(
                [(3, 1, "A"), (6, 1, "A")], [("s1", 3, 1)], SeqsByRow([(2, 1)]), []
            )

    def test_pages_of_a_thousand_follow_the_sequence_numbers(self, index: Index) -> None:
        file(index, 1002)
        first = index.entries(-1)
        assert [found.seq for found in first] == [*range(1000)]
        assert [found.seq for found in index.entries(999)] == [1000, 1001]
        assert [found.seq for found in index.entries(997, 1001)] == [998, 999, 1000]
        assert index.entries(1001) == []


def take(index: Index, job: Job, chunk: int, numbers: Iterable[str], kind: str = "diploma") -> set[str]:
    """Takes numbers for a chunk of two rows, or more where it has no successor."""
    first = job.first_seq + 2 * chunk
    return index.take(job, chunk, kind, {number: seq for seq, number in enumerate(numbers, first)})


def compete(open_index: Open, name: int, start: Barrier, rows: int = 30) -> None:
    """Issues what all issue: ten times so many numbers by file, one of them and another one by itself."""
    index = open_index()
    job = index.begin(b"%d" % name, f"{name}.csv", DATE, 10 * rows, 10)
    start.wait(timeout=60)
    for chunk in range(10):
        first = job.first_seq + rows * chunk
        numbers = [f"N{rows * chunk + place}" for place in range(rows)][
            :: -1 if name % 2 else 1
        ]  # they cross
        for number in (f"S{chunk}", numbers[20]):
            seq = index.reserve(1)
            if index.begin_singles([[single(entry(seq, number))]]) == [None]:
                index.finish_singles([seq], Appended(b"", range(seq, seq + 1)), DATE)
        lost = index.take(job, chunk, "diploma", {each: seq for seq, each in enumerate(numbers, first)})
        won = [entry(seq, number) for seq, number in enumerate(numbers, first) if number not in lost]
        index.begin_chunk(shard(job, chunk), first)
        index.finish_chunk(job, chunk, Appended(b"", range(first, first + len(won))), NewEntries.of(won))


class TestTaking:
    """A number is a job's before its credential is signed."""

    def test_a_number_is_taken_once_and_the_chunk_that_was_interrupted_has_its_own(
        self, open_index: Open
    ) -> None:
        index = open_index()
        first, second = (index.begin(key, "g.csv", DATE, 4, 2) for key in (b"first", b"second"))
        assert take(index, first, 0, "AB") == set()
        assert take(index, second, 0, "CBAD") == {"A", "B"}
        assert take(index, second, 0, "A", "resident") == set(), "a number is unique within its kind"
        assert take(open_index(), first, 0, "AB") == set()
        assert take(index, first, 1, "A") == {"A"}, "one number names one row"
        assert take(index, first, 1, "") == set()
        assert index.takers() == [first, second]

    def test_what_was_issued_or_is_under_way_is_not_taken(self, index: Index) -> None:
        file(index, 2)
        issue(index, entry(2, "A"), 2)
        index.begin_singles([[single(entry(3, "B"))]])
        job = index.begin(b"another", "h.csv", DATE, 5, 1)
        numbers = ["N0", "N1", "N2", "A", "B"]
        assert take(index, job, 0, numbers) == {"N0", "N1", "A", "B"}
        assert take(index, job, 0, numbers, "resident") == set()

    def test_nobody_else_is_given_or_issues_what_is_taken(self, index: Index) -> None:
        job = index.begin(b"key", "g.csv", DATE, 2, 1)
        take(index, job, 0, ["A", "N1"])
        calls = [
            [single(entry(5, "C")), single(entry(2, "A"))],
            [single(entry(3, "A", kind="resident"))],
            [single(entry(4, "A", form="x/a"))],
            [single(entry(6, "A", form="x/a"), joins=True)],
            [single(entry(7, "A", 2))],
        ]
        first, second, *others = index.begin_singles(calls)
        assert second is None
        for refused, place in ((first, 1), *((other, 0) for other in others)):
            assert refused is not None
            assert (refused[0], type(refused[1])) == (place, EditionTaken)
        assert give(index, [b"a"]) == ["N2"]

    def test_what_was_begun_stays_and_the_rest_is_given_back(self, open_index: Open) -> None:
        index = open_index()
        job = index.begin(b"key", "g.csv", DATE, 6, 3)
        for chunk in range(3):
            take(index, job, chunk, [f"N{2 * chunk}", f"N{2 * chunk + 1}"])
        index.begin_chunk(shard(job, 1), 2)
        another = open_index()
        assert another.takers() == [job]
        another.give_back(job)
        another.give_back(job)
        assert another.takers() == []
        other = another.begin(b"other", "h.csv", DATE, 6, 1)
        numbers = [f"N{place}" for place in range(6)]
        assert take(another, other, 0, numbers) == {"N2", "N3"}
        index.finish_chunk(job, 1, Appended(b"batch", range(1)), NewEntries.of([entry(2)]))
        another.give_back(other)
        (refused,) = index.begin_singles([[single(entry(2, "N2"))]])
        assert refused is not None, "it was issued"
        assert index.begin_singles([[single(entry(13, "N3"))]]) == [None], "its chunk ended without it"

    def test_progress_counts_finished_chunks_and_says_where_the_last_one_ends(self, index: Index) -> None:
        assert index.progress() == {}
        first = file(index, 3)
        job = index.begin(b"another", "h.csv", DATE, 9, 3)
        for chunk in range(3):
            index.begin_chunk(shard(job, chunk), job.first_seq + 3 * chunk)
        assert index.progress() == {first.id: (1, 3)}
        for chunk, count in enumerate([3, 2]):
            rows = range(job.first_seq + 3 * chunk, job.first_seq + 3 * chunk + count)
            index.finish_chunk(job, chunk, Appended(b"", rows), NewEntries.of([entry(seq) for seq in rows]))
        assert index.progress() == {first.id: (1, 3), job.id: (2, job.first_seq + 5)}

    # Of the forks, which inherit it: Python 3.12 warns of threads.
    @pytest.mark.quick("sqlite-30")
    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("rows", [30, pytest.param(200, marks=pytest.mark.slow)])
    def test_processes_never_share_a_number_or_a_position(self, open_index: Open, rows: int) -> None:
        context = get_context("fork")
        index, start = open_index(), context.Barrier(4)
        crowd = [context.Process(target=compete, args=(open_index, name, start, rows)) for name in range(4)]
        for each in crowd:
            each.start()
        ended(crowd)
        entries = [*index.entries(-1)]
        while page := index.entries(entries[-1].seq):
            entries += page
        wanted = [*(f"N{place}" for place in range(10 * rows)), *(f"S{place}" for place in range(10))]
        assert sorted(each.number for each in entries) == sorted(wanted)
        assert len({each.seq for each in entries}) == len(entries) == index.count()
        assert (index.takers(), index.begun_chunks(), index.begun_singles()) == ([], [], [])


def numbering(places: range) -> list[str]:
    """Three digits are all that this kind takes."""
    numbers = [f"N{place}" for place in places if place < 1000]
    if not numbers:
        raise Refused("no more numbers")
    return numbers


def give(
    index: Index, *portions: Sequence[bytes], kind: str = "diploma", series: str = "N{seq}"
) -> list[str]:
    given: list[str] = []
    index.numbers.give(kind, series, numbering, portions, given.extend)
    return given


class TestGivenNumbers:
    def test_an_identity_keeps_its_number_in_whatever_order_it_comes_again(self, open_index: Open) -> None:
        assert give(open_index(), [b"a", b"b"], [], [b"c"]) == ["N1", "N2", "N3"]
        assert give(open_index(), [b"d", b"c"], [b"a"]) == ["N4", "N3", "N1"]
        assert give(open_index(), [b"e", b"e"], [b"e"]) == ["N5", "N5", "N5"]
        assert give(open_index(), [b"f"]) == ["N6"]

    def test_a_number_is_passed_over_that_is_taken(self, index: Index) -> None:
        file(index, 3)
        issue(index, entry(3, "N4", kind="resident"), 3)
        assert index.numbers.free("diploma", "N{seq}", numbering, 3) == ["N3", "N4", "N5"]
        assert give(index, [b"a"], series="N{seq:0}") == ["N3"]
        assert give(index, [b"b", b"c"]) == ["N4", "N5"]
        assert give(index, [b"d", b"e"], kind="resident") == ["N1", "N2"]
        assert give(index, [b"f", b"g"], kind="resident") == ["N3", "N5"]

    def test_each_year_begins_anew(self, index: Index) -> None:
        def of(year: int) -> Callable[[range], list[str]]:
            return lambda places: [f"{year}-{place}" for place in places]

        given: list[str] = []
        for year, identity in ((2026, b"a"), (2026, b"b"), (2027, b"b"), (2027, b"c"), (2026, b"d")):
            index.numbers.give("diploma", f"{year}-{{seq}}", of(year), [[identity]], given.extend)
        assert given == ["2026-1", "2026-2", "2026-2", "2027-1", "2026-3"]

    def test_thousands_that_are_taken_are_passed_over(self, index: Index) -> None:
        file(index, 990)
        assert give(index, [b"a"]) == ["N990"]

    def test_where_numbers_are_used_up_none_is_given(self, index: Index) -> None:
        identities = [place.to_bytes(2) for place in range(1000)]
        with pytest.raises(Refused, match="no more"):
            give(index, identities[:990], identities[990:])
        assert give(index, identities[1:]) == numbering(range(1, 1000))
        with pytest.raises(Refused, match="no more"):
            index.numbers.free("diploma", "N{seq}", numbering, 1)
        assert give(index, identities[1:3]) == ["N1", "N2"]

    def test_where_the_caller_fails_none_is_given(self, index: Index) -> None:
        def fail(_: Sequence[str]) -> None:
            raise NotFound("the disk")

        with pytest.raises(NotFound):
            index.numbers.give("diploma", "N{seq}", numbering, [[b"a"]], fail)
        assert give(index, [b"b", b"a"]) == ["N1", "N2"]

    def test_a_number_is_given_once_whoever_asks(self, open_index: Open) -> None:
        indexes = [open_index() for _ in range(2)]
        wanted = [[bytes([at, which]) for which in range(20)] for at in (*range(4), *range(4))]
        given = together([partial(give, indexes[at % 2], each) for at, each in enumerate(wanted)])
        assert given[:4] == given[4:]
        assert sorted(number for of_one in given[:4] for number in of_one) == sorted(  # type: ignore[attr-defined]
            numbering(range(1, 81))
        )

    def test_an_identity_is_erased_and_its_credential_s_number_stays_taken(self, index: Index) -> None:
        assert give(index, [b"a", b"b"]) == ["N1", "N2"]
        issue(index, entry(0, "N1"), 0)
        assert [index.numbers.forget(a(number)) for number in ("N1", "N2", "N2")] == [True, True, False]
        assert not index.numbers.forget(a("N1", "resident"))
        assert give(index, [b"a", b"b"]) == ["N3", "N4"]

    def test_rows_are_compared_by_their_identities(self, index: Index) -> None:
        give(index, [b"a", b"b", b"c"])
        give(index, [b"A"], kind="resident")
        issue(index, entry(0, "N1"), 0)
        issue(index, entry(1, "N2", kind="resident"), 1)
        rows = [
            (2, "", "", b"a"),
            (3, "", "", b""),
            (4, "", "", b"b"),
            (5, "", "", b""),
            (6, "", "", b"d"),
            (7, "", "", b"d"),
            (8, "", "", b"d"),
        ]
        assert index.compare("diploma", map(incoming, (rows[:3], rows[3:]))) == Crossed(
            [], [], SeqsByRow([(2, 0)]), [(6, 8), (7, 6), (8, 6)]
        )


class TestOneAtATime:
    def test_a_credential_is_begun_and_then_has_its_place_in_the_log(self, index: Index) -> None:
        assert index.begin_singles([[single(entry(0, "A"))]]) == [None]
        with pytest.raises(NotFound):
            index.current(a("A"))
        assert index.begun_singles() == [(b"line 0", [(0, b"line 0")])]
        index.finish_singles([0], Appended(b"line 0", range(4, 5)), DATE)
        assert index.begun_singles() == []
        assert index.current(a("A")).leaf == 4
        assert (index.single(0), index.single(1), index.count()) == (b"line 0", None, 1)
        assert index.newest_singles(5) == [(0, 4, b"line 0")]
        assert index.newest_singles(4) == []

    def test_those_of_one_call_are_begun_together_or_not_at_all(self, index: Index) -> None:
        issue(index, entry(0, "A"), 0)
        calls = [
            [single(entry(1, "B")), single(entry(2, "A"))],
            [single(entry(3, "B")), single(entry(4, "C"))],
            [single(entry(5, "C"))],
        ]
        first, second, third = index.begin_singles(calls)
        assert first is not None
        assert third is not None
        assert (first[0], type(first[1])) == (1, EditionTaken)
        assert second is None
        assert (third[0], type(third[1])) == (0, EditionTaken)
        assert index.begun_singles() == [
            (batch_key([b"line 3", b"line 4"]), [(3, b"line 3"), (4, b"line 4")])
        ]

    def test_an_edition_has_one_winner(self, open_index: Open) -> None:
        indexes = [open_index() for _ in range(2)]

        def begin(seq: int) -> object:
            (refused,) = indexes[seq % 2].begin_singles([[single(entry(seq, "A"))]])
            return refused and type(refused[1])

        results = together([partial(begin, seq) for seq in range(6)])
        assert results.count(None) == 1
        assert results.count(EditionTaken) == 5
        assert len(indexes[0].begun_singles()) == 1

    def test_an_edition_supersedes_those_before(self, index: Index) -> None:
        for edition in range(1, 4):
            issue(index, entry(edition, "A", edition), edition)
        assert [index.entry(seq).reason for seq in range(1, 4)] == ["superseded", "superseded", None]
        assert index.current(a("A")).edition == 3
        assert sorted(row.seq for row in index.revocations.unpublished()) == [1, 2]

    def test_editions_are_counted_by_their_state(self, index: Index) -> None:
        file(index, 4)
        assert index.states() == {EditionState.VALID: 4}
        issue(index, entry(index.reserve(1), "N0", edition=2), 4)
        index.begin_singles([[single(entry(index.reserve(1), "N1", edition=2))]])  # under way: no edition yet
        index.revocations.revoke([a("N2")], "fraud", DATE)
        index.revocations.revoke([a("N3")], "withdrawn", DATE)
        assert index.states() == {EditionState.VALID: 2, EditionState.SUPERSEDED: 1, EditionState.REVOKED: 2}
        assert [found.number for found in index.entries(-1, from_edition=2)] == ["N0"]

    def test_links_end_with_their_generation(self, index: Index) -> None:
        assert index.generation(a("A")) == 0
        index.require_generation(a("A"), 0)
        index.release(a("A"))
        assert (index.generation(a("A")), index.generation(a("B"))) == (1, 0)
        (refused,) = index.begin_singles([[single(entry(0, "A"), generation=0)]])
        assert refused is not None
        assert isinstance(refused[1], Released)
        with pytest.raises(Released):
            index.require_generation(a("A"), 0)
        with pytest.raises(Damaged):
            index.require_generation(a("A"), 2)
        with pytest.raises(Damaged):
            index.begin_singles([[single(entry(1, "B"))], [single(entry(0, "A"), generation=2)]])
        assert index.begun_singles() == []
        assert index.begin_singles([[single(entry(0, "A"), generation=1)]]) == [None]

    def test_links_are_counted_upwards(self, index: Index) -> None:
        assert index.links() == 0
        for nth in (3, 2):
            index.count_link(nth)
        assert index.links() == 3


class TestKindsAndCopies:
    """A number is unique within its kind, and one edition may have several copies."""

    def test_two_kinds_with_one_number_never_meet(self, index: Index) -> None:
        issue(index, entry(0, "A"), 0)
        issue(index, entry(1, "A", kind="resident"), 1)
        resident = a("A", "resident")
        assert (index.current(a("A")).seq, index.current(resident).seq) == (0, 1)
        assert (index.kinds_of("A"), index.kinds_of("B")) == (["diploma", "resident"], [])
        with pytest.raises(NotFound):
            index.current(a("A", "certificate"))
        issue(index, entry(2, "A", 2, kind="resident"), 2)
        assert [index.entry(seq).reason for seq in range(3)] == [None, "superseded", None]
        several = [a("A"), resident, a("A", "certificate"), a("B"), a("A")]
        assert index.all_current(several) == {a("A"): index.entry(0), resident: index.entry(2)}
        assert index.all_current([]) == {}
        index.release(resident)
        assert (index.generation(a("A")), index.generation(resident)) == (0, 1)
        index.require_generation(a("A"), 0)
        index.revocations.revoke([resident], "fraud", DATE)
        assert [index.entry(seq).reason for seq in range(3)] == [None, "superseded", "fraud"]
        assert index.begin_singles([[single(entry(3, "A", 2))]]) == [None]
        (refused,) = index.begin_singles([[single(entry(4, "A", 3, kind="resident"))]])
        assert refused is not None
        assert isinstance(refused[1], Refused)

    def test_a_number_that_is_under_way_is_its_kind_s(self, index: Index) -> None:
        """Whoever was killed there has it completed by who names the number."""
        index.begin_singles([[single(entry(0, "A", kind="resident"))]])
        assert index.kinds_of("A") == ["resident"]

    def test_a_file_is_compared_with_what_its_kind_has(self, index: Index) -> None:
        issue(index, entry(0, "A"), 0)
        issue(index, entry(1, "A", kind="resident"), 1)
        rows = [(2, "A", "", b"")]
        for kind, known in (("diploma", [(2, 0)]), ("resident", [(2, 1)]), ("certificate", [])):
            assert index.compare(kind, [incoming(rows)]) == Crossed([], [], SeqsByRow(known), [])

    def test_what_is_found_says_of_which_kind_it_is(self, index: Index) -> None:
        issue(index, entry(0, "A"), 0)
        issue(index, entry(1, "A", kind="resident"), 1)
        assert index.lookup.identified("urn:x:A:1", id_of) == [0]
        assert index.lookup.identified("urn:x:resident:A:1", id_of) == [1]
        assert index.lookup.numbered("A", 2) == [a("A"), a("A", "resident")]
        assert index.lookup.numbered("A", 1) == [a("A")]
        assert index.lookup.numbered("A", 1, "resident") == [a("A", "resident")]

    def test_copies_are_begun_together_and_end_together(self, index: Index) -> None:
        copies = [entry(seq, "A", copy=seq + 1) for seq in range(3)]
        assert index.begin_singles([[single(copy) for copy in copies]]) == [None]
        index.finish_singles([0, 1, 2], Appended(b"", range(3)), DATE)
        assert [each.seq for each in index.copies(a("A"), 1)] == [0, 1, 2]
        assert (index.current(a("A")).copy, index.count(), index.later_editions()) == (1, 3, 2)
        assert index.lookup.identified("urn:x:A:1.3", id_of) == [2]
        assert index.compare("diploma", [incoming([(2, "A", "", b"")])]).known == {2: 0}
        (refused,) = index.begin_singles([[single(entry(3, "A"))]])
        assert refused is not None
        assert isinstance(refused[1], EditionTaken)
        issue(index, entry(4, "A", 2), 4)
        assert [index.entry(seq).reason for seq in (0, 1, 2, 4)] == ["superseded"] * 3 + [None]
        index.revocations.revoke([a("A")], "fraud", DATE)
        assert index.entry(4).reason == "fraud"


class TestForms:
    """An edition may stand in several forms, each a credential of its own."""

    def test_a_job_has_a_number_for_each_row_in_each_form(self, index: Index) -> None:
        job = index.begin(b"key", "g.csv", DATE, 3, 1, ("", "x/a"))
        assert (job.forms, job.seqs, index.reserve(1)) == (("", "x/a"), range(6), 6)
        assert ([job.seq(row) for row in (2, 3, 4)], [job.form(seq) for seq in range(3)]) == (
            [0, 2, 4],
            ["", "x/a", ""],
        )
        assert index.issued_by(b"key") == range(6)
        assert (index.latest_job(), index.jobs()) == (job, [job])
        index.begin_chunk(shard(job, 0), 0)
        entries = [entry(seq, f"N{seq // 2}", form=job.form(seq)) for seq in range(6)]
        index.finish_chunk(job, 0, Appended(b"batch", range(6)), NewEntries.of(entries))
        assert index.place(5)[0] == shard(job, 0)
        assert [(each.number, each.form) for each in index.entries(-1)][:3] == [
            ("N0", ""),
            ("N0", "x/a"),
            ("N1", ""),
        ]
        assert (index.count(), index.later_editions()) == (6, 3)

    def test_one_call_takes_all_forms_of_an_edition_and_no_other_call_takes_more(self, index: Index) -> None:
        forms = [entry(0, "A"), entry(1, "A", form="x/a"), entry(2, "A", form="x/a", copy=2)]
        assert index.begin_singles([[single(each) for each in forms]]) == [None]
        for seq, form in ((3, ""), (4, "x/a"), (5, "x/b")):  # also while they are under way
            (refused,) = index.begin_singles([[single(entry(seq, "A", form=form))]])
            assert refused is not None
            assert isinstance(refused[1], EditionTaken)
        index.finish_singles([0, 1, 2], Appended(b"", range(3)), DATE)
        assert [(each.form, each.copy) for each in index.copies(a("A"), 1)] == [
            ("", 1),
            ("x/a", 1),
            ("x/a", 2),
        ]
        assert [index.lookup.identified(f"urn:x:A:1{end}", id_of) for end in ("", ":x/a", ".2:x/a")] == [
            [0],
            [1],
            [2],
        ]

    def test_a_form_joins_the_latest_edition_alone(self, index: Index) -> None:
        issue(index, entry(0, "A"), 0)
        issue(index, entry(1, "A", 2), 1)
        former, latest = (single(entry(2, "A", each, form="x/a"), joins=True) for each in (1, 2))
        first, second = index.begin_singles([[former], [latest]])
        assert first is not None
        assert (isinstance(first[1], EditionTaken), second) == (True, None)
        index.finish_singles([2], Appended(b"", range(2, 3)), DATE)
        assert [index.entry(seq).reason for seq in range(3)] == ["superseded", None, None]
        (again,) = index.begin_singles([[single(entry(3, "A", 2, form="x/a"), joins=True)]])
        assert again is not None
        assert isinstance(again[1], EditionTaken)
        index.revocations.revoke([a("A")], "fraud", DATE)
        assert [index.entry(seq).reason for seq in (1, 2)] == ["fraud", "fraud"]
        (revoked,) = index.begin_singles([[single(entry(4, "A", 2, form="x/b"), joins=True)]])
        assert revoked is not None
        assert type(revoked[1]) is Refused

    def test_of_two_that_join_or_open_at_once_one_wins(self, open_index: Open) -> None:
        indexes = [open_index() for _ in range(2)]
        issue(indexes[0], entry(0, "A"), 0)

        def begin(seq: int) -> object:
            wanted = single(entry(seq, "A", 1 + seq % 2, form="x/a"), joins=not seq % 2)
            (refused,) = indexes[seq % 2].begin_singles([[wanted]])
            return refused and type(refused[1])

        results = together([partial(begin, seq) for seq in range(2, 8)])
        won = [seq for seq, each in zip(range(2, 8), results, strict=True) if each is None]
        # One joins at most, and none after the next edition was opened.
        assert 1 <= len(won) <= 2
        assert sum(seq % 2 for seq in won) == 1

    def test_a_new_edition_in_one_form_ends_all_forms_before(self, index: Index) -> None:
        index.begin_singles([[single(entry(seq, "A", form=form)) for seq, form in enumerate(("", "x/a"))]])
        index.finish_singles([0, 1], Appended(b"", range(2)), DATE)
        issue(index, entry(2, "A", 2, form="x/b"), 2)
        assert [index.entry(seq).reason for seq in range(3)] == ["superseded", "superseded", None]
        assert index.current(a("A")) == index.entry(2)

    def test_the_default_form_comes_first_and_each_edition_counts_once(self, index: Index) -> None:
        for seq, (number, form) in enumerate([("A", "x/b"), ("A", ""), ("B", "x/b"), ("B", "x/a")]):
            assert index.begin_singles([[single(entry(seq, number, form=form), joins=seq % 2 == 1)]]) == [
                None
            ]
            index.finish_singles([seq], Appended(b"", range(seq, seq + 1)), DATE)
        assert [index.current(a(number)).form for number in "AB"] == ["", "x/a"]
        of_all = index.all_current([a("A"), a("B")])
        assert of_all == {a(number): index.current(a(number)) for number in "AB"}
        assert index.states() == {EditionState.VALID: 2}
        assert (index.states(""), index.states("x/b")) == ({EditionState.VALID: 1}, {EditionState.VALID: 2})
        assert (index.count() - index.later_editions(), index.states("x/c")) == (2, {})
        rows = [(row, number, "", b"") for row, number in enumerate("AB", 2)]
        assert index.compare("diploma", [incoming(rows)]).known == {2: 0, 3: 2}


class TestLogged:
    def test_a_batch_is_journalled_until_it_is_settled(self, index: Index) -> None:
        index.logged.adopt(2)
        index.logged.intend(b"one")
        index.logged.intend(b"one")
        assert index.logged.known() == Known(2, [b"one"])
        index.logged.settle(Appended(b"one", range(2, 5)))
        assert index.logged.known() == Known(5, [])
        index.logged.settle(Appended(b"late", range(1, 2)))
        index.logged.adopt(4)
        assert index.logged.known().size == 5, "it never goes back"

    def test_a_new_index_explains_no_entry_of_a_log(self, index: Index) -> None:
        assert index.logged.known() == Known(0, [])


def list_file(number: int | str, content: bytes = b"content", dated: str = DATE) -> ListFile:
    return ListFile(str(number), dated, b"entry", b"digest of " + content, content)


def publish(index: Index, expiries: dict[int, str], leaf: int, *listed: int) -> None:
    files = [list_file(number) for number in expiries]
    shown = [row for row in index.revocations.unpublished() if row.seq in listed]
    index.revocations.publish(files, Appended(b"key", range(leaf, leaf + len(files))), expiries, shown)


class TestRevocations:
    def test_a_suspension_is_of_every_edition_in_force_and_ends(self, index: Index) -> None:
        issue(index, entry(0, "A"), 0)
        issue(index, entry(1, "A", 2), 1)
        index.revocations.suspend([a("A"), a("unknown")], "fraud", LATER)
        index.revocations.suspend([a("A")], "withdrawn", DATE)
        assert [index.entry(seq).state for seq in (0, 1)] == ["superseded", "suspended"]
        assert (index.entry(1).reason, index.entry(1).date) == ("fraud", LATER)
        assert index.states() == {EditionState.SUPERSEDED: 1, EditionState.SUSPENDED: 1}
        assert index.revocations.count() == 2
        (refused,) = index.begin_singles([[single(entry(2, "A", 3))]])
        assert refused is not None
        assert refused[1].code == CREDENTIAL_SUSPENDED.code
        publish(index, {0: LATER}, 3, 0, 1)
        index.revocations.reinstate([a("A"), a("unknown")])
        index.revocations.reinstate([a("A")])
        assert [index.entry(seq).state for seq in (0, 1)] == ["superseded", "valid"]
        assert index.revocations.unpublished() == [(1, None, None)], "the list has it still"
        assert index.revocations.changed_lists() == {0: 1}
        publish(index, {0: LATER}, 4, 1)
        assert index.revocations.unpublished() == []

    def test_a_revocation_ends_a_suspension_for_good(self, index: Index) -> None:
        for seq, number in enumerate("AB"):
            issue(index, entry(seq, number), seq)
        index.revocations.suspend([a("A"), a("B")], "unspecified", DATE)
        publish(index, {0: LATER}, 2, 0, 1)
        index.revocations.revoke([a("A")], "fraud", LATER)
        assert index.revocations.unpublished() == [(0, "fraud", LATER)]
        for call in (
            partial(index.revocations.suspend, reason="fraud", date=LATER),
            index.revocations.reinstate,
        ):
            with raises(REVOKED_FOR_GOOD):
                call([a("A"), a("B")])
        assert [index.entry(seq).state for seq in (0, 1)] == ["revoked", "suspended"], "none or all"
        assert index.revocations.of_list(0)[0] == (0, "fraud", LATER)

    def test_an_edition_under_way_is_suspended_and_the_one_before_never_comes_back(
        self, index: Index
    ) -> None:
        issue(index, entry(0, "A"), 0)
        assert index.begin_singles([[single(entry(1, "A", 2))]]) == [None]
        index.revocations.suspend([a("A")], "unspecified", DATE)
        index.finish_singles([1], Appended(b"line 1", range(1, 2)), LATER)
        assert [index.entry(seq).state for seq in (0, 1)] == ["superseded", "suspended"]
        index.revocations.reinstate([a("A")])
        assert [index.entry(seq).state for seq in (0, 1)] == ["superseded", "valid"]

    def test_what_changed_while_its_list_was_signed_stays_unpublished(self, index: Index) -> None:
        """Else the list would say for ever what was so when it was read."""
        for seq, number in enumerate("AB"):
            issue(index, entry(seq, number), seq)
        index.revocations.suspend([a("A"), a("B")], "unspecified", DATE)
        signed = index.revocations.unpublished()
        index.revocations.reinstate([a("A")])
        index.revocations.publish([list_file(0)], Appended(b"key", range(2, 3)), {0: LATER}, signed)
        signed = index.revocations.unpublished()
        assert signed == [(0, None, None)]
        index.revocations.suspend([a("A")], "unspecified", DATE)
        index.revocations.publish([list_file(0)], Appended(b"key", range(3, 4)), {0: LATER}, signed)
        assert [state_of(row.reason) for row in index.revocations.unpublished()] == ["suspended"]

    def test_every_edition_is_revoked_once_and_stays_so(self, index: Index) -> None:
        issue(index, entry(0, "A"), 0)
        index.begin_singles([[single(entry(1, "A", 2))]])  # under way while it is revoked
        index.revocations.revoke([a("A"), a("unknown")], "fraud", DATE)
        index.revocations.revoke([a("A")], "withdrawn", LATER)
        index.finish_singles([1], Appended(b"line 1", range(1, 2)), DATE)
        assert [(index.entry(seq).reason, index.entry(seq).date) for seq in (0, 1)] == [("fraud", DATE)] * 2
        assert index.revocations.of_list(0) == [(0, "fraud", DATE), (1, "fraud", DATE)]
        assert index.revocations.of_list(1) == []
        assert index.revocations.count() == 2
        (refused,) = index.begin_singles([[single(entry(2, "A", 3))]])
        assert refused is not None
        assert isinstance(refused[1], Refused)
        index.revocations.none_later("2026-01-01T00:00:00Z")
        assert {row.date for row in index.revocations.of_list(0)} == {"2026-01-01T00:00:00Z"}

    def test_a_revocation_is_unpublished_until_it_is_published(self, index: Index) -> None:
        index.reserve((1 << LIST_BITS) + 1)
        job = file(index, 1)
        number = f"N{job.first_seq}"
        index.revocations.revoke([a(number)], "fraud", DATE)
        assert index.revocations.unpublished() == [(job.first_seq, "fraud", DATE)]
        assert index.revocations.changed_lists() == {1: 1}
        assert index.revocations.unpublished(range(1, 2)) == index.revocations.unpublished()
        assert index.revocations.unpublished(range(1)) == index.revocations.unpublished(range(2, 3)) == []
        publish(index, {1: LATER}, 5, job.first_seq)
        index.revocations.revoke([a(number)], "withdrawn", DATE)
        assert (index.revocations.unpublished(), index.revocations.changed_lists()) == ([], {})

    def test_lists_are_stale_when_new_begun_or_without_an_end_between_the_times(self, index: Index) -> None:
        revocations = index.revocations
        before, end, after = (f"202{year}-01-01T00:00:00Z" for year in (6, 7, 8))
        assert revocations.stale_lists(before, after) == []
        assert revocations.expiries() == {}
        index.reserve((1 << LIST_BITS) + 1)
        assert revocations.stale_lists(before, after) == [0, 1]
        publish(index, {0: end, 1: end}, 5)
        assert revocations.expiries() == {0: end, 1: end}
        assert revocations.stale_lists(before, after) == revocations.stale_lists(before, end) == []
        assert revocations.stale_lists(end, after) == [0, 1]
        assert revocations.stale_lists(before, "2026-12-31T23:59:59Z") == [0, 1]
        assert revocations.stale_lists(before, after, since=6) == [0]
        revocations.begin(b"another", [list_file(1)])
        assert revocations.stale_lists(before, after) == [1]
        assert (revocations.whole_lists(), sorted(revocations.published_lists())) == ({0}, [0, 1])

    def test_a_file_is_known_as_begun_and_as_published(self, index: Index) -> None:
        revocations = index.revocations
        revocations.begin(b"first", [list_file("0", b"old")])
        assert (revocations.begun(), index.logged.known().begun) == ([b"first"], [b"first"])
        assert revocations.held() == {"0": b"old"}
        assert revocations.files() == []
        revocations.publish([list_file("0", b"old")], Appended(b"first", range(3, 4)), {0: LATER}, [])
        assert (revocations.begun(), index.logged.known().begun) == ([], [])
        assert revocations.published("0") == PublishedFile(3, b"digest of old")
        assert revocations.published_among(["0", *(f"{n}-details" for n in range(2000))]).keys() == {"0"}
        with pytest.raises(NotFound):
            revocations.published("1")
        revocations.begin(b"second", [list_file("0", b"new")])
        assert revocations.files() == [("0", {b"digest of old", b"digest of new"})]
        assert revocations.dates() == [("0", DATE)]
        assert (revocations.dated_after(DATE, 9), revocations.dated_after("2026-01-01", 3)) == ([], [])
        assert revocations.dated_after("2026-01-01", 4) == ["0"]

    def test_the_versions_of_a_file_are_told_to_those_who_read_alone(self, index: Index) -> None:
        revocations = index.revocations
        assert revocations.versions("0") == FileVersions([], 0, [])
        revocations.begin(b"first", [list_file("0", b"old")])
        begun = Version(b"digest of old", b"old", b"first")
        assert revocations.versions("0") == FileVersions([begun], 0, [b"first"])
        revocations.publish([list_file("0", b"old")], Appended(b"first", range(3, 4)), {0: LATER}, [])
        published = [Version(b"digest of old", None, None), Version(b"digest of old", b"old", None)]
        assert revocations.versions("0") == FileVersions(published, 4, [])
        revocations.release(["0"])
        revocations.begin(b"second", [list_file("0", b"new")])
        assert revocations.versions("0") == FileVersions(
            [Version(b"digest of new", b"new", b"second"), published[0]], 4, [b"second"]
        )
        assert revocations.versions("1") == FileVersions([], 4, [b"second"])

    def test_content_is_held_until_it_is_released(self, index: Index) -> None:
        publish(index, {0: LATER}, 3)
        assert index.revocations.held_bytes() == len(b"content")
        assert index.revocations.held_content("0", b"digest of content") == b"content"
        assert index.revocations.held_content("0", b"another") is None
        index.revocations.release(["0"])
        assert (index.revocations.held(), index.revocations.held_bytes()) == ({}, 0)
        assert index.revocations.published("0").leaf == 3

    def test_whether_the_issuer_has_closed(self, index: Index) -> None:
        assert index.revocations.closed() is False
        for closed in (True, False):
            index.revocations.note_closed(closed)
            assert index.revocations.closed() is closed


class TestLookup:
    @pytest.mark.parametrize("caught_up", [False, True])
    def test_a_diploma_is_found_by_id_address_name_and_number(self, index: Index, caught_up: bool) -> None:
        file(index, 5)
        issue(index, entry(7, "N3", 2, "Zoë Ádám", "zoe@x.example"), 9)
        if caught_up:
            index.lookup.catch_up(id_of)
        assert index.lookup.identified("urn:x:N3:1", id_of) == [3]
        assert index.lookup.identified("urn:x:N3:2", id_of) == [7]
        assert index.lookup.identified("urn:x:N3:3", id_of) == []
        assert index.lookup.addressed("a3@X.EXAMPLE") == [3]
        assert index.lookup.addressed("@x.example") == []
        assert list(index.lookup.named("ádÁM")) == [7]
        assert list(index.lookup.named("ada")) == [0, 1, 2, 3, 4]
        assert index.lookup.numbered("N", 3) == [a("N0"), a("N1"), a("N2")]
        assert index.lookup.numbered("N3", 3) == [a("N3")]

    def test_keys_that_were_made_elsewhere_are_put_in(self, index: Index) -> None:
        file(index, 5)
        file(index, 2, b"next", start=5)

        def made(rows: range) -> Keyed:
            keys = [key for row in rows for key in packed_keys(row, f"urn:x:N{row}:1", f"A{row}@x.example")]
            return Keyed(rows.start, rows.stop, b"".join(keys))

        def nobody(*_: object) -> str:
            raise AssertionError("nothing is left to be put in")

        for _ in range(2):  # another process may have been faster
            index.lookup.add([made(range(5)), made(range(5, 7))])
        index.lookup.catch_up(nobody)
        for seq in range(7):
            assert index.lookup.identified(f"urn:x:N{seq}:1", id_of) == [seq]
            assert index.lookup.addressed(f"a{seq}@X.EXAMPLE") == [seq]
        index.lookup.add([])

    @pytest.mark.parametrize("made_elsewhere", [True, False])
    def test_an_id_that_is_the_address_is_one_key(self, index: Index, made_elsewhere: bool) -> None:
        file(index, 2)
        if made_elsewhere:
            same = [(row, f"a{row}@x.example", f"a{row}@x.example") for row in range(2)]
            index.lookup.add([Keyed(0, 2, b"".join(key for each in same for key in packed_keys(*each)))])
        index.lookup.catch_up(lambda which, *_: f"a{which.number[1:]}@x.example")
        assert index.lookup.addressed("a1@x.example") == [1]

    def test_chunks_whose_keys_nobody_made_are_left_to_catch_up(self, index: Index) -> None:
        file(index, 5)
        index.lookup.add([Keyed(0, 4, b"")])
        index.lookup.catch_up(id_of)
        assert index.lookup.identified("urn:x:N3:1", id_of) == [3]


def test_what_was_written_is_there_when_it_is_opened_again(open_index: Open) -> None:
    index = open_index()
    job = file(index, 2)
    issue(index, entry(2), 2)
    index.revocations.revoke([a("N1")], "fraud", DATE)
    publish(index, {0: LATER}, 3)
    seen = [index.entries(-1), index.logged.known(), index.revocations.files(), index.count()]
    index.close()
    for again in (open_index(), index):  # a closed one opens again by itself
        found = [again.entries(-1), again.logged.known(), again.revocations.files(), again.count()]
        assert found == seen
        assert again.latest_job() == job
