"""Claim links: each lets a wallet claim one credential until a date, and notes the wallet that did.

A link is good for one wallet, and for the generation of its credential in which it was made. If a credential
is lost, or in the wrong wallet, the issuer releases it. All links made before have then ended, even if this
file has them as good. The issuer counts the links, too. So an older copy of this file, in which ended links
are good, is detected. Tokens are kept as hashes. The store of links (`links.py`) decides which wallet wins,
and that a challenge is answered once. So any number of processes may serve.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from did import METHODS, Method, Resolver
from exchange.claim import Acceptance, ClaimLink, Invitation
from wire.clock import CLOCK_SKEW
from wire.fetch import NoFetcher
from wire.problem import Code, Conflict, NotFound, Problem, Refused, TryLater

from ..archive.kept import KindNumber, Released
from ..problem import FORM_NOT_ALLOWED
from .links import ENDED, GoodLink, KeptLink, Links, require_newest, token_digest
from .linkstore import PATIENCE, SQLiteLinks

LINK_LIFETIME = timedelta(days=30)
CHALLENGE_LIFETIME = timedelta(minutes=10)
OPEN_CHALLENGES = 10  # per link; each lets one claim be checked, so that this also limits attempts


class LinkExpired(Refused):
    """The claim link was good once; its time is over."""

    code = "claim-link-expired"
    title = "The claim link has expired"


CLAIM_LINK_ENDED = Code("claim-link-ended", LinkExpired, "The claim link was ended")
"""The issuer ended the claim link before its time: it made a newer one, or released the credential."""
CLAIM_LINK_USED = Code("claim-link-used", LinkExpired, "The claim link was used")
"""A wallet has claimed by this link; for any other, and for people, it is no longer valid."""
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
    """The part of an issuer that claiming needs."""

    @property
    def iss(self) -> str:
        """The name of the issuer in its SD-JWT VCs: its DID, or an https address."""

    def named_in(self, which: KindNumber, form: str | None = None) -> str:
        """The name of the issuer in a credential that is claimed, in this form if one is given."""

    @property
    def name(self) -> str:
        """The institution's name."""

    def generation(self, which: KindNumber) -> int:
        """The number of times that all links of the credential were ended."""

    def links(self) -> int:
        """The number of links counted."""

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
        """The bundle of the edition bound to `holder`; the same holder gets the same one again.

        `form` is the media type of the form, if one is asked for. Raises `NotFound` for an unknown
        credential, `Conflict` if another holder has it and did not prove that key as well (`proved`),
        `Released` if its links were ended since (`generation`), and `FORM_NOT_ALLOWED`.
        """


class NewLink(NamedTuple):
    """A link to be made, for a generation of a credential."""

    token: str
    which: KindNumber
    generation: int


class LinkStanding(NamedTuple):
    """A credential's good link, one that was used before others, and the generation of a new one."""

    generation: int
    link: GoodLink | None


