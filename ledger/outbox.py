"""A log's checkpoints for other ledgers, and their evidence: one SQLite file in the log's folder (ADR 56).

Where several machines share the log, the database that `store.json` names has it instead of the file. The
statements here run in both.

A checkpoint is taken in once for each ledger and waits until that ledger has it for good. The state that an
anchor needs to resume after a crash is written here before anything is sent. So is its evidence, and the
checkpoint as it was signed, for the bundles that are made later.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import orjson

from wire.files import locked
from wire.problem import Damaged, Malformed
from wire.sqlite import Database
from wire.strict import load_json_object

from .evidence import Evidence
from .log import LogReader
from .note import Checkpoint
from .problem import InvalidEvidence
from .shared import database_at, database_of

FILE = "anchors.sqlite"
_WHAT = "the list of what other ledgers have"
_STEPS = (
    """
CREATE TABLE destination (
  name TEXT PRIMARY KEY,
  every INTEGER NOT NULL, -- seconds
  settings TEXT NOT NULL, -- JSON
  seen INTEGER NOT NULL -- when it was last looked after, or added
);
CREATE TABLE submission (
  destination TEXT NOT NULL REFERENCES destination,
  size INTEGER NOT NULL,
  note BLOB NOT NULL, -- the checkpoint, as it was signed
  taken INTEGER NOT NULL, -- when it was taken in
  waits INTEGER NOT NULL DEFAULT 1, -- for the ledger to have it
  state BLOB, -- what the anchor keeps, once it has prepared anything
  kind TEXT, body BLOB, anchored INTEGER, -- the evidence, and when it came
  gone INTEGER, -- when the ledger was found to have it no longer: the evidence counts for nothing then
  PRIMARY KEY (destination, size)
) WITHOUT ROWID;
CREATE UNIQUE INDEX one_waits ON submission (destination) WHERE waits = 1;
""",
    """
CREATE TABLE witness (
  vkey TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  size INTEGER NOT NULL, -- of the newest checkpoint that it is known to have cosigned: a proof begins there
  time INTEGER, -- that its newest line states
  problem TEXT, -- the code of what kept it from giving a line when it was asked last
  said INTEGER -- the size that it says it has, where the log is shorter
) WITHOUT ROWID;
CREATE TABLE quorum ( -- one row, once anything but the beginning was said or has happened
  row INTEGER PRIMARY KEY,
  rule TEXT NOT NULL, -- as `Requirement` writes it, or a number; empty: all of them
  every INTEGER NOT NULL, -- seconds
  lost INTEGER -- since when too few give a line
);
CREATE TABLE cosigned (
  size INTEGER PRIMARY KEY,
  note BLOB NOT NULL, -- with the log's lines and the witnesses'
  taken INTEGER NOT NULL,
  kept INTEGER NOT NULL, -- 1: for ever, as the first of its interval; 0: until the next one comes
  met INTEGER NOT NULL -- the quorum, as it is now
);
CREATE TABLE elsewhere ( -- what witnesses show, the log signed, and the log here does not continue
  note BLOB PRIMARY KEY
) WITHOUT ROWID;
""",
)
_COPIED = (
    ("destination", "name, every, settings, seen", "name"),
    (
        "submission",
        "destination, size, note, taken, waits, state, kind, body, anchored, gone",
        "destination, size",
    ),
)
"""The tables with their columns and keys."""
_SELECT = "SELECT destination, note, taken, state, kind, body, anchored, gone FROM submission "


@dataclass(frozen=True, slots=True)
class Destination:
    """A ledger that the log's checkpoints go to, one in each interval at the most."""

    name: str
    every: timedelta
    settings: Mapping[str, Any]
    """The settings of its kind of anchor, such as the way there; nothing secret."""
    seen: datetime
    """The time of the last round for this ledger, or of its addition."""

    @property
    def named(self) -> str:
        """The text that has to be agreed to: the ledger and its settings, with the files that these name."""
        return named(self.name, self.settings)


def named(name: str, settings: Mapping[str, Any]) -> str:
    """The text to agree to before checkpoints go to a ledger by these settings, in one spelling (F23)."""
    return orjson.dumps({"anchor": name, **settings}, option=orjson.OPT_SORT_KEYS).decode()


