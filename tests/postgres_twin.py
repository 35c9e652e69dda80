"""A twin of a PostgreSQL server: in memory, and reached as the real one is, by the protocol of its clients.

It stands where the network is: everything of ours, psycopg and libpq run as they do before a real server. It
speaks the frontend/backend protocol 3.0 (PostgreSQL, chapter 55), and runs the engine's SQL on SQLite, for
which it rewrites the few things that differ. Tables are made here in the dialect of SQLite.

Several writers meet in it as they do in READ COMMITTED (13.2.1). A statement sees what was committed before
it began. To change a row that another transaction has changed, it waits for the end of that one, and reads
the row again. Advisory locks end with their transaction or connection, an error makes a transaction fail
until it is rolled back, and roles may do what `migrations/0001_log.sql` grants. `test_ledger_postgres.py`
asks the same of both.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import shutil
import socket
import sqlite3
import struct
import tempfile
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

_TABLES = """
CREATE TABLE step (number integer PRIMARY KEY);
INSERT INTO step VALUES (1), (2);
CREATE TABLE head (
  one integer PRIMARY KEY DEFAULT 1 CHECK (one), size integer NOT NULL, base_size integer NOT NULL,
  base_root blob NOT NULL, checkpoint blob, move text,
  state text CHECK (state IN ('coming', 'here', 'left')), CHECK ((move IS NULL) = (state IS NULL)));
