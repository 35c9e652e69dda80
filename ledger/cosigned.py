"""The witnesses that a log asks, how many of them are needed, and the checkpoints that they have cosigned.

It is in the file of the outbox. A checkpoint that meets the quorum is kept for ever, one in each interval;
the newest one besides, until the next comes. Lines are verified before they get here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson

from wire.problem import Conflict, Malformed, NotFound
from wire.sqlite import Database, OpenDatabase

from .note import Checkpoint, SignatureType, VerifierKey, signature_line
from .outbox import FILE, open_outbox
from .quorum import WitnessQuorum
from .requirement import Requirement

EVERY = timedelta(hours=1)
"""The interval, unless another one was said."""
MOST = 32
"""Witnesses of a log: each has a line in every bundle, and a thread of its own while all are asked."""
_T = TypeVar("_T")
# The rule takes times, but only the names count here.
_ANY = datetime.fromtimestamp(1, UTC)


class LogWitness(NamedTuple):
    """A witness that a log asks, and what it last answered."""

    key: VerifierKey
    url: str
    """The address below which are `add-checkpoint` and the checkpoints that it has cosigned."""
    size: int
    """The size of the newest checkpoint that it is known to have cosigned."""
    time: datetime | None
    """The time that its newest line states."""
    problem: str
    """The code of what kept it from giving a line when it was asked last; empty where nothing did."""
    said: int | None
    """The size that it says it has cosigned, where the log is shorter, and it shows no checkpoint."""

    @property
    def named(self) -> str:
        """The text that has to be agreed to before it is asked, in one spelling (F23)."""
        return orjson.dumps({"witness": str(self.key), "url": self.url}).decode()


class Quorum(NamedTuple):
    """The rule by which enough witnesses have signed."""

    text: str
    """A number, or a group of names as `Requirement` writes it; empty: all of them."""
    every: timedelta
    """One checkpoint is kept for ever in that time."""
    lost: datetime | None
    """Since when too few give a line; `None` while enough do."""

    @property
    def has_groups(self) -> bool:
        """True for a rule that names witnesses, false for a number of them."""
        return bool(self.text) and not (self.text.isascii() and self.text.isdigit())

    def requirement(self, names: Iterable[str]) -> Requirement | None:
        """The requirement of so many of these names; `None` where there is no witness.

        Raises `Malformed` for a rule that they cannot meet, or that names others.
        """
        witnesses = tuple(dict.fromkeys(names))
        if not witnesses:
            return None
        if self.has_groups:
            required = Requirement.parse(self.text)
            if absent := required.names - set(witnesses):
                raise Malformed.saying("the quorum names {name}, which is not asked", name=min(absent))
            WitnessQuorum(required, witnesses)  # as verifiers read it
            return required
        needed = int(self.text[:9]) if self.text else len(witnesses)
        if not 1 <= needed <= len(witnesses):
            raise Malformed.saying(
                "a quorum of {needed} cannot be had from {count} witnesses",
                needed=needed,
                count=len(witnesses),
            )
        return Requirement(needed, witnesses)


class Cosigned:
    """The checkpoints of a folder's log that witnesses have cosigned; none where nobody named a witness.

    Several processes may use it at once. Every method raises `Unavailable` or `Damaged` where the file or the
    disk fails; what it keeps is durable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _database(self) -> Database:
        return open_outbox(self.folder)

    # Whom the log asks

    def add(self, key: VerifierKey, url: str) -> LogWitness:
        """Ask a witness from now on, or at another address.

        It says itself what it has cosigned so far when it is asked first. One that signs with several keys is
        added with each; it counts once. Raises `Conflict` for a name that another one has, and for too many;
        `Malformed` for the key of a log.
        """
        if key.type is SignatureType.ED25519:
            raise Malformed.saying("the key of the witness {name} is that of a log", name=key.name)
        with self._database.writing() as connection:
            before = _witnesses(connection)
            address = url.rstrip("/")
            # Rules go by the name: two witnesses of one name would count as one.
            if any(each.key != key and each.key.name == key.name and each.url != address for each in before):
                raise Conflict.saying("another witness is called {name}", name=key.name)
            if len(before) >= MOST and all(each.key != key for each in before):
                raise Conflict.saying("a log has {most} witnesses at the most", most=MOST)
            connection.execute(
                "INSERT INTO witness VALUES (?, ?, 0, NULL, NULL, NULL) "
                "ON CONFLICT (vkey) DO UPDATE SET url = excluded.url",
                (str(key), address),
            )
            _judge_anew(connection)
            return next(each for each in _witnesses(connection) if each.key == key)

    def remove(self, name: str) -> None:
        """Ask a witness no longer, by its name, or one of its keys, by the vkey; its lines stay.

        Raises `NotFound`, and `Malformed` where the quorum cannot be met without it.
        """
        with self._database.writing() as connection:
            keys = [each.key for each in _witnesses(connection) if name in (each.key.name, str(each.key))]
            if not keys:
                raise NotFound.saying("no witness is called {name}", name=name)
            connection.executemany("DELETE FROM witness WHERE vkey = ?", [(str(key),) for key in keys])
            _judge_anew(connection)

    def require(self, rule: str | None = None, every: timedelta | None = None) -> None:
        """Have so many witnesses be enough, and one checkpoint kept in that time; `None` leaves as it is.

        Raises `Malformed` for a rule that the witnesses here cannot meet.
        """
        with self._database.writing() as connection:
            before = _quorum(connection)
            text = before.text if rule is None else rule
            pace = before.every if every is None else every
            _write_quorum(connection, before._replace(text=text, every=pace))
            _judge_anew(connection)

    def witnesses(self) -> list[LogWitness]:
        """The witnesses that are asked, by name."""
        return self._reading(_witnesses, [])

    def quorum(self) -> Quorum:
        """The rule, the pace, and since when the quorum is lost."""
        return self._reading(_quorum, Quorum("", EVERY, None))

    # What they answered

    def answered(
        self, key: VerifierKey, size: int, time: datetime | None, problem: str = "", said: int | None = None
    ) -> None:
        """Record what a witness answered: a line on the checkpoint of a size, or a problem."""
        with self._database.writing() as connection:
            if time is not None:
                connection.execute(
                    "UPDATE witness SET size = max(size, ?), time = ?, problem = NULL, said = NULL "
                    "WHERE vkey = ?",
                    (size, int(time.timestamp()), str(key)),
                )
            else:
                connection.execute(
                    "UPDATE witness SET problem = ?, said = ? WHERE vkey = ?", (problem, said, str(key))
                )

    def keep(self, checkpoint: Checkpoint, lines: Mapping[VerifierKey, bytes], now: datetime) -> bool:
        """Keep a checkpoint with these lines of witnesses, if they are enough; true if they are.

        Lines that were kept with it before stay: theirs are the earlier times.
        """
        moment = int(now.timestamp())
        with self._database.writing() as connection:
            note = _with_lines(checkpoint, self._lines(connection, checkpoint), lines)
            # Too few lines are not kept: a bundle with them would look as if the quorum had signed.
            if not _met(connection, note):
                return False
            _keep(connection, checkpoint.size, note, moment)
            _write_quorum(connection, _quorum(connection)._replace(lost=None))
            return True

    def lose(self, now: datetime) -> None:
        """Record that too few witnesses have answered."""
        with self._database.writing() as connection:
            if (quorum := _quorum(connection)).lost is None:
                _write_quorum(connection, quorum._replace(lost=now))

    def signers(self, checkpoint: Checkpoint) -> frozenset[VerifierKey]:
        """The witnesses whose lines are kept with this very checkpoint."""
        none: list[tuple[str, bytes, bytes]] = []
        lines = self._reading(lambda connection: self._lines(connection, checkpoint), none)
        # By key id as well: a witness that changed its key has not signed with the new one.
        places = {(name, key_id) for name, key_id, _ in lines}
        return frozenset(each.key for each in self.witnesses() if (each.key.name, each.key.id) in places)

    def is_met(self, note: bytes) -> bool:
        """True for a note with the lines of enough witnesses, or where no witness is asked."""
        witnesses = self.witnesses()
        return not witnesses or self._reading(lambda connection: _met(connection, note), False)

    def show(self, note: bytes) -> None:
        """Record a note of the log that a witness shows, and that the log here does not continue."""
        self._database.write("INSERT OR IGNORE INTO elsewhere VALUES (?)", note)

    @staticmethod
    def _lines(connection: OpenDatabase, checkpoint: Checkpoint) -> list[tuple[str, bytes, bytes]]:
        """The witnesses' lines that are kept with a checkpoint; with one of another clock there are none."""
        rows = connection.execute("SELECT note FROM cosigned WHERE size = ?", (checkpoint.size,))
        for (note,) in rows:
            # A log that was put back may have had another checkpoint of this size, with lines of its own.
            if note.startswith(checkpoint.note):
                return [*Checkpoint.parse(note).signatures[len(checkpoint.signatures) :]]
        return []

    # What others are given

    def elsewhere(self) -> list[bytes]:
        """The notes of the log that witnesses have shown, and that it did not continue then."""
        return [bytes(note) for (note,) in self._rows("SELECT note FROM elsewhere")]

    def earliest(self, index: int) -> bytes | None:
        """The note of the smallest checkpoint that meets the quorum and has the entry, if there is one."""
        rows = self._rows("SELECT note FROM cosigned WHERE size > ? AND met = 1 ORDER BY size LIMIT 1", index)
        return next((bytes(note) for (note,) in rows), None)

    def newest(self) -> bytes | None:
        """The note of the longest checkpoint that meets the quorum, if there is one."""
        rows = self._rows("SELECT note FROM cosigned WHERE met = 1 ORDER BY size DESC LIMIT 1")
        return next((bytes(note) for (note,) in rows), None)

    def size(self) -> int | None:
        """The number of entries that a checkpoint with a quorum holds; `None` where no witness is asked."""
        if not self.witnesses():
            return None
        rows = self._rows("SELECT max(size) FROM cosigned WHERE met = 1")
        return next((size for (size,) in rows), None) or 0

    def _reading(self, read: Callable[[OpenDatabase], _T], otherwise: _T) -> _T:
        if not (self.folder / FILE).exists():  # and looking makes none
            return otherwise
        with self._database.reading() as connection:
            return read(connection)

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._reading(lambda connection: connection.execute(query, values).fetchall(), [])


