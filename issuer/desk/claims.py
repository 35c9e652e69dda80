"""Claim links: who may claim which credential, until when, and who has.

A link is good for one wallet, and for the generation of its credential that it was made in: where that is
lost, or in the wrong wallet, the issuer releases it, and all links made before have ended, whatever stands
here. The issuer counts the links, too, so that an older copy of this file, where ended links are good, is
known.
Tokens are kept as hashes; which wallet wins, and that a challenge is answered once, is decided by one
conditional UPDATE each, so that any number of processes may serve.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from did import METHODS, Method, Resolver
from exchange.claim import Acceptance, ClaimLink, Invitation
from wire.clock import CLOCK_SKEW
from wire.fetch import NoFetcher
from wire.files import locked, make_private_folder
from wire.problem import Code, Conflict, NotFound, Problem, Refused, TryLater
from wire.sqlite import Database, connect, sqlite_problems

from ..archive.kept import FIRST_KIND, KindNumber, Released
from ..problem import CLAIMS_LOST, DAMAGED_CLAIMS, FORM_NOT_ALLOWED

LINK_LIFETIME = timedelta(days=30)
PATIENCE = 5.0  # seconds that one who makes links waits for another
CHALLENGE_LIFETIME = timedelta(minutes=10)
_ENDED = 0  # in the place of the time at which a link expires
OPEN_CHALLENGES = 10  # per link; each lets one claim be checked, so that this also limits attempts

_WHAT = "the list of claim links"
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


class LinkExpired(Refused):
    """The claim link was good once; its time is over."""

    code = "claim-link-expired"
    title = "The claim link has expired"


CLAIM_LINK_ENDED = Code("claim-link-ended", LinkExpired, "The claim link was ended")
"""The issuer ended the claim link before its time: it made a newer one, or released the credential."""
CLAIM_LINK_USED = Code("claim-link-used", LinkExpired, "The claim link was used")
"""A wallet has claimed by this link; for any other, and for people, it is good no longer."""
CHALLENGE_SPENT = Code("challenge-spent", Refused, "The challenge is not open")
"""The signed challenge is not, or no longer, one of this link's open ones."""
ALREADY_CLAIMED = Code("already-claimed", Conflict, "Already claimed")
"""Another wallet has claimed this credential."""
TOO_MANY_ATTEMPTS = Code("too-many-attempts", TryLater, "Too many attempts")
"""This link has as many open challenges as it may have."""


def new_token() -> str:
    """A secret for a link: 256 random bits, which nobody can guess."""
    return secrets.token_urlsafe(32)


class Issues(Protocol):
    """What claiming needs of the issuer."""

    @property
    def iss(self) -> str:
        """By which its SD-JWT VCs name the issuer: its DID, or an https address."""

    def named_in(self, which: KindNumber, form: str | None = None) -> str:
        """By which a credential that is claimed, in this form if one is given, names the issuer."""

    @property
    def name(self) -> str:
        """The institution's name."""

    def generation(self, which: KindNumber) -> int:
        """How often all links of the credential were ended."""

    def links(self) -> int:
        """How many links were counted."""

    def count_link(self, nth: int) -> None:
        """Counts the links up to the `nth` of all."""

    def claim(
        self,
        which: KindNumber,
        holder: str,
        generation: int,
        form: str | None = None,
        proved: Collection[str] = (),
    ) -> bytes:
        """The bundle of the credential's edition bound to `holder`: the same again for the same holder.

        It is of the `form` with this media type, if one is named. Raises `NotFound` for an unknown one,
        `Conflict` if another holder has it, unless that one's key was `proved` as well, `Released` if it has
        another `generation` than that of the link, and `FORM_NOT_ALLOWED`.
        """


class NewLink(NamedTuple):
    """A link to be made, for a generation of a credential."""

    token: str
    which: KindNumber
    generation: int


class GoodLink(NamedTuple):
    """A link that was not ended, and whose time is not over."""

    nth: int
    """Its place among all links."""
    is_used: bool
    """Whether a wallet has claimed by it."""
    expires: datetime


