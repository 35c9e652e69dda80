"""The encrypted store: named records in one SQLite file that shows neither their names nor their content.

A random data key is wrapped under the passphrase (Argon2id, `keys.envelope`), so that a new passphrase
rewraps one key. Each record is sealed by AES-256-GCM under its place and version, and found by a keyed hash
of its name. The `vault` row seals a digest over the envelope and over the place and version of *every*
record. So a record that was put back, taken out, moved or added is noticed, and so is the former envelope
with its former passphrase. To check that, a call reads fifty bytes of each record; it opens those that it is
for. A whole old file is consistent in itself: the number in the `.seen` file beside it gives that away,
unless that was put back or removed as well. A reader of the file learns how many records there are and how
long each is, nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.envelope import open_envelope, seal
from wire.files import locked, locked_folder, make_private_folder, remove_leftovers, write_durably
from wire.problem import Conflict, Damaged, Malformed, NotFound
from wire.sqlite import LOCK_WAIT, connect, migrate, require_known, sqlite_problems
from wire.strict import load_json_object

from .problem import DAMAGED_WALLET, NO_WALLET, NO_WALLET_BACKUP, WALLET_GONE, WALLET_OUTDATED

_NONCE = 12  # bytes
_SQLITE = b"SQLite format 3\0"
_WAL = (
    b"\2\2"  # the file's format (SQLite's description, 1.3.3): to switch later takes a lock that never waits
)

_STEPS = (
    """