def _witnesses(connection: OpenDatabase) -> list[LogWitness]:
    rows = connection.execute("SELECT vkey, url, size, time, problem, said FROM witness ORDER BY vkey")
    return [
        LogWitness(VerifierKey.parse(vkey), url, size, _moment(time), problem or "", stated)
        for vkey, url, size, time, problem, stated in rows
    ]


def _quorum(connection: OpenDatabase) -> Quorum:
    for rule, every, lost in connection.execute("SELECT rule, every, lost FROM quorum"):
        return Quorum(rule, timedelta(seconds=every), _moment(lost))
    return Quorum("", EVERY, None)


def _write_quorum(connection: OpenDatabase, quorum: Quorum) -> None:
    lost = None if quorum.lost is None else int(quorum.lost.timestamp())
    connection.execute(
        "INSERT OR REPLACE INTO quorum VALUES (1, ?, ?, ?)",
        (quorum.text, int(quorum.every.total_seconds()), lost),
    )


def _judge_anew(connection: OpenDatabase) -> None:
    """Hold every checkpoint that is kept against the rule as it is now. Raises `Malformed` as it does."""
    # All at once, or a checkpoint would count by a rule that was taken back.
    for size, note in connection.execute("SELECT size, note FROM cosigned").fetchall():
        met = _met(connection, note)
        connection.execute("UPDATE cosigned SET met = ? WHERE size = ?", (met, size))
    _required(connection)


