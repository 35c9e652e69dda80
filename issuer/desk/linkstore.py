"""Claim links in one SQLite file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from wire.files import locked, make_private_folder
from wire.sqlite import Database, connect, sqlite_problems

from ..archive.kept import FIRST_KIND, KindNumber
from ..problem import CLAIMS_LOST, DAMAGED_CLAIMS
from .links import ENDED, WHAT, GoodLink, KeptLink, Links, require_newest

PATIENCE = 5.0
"""The time in seconds that one process making links waits for another."""
_STEPS = (
    """
CREATE TABLE IF NOT EXISTS link (token BLOB PRIMARY KEY, number TEXT NOT NULL, expires INTEGER NOT NULL,
                                 holder TEXT) STRICT;
CREATE INDEX IF NOT EXISTS link_number ON link (number);
CREATE TABLE IF NOT EXISTS challenge (challenge BLOB PRIMARY KEY, token BLOB NOT NULL,
                                      expires INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX IF NOT EXISTS challenge_token ON challenge (token);
""",
    """
ALTER TABLE link ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
-- Whether the credential was released from that wallet since, nobody knows.
UPDATE link SET expires = 0 WHERE holder IS NOT NULL;
""",
    f"ALTER TABLE link ADD COLUMN kind TEXT NOT NULL DEFAULT '{FIRST_KIND}';",
)
"""Changes of the tables, in their order; a file of f31e11f has the tables of the first, and no number."""
_LAST = "SELECT coalesce(max(rowid), 0) FROM link"
_LINK = "SELECT kind, number, generation, expires, holder FROM link WHERE token = ?"
_GOOD = (
    "SELECT rowid, holder IS NOT NULL, expires FROM link "
    "WHERE kind = ? AND number = ? AND generation >= ? AND expires > ? "
    "ORDER BY holder IS NULL, rowid DESC LIMIT 1"
)


class SQLiteLinks(Links):
    """`Links`, in the file at `path`, which is made when needed."""

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        """`patience` is the time in seconds to wait for another process that makes links."""
        make_private_folder(path.parent)
        self._making, self._patience = path.with_name("links"), patience
        self._database = Database(path, _STEPS, WHAT, DAMAGED_CLAIMS)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def making(self) -> Iterator[None]:
        """See `Links.making`."""
        with locked(self._making, patience=self._patience):
            yield

    def last(self) -> int:
        ((last,),) = self._database.read(_LAST)
        return int(last)

    def draw_up(self, links: Sequence[tuple[bytes, KindNumber, int]], counted: int) -> range:
        with self._database.writing() as connection:
            first = max(counted, connection.execute(_LAST).fetchone()[0]) + 1
            places = range(first, first + len(links))
            connection.executemany(
                "INSERT INTO link (rowid, token, kind, number, generation, expires) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (nth, token, *which, generation, ENDED)
                    for nth, (token, which, generation) in zip(places, links, strict=True)
                ],
            )
        return places

    def make_good(self, places: range, until: int) -> None:
        with self._database.writing() as connection:
            drawn_up = connection.execute(
                "SELECT kind, number, generation, rowid FROM link WHERE rowid >= ? AND rowid < ?",
                (places.start, places.stop),
            ).fetchall()
            connection.executemany(
                "UPDATE link SET expires = 0 "
                "WHERE kind = ? AND number = ? AND holder IS NULL AND generation <= ? AND rowid < ?",
                drawn_up,
            )
            connection.execute(
                "UPDATE link SET expires = ? WHERE rowid >= ? AND rowid < ?",
                (until, places.start, places.stop),
            )

    def good(self, asked: Sequence[tuple[KindNumber, int]], now: int) -> list[GoodLink | None]:
        with self._database.reading() as connection:
            rows = [
                connection.execute(_GOOD, (*which, generation, now)).fetchone() for which, generation in asked
            ]
        return [
            None if row is None else GoodLink(row[0], bool(row[1]), datetime.fromtimestamp(row[2], UTC))
            for row in rows
        ]

    def places(self, tokens: Sequence[bytes]) -> Mapping[bytes, int]:
        with self._database.reading() as connection:
            rows = (
                (token, connection.execute("SELECT rowid FROM link WHERE token = ?", (token,)))
                for token in tokens
            )
            return {token: nth for token, cursor in rows for (nth,) in cursor}

    def find(self, token: bytes) -> KeptLink | None:
        for kind, number, *link in self._database.read(_LINK, token):
            return KeptLink(KindNumber(kind, number), *link)
        return None

    def open_challenge(
        self, token: bytes, challenge: bytes, *, now: int, expires: int, latest: int, most: int
    ) -> bool:
        with self._database.writing() as connection:
            connection.execute("DELETE FROM challenge WHERE expires <= ?", (now,))
            opened = connection.execute(
                "INSERT INTO challenge (challenge, token, expires) SELECT ?, ?, ? "
                "WHERE (SELECT count(*) FROM challenge WHERE token = ? AND expires <= ?) < ?",
                (challenge, token, expires, token, latest, most),
            )
            return opened.rowcount == 1

    def spend(self, token: bytes, challenge: bytes, now: int) -> bool:
        with self._database.writing() as connection:
            # One statement decides, so that of two requests with one challenge only one spends it.
            spent = connection.execute(
                "UPDATE challenge SET used = 1 "
                "WHERE challenge = ? AND token = ? AND used = 0 AND expires > ?",
                (challenge, token, now),
            )
            return spent.rowcount == 1

    def bind(self, token: bytes, holder: str, now: int) -> tuple[KeptLink, bool]:
        with self._database.writing() as connection:
            # One statement decides, so that of two wallets racing for a link only one wins it.
            won = connection.execute(
                "UPDATE link SET holder = ? WHERE token = ? AND holder IS NULL AND expires > ?",
                (holder, token, now),
            )
            kind, number, *link = connection.execute(_LINK, (token,)).fetchone()
            return KeptLink(KindNumber(kind, number), *link), won.rowcount == 1

    def unbind(self, token: bytes, holder: str) -> None:
        self._database.write("UPDATE link SET holder = NULL WHERE token = ? AND holder = ?", token, holder)


def require_kept(path: Path, counted: int) -> None:
    """Look at the list of an issuer that has counted `counted` links, without changing it.

    Raises `CLAIMS_LOST` where it is gone or empty, `DAMAGED_CLAIMS` where it is damaged or an older copy, and
    `Unavailable`.
    """
    if not counted:
        return
    lost = CLAIMS_LOST(f"{WHAT} {path} is gone: no link that was given out can be used")
    if not path.exists() or not path.stat().st_size:
        raise lost
    with sqlite_problems(WHAT, DAMAGED_CLAIMS), closing(connect(path, "ro")) as connection:
        (last,) = connection.execute(_LAST).fetchone()
    require_newest(last, counted)
    if not last:
        raise lost
