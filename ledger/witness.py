"""A witness of other people's logs (C2SP tlog-witness): it signs a log's checkpoint only where that continues
the one that it signed last, and states when.

`WitnessState` is one SQLite file: the logs, what was signed of each, and what proves that one is forked. To
compare and to keep are one transaction in it, durable before anything is answered. `Witness` signs.
"""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from keys import PublicKey, Signer
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem
from wire.sqlite import Database, OpenDatabase

from . import merkle
from .log import time_to_sign
from .note import LARGEST_NOTE, Checkpoint, SignatureType, VerifierKey, decode_base64, signature_line
from .problem import (
    LOG_NOT_WITNESSED,
    NOT_CONTINUED,
    NOT_SIGNED_BY_LOG,
    OTHER_ROOT,
    WITNESS_AT_OTHER_SIZE,
    InvalidEvidence,
)

_MOST_HASHES = 63  # lines of a consistency proof: a client MUST NOT send more (tlog-witness, add-checkpoint)
LARGEST_REQUEST = LARGEST_NOTE + (1 << 12)
"""Bytes of a request: the longest signed note, and before it an old size and 63 hashes in base64."""
_LARGEST_SIZE = (1 << 63) - 1  # of a log: what SQLite counts up to, and as far as tlog-tiles goes
_LONGEST_ORIGIN = 255  # bytes; what a cosignature with ML-DSA-44 can name (tlog-cosignature)
_REMEMBERED = 256  # notes of a log that later ones are held against; whoever has its key can fill them
_FORKS = 16  # that are kept of one log: the first proves all
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
Cosign = Callable[[datetime | None], tuple[datetime, bytes]]
"""Given the time of a log's last cosignature, the time and the line of the next."""
_WHAT = "the state of the witness"
_STEPS = (
    """
CREATE TABLE witness (vkey TEXT PRIMARY KEY) WITHOUT ROWID; -- one row: whose state this is
CREATE TABLE log (
  origin TEXT PRIMARY KEY,
  hash TEXT UNIQUE NOT NULL, -- SHA-256 of the origin in hexadecimal, by which monitors ask
  vkey TEXT UNIQUE, -- NULL: it is witnessed no longer; what was signed of it is never forgotten
  url TEXT NOT NULL,
  size INTEGER NOT NULL, -- of the newest checkpoint that was cosigned
  root BLOB NOT NULL,
  time INTEGER, -- that its cosignature states
  note BLOB -- with the log's line and the witness's
) WITHOUT ROWID;
CREATE TABLE signed ( -- by the log, the last ones that were seen, cosigned or refused
  id INTEGER PRIMARY KEY,
  origin TEXT NOT NULL, vkey TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
  note BLOB NOT NULL,
  UNIQUE (origin, vkey, size, root)
);
CREATE TABLE fork ( -- two notes of one size: for ever
  origin TEXT NOT NULL, vkey TEXT NOT NULL, size INTEGER NOT NULL,
  one BLOB NOT NULL, other BLOB NOT NULL,
  PRIMARY KEY (origin, vkey, size)
) WITHOUT ROWID;
CREATE TABLE refused (
  origin TEXT NOT NULL, code TEXT NOT NULL,
  times INTEGER NOT NULL,
  PRIMARY KEY (origin, code)
) WITHOUT ROWID;
""",
)


class AddCheckpoint(NamedTuple):
    """What a log asks for by `add-checkpoint`: a cosignature on `checkpoint`, which continues a tree."""

    old: int
    """The size of the tree that the proof starts from."""
    proof: Sequence[bytes]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """The parts of a request's body. Raises `Malformed`, and `TooLarge` for a note above 128 KiB."""
        head, _, note = body.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        old = _OLD.fullmatch(first)
        if old is None or len(lines) > _MOST_HASHES:
            raise Malformed("the request does not begin with an old size and at most 63 hashes")
        proof = [decode_base64(line, "A hash of the consistency proof") for line in lines]
        if any(len(hashed) != merkle.HASH_SIZE for hashed in proof):
            raise Malformed("a hash of the consistency proof is not 32 bytes")
        checkpoint = Checkpoint.parse(note)
        # Nothing has 2^63 entries; such a size would be the last that the witness ever signs.
        if checkpoint.size > _LARGEST_SIZE:
            raise Malformed("the checkpoint is of 2^63 entries or more")
        return cls(int(old[1]), proof, checkpoint)

    def write(self) -> bytes:
        """The body that is sent."""
        lines = b"".join(map(binascii.b2a_base64, self.proof))
        return b"old %d\n%b\n%b" % (self.old, lines, self.checkpoint.note)


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """A log, and what a witness has signed and refused of it."""

    origin: str
    key: VerifierKey | None
    """By which it signs; `None` once it was removed."""
    url: str
    size: int
    time: datetime | None
    """That the newest cosignature states; `None` before the first."""
    refused: Mapping[str, int]
    """How many requests, by the code of what was wrong with them."""
    forks: int

    @property
    def hash(self) -> str:
        """By which monitors ask for it."""
        return origin_hash(self.origin)


