"""What a bucket or a database may answer: each question ends, in what was asked for or in a problem.

The lies are told below the engines, where the network is.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("obstore", reason="no extra [s3]: pip install '.[s3]'")
pytest.importorskip("psycopg", reason="no extra [postgres]: pip install '.[postgres]'")

from ledger.move import seal_source
from ledger.problem import Overtaken
from ledger.tiles.engines import open_store
from ledger.tiles.keys import key_digest
from ledger.tiles.postgres.store import PostgresStore
from ledger.tiles.s3.batches import batch_path
from ledger.tiles.s3.heads import head_path
from ledger.tiles.s3.keys import key_path, keys_path
from ledger.tiles.store import Base, Batch, Store, examine, mark_of
from tests import postgres_twin
from tests.ledger_samples import open_log, samples
from tests.s3_line import Answer, Request
from tests.s3_twin import Twin
from wire.problem import Damaged, Problem, Unavailable

ENOUGH = 2000

ASKS: tuple[Callable[[Store], object], ...] = (
    lambda store: (store.head(), list(store.pending(0))),
    lambda store: store.find(b"1"),
    lambda store: list(itertools.islice(store.keys(), 100)),
    mark_of,
    lambda store: store.get_many(["tile/0/000", "checkpoint"]),
    examine,
    lambda store: open_log(store).append(samples(3, 4), b"2"),
)
"""Each question of a log to its store."""
"""Requests, after which a bucket lets nobody in, so that a test of one that never ends does."""
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Bucket:
    """A bucket that lies where `lies` has an answer, by the name of an object."""

    def __init__(self, twin: Twin, uri: str) -> None:
        self.twin, self.uri, self.requests = twin, uri, 0
        self.prefix = f"/diplomas/{uri.rpartition('/')[2]}/"
        self.lies: Callable[[Request, str], Answer | None] = lambda request, name: None
        twin.judge = self._judge

    def _judge(self, request: Request) -> Answer | None:
        self.requests += 1
        if self.requests > ENOUGH:
            return Answer(403)
        return self.lies(request, request.path.removeprefix(self.prefix))

    def store(self, *, read_only: bool = True) -> Store:
        with self.twin.reached():
            return open_store(self.uri, read_only=read_only)

    def put(self, name: str, data: bytes) -> None:
        self.twin.objects[f"{self.uri.rpartition('/')[2]}/{name}"] = data


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    twin = Twin()
    yield Bucket(twin, twin.of(tmp_path))
    twin.close()


def summed(content: bytes) -> bytes:
    """An object of batches as it is written, with whatever content."""
    rest = bytes(16) + content
    return hashlib.sha256(rest).digest() + rest


def record(start: int, *entries: bytes, longer: int = 0) -> bytes:
    """A batch: the key comes first."""
    data = start.to_bytes(8) + b"".join(len(entry).to_bytes(2) + entry for entry in entries)
    return (len(data) + longer).to_bytes(8) + data


def head(**members: object) -> bytes:
    whole = {"version": 1, "base": {"size": 0, "root": "00" * 32}, "move": None, "by": "x"}
    return json.dumps({**whole, **members}).encode() + b"\n"


BATCHES = {
    "nothing": b"",
    "an empty record": (0).to_bytes(8),
    "a record without a start": (4).to_bytes(8) + b"abcd",
    "no key": record(0),
    "no entry": record(0, b"key"),
    "no entry in the second": record(0, b"key", b"entry") + record(1, b"key"),
    "half a length": record(0, b"key", b"entry") + b"\0\0",
    "longer than the object": record(0, b"key", b"entry", longer=1),
    "of a huge length": (1 << 60).to_bytes(8) + b"x" * 20,
    "half an entry": record(0, b"key", b"entry")[:-1],
    "begun elsewhere": record(5, b"key", b"entry"),
    "begun elsewhere, the second": record(0, b"key", b"entry") + record(0, b"other", b"entry"),
    "a seal that is no text": b"sealed: \xff\xff",
}
HEADS = {
    "not JSON": b"\xff",
    "a list": b"[]\n",
    "no members": b"{}\n",
    "another version": head(version=2),
    "a size below zero": head(base={"size": -5, "root": "00" * 32}),
    "a size that is not whole": head(base={"size": 1e308, "root": "00" * 32}),
    "a size that is true": head(base={"size": True, "root": "00" * 32}),
    "a size in words": head(base={"size": "9" * 5000, "root": "00" * 32}),
    "a size that no log has": head(base={"size": 1 << 63, "root": "00" * 32}),
    "a short root": head(base={"size": 0, "root": "00"}),
    "a root that is a number": head(base={"size": 0, "root": 0}),
    "a state that is none": head(move={"name": "x", "state": "zz"}),
    "a move that is empty": head(move={}),
    "a move that is a list": head(move=[]),
    "a move whose name is none": head(move={"name": None, "state": "here"}),
    "by nobody": head(by=None),
}
DIGEST = key_digest(b"key").hex()
KEYS = {
    "nothing": b"",
    "no record": b"x\n",
    "no end": f"{DIGEST} 0 1".encode(),
    "of a number without end": f"{DIGEST} 0 {'9' * 5000}\n".encode(),
    "of no entries": f"{DIGEST} 0 0\n".encode(),
    "of less than none": f"{DIGEST} 1 0\n".encode(),
}


class TestABucket:
    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize("name", BATCHES)
    def test_a_batch_of_another_form(self, bucket: Bucket, name: str) -> None:
        bucket.lies = lambda request, path: (
            Answer(200, summed(BATCHES[name]))
            if path.startswith("batch/") and request.method == "GET"
            else None
        )
        with pytest.raises(Damaged, match=r"batch/0{20} (is not what was written|ends in the middle)"):
            list(bucket.store().pending(0))
        assert bucket.requests < 20

    def test_a_batch_that_was_changed(self, bucket: Bucket) -> None:
        bucket.put(batch_path(0), summed(record(0, b"key", b"entry")))
        assert list(bucket.store().pending(0)) == [Batch(0, b"key", [b"entry"])]
        bucket.put(batch_path(0), summed(record(0, b"key", b"entry"))[:-1] + b"x")
        with pytest.raises(Damaged, match="is not what was written"):
            list(bucket.store().pending(0))

    def test_batches_for_ever(self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ledger.tiles.s3.batches._MOST", 40)

        def lies(request: Request, path: str) -> Answer | None:
            start = path.removeprefix("batch/")
            return Answer(200, summed(record(int(start), b"key", b"entry"))) if start != path else None

        bucket.lies = lies
        with pytest.raises(Damaged, match="more batches that are not settled than any log has"):
            list(bucket.store().pending(0))
        assert bucket.requests < 60

    def test_as_many_batches_as_there_may_be_are_read_and_no_more_are_written(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ledger.tiles.s3.batches._MOST", 3)
        store = bucket.store(read_only=False)
        for start in range(3):
            assert [batch.start for batch in store.pending(0)] == [*range(start)]
            store.record(Batch(start, b"%d" % start, [b"entry"]))
        with pytest.raises(Unavailable, match="too much was recorded"):
            store.record(Batch(3, b"3", [b"entry"]))
        assert len(list(bucket.store().pending(0))) == 3

    def test_as_many_bytes_as_there_may_be_are_read_and_no_more_are_written(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = [summed(record(start, b"key", b"entry")) for start in range(2)]
        monkeypatch.setattr("ledger.tiles.s3.batches._LARGEST", len(made[0]) + len(made[1]))
        store = bucket.store(read_only=False)
        with pytest.raises(Unavailable, match="too much was recorded"):
            store.record(Batch(0, b"key", [bytes(len(made[0]) * 2)]))
        for start in range(2):
            store.record(Batch(start, b"key", [b"entry"]))
        with pytest.raises(Unavailable, match="too much was recorded"):
            store.record(Batch(2, b"key", [b"entry"]))
        assert len(list(bucket.store().pending(0))) == 2
        bucket.put(batch_path(2), summed(record(2, b"key", b"entry")))
        with pytest.raises(Damaged, match="more batches"):
            list(bucket.store().pending(0))

    @pytest.mark.quick(every=2)
    @pytest.mark.parametrize("name", HEADS)
    def test_a_head_of_another_form(self, bucket: Bucket, name: str) -> None:
        bucket.put(head_path(1), HEADS[name])
        with pytest.raises(Damaged, match="head/0000000000000001"):
            bucket.store().head()

    def test_a_head_as_it_is_written(self, bucket: Bucket) -> None:
        for state in ("coming", "here", "left"):
            bucket.put(head_path(1), head(move={"name": "x", "state": state}))
            mark = mark_of(bucket.store())
            assert mark is not None
            assert (mark.name, mark.state) == ("x", state)
        bucket.put(head_path(1), head(base={"size": (1 << 63) - 1, "root": "00" * 32}))
        assert bucket.store().head().base.size == (1 << 63) - 1

    def test_heads_for_ever(self, bucket: Bucket) -> None:
        bucket.lies = lambda request, path: Answer(200) if request.method == "HEAD" else None
        with pytest.raises(Damaged, match="which no log comes to"):
            bucket.store().head()
        assert bucket.requests < 60

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize("name", KEYS)
    def test_keys_of_another_form(self, bucket: Bucket, name: str) -> None:
        bucket.put(head_path(1), head(base={"size": 9, "root": "00" * 32}))
        bucket.put(key_path(key_digest(b"key")), KEYS[name])
        bucket.put(keys_path(0), KEYS[name])
        with pytest.raises(Damaged, match=r"key/.* is not what was written"):
            bucket.store().find(b"key")
        with pytest.raises(Damaged, match=r"keys/0{20} is not what was written"):
            list(bucket.store().keys())
        assert bucket.requests < 60

    def test_the_object_of_another_key(self, bucket: Bucket) -> None:
        bucket.put(key_path(key_digest(b"key")), f"{DIGEST} 0 1\n".encode())
        assert bucket.store().find(b"key") == range(1)
        for wrong in (f"{key_digest(b'other').hex()} 0 1\n", f"{DIGEST} 0 1\n{DIGEST} 1 2\n"):
            bucket.put(key_path(key_digest(b"key")), wrong.encode())
            with pytest.raises(Damaged, match="is not what was written"):
                bucket.store().find(b"key")

    def test_keys_that_do_not_follow_each_other(self, bucket: Bucket) -> None:
        bucket.put(head_path(1), head(base={"size": 3, "root": "00" * 32}))
        bucket.put(keys_path(0), f"{DIGEST} 0 1\n{DIGEST} 1 3\n".encode())
        assert [at for _, at in list(bucket.store().keys())] == [range(1), range(1, 3)]
        for wrong in (f"{DIGEST} 1 3\n", f"{DIGEST} 0 1\n{DIGEST} 2 3\n", f"{DIGEST} 0 1\n{DIGEST} 0 1\n"):
            bucket.put(keys_path(0), wrong.encode())
            with pytest.raises(Damaged, match=r"keys/0{20} is not what was written"):
                list(bucket.store().keys())

    def test_one_that_neither_creates_an_object_nor_has_it(self, bucket: Bucket) -> None:
        """It says that each is there, and gives none: whatever is written comes to an end."""
        open_log(bucket.store(read_only=False)).append(samples(0, 3), b"1")
        store = bucket.store(read_only=False)
        base, note = store.head().base, store.get("checkpoint")
        assert len(list(store.pending(0))) == 1
        bucket.lies = lambda request, path: Answer(412) if request.method == "PUT" else None
        writes: list[Callable[[], object]] = [
            lambda: store.record(Batch(3, b"2", [b"entry"])),
            lambda: store.publish(b"note", after=note),
            lambda: store.settle(Base(3, base.root)),
            lambda: seal_source(store, "move"),
        ]
        for write in writes:
            bucket.requests = 0
            with pytest.raises((Damaged, Overtaken)):
                write()
            assert bucket.requests < ENOUGH

    def test_a_checkpoint_that_is_never_the_newest(self, bucket: Bucket) -> None:
        bucket.lies = lambda request, path: (
            Answer(200, b"another") if (request.method, path) == ("GET", "checkpoint") else None
        )
        with pytest.raises(Damaged, match="checkpoint does not read back as it was written"):
            bucket.store(read_only=False).publish(b"note", after=None)
        assert bucket.requests < ENOUGH

    def test_an_object_without_end(self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ledger.tiles.s3.bucket.LARGEST", 1000)
        monkeypatch.setattr("ledger.tiles.s3.bucket.LARGEST_BATCHES", 2000)
        for name, longest in (("tile/0/000", 1000), (batch_path(0), 2000)):
            bucket.put(name, bytes(longest))
            assert bucket.store().get(name) == bytes(longest)
            bucket.put(name, bytes(longest + 1))
            with pytest.raises(Damaged, match=f"{name} is longer than anything"):
                bucket.store().get(name)

    @pytest.mark.parametrize("page", ["", "<Contents><Key>tile/0/000</Key></Contents>"])
    def test_a_list_without_end(self, bucket: Bucket, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of pages without names, which never come to Python; and of names, more than a log can have."""
        monkeypatch.setattr("ledger.tiles.s3.bucket._PAGE_PATIENCE", 0.05)
        monkeypatch.setattr("ledger.tiles.s3.store._SPARE", 100)
        of_an_object = (
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag><Size>1</Size></Contents>"
        )
        rows = page.replace("</Contents>", of_an_object) * 50
        body = "<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>" + rows
        answer = Answer(200, f"<ListBucketResult>{body}</ListBucketResult>".encode())
        bucket.requests = -1_000_000
        bucket.lies = lambda request, path: answer if "list-type" in request.path and "tile" in path else None
        with pytest.raises(Problem, match=r"does not come to the end of a list|lists more than"):
            examine(bucket.store())
        bucket.lies = lambda request, path: answer if "list-type" in request.path else None
        with pytest.raises(Problem, match=r"does not come to the end of a list|is missing"):
            bucket.store().head()

    @pytest.mark.slow
    @settings(quick, max_examples=30)
    @given(
        st.dictionaries(
            st.sampled_from(["head/", "batch/", "key/", "keys/", "tile/", "?", "checkpoint", "conditional"]),
            st.tuples(
                st.sampled_from([200, 200, 200, 204, 206, 304, 400, 403, 404, 412]),
                st.one_of(
                    st.binary(max_size=80),
                    st.binary(max_size=80).map(summed),
                    st.builds(record, st.integers(0, 3), st.binary(max_size=3), st.binary(max_size=3)).map(
                        summed
                    ),
                    st.sampled_from([*HEADS.values(), *KEYS.values(), head()]),
                    st.text("<>/abcKeyContents&;", max_size=40).map(str.encode),
                ),
            ),
            min_size=1,
        )
    )
    def test_whatever_it_answers(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, lies: dict[str, tuple[int, bytes]]
    ) -> None:
        monkeypatch.setattr("ledger.tiles.s3.bucket._PATIENCE", 0.0)  # nothing is asked for twice
        bucket.twin.objects.clear()
        bucket.lies = lambda request, path: None
        bucket.requests = 0
        open_log(bucket.store(read_only=False)).append(samples(0, 3), b"1")

        def answer(request: Request, path: str) -> Answer | None:
            path = "?" if "list-type" in request.path else path
            return next((Answer(*lie) for name, lie in lies.items() if path.startswith(name)), None)

        bucket.lies = answer
        asks: tuple[Callable[[Store], object], ...] = (*ASKS, lambda store: seal_source(store, "move"))
        for ask in asks:
            try:
                ask(bucket.store(read_only=False))
            except Problem:
                continue
        assert bucket.requests < ENOUGH


