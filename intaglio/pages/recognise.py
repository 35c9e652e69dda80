"""Import an issuer's trust file on the page for oneself: show it, and keep it once that was confirmed.

This is the only thing that a page changes. A confirmation has to use the page's secret address, come from
the page itself (`own.py`) and from this user (`peer.py`), and name the digest of the file that was shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from exchange.http import read_body
from verifier import Trust, update_trust
from verifier.problem import NOT_A_TRUST_FILE
from wire.problem import Conflict, Malformed, TooLarge

from ..recognition import Joined, Newcomers, handed_over, shared_logs, stricter_quorums
from ..words import speaking, tr
from .own import Own
from .peer import require_own_user
from .rendering import Site, page
from .routes import html
from .unpacking import Given

MOST_LINES = 100
"""Issuers, and remarks on them, of one file: each of them has to be read before it is agreed to."""

_FIELD = b"digest="


@dataclass
class Recognition:
    """Adds issuers to one trust list. The file shown last is kept until another is shown, and used once."""

    own: Own
    trust_file: Path
    joined: Joined = Trust.joined
    _shown: Given | None = None

    async def show(self, request: Request, file: Given, site: Site) -> Response:
        """A page with the issuers that a trust file names, and their fingerprints.

        Raises `Refused` for another user, `Conflict` for what the list contradicts, and `TooLarge` for more
        than a person reads.
        """
        require_own_user(request)
        try:
            newcomers = await run_in_threadpool(self._newcomers, file, site)
        except Malformed as problem:
            return html(page("problem.html", site, problem=problem), 400)
        content = await run_in_threadpool(self._introduction, newcomers, file, site)
        self._shown = file
        return html(content)

    async def confirm(self, request: Request, site: Site) -> tuple[str, ...]:
        """Add the issuers shown last, and return their names.

        Raises `FOREIGN_PAGE`, `Refused` for another user, and `Conflict` for what the list contradicts and
        for what is not what was shown.
        """
        self.own.require_own_page(request)
        require_own_user(request)
        body = await read_body(request, len(_FIELD) + 2 * hashlib.sha256().digest_size)
        shown = self._shown
        if shown is None or body != _FIELD + _digest(shown).encode():
            raise Conflict(
                "this is not the trust file that the page showed last",
                hint="Choose the trust file again, and compare the fingerprint.",
            )
        self._shown = None
        newcomers = await run_in_threadpool(self._newcomers, shown, site)
        await run_in_threadpool(update_trust, self.trust_file, newcomers.added_to)
        return tuple(issuer.name or issuer.id for issuer in newcomers.new.issuers)

    def _newcomers(self, file: Given, site: Site) -> Newcomers:
        """Raises `Malformed`."""
        with speaking(site.language):  # which the list keeps: from which file somebody is
            name = file.name or tr("pasted text")
            try:
                return handed_over(Trust.parse(file.data), name, self.joined)
            except Malformed as problem:
                raise NOT_A_TRUST_FILE.saying(
                    "{file} is not a trust file: {why}", file=name, why=problem
                ) from problem

    def _introduction(self, newcomers: Newcomers, file: Given, site: Site) -> bytes:
        _require_readable(file, len(newcomers.new.issuers))  # first: the rest costs more than that many
        trust = Trust.load(self.trust_file)
        after = newcomers.added_to(trust)  # what contradicts the list is said before anything is asked
        with speaking(site.language):
            introduced = list(newcomers.introduced_to(trust))
            changes = (*shared_logs(trust, after), *stricter_quorums(trust, after))
            remarks = [" ".join(sentences) for sentences in changes]
        _require_readable(
            file, len(introduced) + len(remarks) + sum(len(newcomer.remarks) for newcomer in introduced)
        )
        return page("recognise.html", site, newcomers=introduced, remarks=remarks, digest=_digest(file))


def _require_readable(file: Given, lines: int) -> None:
    if lines > MOST_LINES:
        raise TooLarge.saying(
            "{file} says more than this page shows",
            file=file.name,
            hint="Add it by the command: intaglio trust add FILE",
        )


def _digest(file: Given) -> str:
    return hashlib.sha256(file.data).hexdigest()