@dataclass(frozen=True, slots=True)
class Submission:
    """One checkpoint on its way to a ledger, or there."""

    destination: str
    checkpoint: Checkpoint
    taken: datetime
    state: bytes | None
    evidence: Evidence | None
    """The proof that the ledger has it; it counts only while the submission is not `gone`."""
    anchored: datetime | None
    gone: datetime | None
    """The time at which the ledger was found to have lost it, as by a reorganisation."""


class OutboxRows(Protocol):
    """A place for the rows of an outbox, which takes the statements of this module."""

    def read(self, query: str, *values: object) -> list[Any]:
        """The rows of a query."""

    def change(self, *statements: tuple[str, *tuple[object, ...]]) -> int:
        """Statements with their values as one transaction, durable when this returns.

        Returns the number of rows that the last one changed.
        """

    def turn(self, patience: float) -> AbstractContextManager[None]:
        """Holds the lock for sending. Raises `TryLater` after `patience`, in seconds."""


class _File:
    """The rows in a file of the log's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    @cached_property
    def _database(self) -> Database:
        return open_outbox(self._path.parent)

    def read(self, query: str, *values: object) -> list[Any]:
        if not self._path.exists():  # and looking makes none
            return []
        return self._database.read(query, *values)

    def change(self, *statements: tuple[str, *tuple[object, ...]]) -> int:
        changed = 0
        with self._database.writing() as connection:
            for statement, *values in statements:
                changed = connection.execute(statement, values).rowcount
        return changed

    def turn(self, patience: float) -> AbstractContextManager[None]:
        return locked(self._path.with_name("anchors"), patience=patience)


class Outbox:
    """The outbox of the log in a folder, empty where nobody has named a ledger yet.

    Several processes, and machines that share a database, may use it at once. Every method raises
    `Unavailable` or `Damaged` where the file, the disk or the database fails; acknowledged writes are
    durable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _rows(self) -> OutboxRows:
        return database_of(self.folder) or _File(self.folder)

    def turn(self, patience: float) -> AbstractContextManager[None]:
        """Lock the outbox, so that no other process sends or changes the destinations meanwhile.

        Raises `TryLater` after `patience`, in seconds.
        """
        return self._rows.turn(patience)

    # Where checkpoints go

    def add(self, name: str, every: timedelta, settings: Mapping[str, Any], now: datetime) -> None:
        """Send the log's checkpoints to a ledger from now on, or change the settings of one.

        With other settings, the waiting checkpoint is prepared anew; evidence stays.
        """
        # One spelling, so that the same settings, given again, prepare nothing anew.
        text = orjson.dumps(settings, option=orjson.OPT_SORT_KEYS).decode()
        self._rows.change(
            (
                # A state was prepared by the former settings, and is of no use to the new ones.
                "UPDATE submission SET state = NULL WHERE destination = ? AND waits = 1 "
                "AND ? != (SELECT settings FROM destination WHERE name = ?)",
                *(name, text, name),
            ),
            (
                "INSERT INTO destination VALUES (?, ?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET every = excluded.every, settings = excluded.settings",
                *(name, int(every.total_seconds()), text, _seconds(now)),
            ),
        )

    def destinations(self) -> list[Destination]:
        """The ledgers, by name."""
        rows = self._rows.read("SELECT name, every, settings, seen FROM destination ORDER BY name")
        return [
            Destination(name, timedelta(seconds=every), _settings(settings), _moment(seen))
            for name, every, settings, seen in rows
        ]

    def see(self, destination: Destination, now: datetime) -> None:
        """Record a round for a ledger.

        Times of taking in are set to now at the latest: after a clock that was ahead, the interval to the
        next checkpoint would otherwise last too long.
        """
        name, moment = destination.name, _seconds(now)
        self._rows.change(
            ("UPDATE destination SET seen = ? WHERE name = ?", moment, name),
            # Only times ahead of now: an honest interval is not cut short.
            ("UPDATE submission SET taken = ? WHERE destination = ? AND taken > ?", moment, name, moment),
        )

    # What goes there

    def take(self, destination: Destination, checkpoint: Checkpoint, now: datetime) -> bool:
        """Take in a checkpoint if none waits, it has more entries, and the interval is over; true if so."""
        moment, size, note = _seconds(now), checkpoint.size, checkpoint.note
        before = moment - int(destination.every.total_seconds())
        # One conditional statement: two processes that look at once cannot both take one in (ADR 56).
        taken = self._rows.change(
            (
                "INSERT INTO submission (destination, size, note, taken) SELECT ?, ?, ?, ? "
                "WHERE ? > 0 AND NOT EXISTS (SELECT * FROM submission "
                "WHERE destination = ? AND (waits = 1 OR size >= ? OR taken > ?)) ON CONFLICT DO NOTHING",
                *(destination.name, size, note, moment, size, destination.name, size, before),
            )
        )
        return taken > 0

    def waiting(self, destination: Destination) -> Submission | None:
        """The submission that the ledger does not have yet."""
        return self._one(_SELECT + "WHERE destination = ? AND waits = 1", destination.name)

    def keep(self, waiting: Submission, state: bytes) -> None:
        """Keep the state that an anchor needs to resume."""
        self._rows.change(
            ("UPDATE submission SET state = ? WHERE destination = ? AND size = ?", state, *_key(waiting))
        )

    def settle(self, waiting: Submission, evidence: Evidence, now: datetime) -> None:
        """Record that the ledger has it for good, by this evidence."""
        self._rows.change(
            (
                # One statement: else a kill could leave evidence that waits, or no evidence and no wait.
                "UPDATE submission SET waits = 0, kind = ?, body = ?, anchored = ?, gone = NULL "
                "WHERE destination = ? AND size = ?",
                *(evidence.kind, evidence.body, _seconds(now), *_key(waiting)),
            )
        )

    def put_back(self, there: Submission, now: datetime) -> None:
        """Record that the ledger has lost it: it waits again, unless a later one does, which covers it.

        Its evidence is kept: the loss may be the word of a single node that erred.
        """
        # Without its state, the anchor prepares it anew, by what the ledger has now.
        self._rows.change(
            (
                "UPDATE submission SET state = NULL, gone = ?, waits = CASE WHEN EXISTS "
                "(SELECT * FROM submission WHERE destination = ? AND waits = 1) THEN 0 ELSE 1 END "
                "WHERE destination = ? AND size = ?",
                *(_seconds(now), there.destination, *_key(there)),
            )
        )

    def find_again(self, gone: Submission) -> None:
        """Record that the ledger has it after all, as before."""
        self._rows.change(
            ("UPDATE submission SET waits = 0, gone = NULL WHERE destination = ? AND size = ?", *_key(gone))
        )

    # What is there

    def newest(self, destination: Destination) -> Submission | None:
        """The submission with the longest checkpoint that the ledger is known to have."""
        return self._one(
            _SELECT
            + "WHERE destination = ? AND body IS NOT NULL AND gone IS NULL ORDER BY size DESC LIMIT 1",
            destination.name,
        )

    def lost(self, destination: Destination) -> list[Submission]:
        """The submissions that the ledger had and lost."""
        rows = self._rows.read(
            _SELECT + "WHERE destination = ? AND gone IS NOT NULL ORDER BY size", destination.name
        )
        return [_submission(*row) for row in rows]

    def gone(self, destination: Destination) -> list[Submission]:
        """The lost submissions that are not covered by a longer checkpoint on the ledger."""
        there = self.newest(destination)
        size = there.checkpoint.size if there else 0
        # A longer checkpoint holds all that a shorter one does: nothing is lost that it covers.
        return [lost for lost in self.lost(destination) if lost.checkpoint.size > size]

    def newest_anchored(self) -> bytes | None:
        """The note of the longest checkpoint that any ledger has: the log is never shorter."""
        # A checkpoint that the ledger has lost is no longer proof that the log had come so far.
        submission = self._one(_SELECT + "WHERE body IS NOT NULL AND gone IS NULL ORDER BY size DESC LIMIT 1")
        return submission.checkpoint.note if submission else None

    def evidence(self, log: LogReader, index: int) -> tuple[Evidence, ...]:
        """For each ledger: proof that its earliest checkpoint with the entry has that, and is on the ledger.

        A checkpoint on several ledgers has the proof of the entry once. Raises as `LogReader.evidence_by`.
        """
        return self.evidence_for(log, [index])[index]

    def evidence_for(self, log: LogReader, indices: Iterable[int]) -> dict[int, tuple[Evidence, ...]]:
        """As `evidence` for each of these entries; those in the same checkpoints are looked up once."""
        evidence: dict[int, tuple[Evidence, ...]] = {}
        remaining = sorted(set(indices))
        while remaining:
            rows = self._rows.read(
                "SELECT note, kind, body, size FROM submission JOIN (SELECT destination, min(size) AS size "
                "FROM submission WHERE size > ? AND body IS NOT NULL AND gone IS NULL GROUP BY destination) "
                "AS earliest USING (destination, size) ORDER BY destination",
                remaining[0],
            )
            # Up to the end of the shortest of these checkpoints, they are the earliest for every entry.
            end = min((bisect_left(remaining, size) for *_, size in rows), default=len(remaining))
            covered, remaining = remaining[:end], remaining[end:]
            anchorings: dict[bytes, list[Evidence]] = {}
            for note, kind, body, _ in rows:
                anchorings.setdefault(note, []).append(Evidence(kind, _checkpoint(note).digest, body))
            # Once for each checkpoint: a bulk export asks for thousands of entries of the same few.
            proofs = {note: log.evidence_by(note, covered) for note in anchorings}
            for index in covered:
                parts = ((proofs[note][index], *there) for note, there in anchorings.items())
                evidence[index] = tuple(chain.from_iterable(parts))
        return evidence

    def _one(self, query: str, *values: object) -> Submission | None:
        return next((_submission(*row) for row in self._rows.read(query, *values)), None)


