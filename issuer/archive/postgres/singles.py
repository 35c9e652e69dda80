"""Beginning single credentials: the next edition of a credential, or one more form of the latest."""

from __future__ import annotations

from collections.abc import Sequence

from wire.postgres.connections import Cursor
from wire.problem import Problem, Refused

from ...problem import not_in_force
from ...shared.database import rows
from ..kept import EditionState, EditionTaken, KindNumber, Single, require_link, state_of
from .lookup import put_keys

SEQS = "SELECT unnest(seqs) FROM intaglio_issuer.edition WHERE kind = %s AND number = %s"
EDITION = f"{SEQS} AND edition = %s"
GENERATION = "SELECT generation FROM intaglio_issuer.released WHERE kind = %s AND number = %s"
IS_ISSUED = "EXISTS (SELECT FROM intaglio_issuer.credential WHERE seq = seqs[1])"
"""True for an edition that was issued, false for a number that was only taken."""
_ENDED = """
SELECT reason FROM intaglio_issuer.edition CROSS JOIN unnest(seqs) AS of_edition (seq)
JOIN intaglio_issuer.revocation USING (seq) WHERE kind = %s AND number = %s AND reason <> 'superseded' LIMIT 1
"""
ISSUED = "SELECT seq FROM intaglio_issuer.credential WHERE seq = ANY(%s::bigint[])"
"""The sequence numbers that have a credential: asked by themselves, only their partitions are looked at."""
_LATEST = """
SELECT edition, seqs[1] FROM intaglio_issuer.edition WHERE number = %s AND kind = %s
ORDER BY edition DESC LIMIT 1
"""
_STANDING = "SELECT form, copy FROM intaglio_issuer.credential WHERE seq = ANY(%s::bigint[])"
_OPEN_ONE = (
    "INSERT INTO intaglio_issuer.edition VALUES (%s, %s, %s, ARRAY[%s]::bigint[]) ON CONFLICT DO NOTHING"
)
_JOIN = """
UPDATE intaglio_issuer.edition SET seqs = seqs || %s::bigint WHERE number = %s AND kind = %s AND edition = %s
"""
_INSERT = """
INSERT INTO intaglio_issuer.credential (seq, kind, number, edition, copy, leaf, form)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


def begin_call(cursor: Cursor, call: Sequence[Single]) -> tuple[int, Problem] | None:
    """Inserts all, or undoes it and returns the place of the first refused one, and the reason."""
    opened = set[tuple[KindNumber, int]]()
    cursor.execute("SAVEPOINT call")
    for place, single in enumerate(call):
        try:
            _begin_one(cursor, single, opened)
        except (EditionTaken, Refused) as problem:
            cursor.execute("ROLLBACK TO call; RELEASE call", binary=False)
            return place, problem
    cursor.execute("RELEASE call")
    return None


def _begin_one(cursor: Cursor, single: Single, opened: set[tuple[KindNumber, int]]) -> None:
    """Inserts a credential into an edition that the same call has `opened`, or opens the edition with it."""
    entry, which = single.entry, single.entry.which
    for (reason,) in rows(cursor, [str], _ENDED, *which):
        raise not_in_force(is_suspended=state_of(reason) is EditionState.SUSPENDED)
    if single.generation is not None:
        generations = rows(cursor, [int], GENERATION, *which)
        require_link(which, single.generation, generations[0][0] if generations else 0)
    edition = entry.number, entry.kind, entry.edition
    if (which, entry.edition) not in opened and not _stands(cursor, single):
        # A chunk may be recorded at this moment, which waits for no turn.
        if cursor.execute(_OPEN_ONE, [*edition, entry.seq]).rowcount == 0:
            raise EditionTaken(f"the credential has an edition {entry.edition} already")
    else:
        seqs = [seq for (seq,) in rows(cursor, [int], EDITION, *which, entry.edition)]
        if (entry.form, entry.copy) in rows(cursor, [str, int], _STANDING, seqs):
            raise EditionTaken(f"the credential has an edition {entry.edition} already")
        cursor.execute(_JOIN, [entry.seq, *edition])
    opened.add((which, entry.edition))
    cursor.execute(_INSERT, [*entry[:6], entry.form])
    cursor.execute(
        "INSERT INTO intaglio_issuer.person VALUES (%s, %s, %s)", [entry.seq, entry.name, entry.email]
    )
    put_keys(cursor, entry.seq, single.id, entry.email)
    cursor.execute("INSERT INTO intaglio_issuer.single VALUES (%s, %b)", [entry.seq, single.line])


def _stands(cursor: Cursor, single: Single) -> bool:
    """True if the credential joins the latest edition, false if it opens the next one.

    Raises `EditionTaken` if it can do neither.
    """
    entry = single.entry
    for latest, seq in rows(cursor, [int, int], _LATEST, entry.number, entry.kind):
        if not rows(cursor, [int], ISSUED, [seq]):
            raise EditionTaken("a file is being issued that has this number")
        if single.joins and latest == entry.edition:
            return True
        if latest >= entry.edition:
            taken = latest if single.joins else entry.edition
            raise EditionTaken(f"the credential has an edition {taken} already")
    return False