class LinkStanding(NamedTuple):
    """A credential's good link, one that was used before others, and the generation of a new one."""

    generation: int
    link: GoodLink | None


class ClaimLinks:
    """The claim links of one issuer, in a SQLite file; several processes may use it at once."""

    def __init__(
        self,
        path: Path,
        service: str,
        methods: Mapping[str, Method] = METHODS,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`service` is the address that links begin with, such as https://uni.example, and their domain.

        Holders have a DID of one of `methods`, of those that need nobody's word. Who makes links waits
        `patience` seconds for others who do.
        """
        self.service, self._patience = service, patience
        self._documents = Resolver(
            {name: method for name, method in methods.items() if method.self_certifying}, NoFetcher()
        )
        make_private_folder(path.parent)
        self._making = path.with_name("links")
        self._database = Database(path, _STEPS, _WHAT, DAMAGED_CLAIMS)

    def close(self) -> None:
        """Closes the file in this process."""
        self._database.close()

    def offer(
        self, which: KindNumber, issuer: Issues, *, now: datetime, lifetime: timedelta = LINK_LIFETIME
    ) -> ClaimLink:
        """A new link for a credential; earlier links for it that nobody has used end here.

        Raises as `making`.
        """
        link = NewLink(new_token(), which, issuer.generation(which))
        with self.making():
            self.make_good(self.draw_up([link], issuer), until=now + lifetime)
        return self.link(link.token)

    @contextmanager
    def making(self) -> Iterator[None]:
        """Hold the lock of those who make links: between looking and making nobody else makes one.

        Claiming needs no lock. Raises `TryLater` where another process holds it for too long.
        """
        with locked(self._making, patience=self._patience):
            yield

    def link(self, token: str) -> ClaimLink:
        """The link with this token."""
        return ClaimLink.parse(f"{self.service}/claim/{token}")

    def draw_up(self, links: Sequence[NewLink], issuer: Issues) -> range:
        """Note new links, none of which is good yet, and return their places among all.

        Whoever makes them good has to have kept their tokens. The caller holds the lock `making`.
        """
        known = issuer.links()
        with self._database.writing() as connection:
            first = max(known, _require_newest(connection, known)) + 1
            places = range(first, first + len(links))
            connection.executemany(
                "INSERT INTO link (rowid, token, kind, number, generation, expires) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (nth, _hash(link.token), *link.which, link.generation, _ENDED)
                    for nth, link in zip(places, links, strict=True)
                ],
            )
        # Afterwards: a link that is not counted yet makes no file an older copy.
        issuer.count_link(places.stop - 1)
        return places

    def make_good(self, places: range, *, until: datetime) -> None:
        """Make links good that were drawn up, all or none; earlier ones that nobody has used end by that.

        The caller holds the lock `making` since they were drawn up.
        """
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
                (_seconds(until), places.start, places.stop),
            )

    def standings(
        self, credentials: Sequence[KindNumber], issuer: Issues, *, now: datetime
    ) -> list[LinkStanding]:
        """How each of the credentials stands. Raises `Damaged` where the list is an older copy."""
        known = issuer.links()
        with self._database.reading() as connection:
            _require_newest(connection, known)
            return [_standing(connection, which, issuer.generation(which), now) for which in credentials]

    def places(self, tokens: Sequence[str], issuer: Issues) -> dict[str, int]:
        """The places among all links of those that were made or drawn up here, by their tokens.

        Raises `Damaged` where the list is an older copy.
        """
        known = issuer.links()
        with self._database.reading() as connection:
            _require_newest(connection, known)
            rows = (
                (token, connection.execute("SELECT rowid FROM link WHERE token = ?", (_hash(token),)))
                for token in tokens
            )
            return {token: nth for token, cursor in rows for (nth,) in cursor}

    def look(self, token: str, issuer: Issues, *, now: datetime) -> datetime:
        """Until when a link that nobody has used is good; nothing changes by it, however often it is asked.

        Raises `NotFound`, `CLAIM_LINK_USED`, `CLAIM_LINK_ENDED` or `LinkExpired`.
        """
        known = issuer.links()
        with self._database.reading() as connection:
            _require_newest(connection, known)
            _, ends, holder = _open_link(connection, token, issuer, now)
        if holder is not None:
            raise CLAIM_LINK_USED(
                "a wallet has taken the credential by this link",
                hint="If that was not you, tell the issuer: it can withdraw that one and send a new link.",
            )
        return datetime.fromtimestamp(ends, UTC)

    def invite(self, token: str, issuer: Issues, *, now: datetime, form: str | None = None) -> Invitation:
        """The answer to a wallet that opens the link, and perhaps asks for one form.

        Raises `NotFound`, `LinkExpired`, `TOO_MANY_ATTEMPTS`.
        """
        expires = now + CHALLENGE_LIFETIME
        challenge = new_token()
        known = issuer.links()
        with self._database.writing() as connection:
            _require_newest(connection, known)
            which, *_ = _open_link(connection, token, issuer, now)
            connection.execute("DELETE FROM challenge WHERE expires <= ?", (_seconds(now),))
            (issued,) = connection.execute(  # but for those that a clock gave which was ahead
                "SELECT count(*) FROM challenge WHERE token = ? AND expires <= ?",
                (_hash(token), _seconds(expires + CLOCK_SKEW)),
            ).fetchone()
            if issued >= OPEN_CHALLENGES:
                raise TOO_MANY_ATTEMPTS(
                    "this link was opened too often within a few minutes",
                    hint=f"Try again in {CHALLENGE_LIFETIME // timedelta(minutes=1)} minutes.",
                )
            connection.execute(
                "INSERT INTO challenge (challenge, token, expires) VALUES (?, ?, ?)",
                (_hash(challenge), _hash(token), _seconds(expires)),
            )
        return Invitation(issuer.named_in(which, form), issuer.name, self.service, challenge, expires)

    def redeem(
        self, token: str, message: bytes, issuer: Issues, *, now: datetime, form: str | None = None
    ) -> bytes:
        """The bundle for whoever signed `message`; the same wallet may ask again, another may not.

        It is of the `form` with this media type, if one is named. Raises `Malformed`, `CHALLENGE_SPENT`,
        `InvalidProof`, `LinkExpired`, `ALREADY_CLAIMED`, and `FORM_NOT_ALLOWED`.
        """
        acceptance = Acceptance.parse(message)
        known = issuer.links()
        with self._database.reading() as connection:
            _require_newest(connection, known)
        self._spend(token, acceptance.challenge, now)  # before the costly check: one each
        acceptance.verify(domain=self.service, documents=self._documents, now=now)
        which, generation, is_new = self._bind(token, acceptance, now)
        try:
            return issuer.claim(which, acceptance.holder, generation, form, acceptance.proved)
        except Released as problem:
            raise _ended() from problem
        except Problem as problem:
            # A refused claim must not take the link from its true holder.
            if is_new and (isinstance(problem, Conflict) or problem.code == FORM_NOT_ALLOWED.code):
                self._unbind(token, acceptance.holder)
            raise

    def _spend(self, token: str, challenge: str, now: datetime) -> None:
        with self._database.writing() as connection:
            spent = connection.execute(
                "UPDATE challenge SET used = 1"
                " WHERE challenge = ? AND token = ? AND used = 0 AND expires > ?",
                (_hash(challenge), _hash(token), _seconds(now)),
            )
        if spent.rowcount != 1:
            raise CHALLENGE_SPENT(
                "the challenge is unknown, expired, used already or another link's",
                hint="Open the link again: the wallet then signs a new challenge.",
            )

    def _bind(self, token: str, acceptance: Acceptance, now: datetime) -> tuple[KindNumber, int, bool]:
        """The credential, the link's generation, and whether the link was nobody's before."""
        holder = acceptance.holder
        with self._database.writing() as connection:
            won = connection.execute(
                "UPDATE link SET holder = ? WHERE token = ? AND holder IS NULL AND expires > ?"
                " RETURNING kind, number, generation",
                (holder, _hash(token), _seconds(now)),
            ).fetchone()
            if won is not None:
                return KindNumber(*won[:2]), won[2], True
            owner, *link, expires = connection.execute(
                "SELECT holder, kind, number, generation, expires FROM link WHERE token = ?", (_hash(token),)
            ).fetchone()
        _require_time(expires, now)
        # For another form the holder may have another key, and proves the first one, too.
        if owner not in {holder, *acceptance.proved}:
            raise ALREADY_CLAIMED(
                "another wallet has claimed this credential",
                hint="If that was not you, tell the issuer: it can withdraw that one and send a new link.",
            )
        return KindNumber(*link[:2]), link[2], False

    def _unbind(self, token: str, holder: str) -> None:
        self._database.write(
            "UPDATE link SET holder = NULL WHERE token = ? AND holder = ?", _hash(token), holder
        )

    def require_readable(self) -> None:
        """Raises the `Problem` that keeps links from being looked up."""
        self._database.read("SELECT 1 FROM link LIMIT 1")


def require_kept(path: Path, known: int) -> None:
    """Look at the list of an issuer that has counted `known` links, without changing it.

    Raises `CLAIMS_LOST` where it is gone or empty, `DAMAGED_CLAIMS` where it is damaged or an older copy, and
    `Unavailable`.
    """
    if not known:
        return
    lost = CLAIMS_LOST(f"{_WHAT} {path} is gone: no link that was given out can be used")
    if not path.exists() or not path.stat().st_size:
        raise lost
    with sqlite_problems(_WHAT, DAMAGED_CLAIMS), closing(connect(path, "ro")) as connection:
        if not _require_newest(connection, known):
            raise lost


def _require_newest(connection: sqlite3.Connection, known: int) -> int:
    """The last link's place among all. Raises `Damaged` where the issuer has counted more."""
    last: int | None = connection.execute("SELECT max(rowid) FROM link").fetchone()[0]
    if last is not None and last < known:
        raise DAMAGED_CLAIMS(f"{_WHAT} is an older copy, in which links that ended would be good")
    return last or 0


def _open_link(
    connection: sqlite3.Connection, token: str, issuer: Issues, now: datetime
) -> tuple[KindNumber, int, str | None]:
    """The credential of a link, when it ends, and who has used it.

    Raises `NotFound`, `CLAIM_LINK_ENDED` or `LinkExpired`.
    """
    link = connection.execute(
        "SELECT kind, number, generation, expires, holder FROM link WHERE token = ?", (_hash(token),)
    ).fetchone()
    if link is None:
        raise NotFound("no credential waits under this link", hint="Ask the issuer for a new link.")
    which, (generation, ends, holder) = KindNumber(*link[:2]), link[2:]
    if generation < issuer.generation(which):
        raise _ended()
    _require_time(ends, now)
    return which, ends, holder


def _standing(
    connection: sqlite3.Connection, which: KindNumber, generation: int, now: datetime
) -> LinkStanding:
    row = connection.execute(
        "SELECT rowid, holder IS NOT NULL, expires FROM link "
        "WHERE kind = ? AND number = ? AND generation >= ? AND expires > ? "
        "ORDER BY holder IS NULL, rowid DESC LIMIT 1",
        (*which, generation, _seconds(now)),
    ).fetchone()
    if row is None:
        return LinkStanding(generation, None)
    nth, is_used, expires = row
    return LinkStanding(generation, GoodLink(nth, bool(is_used), datetime.fromtimestamp(expires, UTC)))


def _require_time(ends: int, now: datetime) -> None:
    if ends == _ENDED:
        raise _ended()
    if ends <= _seconds(now):
        raise LinkExpired("the time of the claim link is over", hint="Ask the issuer for a new one.")


def _ended() -> LinkExpired:
    return CLAIM_LINK_ENDED("the issuer has ended this claim link", hint="Ask the issuer for a new one.")


def _hash(secret: str) -> bytes:
    """What is kept here of a token or a challenge: of 256 random bits, nothing to guess, no salt needed."""
    return hashlib.sha256(secret.encode()).digest()


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())