CREATE TABLE IF NOT EXISTS record (place BLOB PRIMARY KEY, version INTEGER, sealed BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vault (row INTEGER PRIMARY KEY, envelope BLOB, version INTEGER, sealed BLOB);
""",
    """
-- To be checked as a whole without reading the rest.
CREATE INDEX IF NOT EXISTS state ON record (place, version);
""",
)
"""Changes of the tables, in their order. A file from before they were numbered has had the first, or both."""

_LARGEST_VALUE = 1 << 25  # bytes; four times the largest bundle


class StoredRecord(NamedTuple):
    """One stored thing: its kind ("key", "credential"), its name within that kind, and its bytes."""

    kind: str
    name: str
    body: bytes


class _State(NamedTuple):
    """The state that the vault vouches for: the last change's number, and each record's version by place.

    A record is opened under the version that stands here, whatever stands beside it.
    """

    version: int
    places: dict[bytes, int]


class EncryptedStore:
    """Records by kind and name, encrypted; durable when a call returns; several processes take turns.

    Every call raises `Damaged` if anything in the file is not as written, and `Unavailable` if the disk
    or another process is in the way.
    """

    def __init__(self, connection: sqlite3.Connection, data_key: bytes) -> None:
        self._connection = connection
        self._data_key = data_key
        self._cipher = AESGCM(hmac.digest(data_key, b"intaglio wallet: records", "sha256"))
        self._place_key = hmac.digest(data_key, b"intaglio wallet: places", "sha256")
        self._seen: Path | None = None

    @classmethod
    def create(cls, path: Path, passphrase: bytes, records: Iterable[StoredRecord] = ()) -> None:
        """Write a new store holding `records`, whole or not at all; `Conflict` if `path` exists."""
        data_key = secrets.token_bytes(32)
        envelope = _envelope(data_key, passphrase)
        with _problems(), closing(_connect(None)) as memory:
            migrate(memory, _STEPS[:1], _WHAT)  # what a release before reads as a backup
            store = cls(memory, data_key)
            for record in records:
                store._write(record, 1)
            store._seal_vault(envelope, 1)
            image = memory.serialize()
        _write_new(path, image[:18] + _WAL + image[20:])

    @classmethod
    def open(cls, path: Path, passphrase: bytes, *, patience: float = LOCK_WAIT) -> Self:
        """The store at `path`; `NotFound` if there is none, `WrongPassphrase` if it does not open it.

        It waits `patience` seconds for another process that writes.
        """
        if not path.is_file():
            raise NO_WALLET.saying("there is no wallet at {file}", file=str(path))
        with _problems():
            connection = _connect(path, patience=patience)
            try:
                require_known(connection, len(_STEPS), _WHAT)
                store = cls(connection, _unwrap(connection, passphrase))
                store._compare_with(_seen_beside(path))
            except BaseException:
                connection.close()
                raise
        return store

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> list[StoredRecord]:
        """All records of a store that nobody writes to, each checked before the first is handed out.

        Raises `NotFound`, `Damaged`, `WrongPassphrase`.
        """
        if not path.is_file():
            raise NotFound.saying("there is no file {file}", file=str(path))
        foreign = NO_WALLET_BACKUP.saying("{file} is no backup of a wallet", file=str(path))
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                raise foreign
        with _problems(), closing(_connect(path, "immutable")) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
            if _tables(connection) not in _known_tables():  # views may have no end
                raise foreign
            if connection.execute("PRAGMA quick_check(1)").fetchone() != (b"ok",):
                raise _damaged("its pages do not fit together")  # they may go round in circles
            return cls(connection, _unwrap(connection, passphrase)).records()

    @staticmethod
    def is_lost(path: Path) -> bool:
        """Return whether a store was here whose file is gone."""
        return _seen_beside(path).exists() and not path.exists()

    @staticmethod
    def examine(path: Path) -> None:
        """Raise `NotFound` or `Damaged` as far as that can be told without the passphrase."""
        if not path.is_file():
            raise WALLET_GONE.saying("there is no wallet at {file}", file=str(path))
        with _problems(), closing(_connect(path)) as connection:
            if connection.execute("PRAGMA quick_check").fetchone() != (b"ok",):
                raise _damaged("its pages do not fit together")
            try:
                load_json_object(_vault(connection)[0])
            except Malformed as error:
                raise _damaged("the wrapped key cannot be read") from error

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def records(self, longest: int | None = None) -> list[StoredRecord]:
        """All records, sorted by kind and name; or those that are stored in at most `longest` bytes.

        Raises `Damaged`.
        """
        content = "sealed" if longest is None else "CASE WHEN length(sealed) <= :longest THEN sealed END"
        select = f"SELECT place, {content} FROM record"  # noqa: S608 -- one of two constants
        with _problems(), self._reading() as state:
            rows = self._connection.execute(select, {"longest": longest}).fetchall()
        if {place for place, _ in rows} != state.places.keys():
            raise _damaged("a record is missing or was added")
        wanted = [row for row in rows if longest is None or row[1] is not None]
        return sorted(self._unseal(place, state.places[place], sealed) for place, sealed in wanted)

    def get(self, kind: str, name: str) -> StoredRecord | None:
        """The record of this kind and name, if there is one; no other is opened. Raises `Damaged`."""
        place = self._place(kind, name)
        with _problems(), self._reading() as state:
            if place not in state.places:
                return None
            row = self._connection.execute("SELECT sealed FROM record WHERE place = ?", (place,)).fetchone()
        if row is None:
            raise _damaged("a record is missing")
        return self._unseal(place, state.places[place], row[0])

    def put(self, record: StoredRecord) -> None:
        """Store a record in place of the one of that kind and name, if there is one."""
        with _problems(), self._writing() as version:
            self._write(record, version)

    def delete(self, kind: str, name: str) -> None:
        """Remove a record; `NotFound` if there is no such record."""
        with _problems(), self._writing():
            deletion = "DELETE FROM record WHERE place = ?"
            if not self._connection.execute(deletion, (self._place(kind, name),)).rowcount:
                raise NotFound.saying("the wallet holds no {kind} {name}", kind=kind, name=name)

    def change_passphrase(self, passphrase: bytes) -> None:
        """Rewrap the data key; copies of the file made before still open with the former passphrase."""
        envelope = _envelope(self._data_key, passphrase)
        with _problems(), self._writing():
            self._connection.execute("UPDATE vault SET envelope = ?", (envelope,))

    def _place(self, kind: str, name: str) -> bytes:
        return hmac.digest(self._place_key, f"{kind}\0{name}".encode(), "sha256")

    def _write(self, record: StoredRecord, version: int) -> None:
        place = self._place(record.kind, record.name)
        plain = f"{record.kind}\0{record.name}\0".encode() + record.body
        self._connection.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?)",
            (place, version, self._seal(plain, b"record" + place, version)),
        )

    def _unseal(self, place: bytes, version: int, sealed: Any) -> StoredRecord:
        plain = self._open_sealed(sealed, b"record" + place, version)
        kind, name, body = plain.split(b"\0", 2)
        return StoredRecord(kind.decode(), name.decode(), body)

    def _seal(self, plain: bytes, place: bytes, version: int) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, _bound_to(place, version))

    def _open_sealed(self, sealed: Any, place: bytes, version: int) -> bytes:
        if not isinstance(sealed, bytes) or len(sealed) < _NONCE:
            raise _damaged("a record has lost its content")
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound_to(place, version))
        except InvalidTag:
            raise _damaged("a record is not as it was written") from None

    @contextmanager
    def _reading(self) -> Iterator[_State]:
        """A transaction over one state, which was checked as a whole."""
        self._connection.execute("BEGIN")
        try:
            yield self._check()
        finally:
            self._connection.rollback()

    @contextmanager
    def _writing(self) -> Iterator[int]:
        """The only writer's transaction, begun on a checked state; gives the version to write under."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._check().version + 1
            yield version
            self._seal_vault(_vault(self._connection)[0], version)
            self._connection.commit()
        finally:
            self._connection.rollback()
        if self._seen is not None:
            _raise_seen(self._seen, version)

    def _check(self) -> _State:
        envelope, version, sealed = _vault(self._connection)
        places = self._places()
        expected = self._open_sealed(sealed, b"vault", version)
        if not hmac.compare_digest(expected, _digest(envelope, places)):
            raise _damaged("a record is missing, was added or put back")
        return _State(version, places)

    def _seal_vault(self, envelope: bytes, version: int) -> None:
        sealed = self._seal(_digest(envelope, self._places()), b"vault", version)
        row = (envelope, version, sealed)
        self._connection.execute("INSERT OR REPLACE INTO vault VALUES (1, ?, ?, ?)", row)

    def _places(self) -> dict[bytes, int]:
        places = dict(self._connection.execute("SELECT place, version FROM record ORDER BY place").fetchall())
        if not ({*map(type, places)} <= {bytes} and {*map(type, places.values())} <= {int}):
            raise _damaged("a record has lost its place")
        return places

    def _compare_with(self, seen: Path) -> None:
        # The number is read before the state: another process may write in between, but never backwards.
        last = _read_seen(seen)
        with self._reading() as state:
            version = state.version
        if version < last:
            raise WALLET_OUTDATED.saying(
                "the wallet's file is an old one: at change {version}, after change {last} was seen here",
                version=version,
                last=last,
                seen=str(seen),
            )
        if os.access(seen.parent, os.W_OK):
            migrate(self._connection, _STEPS, _WHAT)
            self._connection.execute("PRAGMA wal_checkpoint")  # syncs what a killed process wrote
            if version > last:
                _raise_seen(seen, version)
        self._seen = seen


def _digest(envelope: bytes, places: Mapping[bytes, int]) -> bytes:
    bound = [_bound_to(place, version) for place, version in places.items()]
    return hashlib.sha256(hashlib.sha256(envelope).digest() + b"".join(bound)).digest()


def _bound_to(place: bytes, version: int) -> bytes:
    return place + version.to_bytes(8, signed=True)


_WHAT = "the wallet"
_problems = functools.partial(sqlite_problems, _WHAT, DAMAGED_WALLET)


def _damaged(what: str) -> Damaged:
    return DAMAGED_WALLET(f"the wallet's file was changed from outside: {what}")


def _connect(
    path: Path | None, mode: Literal["rw", "immutable"] = "rw", *, patience: float = LOCK_WAIT
) -> sqlite3.Connection:
    connection = connect(path, mode, patience=patience)
    connection.text_factory = bytes
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _tables(connection: sqlite3.Connection) -> list[tuple[bytes]]:
    return connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()


def _known_tables() -> Iterator[list[tuple[bytes]]]:
    """The tables as each step leaves them."""
    with closing(_connect(None)) as memory:
        for step in range(len(_STEPS)):
            migrate(memory, _STEPS[: step + 1], _WHAT)
            yield _tables(memory)


def _vault(connection: sqlite3.Connection) -> tuple[bytes, int, Any]:
    row = connection.execute("SELECT envelope, version, sealed FROM vault WHERE row = 1").fetchone()
    if row is None or not (isinstance(row[0], bytes) and isinstance(row[1], int)):
        raise _damaged("its first row is missing")
    envelope, version, sealed = row
    return envelope, version, sealed


def _envelope(data_key: bytes, passphrase: bytes) -> bytes:
    return json.dumps(seal(data_key, passphrase)).encode()


def _unwrap(connection: sqlite3.Connection, passphrase: bytes) -> bytes:
    try:
        return open_envelope(load_json_object(_vault(connection)[0]), passphrase)
    except Malformed as error:
        raise _damaged("the wrapped key cannot be read") from error


def _write_new(path: Path, data: bytes) -> None:
    make_private_folder(path.parent)
    try:
        with locked_folder(path.parent):  # of two processes that make a store here, one is told so
            if path.exists():
                raise Conflict.saying(
                    "{file} exists already", file=str(path), hint="It is left as it is; name another place."
                )
            for leftover in (_seen_beside(path), Path(f"{path}-wal"), Path(f"{path}-shm")):
                leftover.unlink(missing_ok=True)
            remove_leftovers(path.parent)
            write_durably(path, data)
    finally:
        with suppress(OSError):  # it is not empty, as it should be, unless the disk is full
            path.parent.rmdir()


def _seen_beside(path: Path) -> Path:
    return Path(f"{path}.seen")


def _read_seen(seen: Path) -> int:
    try:
        text = seen.read_bytes()
    except FileNotFoundError:
        return 0
    return int(text) if text.isdigit() else 0


def _raise_seen(seen: Path, version: int) -> None:
    with locked(seen):
        if _read_seen(seen) < version:
            write_durably(seen, b"%020d" % version)  # half a number may be a larger one