class ClaimLinks:
    """The claim links of one issuer; several processes may use them at once."""

    def __init__(
        self,
        links: Path | Links,
        service: str,
        methods: Mapping[str, Method] = METHODS,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`links` is the store of links, or the path of the file that keeps them.

        `service` is the address that they begin with, such as https://uni.example, and their domain. Holders
        have a DID of one of the self-certifying `methods`. `patience` is the time in seconds to wait for
        another process that makes links in the same file.
        """
        self.service = service
        self._documents = Resolver(
            {name: method for name, method in methods.items() if method.self_certifying}, NoFetcher()
        )
        self._links = SQLiteLinks(links, patience=patience) if isinstance(links, Path) else links

    def close(self) -> None:
        """Closes the links in this process."""
        self._links.close()

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
        """Hold the lock for making links: nobody else makes one between the look-up and the making.

        Claiming needs no lock. Raises `TryLater` where another process holds it for too long.
        """
        with self._links.making():
            yield

    def link(self, token: str) -> ClaimLink:
        """The link with this token."""
        return ClaimLink.parse(f"{self.service}/claim/{token}")

    def draw_up(self, links: Sequence[NewLink], issuer: Issues) -> range:
        """Note new links, none of which is good yet, and return their places among all.

        The caller has to store their tokens before making the links good. The caller holds the lock `making`.
        """
        counted = self._newest(issuer)
        drawn_up = [(token_digest(link.token), link.which, link.generation) for link in links]
        places = self._links.draw_up(drawn_up, counted)
        # Afterwards: a link that is not counted yet makes no file an older copy.
        issuer.count_link(places.stop - 1)
        return places

    def make_good(self, places: range, *, until: datetime) -> None:
        """Make links good that were drawn up, all or none; earlier ones that nobody has used end by that.

        The caller holds the lock `making` since they were drawn up.
        """
        self._links.make_good(places, _seconds(until))

    def standings(
        self, credentials: Sequence[KindNumber], issuer: Issues, *, now: datetime
    ) -> list[LinkStanding]:
        """The good link of each credential, if any, and the generation of a new one.

        Raises `Damaged` where the list is an older copy.
        """
        self._newest(issuer)
        asked = [(which, issuer.generation(which)) for which in credentials]
        good = self._links.good(asked, _seconds(now))
        return [LinkStanding(generation, link) for (_, generation), link in zip(asked, good, strict=True)]

    def places(self, tokens: Sequence[str], issuer: Issues) -> dict[str, int]:
        """The places among all links of those that were made or drawn up here, by their tokens.

        Raises `Damaged` where the list is an older copy.
        """
        self._newest(issuer)
        places = self._links.places([token_digest(token) for token in tokens])
        return {token: places[token_digest(token)] for token in tokens if token_digest(token) in places}

    def look(self, token: str, issuer: Issues, *, now: datetime) -> datetime:
        """The end of an unused link. Asking changes nothing, however often it is done.

        Raises `NotFound`, `CLAIM_LINK_USED`, `CLAIM_LINK_ENDED` or `LinkExpired`.
        """
        link = self._open(token, issuer, now)
        # A person has to learn of a theft of the link: another wallet may have used it.
        if link.holder is not None:
            raise CLAIM_LINK_USED(
                "a wallet has taken the credential by this link",
                hint="If that was not you, tell the issuer: it can withdraw that one and send a new link.",
            )
        return datetime.fromtimestamp(link.expires, UTC)

    def invite(self, token: str, issuer: Issues, *, now: datetime, form: str | None = None) -> Invitation:
        """The answer to a wallet that opens the link, and perhaps asks for one form.

        Raises `NotFound`, `LinkExpired`, `TOO_MANY_ATTEMPTS`.
        """
        expires = now + CHALLENGE_LIFETIME
        challenge = new_token()
        which = self._open(token, issuer, now).which
        is_open = self._links.open_challenge(
            token_digest(token),
            token_digest(challenge),
            now=_seconds(now),
            expires=_seconds(expires),
            latest=_seconds(expires + CLOCK_SKEW),  # those beyond a clock gave which was ahead
            most=OPEN_CHALLENGES,
        )
        # Anybody with the link may ask: a limit bounds the challenges kept for each link.
        if not is_open:
            raise TOO_MANY_ATTEMPTS(
                "this link was opened too often within a few minutes",
                hint=f"Try again in {CHALLENGE_LIFETIME // timedelta(minutes=1)} minutes.",
            )
        return Invitation(issuer.named_in(which, form), issuer.name, self.service, challenge, expires)

    def redeem(
        self, token: str, message: bytes, issuer: Issues, *, now: datetime, form: str | None = None
    ) -> bytes:
        """The bundle for the wallet that signed `message`; the same wallet may ask again, another may not.

        It is of the `form` with this media type, if one is named. Raises `Malformed`, `CHALLENGE_SPENT`,
        `InvalidProof`, `LinkExpired`, `ALREADY_CLAIMED`, and `FORM_NOT_ALLOWED`.
        """
        acceptance = Acceptance.parse(message)
        self._newest(issuer)
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
                self._links.unbind(token_digest(token), acceptance.holder)
            raise

    def _spend(self, token: str, challenge: str, now: datetime) -> None:
        # One use per challenge, for one link: a signed message cannot be replayed, here or for another link.
        if not self._links.spend(token_digest(token), token_digest(challenge), _seconds(now)):
            raise CHALLENGE_SPENT(
                "the challenge is unknown, expired, used already or another link's",
                hint="Open the link again: the wallet then signs a new challenge.",
            )

    def _bind(self, token: str, acceptance: Acceptance, now: datetime) -> tuple[KindNumber, int, bool]:
        """The credential, the link's generation, and whether the link was nobody's before."""
        holder = acceptance.holder
        link, is_new = self._links.bind(token_digest(token), holder, _seconds(now))
        if is_new:
            return link.which, link.generation, True
        _require_time(link.expires, now)
        # For another form the holder may have another key, and proves the first one, too.
        if link.holder not in {holder, *acceptance.proved}:
            raise ALREADY_CLAIMED(
                "another wallet has claimed this credential",
                hint="If that was not you, tell the issuer: it can withdraw that one and send a new link.",
            )
        return link.which, link.generation, False

    def require_readable(self) -> None:
        """Raises the `Problem` that keeps links from being looked up."""
        self._links.last()

    def _newest(self, issuer: Issues) -> int:
        """The number of links that the issuer has counted. Raises `Damaged` where the list knows of fewer."""
        counted = issuer.links()
        require_newest(self._links.last(), counted)
        return counted

    def _open(self, token: str, issuer: Issues, now: datetime) -> KeptLink:
        """The link with this token. Raises `NotFound`, `CLAIM_LINK_ENDED` or `LinkExpired`."""
        self._newest(issuer)
        link = self._links.find(token_digest(token))
        if link is None:
            raise NotFound("no credential waits under this link", hint="Ask the issuer for a new link.")
        # A released credential ends all links made before, even if this file has them as good.
        if link.generation < issuer.generation(link.which):
            raise _ended()
        _require_time(link.expires, now)
        return link


def _require_time(ends: int, now: datetime) -> None:
    if ends == ENDED:
        raise _ended()
    # A finder of an old message would else claim in its reader's place.
    if ends <= _seconds(now):
        raise LinkExpired("the time of the claim link is over", hint="Ask the issuer for a new one.")


def _ended() -> LinkExpired:
    return CLAIM_LINK_ENDED("the issuer has ended this claim link", hint="Ask the issuer for a new one.")


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())
