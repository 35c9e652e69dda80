"""A PostgreSQL server of the tests' own, where one is installed (Debian: `apt-get install postgresql`)."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ledger.tiles.engines import prepare_tables
from wire.files import locked

_NAMED = [Path(found).resolve() for found in [shutil.which("postgres")] if found]
_DEBIAN = Path("/usr/lib/postgresql").glob("*/bin/postgres") if shutil.which("pg_ctlcluster") else ()
_FOUND = [*_NAMED, *_DEBIAN]
PROGRAMS = next((found.parent for found in _FOUND if (found.parent / "pg_basebackup").exists()), None)

needed = pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL server: apt-get install postgresql")

OWNER = "owner"
_PREPARED = "prepared"


class Server:
    """A server in a folder of its own, on a socket there and on a port of loopback.

    By default (no `where`), it is in memory, so that syncs take no time.
    """

    def __init__(self, *settings: str, where: Path | None = None) -> None:
        assert PROGRAMS is not None
        if where is None and Path("/dev/shm").is_dir():
            where = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="intaglio-", dir=where))
        self.data = "data"
        """The folder that it serves, in its own."""
        self._owner, self._known = os.getpid(), set[str]()
        self._user = _other_user() if os.getuid() == 0 else None  # a server refuses to be root
        if self._user is not None:
            os.chown(self.folder, self._user, -1)
        self.run("initdb", "-D", "data", "-A", "trust", "-U", OWNER, "-E", "UTF8", "--no-sync", "--locale=C")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._settings = ("shared_buffers=32MB", "max_connections=200", "autovacuum=off", *settings)
        self.start()
        atexit.register(self.stop)

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs, as the server's user and in its folder."""
        subprocess.run(self._command(program, *arguments), check=True, capture_output=True, **self._as_user)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(PROGRAMS / program), *arguments]  # type: ignore[operator]

    @property
    def _as_user(self) -> dict[str, Any]:
        user = {} if self._user is None else {"user": self._user, "extra_groups": []}
        return {**user, "cwd": self.folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}}

    def start(self, *more: str) -> None:
        """Starts it; after a crash that means that it recovers."""
        settings = [word for setting in (*self._settings, *more) for word in ("-c", setting)]
        where = ("-D", self.data, "-k", str(self.folder), "-h", "127.0.0.1", "-p", str(self.port))
        deadline = time.monotonic() + 60
        with (self.folder / "messages").open("ab") as messages:
            while True:
                command = self._command("postgres", *where, *settings)
                self.process = subprocess.Popen(command, stdout=messages, stderr=messages, **self._as_user)
                if self._answers(deadline):
                    return
                assert time.monotonic() < deadline, (self.folder / "messages").read_text()
                time.sleep(0.1)  # processes of one that was killed are there still

    def _answers(self, deadline: float) -> bool:
        import psycopg

        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.uri("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False

    def kill(self) -> None:
        """Kills the postmaster; its processes notice that, and end."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ends it, and all that was in it is gone."""
        if os.getpid() == self._owner:
            self.halt()
            shutil.rmtree(self.folder, ignore_errors=True)

    def copy(self, name: str) -> None:
        """Its data as they are, in a folder beside them."""
        where = ("-h", str(self.folder), "-p", str(self.port), "-U", OWNER)
        self.run("pg_basebackup", "--checkpoint=fast", "-D", name, *where)

    def halt(self) -> None:
        """Ends it; it can be started again."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def take(self, path: Path, name: str) -> None:
        """Copies a file into the server's folder, for the server alone."""
        target = self.folder / name
        shutil.copyfile(path, target)
        target.chmod(0o600)
        if self._user is not None:
            os.chown(target, self._user, -1)

    def make(self, name: str, *, folder: bool = False) -> None:
        """A file or folder that is empty."""
        target = self.folder / name
        target.mkdir() if folder else target.touch()
        if self._user is not None:
            os.chown(target, self._user, -1)

    @contextmanager
    def running(self, program: str, *arguments: str) -> Iterator[None]:
        """Another program beside the server, and as its user, as long as the block lasts."""
        with subprocess.Popen([str(shutil.which(program)), *arguments], **self._as_user) as process:
            try:
                yield
            finally:
                process.kill()

    def uri(self, database: str, user: str = OWNER, host: str | None = None, **parameters: str) -> str:
        """The address of a database; on the socket if no host is named."""
        settings = {"host": host or str(self.folder), "port": str(self.port), **parameters}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in settings.items())
        return f"postgresql://{user}@/{database}?{query}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows of a statement that the owner executes."""
        import psycopg

        with psycopg.connect(self.uri(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, name: str) -> None:
        """A database with tables of a log and of an index that are empty, unless it is there."""
        from issuer.shared.database import prepare_index

        with locked(self.folder / "create"):
            there = {name for (name,) in self.execute("SELECT datname FROM pg_database")}
            if _PREPARED not in there:
                self.execute(f"CREATE DATABASE {_PREPARED}")
                prepare_tables(self.uri(_PREPARED))
                prepare_index(self.uri(_PREPARED))
                self.execute("CREATE ROLE appender LOGIN IN ROLE intaglio_appender")
                self.execute("CREATE ROLE reader LOGIN IN ROLE intaglio_reader")
                self.execute("CREATE ROLE issuer LOGIN IN ROLE intaglio_issuer")
                self.execute("CREATE ROLE machine LOGIN IN ROLE intaglio_issuer, intaglio_appender")
                self.execute("CREATE ROLE issuer_reader LOGIN IN ROLE intaglio_issuer_reader")
            if name not in there:
                self.execute(f"CREATE DATABASE {name} TEMPLATE {_PREPARED}")

    def of(self, folder: Path) -> str:
        """The name of the database that stands for a folder."""
        name = f"log_{hashlib.sha256(bytes(folder)).hexdigest()[:20]}"
        if name not in self._known:
            self.create(name)
            self._known.add(name)
        return name


def _other_user() -> int:
    names = {user.pw_name: user.pw_uid for user in pwd.getpwall()}
    return names.get("postgres", names["nobody"])


@functools.cache
def server() -> Server:
    """The one that tests share: each has databases of its own."""
    return Server()
