"""The journal of revocations, and what the index knows of the status lists that were made from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wire.problem import NotFound

from .database import Database
from .logged import Appended, settle
from .permutation import LIST_BITS


class Published(NamedTuple):
    """A status list as last published; the digests are SHA-256 of its two files."""

    number: int
    entries: int
    revoked: int
    expires: str
    leaf: int
    details_leaf: int
    digest: bytes
    details_digest: bytes


def list_names(number: int) -> tuple[str, str]:
    """The names of a list and of its details, as files and in addresses."""
    return str(number), f"{number}-details"


class Revocations:
    """Each writing method is one transaction, durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revoke(self, numbers: Iterable[str], reason: str, date: str) -> None:
        """Journals the revocation of all editions of diplomas, also of one that is just being issued.

        What was revoked before stays as it was.
        """
        with self._database.writing() as connection:
            connection.exec_driver_sql(
                "INSERT OR IGNORE INTO revocation SELECT seq, ?, ? FROM credential WHERE number = ?",
                [(reason, date, number) for number in sorted(numbers)],
            )

    def none_later(self, date: str) -> None:
        """Dates all revocations that are dated later than `date` on it."""
        with self._database.writing() as connection:
            connection.exec_driver_sql("UPDATE revocation SET date = ? WHERE date > ?", (date, date))

    def count(self) -> int:
        """How many editions were revoked."""
        with self._database.reading() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM revocation").scalar_one())

    def of_list(self, number: int) -> list[tuple[int, str, str]]:
        """Sequence number, reason and date of all revocations in one status list."""
        with self._database.reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT seq, reason, date FROM revocation WHERE seq BETWEEN ? AND ? ORDER BY seq",
                (number << LIST_BITS, ((number + 1) << LIST_BITS) - 1),
            )
            return [(seq, reason, date) for seq, reason, date in rows]

    def stale_lists(self, after: str, before: str, since: int = 0) -> list[int]:
        """The status lists to publish: new, with new revocations, or without an end between the two times.

        `before` may itself be the end, `after` not. Those that the log has before the entry `since` are not
        taken to be published.
        """
        with self._database.reading() as connection:
            following = connection.exec_driver_sql("SELECT next FROM counter WHERE name = 'seq'").scalar_one()
            revoked = connection.exec_driver_sql(
                f"SELECT seq >> {LIST_BITS}, count(*) FROM revocation GROUP BY 1"  # noqa: S608 -- a constant
            )
            wanted = {**dict.fromkeys(range((following - 1 >> LIST_BITS) + 1), 0), **dict(revoked.all())}
            published = connection.exec_driver_sql(
                "SELECT number, revoked, expires FROM status_list WHERE leaf >= ? "
                "AND digest IS NOT NULL AND number NOT IN (SELECT number FROM publishing)",
                (since,),
            )
            current = {(number, count) for number, count, expires in published if after < expires <= before}
        return sorted(number for number, _ in wanted.items() - current)

    def first_expiry(self) -> str | None:
        """When the first of the published status lists ends; `None` where there is none."""
        with self._database.reading() as connection:
            (expires,) = connection.exec_driver_sql("SELECT min(expires) FROM status_list").one()
        return None if expires is None else str(expires)

    def published_lists(self) -> list[int]:
        """The numbers of all status lists that were published."""
        with self._database.reading() as connection:
            return list(connection.exec_driver_sql("SELECT number FROM status_list").scalars())

    def published(self, number: int) -> Published:
        """A status list as last published. Raises `NotFound`."""
        with self._database.reading() as connection:
            row = connection.exec_driver_sql("SELECT * FROM status_list WHERE number = ?", (number,)).first()
        if row is None:
            raise NotFound(
                f"status list {number} is not published", hint="`intaglio issuer status publish` does it."
            )
        return Published(*row)

    def begin_list(self, number: int, key: bytes, digest: bytes, details_digest: bytes) -> None:
        """Journals that a signed list goes to the log under this key, then into its files."""
        with self._database.writing() as connection:
            connection.exec_driver_sql("INSERT OR IGNORE INTO appending VALUES (?)", (key,))
            connection.exec_driver_sql(
                "INSERT OR REPLACE INTO publishing VALUES (?, ?, ?, ?)", (number, key, digest, details_digest)
            )

    def begun_list(self, number: int) -> bytes | None:
        """The key of a list that was begun and not published."""
        with self._database.reading() as connection:
            found = connection.exec_driver_sql("SELECT key FROM publishing WHERE number = ?", (number,))
            key: bytes | None = found.scalar()
        return key

    def publish(self, published: Published, batch: Appended) -> None:
        """Records that a list was signed, anchored and written."""
        with self._database.writing() as connection:
            connection.exec_driver_sql(
                "INSERT OR REPLACE INTO status_list VALUES (?, ?, ?, ?, ?, ?, ?, ?)", tuple(published)
            )
            connection.exec_driver_sql("DELETE FROM publishing WHERE number = ?", (published.number,))
            settle(connection, batch)

    def list_files(self) -> list[tuple[str, set[bytes]]]:
        """What there has to be of lists: a file's name, and the digests that it may have, if they are known.

        That is the one that was published; where another is being published, either.
        """
        with self._database.reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT number, old.digest, old.details_digest, new.digest, new.details_digest "
                "FROM status_list AS old LEFT JOIN publishing AS new USING (number) ORDER BY number"
            ).all()
        return [
            (name, {old, new} - {None} if old else set())
            for number, digest, details_digest, *new_digests in rows
            for name, old, new in zip(list_names(number), (digest, details_digest), new_digests, strict=True)
        ]

    def closed(self) -> bool:
        """Whether the issuer has closed: its lists are the last."""
        with self._database.reading() as connection:
            found = connection.exec_driver_sql("SELECT next FROM counter WHERE name = 'closed'").scalar()
        return bool(found)

    def note_closed(self, closed: bool) -> None:
        """Writes down whether it has."""
        with self._database.writing() as connection:
            connection.exec_driver_sql("INSERT OR REPLACE INTO counter VALUES ('closed', ?)", (int(closed),))