INSERT INTO head (size, base_size, base_root)
  VALUES (0, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
CREATE TABLE batch (
  start integer PRIMARY KEY, stop integer NOT NULL CHECK (stop > start), key blob NOT NULL UNIQUE);
CREATE TABLE pending (
  start integer PRIMARY KEY REFERENCES batch, entries blob NOT NULL, key blob NOT NULL);
CREATE TABLE tile (path text PRIMARY KEY, data blob NOT NULL);
"""
_GRANTED = {
    "appender": {
        (sqlite3.SQLITE_UPDATE, "head"),
        (sqlite3.SQLITE_INSERT, "batch"),
        (sqlite3.SQLITE_INSERT, "tile"),
        (sqlite3.SQLITE_INSERT, "pending"),
        (sqlite3.SQLITE_DELETE, "pending"),
    },
    "reader": set[tuple[int, str]](),
}
_CHANGES = {sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE}
_SETTINGS = {"fsync": "on", "full_page_writes": "on"}
_STATES = {"UNIQUE": "23505", "CHECK": "23514", "FOREIGN": "23503", "NOT": "23502"}
"""SQLSTATE (appendix A) by the first word of what SQLite says of a constraint."""
_PARAMETERS = {
    "server_version": "15.4",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
}
_PATIENCE = 30.0  # seconds, after which a test has stuck
_BOOL, _BYTEA, _INT8, _TEXT = 16, 17, 20, 25
_INTEGERS = {21: "!h", 23: "!i", 20: "!q"}
_ARRAYS = {1001: _BYTEA, 1005: 21, 1007: 23, 1009: _TEXT, 1016: _INT8}
Row = tuple[Any, ...]


class Cut(Enum):
    """The point at which a connection breaks."""

    BEFORE = auto()
    """The statement does not arrive."""
    AFTER = auto()
    """It arrives and is done; its answer does not come back."""


class Judge:
    """Decides which faults occur: here none. A test overrides it."""

    def statement(self, text: str) -> Cut | str | None:
        """The point at which the connection breaks, or the SQLSTATE that a statement fails with."""

    def rows(self, text: str, rows: list[Row]) -> list[Row]:
        """The rows that are returned instead of these."""
        return rows


class Failed(Exception):
    """An error that the server answers with, by SQLSTATE."""

    def __init__(self, state: str, message: str = "no") -> None:
        super().__init__(message)
        self.state = state


class Twin:
    """A server with any number of databases, each with the tables of a log that is empty."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.settings = dict(_SETTINGS)
        where = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="intaglio-", dir=where))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._template = self.folder / "template"
        with contextlib.closing(sqlite3.connect(self._template)) as template:
            template.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {_TABLES}")
        self.databases: dict[str, Database] = {}
        self._sessions: set[Session] = set()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        session = Session(self, client)
        self._sessions.add(session)
        try:
            with contextlib.suppress(OSError, EOFError):
                session.run()
        finally:
            self._sessions.discard(session)
            session.end()

    def close(self) -> None:
        """Nobody answers from now on."""
        self._listening.close()
        for session in [*self._sessions]:
            session.hang_up()

    def terminate(self, database: str) -> int:
        """Ends every connection to a database; how many there were."""
        ended = [session for session in [*self._sessions] if session.name == database]
        for session in ended:
            session.hang_up()
        for session in ended:
            session.ended.wait(_PATIENCE)
        return len(ended)

    def of(self, folder: Path) -> str:
        """The name of the database that stands for a folder."""
        name = f"log_{hashlib.sha256(bytes(folder)).hexdigest()[:20]}"
        if name not in self.databases:
            shutil.copy(self._template, self.folder / name)
            self.databases[name] = Database(self.folder / name)
        return name

    def uri(self, database: str, user: str = "owner", **parameters: str) -> str:
        """The address of a database."""
        query = "&".join(f"{name}={value}" for name, value in {"sslmode": "disable", **parameters}.items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?{query}"

    def execute(self, statement: str, database: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of a statement in the dialect of SQLite, executed by the owner."""
        opened = self.databases[database].opened("owner")
        with contextlib.closing(opened), opened:
            return opened.execute(statement, values).fetchall()


class Database:
    """A database's rows, and who holds its locks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.changed = threading.Condition()
        self.writer: Session | None = None
        self.holders: dict[int, dict[Session, bool]] = defaultdict(dict)
        """The sessions that hold each advisory lock; true for those that share it."""

    def opened(self, role: str) -> sqlite3.Connection:
        """A connection to the rows with the permissions of a role."""
        opened = sqlite3.connect(":memory:", isolation_level=None, timeout=_PATIENCE)
        opened.execute("ATTACH ? AS intaglio", [str(self._path)])
        opened.execute("PRAGMA intaglio.synchronous=OFF")
        opened.execute("PRAGMA foreign_keys=ON")
        opened.create_function("convert_to", 2, lambda text, _: text.encode())
        granted = _GRANTED.get(role)

        def may(action: int, table: str | None, *_: str | None) -> int:
            is_denied = granted is not None and action in _CHANGES and (action, table) not in granted
            return sqlite3.SQLITE_DENY if is_denied else sqlite3.SQLITE_OK

        opened.set_authorizer(may)
        return opened

    def wait(self, is_free: Callable[[], bool], patience: float) -> bool:
        """True if `is_free` came true in time. Call it with `changed` held, as it is again on return."""
        return self.changed.wait_for(is_free, patience or _PATIENCE)


class Result(NamedTuple):
    """The result of a statement."""

    tag: str
    names: Sequence[str] = ()
    rows: Sequence[Row] = ()


class Session:
    """A connection of a client's."""

    def __init__(self, twin: Twin, client: socket.socket) -> None:
        self._twin, self._client = twin, client
        self._stream = client.makefile("rb")
        self._out = bytearray()
        self.name, self._role = "", ""
        self._status = b"I"  # idle, in a transaction (T), or in one that has failed (E)
        self._patience = 0.0
        self._parsed = ("", list[int]())
        self._result = Result("")
        self._skips = False
        self.ended = threading.Event()

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Rolls back uncommitted changes, and releases the locks."""
        if self.name in self._twin.databases and hasattr(self, "_rows"):
            self._finish("ROLLBACK")
            self._rows.close()
        self._stream.close()
        self._client.close()
        self.ended.set()

    # The protocol: 55.2 (message flow) and 55.7 (formats).

    def run(self) -> None:
        if not self._starts():
            return
        while kind := self._stream.read(1):
            body = self._body()
            if kind == b"X":
                return
            if self._skips and kind != b"S":  # after an error, up to Sync
                continue
            try:
                self._handle(kind, body)
            except Failed as error:
                self._status = b"E" if self._status != b"I" else b"I"
                self._skips = kind != b"Q"
                self._send(b"E", _fields(S="ERROR", V="ERROR", C=error.state, M=str(error)))
                if kind == b"Q":
                    self._ready()
            if kind in (b"Q", b"S", b"H", b"c"):
                self._flush()

    def _starts(self) -> bool:
        while True:
            body = self._body()
            (code,) = struct.unpack("!i", body[:4])
            if code in (80877103, 80877104):  # TLS, GSSAPI: not here
                self._client.sendall(b"N")
            else:
                break
        if code >> 16 != 3:
            return False
        words = body[4:].rstrip(b"\0").decode().split("\0")
        settings = dict(zip(words[::2], words[1::2], strict=True))
        self._role, self.name = settings["user"], settings.get("database", settings["user"])
        state = "28000" if self._role not in ("owner", *_GRANTED) else ""
        state = state or ("3D000" if self.name not in self._twin.databases else "")
        if state:
            self._send(b"E", _fields(S="FATAL", V="FATAL", C=state, M="there is none"))
            self._flush()
            return False
        self._database = self._twin.databases[self.name]
        self._rows = self._database.opened(self._role)
        self._rows.create_function("current_setting", 1, self._twin.settings.get)
        self._rows.create_function("pg_is_in_recovery", 0, lambda: False)
        self._send(b"R", struct.pack("!i", 0))
        for name, value in _PARAMETERS.items():
            self._send(b"S", f"{name}\0{value}\0".encode())
        self._send(b"K", struct.pack("!ii", 1, 1))
        self._ready()
        self._flush()
        return True

    def _body(self) -> bytes:
        head = self._stream.read(4)
        if len(head) < 4:
            raise EOFError
        return self._stream.read(struct.unpack("!i", head)[0] - 4)

    def _send(self, kind: bytes, body: bytes = b"") -> None:
        self._out += kind + struct.pack("!i", len(body) + 4) + body

    def _flush(self) -> None:
        data, self._out = bytes(self._out), bytearray()
        self._client.sendall(data)

    def _ready(self) -> None:
        self._send(b"Z", self._status)

    def _handle(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"Q":
                for text in filter(str.strip, body[:-1].decode().split(";")):
                    self._answer(self._execute(text, []), binary=False)
                self._ready()
            case b"P":
                _, statement, rest = body.split(b"\0", 2)
                count = struct.unpack("!h", rest[:2])[0]
                self._parsed = statement.decode(), list(struct.unpack(f"!{count}I", rest[2 : 2 + 4 * count]))
                self._send(b"1")
            case b"B":
                text, kinds = self._parsed
                self._result = self._execute(text, _values(body, kinds))
                self._send(b"2")
            case b"D":
                self._describe(self._result, binary=True)
            case b"E":
                self._answer(self._result, binary=True, is_described=True)
            case b"S":
                self._skips = False
                self._ready()
            case b"H":
                pass
            case _:
                raise Failed("08P01", f"a message {kind!r}")

    def _describe(self, result: Result, *, binary: bool) -> None:
        if not result.names:
            self._send(b"n") if binary else None
            return
        names = result.names
        kinds = _kinds(result)
        row = b"".join(
            name.encode() + b"\0" + struct.pack("!ihIhih", 0, 0, kind, -1, -1, int(binary))
            for name, kind in zip(names, kinds, strict=True)
        )
        self._send(b"T", struct.pack("!h", len(names)) + row)

    def _answer(self, result: Result, *, binary: bool, is_described: bool = False) -> None:
        if not is_described:
            self._describe(result, binary=binary)
        kinds = _kinds(result)
        for row in result.rows:
            values = [_encoded(value, kind, binary) for value, kind in zip(row, kinds, strict=False)]
            fields = b"".join(
                struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
                for value in values
            )
            self._send(b"D", struct.pack("!h", len(row)) + fields)
        self._send(b"C", result.tag.encode() + b"\0")

    def _copied(self, columns: int) -> list[Row]:
        """The rows of a COPY in its binary format (COPY, "Binary Format")."""
        self._send(b"G", struct.pack(f"!bh{columns}h", 1, columns, *[1] * columns))
        self._flush()
        data = bytearray()
        while (kind := self._stream.read(1)) != b"c":
            body = self._body()
            if kind == b"f":
                raise Failed("57014", "the client gave up")
            if kind == b"d":
                data += body
            elif not kind:
                raise EOFError
        self._body()
        rows, at = [], 19
        while (count := struct.unpack_from("!h", data, at)[0]) != -1:
            at += 2
            row = []
            for _ in range(count):
                (length,) = struct.unpack_from("!i", data, at)
                row.append(bytes(data[at + 4 : at + 4 + length]))
                at += 4 + length
            rows.append(tuple(row))
        return rows

    # Statements.

    def _execute(self, text: str, values: Sequence[Any]) -> Result:
        text = " ".join(text.split())
        verdict = self._twin.judge.statement(text)
        if verdict is Cut.BEFORE:
            self.hang_up()
            raise EOFError
        if isinstance(verdict, str):
            raise Failed(verdict)
        result = self._executed(text, values)
        if verdict is Cut.AFTER:
            self.hang_up()
            raise EOFError
        rows = self._twin.judge.rows(text, list(result.rows))
        width = max(map(len, rows), default=0)
        names = result.names if width in (0, len(result.names)) else [f"c{at}" for at in range(width)]
        return result._replace(names=names, rows=rows)

    def _executed(self, text: str, values: Sequence[Any]) -> Result:
        word = text.partition(" ")[0]
        if word in ("COMMIT", "ROLLBACK"):
            return Result(self._finish(word))
        if self._status == b"E":
            raise Failed("25P02", "current transaction is aborted")
        if word == "BEGIN":
            self._status = b"T"
            return Result("BEGIN")
        if word == "SET":
            if match := re.fullmatch("SET LOCAL lock_timeout = (.*)", text):
                self._patience = int(match[1]) / 1000
            return Result("SET")
        if match := re.fullmatch(r"SELECT pg_advisory_xact_lock(_shared)?\((\d+)\)", text):
            self._lock(int(match[2]), is_shared=match[1] is not None)
            return Result("SELECT 1", ["pg_advisory_xact_lock"], [(None,)])
        if "pg_class" in text:
            return Result("SELECT 0", ["relname"])
        try:
            if match := re.fullmatch(r"COPY intaglio\.(\w+) FROM STDIN \(FORMAT BINARY\)", text):
                return self._copy(match[1])
            return self._run(text, values)
        except sqlite3.IntegrityError as error:
            raise Failed(_STATES[str(error).split()[0]], str(error)) from error
        except sqlite3.DatabaseError as error:
            is_denied = "not authorized" in str(error) or "prohibited" in str(error)
            raise Failed("42501" if is_denied else "42601", f"{error}: {text}") from error

    def _run(self, text: str, values: Sequence[Any]) -> Result:
        if not text.startswith("SELECT") or text.endswith("FOR UPDATE"):
            self._begin_to_write()
        parts, last = _parts(text)
        before: list[tuple[str, list[Any]]] = []
        for name, part in parts:
            if part.startswith("SELECT"):
                statement, arguments = _rewritten(part, values)
                before.append((f"{name} AS ({statement})", arguments))
            else:
                cursor = self._with(before, part, values)
                rows = cursor.fetchall() if cursor.description else []
                table = f"VALUES {', '.join(['(?)'] * len(rows))}" if rows else "SELECT NULL WHERE false"
                before.append((f"{name} AS ({table})", [value for row in rows for value in row]))
        cursor = self._with(before, last, values)
        if cursor.description is None:
            [(count,)] = self._rows.execute("SELECT changes()").fetchall()  # `rowcount` knows of no WITH
            return Result(f"{last.split()[0]} {'0 ' if last.startswith('INSERT') else ''}{count}")
        rows = cursor.fetchall()
        return Result(f"SELECT {len(rows)}", [column[0] for column in cursor.description], rows)

    def _with(
        self, before: Sequence[tuple[str, list[Any]]], text: str, values: Sequence[Any]
    ) -> sqlite3.Cursor:
        statement, arguments = _rewritten(text, values)
        head = f"WITH {', '.join(each for each, _ in before)} " if before else ""
        return self._rows.execute(head + statement, [*(v for _, more in before for v in more), *arguments])

    def _copy(self, table: str) -> Result:
        columns = {"tile": (str, bytes), "batch": (int, int, bytes)}[table]
        rows = self._copied(len(columns))
        self._begin_to_write()
        named = "path, data" if table == "tile" else "start, stop, key"
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO intaglio.{table} ({named}) VALUES ({marks})"
        self._rows.executemany(statement, [list(map(_read, columns, row)) for row in rows])
        return Result(f"COPY {len(rows)}")

    # Transactions and locks.

    def _begin_to_write(self) -> None:
        """Waits for the session that writes, so that this one changes the rows that it left."""
        database = self._database
        if database.writer is self:
            return
        with database.changed:
            if not database.wait(lambda: database.writer is None, self._patience):
                raise Failed("55P03", "canceling statement due to lock timeout")
            if self._status == b"T":
                database.writer = self
        if database.writer is self:
            self._rows.execute("BEGIN IMMEDIATE")

    def _lock(self, number: int, *, is_shared: bool) -> None:
        database = self._database

        def is_free() -> bool:
            others = [shared for holder, shared in database.holders[number].items() if holder is not self]
            return not others or (is_shared and all(others))

        with database.changed:
            if not database.wait(is_free, self._patience):
                raise Failed("55P03", "canceling statement due to lock timeout")
            database.holders[number][self] = is_shared

    def _finish(self, word: str) -> str:
        database, failed = self._database, self._status == b"E"
        word = "ROLLBACK" if failed else word
        if self._rows.in_transaction:
            self._rows.execute(word)
        with database.changed:
            if database.writer is self:
                database.writer = None
            for holders in database.holders.values():
                holders.pop(self, None)
            database.changed.notify_all()
        self._status, self._patience = b"I", 0.0
        return word


def _fields(**fields: str) -> bytes:
    return b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0"


def _values(body: bytes, kinds: Sequence[int]) -> list[Any]:
    """The values of a Bind message."""
    _, _, rest = body.split(b"\0", 2)
    (formats,) = struct.unpack_from("!h", rest)
    at = 2 + 2 * formats
    codes = struct.unpack_from(f"!{formats}h", rest, 2)
    (count,) = struct.unpack_from("!h", rest, at)
    at += 2
    values: list[Any] = []
    for place in range(count):
        (length,) = struct.unpack_from("!i", rest, at)
        at += 4
        if length == -1:
            values.append(None)
            continue
        code = codes[place] if len(codes) > 1 else (codes or [0])[0]
        values.append(_decoded(rest[at : at + length], kinds[place], binary=code == 1))
        at += length
    return values


def _decoded(data: bytes, kind: int, *, binary: bool) -> Any:
    if kind in _ARRAYS and not binary:
        return [_decoded(each.encode(), _ARRAYS[kind], binary=False) for each in _listed(data.decode())]
    if kind in _ARRAYS:
        dimensions, _, element = struct.unpack_from("!iiI", data)
        values, at = [], 12 + 8 * dimensions
        while at < len(data):
            (length,) = struct.unpack_from("!i", data, at)
            values.append(_decoded(data[at + 4 : at + 4 + length], element, binary=True))
            at += 4 + length
        return values
    if kind in _INTEGERS:
        return struct.unpack(_INTEGERS[kind], data)[0] if binary else int(data)
    return data if kind == _BYTEA else data.decode()


def _listed(array: list[Any] | str) -> list[Any]:
    """An array, or one of no type as text (8.15.2) whose values have neither commas nor quotation marks."""
    if isinstance(array, str):
        return [value.strip('"') for value in array[1:-1].split(",") if value]
    return array


def _read(kind: type, data: bytes) -> Any:
    """A value of a COPY."""
    return struct.unpack("!q", data)[0] if kind is int else data.decode() if kind is str else data


def _kinds(result: Result) -> list[int]:
    """The types of the columns, guessed from their values, since SQLite's rows have no types."""

    def kind(column: int) -> int:
        values = (row[column] for row in result.rows if len(row) > column)
        value = next((value for value in values if value is not None), None)
        if " >= " in result.names[column] or result.names[column] == "pg_is_in_recovery()":
            return _BOOL  # which SQLite has as 0 or 1
        if isinstance(value, bool):
            return _BOOL
        return _INT8 if isinstance(value, int) else _BYTEA if isinstance(value, bytes) else _TEXT

    return [kind(column) for column in range(len(result.names))]


def _encoded(value: Any, kind: int, binary: bool) -> bytes | None:
    """A value as the type of its column has it, or as its own, where a test answers with another."""
    if value is None:
        return None
    if kind == _BOOL and not isinstance(value, bytes | str):
        return bytes([bool(value)]) if binary else b"t" if value else b"f"
    if isinstance(value, int):
        return struct.pack("!q", value) if binary else str(value).encode()
    if isinstance(value, bytes):
        return value if binary else b"\\x" + value.hex().encode()
    return str(value).encode()


@functools.cache
def _parts(text: str) -> tuple[list[tuple[str, str]], str]:
    """The named parts of a WITH, and the statement after them."""
    parts, at = [], len("WITH ")
    if not text.startswith("WITH "):
        return [], text
    while match := re.compile(r"(\w+) AS \(").match(text, at):
        end, depth = match.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        parts.append((match[1], text[match.end() : end - 1]))
        at = end + len(", ") if text[end] == "," else end + 1
    return parts, text[at:]


_DIFFERS = re.compile(
    r"unnest\((?P<arrays>[^)]*)\)(?: AS given \((?P<names>[^)]*)\))?"
    r"|(?P<operator>= ANY|<> ALL)\(\$(?P<list>\d+)\)"
    r"|\$(?P<number>\d+)|(?P<distinct>IS NOT DISTINCT FROM)|(?P<update> FOR UPDATE)"
    r"|(?P<conflict> ON CONFLICT)"
)


def _rewritten(text: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """The same statement in the dialect of SQLite, and its arguments in order."""
    arguments: list[Any] = []

    def rewritten(match: re.Match[str]) -> str:
        if match["arrays"] is not None:
            lists = [_listed(values[int(number) - 1]) for number in re.findall(r"\$(\d+)", match["arrays"])]
            rows = list(zip(*lists, strict=True))
            arguments.extend(value for row in rows for value in row)
            names = (match["names"] or ", ".join(f"c{at}" for at in range(len(lists)))).split(", ")
            columns = ", ".join(f"column{at} AS {name}" for at, name in enumerate(names, 1))
            row = f"({', '.join('?' * len(lists))})"
            if not rows:
                return f"(SELECT {', '.join(f'NULL AS {name}' for name in names)} WHERE false) AS given"
            return f"(SELECT {columns} FROM (VALUES {', '.join([row] * len(rows))})) AS given"
        if match["operator"]:
            listed = _listed(values[int(match["list"]) - 1])
            arguments.extend(listed)
            word = "IN" if match["operator"] == "= ANY" else "NOT IN"
            return f"{word} ({', '.join('?' * len(listed))})"
        if match["number"]:
            arguments.append(values[int(match["number"]) - 1])
            return "?"
        return {" ON CONFLICT": " WHERE true ON CONFLICT", "IS NOT DISTINCT FROM": "IS"}.get(match[0], "")

    return _DIFFERS.sub(rewritten, text), arguments


@functools.cache
def twin() -> Twin:
    """The one that the tests of a process share: each has databases of its own."""
    return Twin()