def _required(connection: OpenDatabase) -> tuple[Requirement | None, list[VerifierKey]]:
    keys = [each.key for each in _witnesses(connection)]
    return _quorum(connection).requirement(key.name for key in keys), keys


def _met(connection: OpenDatabase, note: bytes) -> bool:
    required, keys = _required(connection)
    places = {(name, key_id) for name, key_id, _ in Checkpoint.parse(note).signatures}
    # By name and key id (C2SP signed-note): a line under a witness's name alone may be anybody's.
    seen = {key.name: _ANY for key in keys if (key.name, key.id) in places}
    return required is not None and required.met_by(seen) is not None


def _keep(connection: OpenDatabase, size: int, note: bytes, moment: int) -> None:
    every = int(_quorum(connection).every.total_seconds())
    # What was taken in later than now is taken to be of now: after a clock that was ahead, nothing would be
    # kept for as long (ADR 56).
    connection.execute("UPDATE cosigned SET taken = ?1 WHERE taken > ?1", (moment,))
    # WHERE true: SQLite would otherwise take ON CONFLICT for the ON of a join.
    connection.execute(
        "INSERT INTO cosigned SELECT ?1, ?2, ?3, "
        "NOT EXISTS (SELECT * FROM cosigned WHERE kept = 1 AND met = 1 AND taken > ?4), 1 WHERE true "
        "ON CONFLICT (size) DO UPDATE SET note = excluded.note, met = 1",
        (size, note, moment, moment - every),
    )
    connection.execute("DELETE FROM cosigned WHERE kept = 0 AND size < (SELECT max(size) FROM cosigned)")


def _with_lines(
    checkpoint: Checkpoint,
    before: Iterable[tuple[str, bytes, bytes]],
    lines: Mapping[VerifierKey, bytes],
) -> bytes:
    kept = {(name, key_id): signature_line(name, key_id, signature) for name, key_id, signature in before}
    new = {(key.name, key.id): line for key, line in lines.items()}
    return checkpoint.note + b"".join({**new, **kept}.values())


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