class Fork(NamedTuple):
    """Two notes, both signed by one log's key, with two roots for one size: anybody can see that."""

    origin: str
    key: VerifierKey
    size: int
    notes: tuple[bytes, bytes]


def origin_hash(origin: str) -> str:
    """SHA-256 of a log's name, in hexadecimal: its name in addresses (tlog-witness, monitoring)."""
    return sha256(origin.encode()).hexdigest()


class WitnessState:
    """The file of one witness. Several processes may use it at once; what they were told is durable.

    Every method raises `Unavailable` or `Damaged` for what the file or the disk refuses.
    """

    key: VerifierKey
    """By which others check what the witness signs."""

    def __init__(self, path: Path, public_key: PublicKey) -> None:
        """Opens the state of the witness that signs with this key.

        Raises `Damaged` where it is gone, or another's: a key without its state would sign a second history.
        """
        if not path.exists():
            raise Damaged.saying("{file} is gone: what this witness has signed is not known", file=str(path))
        self._database = Database(path, _STEPS, _WHAT)
        rows = self._database.read("SELECT vkey FROM witness")
        keys = [VerifierKey.parse(vkey) for (vkey,) in rows]
        if [key.public_key for key in keys] != [public_key]:
            raise Damaged.saying("{file} is not the state of the witness with this key", file=str(path))
        (self.key,) = keys

    @classmethod
    def create(cls, path: Path, key: VerifierKey) -> WitnessState:
        """The state of a new witness, which has signed nothing. Raises `Conflict` where there is one."""
        with Database(path, _STEPS, _WHAT).writing() as connection:
            if connection.execute("SELECT * FROM witness").fetchall():
                raise Conflict.saying("there is the state of a witness already: {file}", file=str(path))
            connection.execute("INSERT INTO witness VALUES (?)", (str(key),))
        return cls(path, key.public_key)

    def add(self, key: VerifierKey, url: str, origin: str | None = None) -> None:
        """Has a log be witnessed from now on, which is named as its key unless `origin` says otherwise.

        One that was removed goes on from what was signed of it, if under another key. Raises `Conflict` for a
        log or a key that is witnessed already, `Malformed` for a witness's key and what cannot be a name.
        """
        name = key.name if origin is None else origin
        if not name.isprintable() or not 0 < len(name.encode()) <= _LONGEST_ORIGIN:
            raise Malformed("the name of a log is a line of 1 to 255 bytes")
        if key.type is not SignatureType.ED25519:
            raise Malformed.saying("the key of the log {log} is that of a witness", log=name)
        with self._database.writing() as connection:
            for other, vkey in connection.execute("SELECT origin, vkey FROM log WHERE vkey IS NOT NULL"):
                # One key for two logs: a note of either would be taken for one of the other.
                is_same_key = VerifierKey.parse(vkey).public_key == key.public_key
                if (other == name) != is_same_key:
                    raise Conflict.saying("the log {log} is witnessed already, under its key", log=other)
            connection.execute(
                "INSERT INTO log VALUES (?1, ?2, ?3, ?4, 0, ?5, NULL, NULL) "
                "ON CONFLICT (origin) DO UPDATE SET vkey = ?3, url = ?4",
                (name, origin_hash(name), str(key), url, merkle.EMPTY_ROOT),
            )

    def remove(self, origin: str) -> None:
        """Has a log be witnessed no longer; what was signed of it stays known. Raises `NotFound`."""
        with self._database.writing() as connection:
            found = connection.execute(
                "UPDATE log SET vkey = NULL WHERE origin = ? AND vkey IS NOT NULL", (origin,)
            )
            if not found.rowcount:
                raise _not_witnessed()

    def logs(self) -> list[WitnessedLog]:
        """All that are or were witnessed, by name."""
        with self._database.reading() as connection:
            refused: dict[str, dict[str, int]] = {}
            for origin, code, times in connection.execute("SELECT * FROM refused ORDER BY origin, code"):
                refused.setdefault(origin, {})[code] = times
            forks = dict(connection.execute("SELECT origin, count(*) FROM fork GROUP BY origin"))
            rows = connection.execute("SELECT origin, vkey, url, size, time FROM log ORDER BY origin")
            return [
                WitnessedLog(
                    origin,
                    None if vkey is None else VerifierKey.parse(vkey),
                    url,
                    size,
                    _moment(time),
                    refused.get(origin, {}),
                    forks.get(origin, 0),
                )
                for origin, vkey, url, size, time in rows
            ]

    def accept_clock(self, ahead: Iterable[WitnessedLog], now: datetime) -> None:
        """Has the next cosignature of these logs follow `now`, and not one by a clock that was ahead.

        A log that was cosigned since is left as it is: what was agreed to is this one time (ADR 20).
        """
        with self._database.writing() as connection:
            for log in ahead:
                assert log.time is not None
                times = int(now.timestamp()), log.origin, int(log.time.timestamp())
                connection.execute("UPDATE log SET time = ? WHERE origin = ? AND time = ?", times)

    def forks(self) -> list[Fork]:
        """What proves of each log that it is forked."""
        found = self._database.read("SELECT * FROM fork ORDER BY origin, vkey, size")
        return [
            Fork(origin, VerifierKey.parse(vkey), size, (one, other))
            for origin, vkey, size, one, other in found
        ]

    def checkpoint(self, hashed: str) -> bytes:
        """The newest checkpoint that was cosigned of a log, by the hash of its name, with both their lines.

        Raises `NotFound`.
        """
        for (note,) in self._database.read("SELECT note FROM log WHERE hash = ?", hashed):
            if note is not None:
                return bytes(note)
        raise NotFound("no checkpoint of such a log was cosigned here")

    def key_of(self, origin: str) -> VerifierKey:
        """The key of a log that is witnessed. Raises `NotFound` (`LOG_NOT_WITNESSED`)."""
        for (vkey,) in self._database.read("SELECT vkey FROM log WHERE origin = ?", origin):
            if vkey is not None:
                return _parsed(vkey)
        raise _not_witnessed()

    def refuse(self, origin: str, problem: Problem) -> None:
        """Counts a request that was refused; of logs that are known, so that nobody fills the file."""
        with self._database.writing() as connection:
            _count(connection, origin, problem)

    def advance(
        self,
        request: AddCheckpoint,
        key: VerifierKey,
        note: bytes,
        cosign: Cosign,
    ) -> bytes:
        """The cosignature on a log's `note`, its own line verified: once that continues what was cosigned.

        All of it is one transaction: of two requests at once the second sees what the first one left. Else
        an older tree could follow a newer one (tlog-witness, add-checkpoint). Raises as
        `Witness.add_checkpoint`.
        """
        with self._database.writing() as connection:
            found = self._continued(connection, request, key, note)
            if isinstance(found, Problem):
                _count(connection, request.checkpoint.origin, found)
            else:
                time, line = cosign(found)
                connection.execute(
                    "UPDATE log SET size = ?, root = ?, time = ?, note = ? WHERE origin = ?",
                    (
                        request.checkpoint.size,
                        request.checkpoint.root,
                        int(time.timestamp()),
                        note + line,
                        request.checkpoint.origin,
                    ),
                )
        if isinstance(found, Problem):  # raised inside, it would undo what was kept
            raise found
        return line

    def _continued(
        self, connection: OpenDatabase, request: AddCheckpoint, key: VerifierKey, note: bytes
    ) -> datetime | Problem | None:
        """The time of the last cosignature, where the request fits; else what is wrong with it."""
        checkpoint = request.checkpoint
        origin, size, root = checkpoint.origin, checkpoint.size, checkpoint.root
        row = connection.execute(
            "SELECT vkey, size, root, time FROM log WHERE origin = ?", (origin,)
        ).fetchone()
        if row[0] != str(key):  # removed, or under another key, since the signature was looked at
            return _not_witnessed()
        _, known_size, known_root, time = row
        _keep_fork(connection, checkpoint, key, note)
        if request.old > size:
            return Malformed("the old size is above that of the checkpoint")
        if request.old != known_size:
            return WITNESS_AT_OTHER_SIZE.saying(
                "the newest checkpoint here is of {size} entries", size=known_size
            )
        if size == known_size and root != known_root:
            return OTHER_ROOT.saying(
                "another root was cosigned for the log of {size} entries", size=known_size
            )
        try:
            merkle.verify_consistency(known_size, known_root, size, root, request.proof)
        except InvalidEvidence as problem:  # accuses nobody: whoever relays a genuine note makes up the proof
            return NOT_CONTINUED.saying("the consistency proof does not hold: {why}", why=problem)
        return _moment(time)