def open_outbox(folder: Path) -> Database:
    """The file of the outbox of the log in a folder, which is made where there is none."""
    return Database(folder / FILE, _STEPS, _WHAT)


def _key(submission: Submission) -> tuple[str, int]:
    return submission.destination, submission.checkpoint.size


def _settings(text: str) -> Mapping[str, Any]:
    try:
        # Settings from a database pass the strict parser as a file from elsewhere does (threat F32).
        return load_json_object(text.encode())
    except Malformed as error:
        raise Damaged("the settings of a ledger cannot be read") from error


def _checkpoint(note: bytes) -> Checkpoint:
    try:
        return Checkpoint.parse(note)
    except InvalidEvidence as error:
        raise Damaged("a checkpoint that was sent to another ledger cannot be read") from error


def _submission(
    name: str,
    note: bytes,
    taken: int,
    state: bytes | None,
    kind: str | None,
    body: bytes | None,
    anchored: int | None,
    gone: int | None,
) -> Submission:
    checkpoint = _checkpoint(note)
    evidence = None if kind is None or body is None else Evidence(kind, checkpoint.digest, body)
    moments = (None if moment is None else _moment(moment) for moment in (anchored, gone))
    return Submission(name, checkpoint, _moment(taken), state, evidence, *moments)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def copy_outbox(old: OutboxRows, new: OutboxRows) -> None:
    """Copies all rows from one place to another; those that are there stay.

    Raises `Damaged` where they do not read back as they were written.
    """
    for table, columns, keys in _COPIED:
        query = f"SELECT {columns} FROM {table} ORDER BY {keys}"  # noqa: S608 -- constants
        marks = ", ".join("?" * len(columns.split(", ")))
        insert = f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
        rows = old.read(query)
        if rows:
            new.change(*((insert, *row) for row in rows))
        if rows and list(map(tuple, new.read(query))) != list(map(tuple, rows)):
            raise Damaged("the list of what other ledgers have does not read back as it was written")


def empty_outbox(folder: Path) -> None:
    """Removes the rows of a folder's file that went to a database: its witnesses stay with the machine."""
    rows = _File(folder)
    if rows.read("SELECT name FROM destination"):
        rows.change(("DELETE FROM submission",), ("DELETE FROM destination",))


def outbox_rows(folder: Path, address: str) -> OutboxRows:
    """The rows in the database at an address that was agreed to, or in the folder for an empty one."""
    return database_at(address) if address else _File(folder)