@contextmanager
def ending() -> Iterator[None]:
    """Around what used to go on for ever, without a question to anybody."""

    def fail(*_: object) -> None:
        pytest.fail("it does not end")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(5)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Lies(postgres_twin.Judge):
    """Rows of a database that lies."""

    def __init__(self) -> None:
        self.lies: Callable[[str], list[Any] | None] = lambda text: None
        self.asked = 0

    def rows(self, text: str, rows: list[Any]) -> list[Any]:
        self.asked += 1
        if self.asked > ENOUGH:
            return []
        told = self.lies(text)
        return rows if told is None else told


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[postgres_twin.Twin, str]]:
    twin = postgres_twin.Twin()
    twin.judge = Lies()
    name = twin.of(tmp_path)
    open_log(PostgresStore(twin.uri(name, "appender"))).append(samples(0, 3), b"1")
    yield twin, name
    twin.close()


VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, 3, -1]), st.binary(max_size=40),
    st.text(max_size=5), st.sampled_from(["here", "coming", "left"]),
)  # fmt: skip


class TestADatabase:
    def test_a_base_below_zero(self, database: tuple[postgres_twin.Twin, str]) -> None:
        """An appender may write it; a tree of such a size has levels without end."""
        twin, name = database
        twin.execute("UPDATE intaglio.head SET base_size = -1", name)
        for ask in (
            lambda: open_log(PostgresStore(twin.uri(name, "appender"))),
            lambda: PostgresStore(twin.uri(name, "reader"), read_only=True).examine(),
        ):
            with ending(), pytest.raises(Damaged, match="a base of -1 entries"):
                ask()

    def test_a_batch_below_zero(self, database: tuple[postgres_twin.Twin, str]) -> None:
        """An appender may write it, under the key of whoever comes next; no tile has such a number."""
        twin, name = database
        twin.execute("INSERT INTO intaglio.batch VALUES (-2, -1, ?)", name, [key_digest(b"next")])
        with pytest.raises(Damaged, match="a batch from -2 to -1"):
            PostgresStore(twin.uri(name, "appender")).find(b"next")

    def test_a_tile_that_is_longer_than_any(
        self, database: tuple[postgres_twin.Twin, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An appender may write it, of a gigabyte; it is as if it were not there."""
        twin, name = database
        monkeypatch.setattr("ledger.tiles.postgres.store.LARGEST", 1000)
        store = PostgresStore(twin.uri(name, "appender"))
        store.put({"tile/0/001": bytes(1000), "tile/0/002": bytes(1001)})
        assert store.get_many(["tile/0/001", "tile/0/002"]) == {"tile/0/001": bytes(1000)}

    def test_keys_for_ever(self, database: tuple[postgres_twin.Twin, str]) -> None:
        twin, name = database
        assert isinstance(twin.judge, Lies)
        twin.judge.lies = lambda text: [(0, 1, b"k")] if "LIMIT 65536" in text else None
        with pytest.raises(Damaged, match="keys up to 1, and then of 0"):
            list(PostgresStore(twin.uri(name, "appender")).keys())
        for wrong in ((0, 0, b"k"), (1, 2, b"k"), (0, -1, b"k")):
            twin.judge.lies = lambda text: [wrong] if "LIMIT 65536" in text else None  # noqa: B023
            with pytest.raises(Damaged, match="keys up to 0"):
                list(PostgresStore(twin.uri(name, "appender")).keys())

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(
        "rows",
        [
            [],
            [(0, bytes(32), None, None)] * 2,
            [(0, bytes(32))],
            [("x", bytes(32), None, None)],
            [(b"\xff", bytes(32), None, None)],
            [(0, None, None, None)],
            [(0, bytes(32), 1, b"here")],
        ],
    )
    def test_a_head_of_another_form(self, database: tuple[postgres_twin.Twin, str], rows: list[Any]) -> None:
        twin, name = database
        assert isinstance(twin.judge, Lies)
        twin.judge.lies = lambda text: rows if "FROM intaglio.head" in text else None
        with pytest.raises(Damaged, match="the tables of the database"):
            PostgresStore(twin.uri(name, "appender")).head()

    def test_a_move_of_no_state_that_is_known(self, database: tuple[postgres_twin.Twin, str]) -> None:
        twin, name = database
        assert isinstance(twin.judge, Lies)
        twin.judge.lies = lambda text: [(0, bytes(32), "x", "gone")] if "root, move" in text else None
        with pytest.raises(Damaged, match="a move whose state is not known"):
            PostgresStore(twin.uri(name, "appender")).head()

    @quick
    @given(
        st.dictionaries(
            st.sampled_from(
                ["SELECT base", "checkpoint", "tile", "batch", "pending", "move", "step", "count"]
            ),
            st.lists(st.lists(VALUES, min_size=1, max_size=5).map(tuple), max_size=2),
            min_size=1,
        ),
        st.booleans(),
    )
    def test_whatever_it_answers(
        self, database: tuple[postgres_twin.Twin, str], lies: dict[str, list[Any]], read_only: bool
    ) -> None:
        twin, name = database
        judge = twin.judge = Lies()
        judge.lies = lambda text: next((rows for word, rows in lies.items() if word in text), None)
        for ask in ASKS:
            store = PostgresStore(twin.uri(name, "appender"), read_only=read_only)
            try:
                ask(store)
            except Problem:
                continue
        assert judge.asked < ENOUGH