class Witness:
    """Signs checkpoints of the logs of a state, at the time by `clock`."""

    def __init__(self, state: WitnessState, signer: Signer, clock: Callable[[], datetime]) -> None:
        self.state, self._signer, self._clock = state, signer, clock

    def add_checkpoint(self, body: bytes) -> bytes:
        """The cosignature line that answers a request (tlog-witness, add-checkpoint), once it is durable.

        Raises `Malformed` for what is no request, or has an old size above the new one, `LOG_NOT_WITNESSED`,
        `NOT_SIGNED_BY_LOG`, `WITNESS_AT_OTHER_SIZE` with the fact `size`, `OTHER_ROOT`, `NOT_CONTINUED`;
        `CLOCK_BEHIND` as `time_to_sign`, and what the state raises.
        """
        request = AddCheckpoint.parse(body)
        checkpoint = request.checkpoint
        key = self.state.key_of(checkpoint.origin)
        try:
            # Lines of other keys are ignored. One of this key that fails spoils the note (signed-note).
            is_signed = key in checkpoint.signers([key])
        except InvalidEvidence:
            is_signed = False
        if not is_signed:
            problem = NOT_SIGNED_BY_LOG(
                "the checkpoint is not signed by the log, or not with the key known here"
            )
            self.state.refuse(checkpoint.origin, problem)
            raise problem
        return self.state.advance(
            request, key, _signed_by(key, checkpoint), functools.partial(self._cosign, checkpoint)
        )

    def _cosign(self, checkpoint: Checkpoint, last: datetime | None) -> tuple[datetime, bytes]:
        time = time_to_sign(self._clock(), last)
        return time, self.state.key.sign(self._signer, checkpoint.text, time)


