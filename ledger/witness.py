"""A witness of other people's logs (C2SP tlog-witness): it signs a log's checkpoint only where that continues
the one that it signed last, and states when.

`WitnessState` is one SQLite file: the logs, the notes that were signed of each, and proofs of forks. To
compare and to keep are one transaction in it, durable before anything is answered. `Witness` signs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from keys import PublicKey, Signer
from keys.mldsa import MlDsaKey, MlDsaSigner
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, Refused
from wire.sqlite import Database, OpenDatabase
from wire.turns import Turns

from . import merkle
from .add_checkpoint import AddCheckpoint
from .log import time_to_sign
from .note import (
    LARGEST_NOTE,
    LONGEST_NAME,
    Checkpoint,
    SignatureType,
    VerifierKey,
    signature_line,
)
from .problem import (
    LOG_NOT_WITNESSED,
    NOT_SIGNED_BY_LOG,
    OLD_WITNESS_STATE,
    WITNESS_NOT_SURE,
    InvalidEvidence,
)
from .tiles.disk import KeptCheckpoint

_REMEMBERED = 256  # notes of a log that later ones are held against, the largest: its key can sign any number
_FORKS = 16  # that are kept of one log: the first proves all
Cosign = Callable[[Checkpoint, datetime | None], tuple[datetime, bytes]]
"""Returns time and line of the next cosignature, from a checkpoint and the time of the log's last one."""
_WHAT = "the state of the witness"
_STEPS = (
    """
CREATE TABLE witness ( -- one row: whose state this is, and how often it was kept
  vkey TEXT PRIMARY KEY,
  kept INTEGER NOT NULL
) WITHOUT ROWID;
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
CREATE TABLE signed ( -- by the log, cosigned or refused: of each size the first one that was seen
  origin TEXT NOT NULL, size INTEGER NOT NULL, vkey TEXT NOT NULL,
  root BLOB NOT NULL,
  note BLOB NOT NULL,
  PRIMARY KEY (origin, size, vkey)
) WITHOUT ROWID;
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
    """
CREATE TABLE peer ( -- another hub, which is asked what it has seen
  vkey TEXT PRIMARY KEY,
  url TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE seen ( -- the newest checkpoint that was read at the log
  origin TEXT PRIMARY KEY,
  note BLOB NOT NULL -- with all its lines
) WITHOUT ROWID;
ALTER TABLE witness ADD COLUMN alone INTEGER NOT NULL DEFAULT 0; -- 1: it signs without asking a peer
ALTER TABLE witness ADD COLUMN second TEXT; -- the key of its lines with ML-DSA-44
ALTER TABLE log ADD COLUMN unsure TEXT; -- the code of the problem that peers could not be asked
""",
)


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """A log, and a summary of the requests that a witness has signed and refused."""

    origin: str
    key: VerifierKey | None
    """The log's key; `None` once the log was removed."""
    url: str
    size: int
    time: datetime | None
    """The time of the newest cosignature; `None` before the first."""
    refused: Mapping[str, int]
    """The number of refused requests by the code of their problem."""
    forks: int
    unsure: str | None = None
    """The code of the problem for which nothing of it was signed since the start, if there is one."""

    @property
    def hash(self) -> str:
        """The name by which monitors ask for the log (tlog-witness, monitoring)."""
        return origin_hash(self.origin)


class Peer(NamedTuple):
    """Another hub, by the key of its witness, and the address below which that is."""

    key: VerifierKey
    url: str


class Fork(NamedTuple):
    """Two notes, both signed by one log's key, with two roots for one size: a proof for anybody.

    The second one may be of a larger size. It is then given as a request by `add-checkpoint`, whose proof
    starts from another root than that of the first.
    """

    origin: str
    key: VerifierKey
    size: int
    notes: tuple[bytes, bytes]


def _kept_beside(kept: KeptCheckpoint) -> tuple[int, Mapping[str, int]]:
    """The number of times that a state was kept, and the size of each log, by the file beside its folder.

    Raises `Damaged` for another file in its place.
    """
    data = kept.read()
    if data is None:
        return 0, {}
    try:
        first, *lines = data.decode().removesuffix("\n").split("\n")
        sizes = (line.split(" ", 1) for line in lines)
        return int(first), {origin: int(size) for size, origin in sizes}
    # ADR 13: whoever empties it would else have an older copy sign.
    except ValueError:
        raise Damaged("the file beside the hub's folder is not what was written there") from None


def origin_hash(origin: str) -> str:
    """SHA-256 of a log's name, in hexadecimal: its name in addresses (tlog-witness, monitoring)."""
    return sha256(origin.encode()).hexdigest()


class WitnessState:
    """The file of one witness. Several processes may use it at once; every answer is durable.

    Every method raises `Unavailable` or `Damaged` where the file or the disk fails.
    """

    key: VerifierKey
    """The key by which others check the witness's cosignatures."""
    second: VerifierKey | None
    """The key for those with ML-DSA-44, if it makes any."""

    def __init__(self, path: Path, public_key: PublicKey | MlDsaKey, *, kept: Path | None = None) -> None:
        """Open the state of the witness that signs with this key; the file `kept` is beside its folder.

        Raises `Damaged` where the state is gone, is another witness's, or is older than `kept` says: with an
        older copy the witness would sign a second history (ADR 13).
        """
        if not path.exists():
            raise Damaged.saying("{file} is gone: what this witness has signed is not known", file=str(path))
        self._database = Database(path, _STEPS, _WHAT)
        rows = self._database.read("SELECT vkey, second FROM witness")
        keys = [VerifierKey.parse(vkey) for vkey, _ in rows]
        # Another key's state does not say what this key has signed: it could sign a second history (ADR 71).
        if [key.public_key for key in keys] != [public_key]:
            raise Damaged.saying("{file} is not the state of the witness with this key", file=str(path))
        ((self.key, second),) = zip(keys, (second for _, second in rows), strict=True)
        self.second = VerifierKey.parse(second) if second else None
        self._kept = KeptCheckpoint(kept)
        # ADR 13: what is beside the folder only grows, and no copy of the folder brings it back.
        number, sizes = _kept_beside(self._kept)
        here = {log.origin: log.size for log in self.logs()}
        for origin, had in sizes.items():
            if had > here.get(origin, 0):
                raise OLD_WITNESS_STATE.saying(
                    "{file} is an older copy than was here: the log {log} had {had} entries, and has {size}",
                    file=str(path),
                    log=origin,
                    had=had,
                    size=here.get(origin, 0),
                )
        if number > self._times_kept():
            raise OLD_WITNESS_STATE.saying("{file} is an older copy than was here", file=str(path))

    @classmethod
    def create(
        cls,
        path: Path,
        key: VerifierKey,
        second: VerifierKey | None = None,
        *,
        kept: Path | None = None,
        is_new_key: bool = False,
    ) -> WitnessState:
        """The state of a new witness, which has signed nothing.

        A state that signed nothing yet is replaced. With `is_new_key` another witness's is taken over: its
        logs and how far they were, while what it signed is no longer shown. Raises `Conflict` otherwise.
        """
        with Database(path, _STEPS, _WHAT).writing() as connection:
            before = connection.execute("SELECT kept FROM witness").fetchone()
            # Never replaced: a key without what it has signed could sign a second history (ADR 71).
            if before is not None and before[0] and not is_new_key:
                raise Conflict.saying("there is the state of a witness already: {file}", file=str(path))
            number = max(_kept_beside(KeptCheckpoint(kept))[0], before[0] if before else 0)
            connection.execute("DELETE FROM witness")
            connection.execute("UPDATE log SET time = NULL, note = NULL")
            row = str(key), number, str(second) if second else None
            connection.execute("INSERT INTO witness (vkey, kept, second) VALUES (?, ?, ?)", row)
        # Its key has signed nothing: the sizes are those of another witness.
        KeptCheckpoint(kept).keep(lambda: b"%d\n" % number if number else None)
        return cls(path, key.public_key, kept=kept)

    def _times_kept(self) -> int:
        ((times,),) = self._database.read("SELECT kept FROM witness")
        return int(times)

    def _newest_sizes(self) -> bytes:
        """The number of times that the state was kept, and each log's size and name, for the file beside."""
        rows = self._database.read("SELECT size, origin FROM log WHERE size > 0 ORDER BY origin")
        lines = [f"{size} {origin}\n".encode() for size, origin in rows]
        return b"%d\n%b" % (self._times_kept(), b"".join(lines))

    def add(self, key: VerifierKey, url: str, origin: str | None = None) -> None:
        """Witness a log from now on; its name is that of its key unless `origin` says otherwise.

        A removed log resumes from its last cosigned tree, even under another key. Raises `Conflict` for a log
        or a key that is witnessed already, `Malformed` for a witness's key and an impossible name.
        """
        name = key.name if origin is None else origin
        # The name is shown on terminals and pages (threat A40), and is the first line of checkpoints.
        if not name.isprintable() or not 0 < len(name.encode()) <= LONGEST_NAME:
            raise Malformed("the name of a log is a line of 1 to 255 bytes")
        if key.type is not SignatureType.ED25519:
            raise Malformed.saying("the key of the log {log} is that of a witness", log=name)
        # A note could be made whose text is that of a cosignature (tlog-cosignature, Ed25519 signed message).
        if key.public_key == self.key.public_key:
            raise Conflict.saying("the key of the log {log} is the witness's own", log=name)
        with self._database.writing() as connection:
            for other, vkey in connection.execute("SELECT origin, vkey FROM log WHERE vkey IS NOT NULL"):
                # One key for two logs: a note of either would be taken for one of the other.
                is_same_key = VerifierKey.parse(vkey).public_key == key.public_key
                if (other == name) != is_same_key:
                    raise Conflict.saying("the log {log} is witnessed already, under its key", log=other)
            connection.execute(
                "INSERT INTO log (origin, hash, vkey, url, size, root) VALUES (?1, ?2, ?3, ?4, 0, ?5) "
                "ON CONFLICT (origin) DO UPDATE SET vkey = ?3, url = ?4",
                (name, origin_hash(name), str(key), url, merkle.EMPTY_ROOT),
            )

    def remove(self, origin: str) -> None:
        """Stop witnessing a log; the last cosigned tree stays on record. Raises `NotFound`."""
        with self._database.writing() as connection:
            update = connection.execute(
                "UPDATE log SET vkey = NULL WHERE origin = ? AND vkey IS NOT NULL", (origin,)
            )
            if not update.rowcount:
                raise _not_witnessed()

    def logs(self) -> list[WitnessedLog]:
        """All logs that are or were witnessed, by name."""
        with self._database.reading() as connection:
            refused: dict[str, dict[str, int]] = {}
            for origin, code, times in connection.execute("SELECT * FROM refused ORDER BY origin, code"):
                refused.setdefault(origin, {})[code] = times
            forks = dict(connection.execute("SELECT origin, count(*) FROM fork GROUP BY origin"))
            rows = connection.execute("SELECT origin, vkey, url, size, time, unsure FROM log ORDER BY origin")
            return [
                WitnessedLog(
                    origin,
                    None if vkey is None else VerifierKey.parse(vkey),
                    url,
                    size,
                    _moment(time),
                    refused.get(origin, {}),
                    forks.get(origin, 0),
                    unsure,
                )
                for origin, vkey, url, size, time, unsure in rows
            ]

    def log_keys(self, origin: str) -> list[VerifierKey]:
        """The keys with which a log signed what is remembered of it: a log may have got another one."""
        rows = self._database.read("SELECT DISTINCT vkey FROM signed WHERE origin = ?", origin)
        return [_parsed(vkey) for (vkey,) in rows]

    def accept_clock(self, ahead: Iterable[WitnessedLog], now: datetime) -> None:
        """Let the next cosignature of these logs follow `now`, not one by a clock that was ahead.

        A log that was cosigned since is left as it is: the operator agreed to this one time (ADR 20).
        """
        with self._database.writing() as connection:
            for log in ahead:
                assert log.time is not None
                times = int(now.timestamp()), log.origin, int(log.time.timestamp())
                connection.execute("UPDATE log SET time = ? WHERE origin = ? AND time = ?", times)

    def compare(self, checkpoint: Checkpoint) -> bytes:
        """Keep a checkpoint that was seen elsewhere, and hold it against earlier ones of its size.

        Returns its note with no line but the log's. A contradiction is kept, as `forks` gives it.

        Raises `NotFound` for a log that is not witnessed, and `Refused` where the log did not sign it.
        """
        with self._database.writing() as connection:
            return self._hold(connection, checkpoint)[0]

    def prove_fork(self, old: Checkpoint, new: Checkpoint, tree: merkle.Subtree) -> bool:
        """Keep two checkpoints that a log signed as a fork, if the tree of the longer one shows that.

        `tree` is that of `new`. Where it begins with another root than that of `old`, the proof of that is
        kept with `new`, as a request by `add-checkpoint`. Returns false where it begins with this root.

        Raises `InvalidEvidence` where `tree` does not give the root of `new`, and what reading it raises.
        """
        # Held against this tree's own root, not that of `old`: anybody can compute it from the proof.
        root = merkle.root(0, old.size, tree)
        proof = merkle.consistency_proof(old.size, new.size, tree)
        merkle.verify_consistency(old.size, root, new.size, new.root, proof)
        if root == old.root:
            return False
        notes = self.compare(old), self.compare(new)
        with self._database.writing() as connection:
            ((vkey,),) = connection.execute("SELECT vkey FROM log WHERE origin = ?", (old.origin,))
            request = AddCheckpoint(old.size, proof, Checkpoint.parse(notes[1])).write()
            _keep_fork(connection, (old.origin, old.size, vkey), notes[0], request)
        return True

    def add_peer(self, peer: Peer) -> None:
        """Ask another hub from now on. Raises `Malformed` for a log's key, `Conflict` for its own."""
        if peer.key.type is not SignatureType.COSIGNATURE:
            raise Malformed.saying("the key of {name} is not that of a witness", name=peer.key.name)
        # ADR 13: what this very witness would say is the copy that it may be itself.
        if peer.key.public_key == self.key.public_key:
            raise Conflict.saying("the key of {name} is the witness's own", name=peer.key.name)
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO peer VALUES (?, ?)", (str(peer.key), peer.url))

    def remove_peer(self, name: str) -> None:
        """Ask another hub no longer, by the name in its key. Raises `NotFound`."""
        keys = [str(peer.key) for peer in self.peers() if peer.key.name == name]
        if not keys:
            raise NotFound.saying("no peer of this hub is called {name}", name=name)
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM peer WHERE vkey = ?", [(key,) for key in keys])

    def peers(self) -> list[Peer]:
        """The other hubs that are asked, by their keys."""
        rows = self._database.read("SELECT vkey, url FROM peer ORDER BY vkey")
        return [Peer(VerifierKey.parse(vkey), url) for vkey, url in rows]

    @property
    def is_alone(self) -> bool:
        """True where the witness signs without asking any peer, as its operator said."""
        return bool(self._database.read("SELECT alone FROM witness")[0][0])

    def set_alone(self, alone: bool) -> None:
        """Keep whether the witness signs without asking any peer."""
        with self._database.writing() as connection:
            connection.execute("UPDATE witness SET alone = ?", (int(alone),))

    def set_unsure(self, origin: str, code: str | None) -> None:
        """Keep why nothing of a log is signed yet, for the operator; `None` once peers were asked."""
        with self._database.writing() as connection:
            connection.execute("UPDATE log SET unsure = ? WHERE origin = ?", (code, origin))

    def keep_seen(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint that was read at its log, if it is the newest; hold it against earlier ones.

        Two roots for one size are kept, as `forks` gives them. Raises `LOG_NOT_WITNESSED`,
        `NOT_SIGNED_BY_LOG`.
        """
        with self._database.writing() as connection:
            self._hold(connection, checkpoint)
            row = connection.execute(
                "SELECT note FROM seen WHERE origin = ?", (checkpoint.origin,)
            ).fetchone()
            note = _newest(row and bytes(row[0]), checkpoint)
            connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (checkpoint.origin, note))

    def seen(self, hashed: str) -> bytes:
        """The newest checkpoint that was read at a log, with all lines, by the hash of its name.

        Empty where none was read yet. Raises `NotFound` for a log that is not witnessed.
        """
        rows = self._database.read(
            "SELECT seen.note FROM log LEFT JOIN seen USING (origin) WHERE hash = ? AND vkey IS NOT NULL",
            hashed,
        )
        if not rows:
            raise _not_witnessed()
        return bytes(rows[0][0] or b"")

    def resume(self, checkpoint: Checkpoint, proof: Sequence[bytes]) -> None:
        """Go on from a checkpoint that others have seen: from now on only trees that extend it are signed.

        With a line of this witness no proof is needed: a newer copy of this state has signed it. Raises
        `OTHER_ROOT` where that contradicts this state, `NOT_CONTINUED` for a larger tree to which it does not
        lead, and as `keep_seen`.
        """
        with self._database.writing() as connection:
            problem = self._resume(connection, checkpoint, proof)
        self._kept.keep(self._newest_sizes)
        if problem:  # after what was found of a fork is kept
            raise problem

    def _resume(
        self, connection: OpenDatabase, checkpoint: Checkpoint, proof: Sequence[bytes]
    ) -> Problem | None:
        note, size, root, time = self._hold(connection, checkpoint)
        signed_here = own_line(self.key, checkpoint)
        if checkpoint.size < size or (signed_here is None and checkpoint.size == size):
            return None
        # A larger checkpoint with this witness's own line needs no proof; any other does.
        is_proved = signed_here is not None and checkpoint.size > size
        if not is_proved:
            try:
                AddCheckpoint(size, proof, checkpoint).require_continues(size, root)
            except Problem as problem:  # what shows of a fork stays
                return problem
        place = checkpoint.size, checkpoint.root, checkpoint.origin
        connection.execute("UPDATE log SET size = ?, root = ? WHERE origin = ?", place)
        if signed_here is not None:
            stamp = max(int(signed_here.time.timestamp()), time or 0)
            signed = stamp, note + signed_here.line, checkpoint.origin
            connection.execute("UPDATE log SET time = ?, note = ? WHERE origin = ?", signed)
        return None

    def _hold(self, connection: OpenDatabase, checkpoint: Checkpoint) -> tuple[bytes, int, bytes, int | None]:
        """The log's own part of a note, held against earlier ones; size, root and time of its state."""
        row = connection.execute(
            "SELECT vkey, size, root, time FROM log WHERE origin = ? AND vkey IS NOT NULL",
            (checkpoint.origin,),
        ).fetchone()
        if row is None:
            raise _not_witnessed()
        vkey, size, root, time = row
        note = signed_part(_parsed(vkey), checkpoint)
        if note is None:
            raise _not_signed()
        _keep(connection, checkpoint, vkey, note, size)
        return note, size, root, time

    def is_forked(self, origin: str) -> bool:
        """True where a proof is kept that a log has two versions."""
        return bool(self._database.read("SELECT 1 FROM fork WHERE origin = ? LIMIT 1", origin))

    def forks(self) -> list[Fork]:
        """The proofs of forks, of every log."""
        rows = self._database.read("SELECT * FROM fork ORDER BY origin, vkey, size")
        return [
            Fork(origin, VerifierKey.parse(vkey), size, (note, other))
            for origin, vkey, size, note, other in rows
        ]

    def checkpoint(self, hashed: str) -> bytes:
        """The newest cosigned checkpoint of a log, by the hash of its name, with the lines of both.

        Raises `NotFound`.
        """
        for (note,) in self._database.read("SELECT note FROM log WHERE hash = ?", hashed):
            if note is not None:
                return bytes(note)
        raise NotFound("no checkpoint of such a log was cosigned here")

    def advance(self, requests: Iterable[AddCheckpoint], cosign: Cosign) -> list[bytes | Problem]:
        """The cosignature that answers each request, or its problem, once everything is durable.

        It is one transaction: of two requests at once the second sees the result of the first. Otherwise an
        older tree could follow a newer one (tlog-witness, add-checkpoint).
        """
        with self._database.writing() as connection:
            answers = [self._counted(connection, request, cosign) for request in requests]
            connection.execute("UPDATE witness SET kept = kept + 1")
        self._kept.keep(self._newest_sizes)
        return answers

    def _counted(self, connection: OpenDatabase, request: AddCheckpoint, cosign: Cosign) -> bytes | Problem:
        answer = self._answer(connection, request, cosign)
        # Counted for logs that are known: else anybody could fill the file.
        if isinstance(answer, Problem) and answer.code != LOG_NOT_WITNESSED.code:
            connection.execute(
                "INSERT INTO refused VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
                (request.checkpoint.origin, answer.code),
            )
        return answer

    def _answer(self, connection: OpenDatabase, request: AddCheckpoint, cosign: Cosign) -> bytes | Problem:
        """The cosignature, kept, where the request fits; otherwise its problem."""
        checkpoint = request.checkpoint
        row = connection.execute(
            "SELECT vkey, size, root, time FROM log WHERE origin = ?", (checkpoint.origin,)
        ).fetchone()
        if row is None or row[0] is None:  # add-checkpoint: 404, before any signature is looked at
            return _not_witnessed()
        vkey, size, root, time = row
        note = signed_part(_parsed(vkey), checkpoint)
        if note is None:
            return _not_signed()
        # Before the request is judged: a fork shows whether or not it is cosigned (ADR 71).
        _keep(connection, checkpoint, vkey, note, size)
        try:
            request.require_continues(size, root)
            stated, line = cosign(checkpoint, _moment(time))
        except Problem as problem:  # the request's, the clock's, or the key's; what was kept stays
            return problem
        connection.execute(
            "UPDATE log SET size = ?, root = ?, time = ?, note = ? WHERE origin = ?",
            (checkpoint.size, checkpoint.root, int(stated.timestamp()), note + line, checkpoint.origin),
        )
        return line


class Witness:
    """Signs checkpoints of a state's logs, at the time of `clock`.

    Requests of several threads are kept together, and so wait for the disk once. Of a log for which
    `is_sure` is false nothing is signed: whether the state is the newest is not known.
    """

    def __init__(
        self,
        state: WitnessState,
        signer: Signer,
        clock: Callable[[], datetime],
        is_sure: Callable[[str], bool] = lambda _: True,
        *,
        second: MlDsaSigner | None = None,
    ) -> None:
        """`second` signs with ML-DSA-44, beside `signer`. Raises `Damaged` unless the state names its key."""
        self.state, self.is_sure = state, is_sure
        self._signer, self._clock, self._second = signer, clock, second
        # Others could not check its lines.
        if second is not None and (state.second is None or state.second.public_key != second.public_key):
            raise Damaged("the state of the witness names another key for ML-DSA-44")
        self._turns: Turns[AddCheckpoint, bytes] = Turns(lambda asked: state.advance(asked, self._cosign))

    def add_checkpoint(self, body: bytes) -> bytes:
        """The cosignature lines that answer a request (tlog-witness, add-checkpoint), once they are durable.

        Raises `Malformed` for a body that is no request, or has an old size above the new one,
        `LOG_NOT_WITNESSED`, `NOT_SIGNED_BY_LOG`, `WITNESS_AT_OTHER_SIZE` with the fact `size`, `OTHER_ROOT`,
        `NOT_CONTINUED`; `WITNESS_NOT_SURE` before peers were asked, `CLOCK_BEHIND` as `time_to_sign`, and
        what the state raises.
        """
        return self._turns(AddCheckpoint.parse(body))

    def _cosign(self, checkpoint: Checkpoint, last: datetime | None) -> tuple[datetime, bytes]:
        # ADR 13: an older copy of the state would sign a second history.
        if not self.is_sure(checkpoint.origin):
            raise WITNESS_NOT_SURE("this witness does not know yet what it signed last")
        # ADR 20: cosignatures of a log never go back in time by themselves.
        time = time_to_sign(self._clock(), last)
        line = self.state.key.sign(self._signer, checkpoint.text, time)
        # tlog-cosignature: it would say nothing of extension lines, which others may take it for.
        if self._second is not None and self.state.second and not checkpoint.has_extensions:
            line += self.state.second.sign(self._second, checkpoint.text, time)
        return time, line


class OwnLine(NamedTuple):
    """A cosignature by a witness, and the time that it states."""

    line: bytes
    time: datetime


def own_line(key: VerifierKey, checkpoint: Checkpoint) -> OwnLine | None:
    """The line of a witness on a checkpoint, if one verifies.

    Others that bear its name are passed over: whoever relays a note may add any, and hide this one.
    """
    for name, key_id, signature in checkpoint.signatures:
        if (name, key_id) == (key.name, key.id):
            try:
                time = key.verify(signature, checkpoint.text)
            except InvalidEvidence:
                continue
            assert time is not None  # of a cosignature
            return OwnLine(signature_line(name, key_id, signature), time)
    return None


def _newest(note: bytes | None, read: Checkpoint) -> bytes:
    """The note of the larger tree; of one text, with the lines of both, as far as there is room."""
    if note is None:
        return read.note
    before = Checkpoint.parse(note)
    if before.text != read.text:
        return read.note if read.size > before.size else note
    # A log could else take back the line by which a witness knows that it has signed (ADR 71).
    added = b"".join(signature_line(*line) for line in read.signatures if line not in before.signatures)
    return note + added if len(note) + len(added) <= LARGEST_NOTE else note


def signed_part(key: VerifierKey, checkpoint: Checkpoint) -> bytes | None:
    """The note with no line but the log's, or `None` where that is missing or fails.

    Lines of other keys are ignored, and not kept: the sender may have added any. A line of this key that does
    not verify spoils the note (signed-note, signatures).
    """
    try:
        # Only the log's own signature may advance or accuse it: first of all checks (ADR 71).
        if key not in checkpoint.signers([key]):
            return None
    except InvalidEvidence:
        return None
    of_log = next(line for line in checkpoint.signatures if line[:2] == (key.name, key.id))
    return checkpoint.text + b"\n" + signature_line(*of_log)


def _keep(connection: OpenDatabase, checkpoint: Checkpoint, vkey: str, note: bytes, cosigned: int) -> None:
    """Keep a log's note. Where an earlier one of that size has another root, both are kept as a fork."""
    place = checkpoint.origin, checkpoint.size, vkey
    before = connection.execute(
        "SELECT note, root FROM signed WHERE origin = ? AND size = ? AND vkey = ?", place
    ).fetchone()
    if before is None:
        connection.execute("INSERT INTO signed VALUES (?, ?, ?, ?, ?)", (*place, checkpoint.root, note))
        # The smallest goes, but never what was cosigned last.
        connection.execute(
            "DELETE FROM signed WHERE origin = ?1 AND size != ?2 AND size < "
            "(SELECT size FROM signed WHERE origin = ?1 ORDER BY size DESC LIMIT 1 OFFSET ?3)",
            (checkpoint.origin, cosigned, _REMEMBERED - 1),
        )
    # threat A44: the log's own signatures on two roots prove the fork to anybody (ADR 71).
    elif before[1] != checkpoint.root:
        _keep_fork(connection, place, before[0], note)


def _keep_fork(connection: OpenDatabase, place: tuple[str, int, str], note: bytes, other: bytes) -> None:
    """Keep what proves a fork of a log, at a size, under its key."""
    connection.execute(
        "INSERT OR IGNORE INTO fork SELECT ?1, ?3, ?2, ?4, ?5 "
        "WHERE (SELECT count(*) FROM fork WHERE origin = ?1) < ?6",
        (*place, note, other, _FORKS),
    )


def _not_witnessed() -> NotFound:
    return LOG_NOT_WITNESSED("no log of this name is witnessed here")


def _not_signed() -> Refused:
    return NOT_SIGNED_BY_LOG("the checkpoint is not signed by the log, or not with the key known here")


def _moment(time: int | None) -> datetime | None:
    return None if time is None else datetime.fromtimestamp(time, UTC)


_parsed = functools.lru_cache(maxsize=64)(VerifierKey.parse)
