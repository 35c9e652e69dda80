"""The journal of revocations, and what the index knows of the files in `status/` that were made from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from wire.sqlite import Database

from ..press.permutation import LIST_BITS
from ..problem import STATUS_LIST_NOT_PUBLISHED
from .index import Revocations
from .kept import Appended, ListFile, PublishedFile, RevocationRow
from .logged import settle

_AT_ONCE = 500  # names in one question


class SQLiteRevocations(Revocations):
    """In tables of the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # The journal

    def revoke(self, numbers: Iterable[str], reason: str, date: str) -> None:
        ordered = sorted(numbers)
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO unpublished SELECT seq FROM credential "
                "WHERE number = ? AND seq NOT IN (SELECT seq FROM revocation)",
                [(number,) for number in ordered],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO revocation SELECT seq, ?, ? FROM credential WHERE number = ?",
                [(reason, date, number) for number in ordered],
            )

    def none_later(self, date: str) -> None:
        with self._database.writing() as connection:
            connection.execute("UPDATE revocation SET date = ? WHERE date > ?", (date, date))

    def count(self) -> int:
        with self._database.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM revocation").fetchone()
        return int(count)

    def of_list(self, number: int) -> list[RevocationRow]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT seq, reason, date FROM revocation WHERE seq BETWEEN ? AND ? ORDER BY seq",
                _span(number),
            )
            return [RevocationRow(*row) for row in rows]

    def unpublished(self) -> list[RevocationRow]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT seq, reason, date FROM unpublished JOIN revocation USING (seq)")
            return [RevocationRow(*row) for row in rows]

    # The published files

    def changed_lists(self) -> list[int]:
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT DISTINCT seq >> {LIST_BITS} FROM unpublished"  # noqa: S608 -- a constant
            )
            return [number for (number,) in found]

    def stale_lists(self, after: str, before: str, since: int = 0) -> list[int]:
        with self._database.reading() as connection:
            (following,) = connection.execute("SELECT next FROM counter WHERE name = 'seq'").fetchone()
            wanted = set(range((following - 1 >> LIST_BITS) + 1))
            published = connection.execute(
                "SELECT number FROM listed JOIN status_file ON name = CAST(number AS TEXT) "
                "WHERE leaf >= ? AND expires > ? AND expires <= ? "
                "AND name NOT IN (SELECT name FROM status_file_begun)",
                (since, after, before),
            )
            return sorted(wanted - {number for (number,) in published})

    def dated_after(self, time: str, since: int) -> list[str]:
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT name FROM status_file WHERE leaf < ? AND dated > ?", (since, time)
            )
            return [name for (name,) in found]

    def expiries(self) -> dict[int, str]:
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT number, expires FROM listed ORDER BY number"))

    def whole_lists(self) -> set[int]:
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT number FROM listed "
                "WHERE CAST(number AS TEXT) NOT IN (SELECT name FROM status_file_begun)"
            )
            return {number for (number,) in found}

    def published_lists(self) -> list[int]:
        with self._database.reading() as connection:
            return [number for (number,) in connection.execute("SELECT number FROM listed")]

    def dates(self) -> list[tuple[str, str]]:
        with self._database.reading() as connection:
            return connection.execute("SELECT name, dated FROM status_file").fetchall()

    def published(self, name: str) -> PublishedFile:
        """See `Revocations.published`."""
        found = self.published_among([name])
        if name not in found:
            raise STATUS_LIST_NOT_PUBLISHED(f"status list {name} is not published")
        return found[name]

    def published_among(self, names: Sequence[str]) -> dict[str, PublishedFile]:
        found: dict[str, PublishedFile] = {}
        with self._database.reading() as connection:
            for at in range(0, len(names), _AT_ONCE):
                some = tuple(names[at : at + _AT_ONCE])
                marks = ", ".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT name, leaf, digest FROM status_file WHERE name IN ({marks})",  # noqa: S608
                    some,
                )
                found |= {name: PublishedFile(leaf, digest) for name, leaf, digest in rows}
        return found

    def begin(self, key: bytes, files: Iterable[ListFile]) -> None:
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO appending VALUES (?)", (key,))
            connection.executemany(
                "INSERT OR REPLACE INTO status_file_begun VALUES (?, ?, ?, ?)",
                [(file.name, key, file.digest, file.content) for file in files],
            )

    def begun(self) -> list[bytes]:
        with self._database.reading() as connection:
            return [key for (key,) in connection.execute("SELECT DISTINCT key FROM status_file_begun")]

    def publish(
        self, files: Sequence[ListFile], batch: Appended, expiries: Mapping[int, str], listed: Collection[int]
    ) -> None:
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO status_file VALUES (?, ?, ?, ?)",
                [
                    (file.name, leaf, file.dated, file.digest)
                    for file, leaf in zip(files, batch.leaves, strict=True)
                ],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO status_file_held VALUES (?, ?, ?)",
                [(file.name, file.digest, file.content) for file in files],
            )
            connection.execute("DELETE FROM status_file_begun")  # of one who was killed, all is in these
            connection.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?)", [*expiries.items()])
            connection.executemany("DELETE FROM unpublished WHERE seq = ?", [(seq,) for seq in listed])
            settle(connection, batch)

    def files(self) -> list[tuple[str, set[bytes]]]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT name, old.digest, new.digest FROM status_file AS old "
                "LEFT JOIN status_file_begun AS new USING (name) ORDER BY name"
            ).fetchall()
        return [(name, {old, new} - {None}) for name, old, new in rows]

    # What may not be on the disk

    def held(self) -> dict[str, bytes]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT name, content FROM status_file_begun "
                "UNION ALL SELECT name, content FROM status_file_held"
            )
            return {str(name): bytes(content) for name, content in rows}

    def held_content(self, name: str, digest: bytes) -> bytes | None:
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT content FROM status_file_held WHERE name = ? AND digest = ?", (name, digest)
            ).fetchone()
        return found[0] if found else None

    def held_bytes(self) -> int:
        with self._database.reading() as connection:
            (held,) = connection.execute("SELECT sum(length(content)) FROM status_file_held").fetchone()
        return held or 0

    def release(self, names: Iterable[str]) -> None:
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM status_file_held WHERE name = ?", [(name,) for name in names])

    # Closing

    def closed(self) -> bool:
        with self._database.reading() as connection:
            found = connection.execute("SELECT next FROM counter WHERE name = 'closed'").fetchone()
        return found is not None and bool(found[0])

    def note_closed(self, closed: bool) -> None:
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO counter VALUES ('closed', ?)", (int(closed),))


def _span(number: int) -> tuple[int, int]:
    """The first and the last sequence number of a list."""
    return number << LIST_BITS, ((number + 1) << LIST_BITS) - 1