def _signed_by(key: VerifierKey, checkpoint: Checkpoint) -> bytes:
    """The note with no line but the log's: the rest is unsigned, and by whoever sent it."""
    own = next(line for line in checkpoint.signatures if line[:2] == (key.name, key.id))
    return checkpoint.text + b"\n" + signature_line(*own)


def _keep_fork(connection: OpenDatabase, checkpoint: Checkpoint, key: VerifierKey, note: bytes) -> None:
    """Holds a log's note against those that it signed before, and keeps two that contradict each other."""
    place = checkpoint.origin, str(key), checkpoint.size
    connection.execute(
        "INSERT OR IGNORE INTO fork SELECT origin, vkey, size, note, ?1 FROM signed "
        "WHERE origin = ?2 AND vkey = ?3 AND size = ?4 AND root != ?5 "
        "AND (SELECT count(*) FROM fork WHERE origin = ?2) < ?6 ORDER BY id LIMIT 1",
        (note, *place, checkpoint.root, _FORKS),
    )
    kept = connection.execute(
        "INSERT OR IGNORE INTO signed (origin, vkey, size, root, note) VALUES (?, ?, ?, ?, ?)",
        (*place, checkpoint.root, note),
    )
    if kept.rowcount:  # the oldest goes, but never what was cosigned last
        connection.execute(
            "DELETE FROM signed WHERE origin = ?1 AND size != (SELECT size FROM log WHERE origin = ?1) "
            "AND id NOT IN (SELECT id FROM signed WHERE origin = ?1 ORDER BY id DESC LIMIT ?2)",
            (checkpoint.origin, _REMEMBERED),
        )


def _count(connection: OpenDatabase, origin: str, problem: Problem) -> None:
    connection.execute(
        "INSERT INTO refused VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
        (origin, problem.code),
    )


def _not_witnessed() -> NotFound:
    return LOG_NOT_WITNESSED("no log of this name is witnessed here")


def _moment(time: int | None) -> datetime | None:
    return None if time is None else datetime.fromtimestamp(time, UTC)


_parsed = functools.lru_cache(maxsize=64)(VerifierKey.parse)
